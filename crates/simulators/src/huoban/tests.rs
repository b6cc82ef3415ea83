//! The fake's own behaviour, by raw requests: what the client is judged by.

use std::{sync::Arc, time::Duration};

use chrono::DateTime;
use serde_json::{Value, json};

use super::{HuobanConfig, Running, start};

struct Kit {
    sim: Running,
    http: reqwest::Client,
}

impl Kit {
    async fn start() -> Self {
        let sim = start(HuobanConfig::sample(Arc::new(|| DateTime::UNIX_EPOCH))).await.unwrap();
        Self { sim, http: runtime::http::client().unwrap() }
    }

    async fn order(&self, what: &str, body: Value) -> Value {
        let answer =
            self.http.post(format!("{}/_sim/{what}", self.sim.url)).json(&body).send().await.unwrap();
        answer.json().await.unwrap_or_default()
    }

    async fn call_with(&self, key: &str, method: &str, path: &str, body: Value) -> reqwest::Result<Value> {
        let url = format!("{}/openapi/v1/{path}", self.sim.url);
        let request = self.http.request(method.parse().unwrap(), url).header("Open-Authorization", key);
        request.json(&body).send().await?.json().await
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> Value {
        self.call_with("Bearer huoban-test-key", method, path, body).await.unwrap()
    }

    /// A table with a text, a number and a date, and their ids.
    async fn table(&self) -> (String, Vec<String>) {
        let fields =
            json!([{"name":"键","kind":"text"},{"name":"数","kind":"number"},{"name":"日","kind":"date"}]);
        let made = self.order("tables", json!({ "name": "表", "fields": fields })).await;
        let id = made["id"].as_str().unwrap().to_owned();
        let schema = self.call("POST", &format!("table/{id}"), json!({})).await;
        let fields = schema["data"]["table"]["fields"].as_array().unwrap();
        (id, fields.iter().map(|field| field["field_id"].as_str().unwrap().to_owned()).collect())
    }

    async fn keys(&self, table: &str, field: &str) -> Vec<String> {
        let order = json!({ "field_id": field, "type": "asc" });
        let page =
            self.call("POST", "item/list", json!({"table_id": table, "order": order, "limit": 500})).await;
        let items = page["data"]["items"].as_array().unwrap();
        items.iter().map(|item| item["fields"][field].as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn failures_come_under_http_200_with_a_trace() {
    let kit = Kit::start().await;
    let (table, fields) = kit.table().await;
    let create = |cells: Value| json!({ "table_id": table, "fields": cells });
    let mut traces = std::collections::BTreeSet::new();
    for (key, body, code) in [
        ("huoban-test-key", create(json!({})), 9_600_001),
        ("Bearer huoban-test-key", json!({ "table_id": "1", "fields": {} }), 3_500_002),
        ("Bearer huoban-test-key", create(json!({ "1": "a" })), 4_000_405),
        ("Bearer huoban-test-key", create(json!({ fields[1].as_str(): "12" })), 4_000_406),
        ("Bearer huoban-test-key", create(json!({ fields[2].as_str(): "2026-11-2x" })), 4_000_406),
        ("Bearer huoban-test-key", create(json!({ fields[0].as_str(): "a" })), 0),
    ] {
        let answer = kit.call_with(key, "POST", "item", body).await.unwrap();
        assert_eq!(answer["code"], code, "{answer}");
        assert!(traces.insert(answer["meta"]["trace_id"].as_str().unwrap().to_owned()));
    }
    kit.order("settings", json!({ "key_form": "bare", "nested_schema": false })).await;
    let schema =
        kit.call_with("huoban-test-key", "POST", &format!("table/{table}"), json!({})).await.unwrap();
    assert_eq!(schema["data"]["fields"][0]["name"], "键", "{schema}");
}

#[tokio::test]
async fn rows_are_filtered_ordered_and_paged_no_larger_than_the_cap() {
    let kit = Kit::start().await;
    let (table, fields) = kit.table().await;
    for number in 0..60 {
        let cells = json!({ fields[0].as_str(): format!("k{number:02}"), fields[1].as_str(): number, fields[2].as_str(): "2026-11-22" });
        kit.call("POST", "item", json!({ "table_id": table, "fields": cells })).await;
    }
    let page = kit.call("POST", "item/list", json!({ "table_id": table, "limit": 100 })).await;
    assert_eq!(page["data"]["items"].as_array().unwrap().len(), 50);
    assert_eq!((&page["data"]["has_more"], &page["data"]["total"]), (&json!(true), &json!(60)));
    for (field, query, filtered) in [
        (0, json!({ "eq": "k07" }), 1),
        (0, json!({ "ne": "k07" }), 59),
        (0, json!({ "in": ["k07", "k08", "x"] }), 2),
        (0, json!({ "contains": "k1" }), 10),
        (1, json!({ "gte": 50, "lt": 55 }), 5),
        (2, json!({ "lte": "2026-11-22" }), 60),
        (2, json!({ "gt": "2026-11-22" }), 0),
        (1, json!({ "em": true }), 0),
    ] {
        let filter = json!({ "and": [{ "field": fields[field], "query": query }] });
        let page = kit.call("POST", "item/list", json!({ "table_id": table, "filter": filter })).await;
        assert_eq!(page["data"]["filtered"], filtered, "{query}");
    }
    let unseen = json!({ "or": [] });
    let refused = kit.call("POST", "item/list", json!({ "table_id": table, "filter": unseen })).await;
    assert_eq!(refused["code"], 4_000_400);
}

#[tokio::test]
async fn a_creation_whose_answer_is_lost_is_done_at_once_or_later() {
    let kit = Kit::start().await;
    let (table, fields) = kit.table().await;
    let create = |key: &str| json!({ "table_id": table, "fields": { fields[0].as_str(): key } });
    for (fault, done) in [
        (json!({ "kind": "drop_before", "exactly": "item" }), 0),
        (json!({ "kind": "drop_after", "exactly": "item" }), 1),
        (json!({ "kind": "late", "ms": 500, "exactly": "item" }), 1),
        (json!({ "kind": "html", "exactly": "item" }), 1),
        (json!({ "kind": "garbage", "exactly": "item" }), 2),
    ] {
        kit.order("faults", fault.clone()).await;
        let answer = kit.call_with("Bearer huoban-test-key", "POST", "item", create("a")).await;
        assert!(answer.is_err(), "{fault}: {answer:?}");
        assert_eq!(kit.keys(&table, &fields[0]).await.len(), done, "{fault}");
        if fault["kind"] == "late" {
            let come = async {
                while kit.keys(&table, &fields[0]).await.len() < 2 {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            };
            tokio::time::timeout(Duration::from_secs(20), come).await.unwrap();
            let all = kit.call("POST", "item/list", json!({ "table_id": table })).await;
            let last = all["data"]["items"][0]["item_id"].as_str().unwrap().to_owned();
            kit.call("DELETE", &format!("item/{last}"), json!({})).await;
        }
    }
    kit.order("faults", json!({ "kind": "swallow", "exactly": "item" })).await;
    assert_eq!(kit.call("POST", "item", create("b")).await["code"], 0);
    assert_eq!(kit.keys(&table, &fields[0]).await, ["a", "a"]);
}

#[tokio::test]
async fn calls_that_come_too_fast_are_refused_by_status_or_by_code() {
    let kit = Kit::start().await;
    let (table, _) = kit.table().await;
    kit.order("settings", json!({ "rate_limit": 1 })).await;
    let mut refused = None;
    while refused.is_none() {
        let url = format!("{}/openapi/v1/item/list", kit.sim.url);
        let call = kit.http.post(url).header("Open-Authorization", "Bearer huoban-test-key");
        let answer = call.json(&json!({ "table_id": table })).send().await.unwrap();
        refused = (answer.status() != 200).then_some(answer.status());
    }
    assert_eq!(refused.unwrap(), 429);
    kit.order("settings", json!({ "throttle_code": 7 })).await;
    let mut code = json!(0);
    while code == 0 {
        code = kit.call("POST", "item/list", json!({ "table_id": table })).await["code"].clone();
    }
    assert_eq!(code, 7);
}
