use std::time::Duration;

use super::*;

#[tokio::test]
async fn five_calls_a_window_and_sheet_and_token() {
    let kit = Kit::start_with(|_| {}).await;
    let (sheet, _) = kit.sheet().await;
    let path = records_path(&sheet);
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(kit.bot(Method::GET, &path, Value::Null).await.0);
    }
    assert_eq!(statuses, [200, 200, 200, 200, 200, 429]);
    // Another token and another sheet have their own allowance.
    assert_eq!(kit.call(Method::GET, &path, Some("uskManager"), Value::Null).await.0, 200);
    let (_, missing) = kit.bot(Method::GET, &records_path("dstNope"), Value::Null).await;
    assert_eq!((&missing["code"], &missing["message"]), (&json!(301), &json!("找不到指定的表格")));
    let (_, limited) = kit.bot(Method::GET, &path, Value::Null).await;
    assert!(
        limited["message"].as_str().unwrap().starts_with("当前空间站等级的API调用频率为每秒5次"),
        "{limited}"
    );
}

#[tokio::test]
async fn who_may_call() {
    let kit = Kit::start_with(|config| {
        config.spaces.push(VikaSpace { id: "spcOther".into(), name: "别处".into(), members: vec![] });
    })
    .await;
    for token in [None, Some("uskNobody")] {
        let (status, answer) = kit.call(Method::GET, "/fusion/v1/spaces", token, Value::Null).await;
        assert_eq!(status, 401);
        assert_eq!(answer, json!({"success": false, "code": 401, "message": "Unauthorized"}));
    }
    let (status, answer) = kit.bot(Method::GET, "/fusion/v1/spaces/spcOther/nodes", Value::Null).await;
    assert_eq!(status, 403);
    assert_eq!(answer["message"], "API Token 所属用户不是该空间站的成员，请调整 spaceId 或 API Token 后再试");
    let (status, answer) = kit.bot(Method::GET, "/fusion/v1/datasheets/dst1/records/rec1", Value::Null).await;
    assert_eq!((status, &answer["message"]), (404, &json!("接口不存在")));
}

#[tokio::test]
async fn the_month_ends_with_403_and_failed_calls_count() {
    let kit = Kit::start().await;
    let (sheet, _) = kit.sheet().await;
    kit.settings(&json!({"monthly_quota": 100})).await;
    kit.sim_post("usage", &json!({"space": SPACE, "used": 98})).await;
    let (_, refused) = kit.create(&sheet, &[json!({"数": "x"})]).await;
    assert_eq!(refused["code"], 400);
    assert_eq!(kit.read(&sheet, "").await["total"], 0);
    let (status, answer) = kit.bot(Method::GET, &records_path(&sheet), Value::Null).await;
    assert_eq!((status, &answer["message"]), (403, &json!("API 用量超过限制，禁止访问")));
    kit.advance(32 * 24 * 3600 * 1000);
    assert_eq!(kit.read(&sheet, "").await["total"], 0);
}

#[tokio::test]
async fn the_row_limit_is_an_http_500() {
    let kit = Kit::start().await;
    let (sheet, _) = kit.sheet().await;
    kit.settings(&json!({"row_limit": 1})).await;
    kit.row(&sheet, json!({"数": 1})).await;
    let (status, answer) = kit.create(&sheet, &[json!({"数": 2})]).await;
    assert_eq!((status, &answer["code"]), (500, &json!(304)));
    assert_eq!(
        answer["message"],
        "the usage of this function exceed the 50000 records limit of beta version"
    );
}

#[tokio::test]
async fn parameter_checks_hang_unless_switched() {
    let kit = Kit::start().await;
    let (sheet, _) = kit.sheet().await;
    let path = records_path(&sheet);
    let queries = ["pageSize=1001", "pageNum=0", "fieldKey=bogus", "cellFormat=bogus"];
    let hanging = format!("{path}?{}", queries[0]);
    let call = kit.bot(Method::GET, &hanging, Value::Null);
    assert!(tokio::time::timeout(Duration::from_millis(200), call).await.is_err());
    kit.settings(&json!({"hang": false})).await;
    for query in queries {
        let (status, answer) = kit.bot(Method::GET, &format!("{path}?{query}"), Value::Null).await;
        assert_eq!((status, &answer["code"]), (200, &json!(500)), "{query}");
    }
    let (_, answer) = kit.bot(Method::POST, &path, json!({"records": []})).await;
    assert_eq!(answer["message"], "records 参数值不能为空数组或者空值");
}

#[tokio::test]
async fn broken_bodies_are_http_500() {
    let kit = Kit::start().await;
    let (sheet, _) = kit.sheet().await;
    let url = format!("{}{}", kit.sim.url, records_path(&sheet));
    let send = |body: &'static str| {
        kit.http.post(&url).bearer_auth("uskBot").header("content-type", "application/json").body(body).send()
    };
    for (body, message) in [
        ("{bad", json!("Unexpected token b in JSON at position 1")),
        (r#"{"records":[{}]}"#, json!(["records.0.api_params_instance_fields_error"])),
    ] {
        let response = send(body).await.unwrap();
        assert_eq!(response.status(), 500, "{body}");
        assert_eq!(response.json::<Value>().await.unwrap()["message"], message, "{body}");
    }
    let change = json!({"records": [{"fields": {"数": 1}}]});
    let (status, answer) = kit.bot(Method::PATCH, &records_path(&sheet), change).await;
    assert_eq!((status, &answer["message"]), (500, &json!(["records.0.api_params_instance_recordid_error"])));
}

#[tokio::test]
async fn ordered_faults_meet_the_calls_they_fit_and_no_others() {
    let kit = Kit::start().await;
    let (sheet, _) = kit.sheet().await;
    let path = records_path(&sheet);
    let body = || json!({"records": [{"fields": {"数": 1}}]});
    let post = || kit.try_call(Method::POST, &path, Some("uskBot"), body());

    kit.sim_post("faults", &json!({"kind": "drop_after", "method": "POST", "sheet": sheet})).await;
    assert_eq!(kit.read(&sheet, "").await["total"], 0, "a GET does not use the fault up");
    assert!(post().await.is_err());
    assert_eq!(kit.read(&sheet, "").await["total"], 1, "the work was done all the same");

    kit.sim_post("faults", &json!({"kind": "drop_before"})).await;
    assert!(post().await.is_err());
    kit.sim_post("faults", &json!({"kind": "swallow"})).await;
    assert_eq!(post().await.unwrap().0, 201);
    assert_eq!(kit.read(&sheet, "").await["total"], 1);

    kit.sim_post("faults", &json!({"kind": "html", "times": 2})).await;
    kit.sim_post("faults", &json!({"kind": "status", "status": 503})).await;
    kit.sim_post("faults", &json!({"kind": "quota"})).await;
    for status in [502, 502, 503, 403, 201] {
        assert_eq!(post().await.unwrap().0, status);
    }
    let (_, calls) = kit.call(Method::GET, "/_sim/calls", None, Value::Null).await;
    let last = calls.as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["user"], &last["records"], &last["cells"]), (&json!("机器人"), &json!(1), &json!(1)));
    let (_, sheets) = kit.call(Method::GET, "/_sim/sheets", None, Value::Null).await;
    assert_eq!(sheets["sheets"][0]["rows"][0]["cells"][1], "1");
}

#[tokio::test]
async fn stopping_does_not_wait_for_a_call_that_hangs() {
    let kit = Kit::start().await;
    kit.sim_post("faults", &json!({"kind": "hang"})).await;
    let http = kit.http.clone();
    let url = format!("{}/fusion/v1/spaces", kit.sim.url);
    let hanging = tokio::spawn(async move { http.get(url).bearer_auth("uskBot").send().await });
    loop {
        let (_, calls) = kit.call(Method::GET, "/_sim/calls", None, Value::Null).await;
        if calls.as_array().is_some_and(|calls| !calls.is_empty()) {
            break;
        }
    }
    tokio::time::timeout(Duration::from_secs(5), kit.sim.stop()).await.expect("an end");
    assert!(hanging.await.unwrap().is_err());
}
