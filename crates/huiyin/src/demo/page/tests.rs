//! The page over the wire, before anything stands behind it.

use std::net::{Ipv4Addr, SocketAddr};

use reqwest::StatusCode;
use tokio::net::TcpListener;

use super::{Sources, router};

/// Serves the page with nothing behind it.
async fn serve() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router(Sources::of_nothing())).await });
    address
}

#[tokio::test]
async fn the_page_comes_with_its_type_and_its_policy() {
    let address = serve().await;
    let http = runtime::http::client().unwrap();
    for (path, kind) in [("", "text/html"), ("page.js", "text/javascript"), ("page.css", "text/css")] {
        let answer = http.get(format!("http://{address}/{path}")).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        assert!(answer.headers()["content-type"].to_str().unwrap().starts_with(kind), "{path}");
        assert!(answer.headers()["content-security-policy"].to_str().unwrap().contains("default-src 'self'"));
        assert!(!answer.text().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn the_scene_says_which_columns_managers_write() {
    let address = serve().await;
    let http = runtime::http::client().unwrap();
    let answer = http.get(format!("http://{address}/api/scene")).send().await.unwrap();
    let scene: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(scene["views"][0]["title"], "今日群聊");
    assert_eq!(scene["gateway"], false);
    assert_eq!(scene["board"], false);
    let board = http.get(format!("http://{address}/board")).send().await.unwrap();
    assert_eq!(board.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_is_not_reached_is_an_error_with_a_reason() {
    let address = serve().await;
    let http = runtime::http::client().unwrap();
    let answer = http.get(format!("http://{address}/api/state")).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
    let body: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(body["error"], "演示的一部分没有应答：维格表（模拟）", "in words of who plays");
    for (path, body, told) in [
        ("say", serde_json::json!({"room": "r", "talker": "t", "text": "在吗？"}), "采集服务（ingest）"),
        (
            "edit",
            serde_json::json!({"sheet": "s", "record": "r", "column": "c", "value": true}),
            "维格表（模拟）",
        ),
        ("click", serde_json::json!({}), "飞书（模拟）"),
    ] {
        let answer = http.post(format!("http://{address}/api/{path}")).json(&body).send().await.unwrap();
        let body: serde_json::Value = answer.json().await.unwrap();
        assert_eq!(body["error"], format!("演示的一部分没有应答：{told}"), "{path}");
    }
}

#[tokio::test]
async fn another_name_for_this_machine_is_refused() {
    let address = serve().await;
    let http = runtime::http::client().unwrap();
    let asked = http.get(format!("http://{address}/api/scene")).header("Host", "demo.example.com");
    assert_eq!(asked.send().await.unwrap().status(), StatusCode::MISDIRECTED_REQUEST);
}
