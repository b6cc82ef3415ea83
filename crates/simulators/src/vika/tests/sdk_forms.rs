//! The requests of the official SDKs, byte for byte where it matters, sent raw over a socket.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::*;

impl Kit {
    /// Sends a request as it stands and gives the status and the JSON of the answer.
    async fn raw(&self, head: &str, body: &str) -> (u16, Value) {
        let address = self.sim.url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!(
            "{head} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer uskBot\r\n\
             Content-Type: application/json;charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer}")))
    }
}

#[tokio::test]
async fn the_javascript_sdk_is_understood() {
    let kit = Kit::start().await;
    kit.settings(&json!({"blank_rows": false})).await;
    let (status, made) = kit
        .raw(
            &format!("POST /fusion/v1/spaces/{SPACE}/datasheets?fieldKey=name"),
            r#"{"name":"表","description":"d","fields":[{"type":"SingleText","name":"群ID","property":{}},{"type":"SingleSelect","name":"阶段","property":{"options":[{"name":"x"}]}},{"type":"Checkbox","name":"核准","property":{"icon":"white_check_mark"}}]}"#,
        )
        .await;
    assert_eq!(status, 201, "{made}");
    let sheet = made["data"]["id"].as_str().unwrap();
    let records = format!("/fusion/v1/datasheets/{sheet}/records?fieldKey=name");
    let (status, made) = kit
        .raw(&format!("POST {records}"), r#"{"records":[{"fields":{"群ID":"a","核准":true,"阶段":"x"}},{"fields":{"群ID":"b"}}],"fieldKey":"name"}"#)
        .await;
    assert_eq!(status, 201, "{made}");
    let a = made["data"]["records"][0]["recordId"].as_str().unwrap().to_owned();
    let change =
        format!(r#"{{"records":[{{"recordId":"{a}","fields":{{"阶段":null}}}}],"fieldKey":"name"}}"#);
    assert_eq!(kit.raw(&format!("PATCH {records}"), &change).await.0, 200);
    let query = "filterByFormula=NOT(%7B%E7%BE%A4ID%7D%3DBLANK())&fields%5B%5D=%E7%BE%A4ID&sort%5B%5D%5Bfield%5D=%E7%BE%A4ID&sort%5B%5D%5Border%5D=desc&maxRecords=5&cellFormat=json";
    let (_, read) = kit.raw(&format!("GET {records}&{query}"), "").await;
    let fields: Vec<_> =
        read["data"]["records"].as_array().unwrap().iter().map(|r| r["fields"].clone()).collect();
    assert_eq!(fields, [json!({"群ID": "b"}), json!({"群ID": "a"})]);
    let (_, read) = kit.raw(&format!("GET {records}&recordIds%5B%5D={a}&recordIds%5B%5D=rec2"), "").await;
    assert_eq!(read["data"]["total"], 1);
    let (_, read) = kit.raw(&format!("GET {records}&pageSize=1000&pageNum=1"), "").await;
    assert_eq!((&read["data"]["total"], &read["data"]["pageSize"]), (&json!(2), &json!(2)));
    assert_eq!(kit.raw(&format!("DELETE {records}&recordIds%5B%5D={a}"), "").await.0, 200);
    let field = r#"{"type":"Number","name":"人数","property":{"precision":0}}"#;
    let path = format!("POST /fusion/v1/spaces/{SPACE}/datasheets/{sheet}/fields?fieldKey=name");
    let (status, made) = kit.raw(&path, field).await;
    assert_eq!((status, &made["data"]["name"]), (201, &json!("人数")));
}

#[tokio::test]
async fn the_python_sdk_is_understood() {
    let kit = Kit::start().await;
    let (sheet, _) = kit.sheet().await;
    let records = format!("/fusion/v1/datasheets/{sheet}/records");
    let body = r#"{"records": [{"fields": {"\u7fa4ID": "a", "\u6570": 2}}], "fieldKey": "name"}"#;
    let (status, made) = kit.raw(&format!("POST {records}"), body).await;
    assert_eq!(status, 201, "{made}");
    let row = made["data"]["records"][0]["recordId"].as_str().unwrap();
    let query = "filterByFormula=%7B%E7%BE%A4ID%7D+%3D+%22a%22&fields=%E7%BE%A4ID&fields=%E6%95%B0&sort=%7B%22field%22%3A+%22%E6%95%B0%22%2C+%22order%22%3A+%22desc%22%7D&fieldKey=name&pageSize=1000&pageNum=1";
    let (_, read) = kit.raw(&format!("GET {records}?{query}"), "").await;
    for key in ["code", "success", "message"] {
        assert!(!read[key].is_null(), "{key}");
    }
    assert_eq!(read["data"]["records"][0]["fields"], json!({"群ID": "a", "数": 2}));
    let (_, done) = kit.raw(&format!("DELETE {records}?recordIds={row}"), "").await;
    assert_eq!(done["success"], true);
}
