//! Calls to the Node gateway's control port, which moves the mock account's world.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::PATIENCE;

pub struct Control {
    authority: String,
}

impl Control {
    pub fn new(url: &str) -> Self {
        Self { authority: url.strip_prefix("http://").unwrap().to_owned() }
    }

    pub async fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.request("POST", path, &body.to_string()).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    pub async fn say(&self, room: &str, talker: &str, text: &str) -> String {
        let answer = self.post("/say", json!({ "room": room, "talker": talker, "text": text })).await;
        answer["message_id"].as_str().unwrap().to_owned()
    }

    pub async fn state(&self) -> Value {
        self.request("GET", "/state", "").await.1
    }

    pub async fn request(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        tokio::time::timeout(PATIENCE, self.exchange(method, path, body))
            .await
            .expect("the control port is silent")
    }

    async fn exchange(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.authority).await.unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            self.authority,
            body.len(),
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap())
    }
}
