//! PATCH, recall, urgent, and reading the history back.

use chrono::TimeDelta;
use serde_json::json;

use super::super::{AppSpec, start};
use super::{CHAT, PERSON, Stage, card, config, hand, stage};

#[tokio::test]
async fn a_card_can_be_replaced_for_fourteen_days() {
    let mut stage = stage().await;
    let id = stage.send(CHAT, &card("一"), "al-1").await.message_id();
    stage.hand.forward(TimeDelta::days(14));
    stage.log_in().await;
    assert_eq!(stage.patch(&id, &card("二")).await.code(), 0);
    let there = stage.messages(CHAT).await;
    assert_eq!(there[0]["card"], card("二"));
    assert_eq!(there[0]["updates"], 1);
    assert_eq!(there[0]["uuid"], "al-1");
    stage.hand.forward(TimeDelta::seconds(1));
    assert_eq!(stage.patch(&id, &card("三")).await.code(), 230_031);
}

#[tokio::test]
async fn only_shared_cards_are_replaced_and_never_by_the_old_schema() {
    let stage = stage().await;
    let mut unshared = card("一");
    unshared["config"] = json!({});
    let id = stage.send(CHAT, &unshared, "al-1").await.message_id();
    assert_eq!(stage.patch(&id, &card("二")).await.code(), 230_001);
    let id = stage.send(CHAT, &card("一"), "al-2").await.message_id();
    assert_eq!(stage.patch(&id, &unshared).await.code(), 230_001);
    let first_schema = json!({"config": {"update_multi": true}, "elements": []});
    let refused = stage.patch(&id, &first_schema).await;
    assert!(refused.body["msg"].as_str().unwrap().contains("200830"), "{refused:?}");
}

#[tokio::test]
async fn updates_of_one_message_are_limited_and_recall_ends_them() {
    let stage = stage().await;
    let id = stage.send(CHAT, &card("一"), "al-1").await.message_id();
    for _ in 0..5 {
        assert_eq!(stage.patch(&id, &card("二")).await.code(), 0);
    }
    assert_eq!(stage.patch(&id, &card("二")).await.code(), 99_991_400);
    stage.hand.forward(TimeDelta::seconds(1));
    let path = format!("/open-apis/im/v1/messages/{id}");
    // One official SDK sends a body even here.
    assert_eq!(stage.try_call("DELETE", &path, Some(&json!({}))).await.unwrap().code(), 0);
    assert_eq!(stage.patch(&id, &card("三")).await.code(), 230_011);
}

#[tokio::test]
async fn another_apps_card_is_not_ours_to_change() {
    let hand = hand();
    let mut config = config(&hand);
    config.apps.push(AppSpec { app_id: "cli_other".to_owned(), app_secret: "other".to_owned() });
    let sim = start(config).await.unwrap();
    let http = super::super::callback::client().unwrap();
    let mut stage = Stage { sim, hand, http, token: String::new() };
    let body = json!({"app_id": "cli_other", "app_secret": "other"});
    let seen = stage.post("/open-apis/auth/v3/tenant_access_token/internal", &body).await;
    stage.token = seen.body["tenant_access_token"].as_str().unwrap().to_owned();
    let id = stage.send(CHAT, &card("一"), "al-1").await.message_id();
    stage.log_in().await;
    assert_eq!(stage.patch(&id, &card("二")).await.code(), 230_027);
    // Nor does its uuid suppress ours.
    assert_ne!(stage.send(CHAT, &card("一"), "al-1").await.message_id(), id);
}

#[tokio::test]
async fn history_comes_in_pages_with_the_cards_as_sent() {
    let mut stage = stage().await;
    for n in 0..45 {
        stage.send(CHAT, &card(&format!("第 {n} 张")), &format!("al-{n}")).await.message_id();
        stage.hand.forward(TimeDelta::seconds(1));
    }
    let base = format!(
        "/open-apis/im/v1/messages?container_id_type=chat&container_id={CHAT}&sort_type=ByCreateTimeDesc\
         &card_msg_content_type=user_card_content"
    );
    let (mut found, mut token) = (Vec::new(), String::new());
    loop {
        let page = stage.get(&format!("{base}&page_size=20&page_token={token}")).await;
        assert_eq!(page.code(), 0, "{page:?}");
        found.extend(page.body["data"]["items"].as_array().unwrap().clone());
        if page.body["data"]["has_more"] == false {
            break;
        }
        page.body["data"]["page_token"].as_str().unwrap().clone_into(&mut token);
    }
    assert_eq!(found.len(), 45);
    assert_eq!(found[0]["body"]["content"], card("第 44 张").to_string());
    let asc = format!("{}&page_token={token}", base.replace("Desc", "Asc"));
    assert_eq!(stage.get(&asc).await.code(), 230_001, "the order must not change between pages");
    assert_eq!(stage.get(&format!("{base}&page_size=51")).await.code(), 230_001);
    let since = stage.hand.now().timestamp() - 10;
    let recent = stage.get(&format!("{base}&start_time={since}&page_size=50")).await;
    assert_eq!(recent.body["data"]["items"].as_array().unwrap().len(), 10);
    let in_ms = stage.get(&format!("{base}&start_time={}", since * 1_000)).await;
    assert!(in_ms.body["data"]["items"].as_array().unwrap().is_empty());
    let lossy = stage.get(&base.replace("&card_msg_content_type=user_card_content", "")).await;
    assert!(!lossy.body["data"]["items"][0]["body"]["content"].as_str().unwrap().contains("第"));
    stage.log_in().await;
}

#[tokio::test]
async fn history_needs_permission_and_hides_what_was_recalled() {
    let stage = stage().await;
    let id = stage.send(CHAT, &card("一"), "al-1").await.message_id();
    stage.try_call("DELETE", &format!("/open-apis/im/v1/messages/{id}"), None).await.unwrap();
    let path = format!(
        "/open-apis/im/v1/messages?container_id_type=chat&container_id={CHAT}&card_msg_content_type=user_card_content"
    );
    let page = stage.get(&path).await;
    assert_eq!(page.body["data"]["items"][0]["body"]["content"], "This message was recalled");
    assert_eq!(page.body["data"]["items"][0]["deleted"], true);
    stage.control("PATCH", "switches", &json!({"no_history_scope": true})).await;
    assert_eq!(stage.get(&path).await.code(), 230_027);
    stage.control("PATCH", "switches", &json!({"no_history_scope": false})).await;
    stage.control("POST", "chats", &json!({"chat_id": CHAT, "name": "密", "restricted": true})).await;
    assert_eq!(stage.get(&path).await.code(), 231_203);
}

#[tokio::test]
async fn chats_come_in_pages_without_private_ones() {
    let stage = stage().await;
    stage.control("POST", "chats", &json!({"chat_id": "oc_outside", "name": "x", "bot_in": false})).await;
    stage.control("POST", "chats", &json!({"chat_id": "oc_third", "name": "x"})).await;
    let first = stage.get("/open-apis/im/v1/chats?page_size=2").await;
    assert_eq!(first.body["data"]["has_more"], true);
    let token = first.body["data"]["page_token"].as_str().unwrap();
    let second = stage.get(&format!("/open-apis/im/v1/chats?page_size=2&page_token={token}")).await;
    assert_eq!(second.body["data"]["has_more"], false);
    assert_eq!(second.body["data"]["items"][0]["chat_id"], "oc_third");
    assert_eq!(second.body["data"]["items"].as_array().unwrap().len(), 1);
    assert_eq!(stage.get("/open-apis/im/v1/chats?page_size=101").await.code(), 232_001);
}

#[tokio::test]
async fn urgent_reaches_members_only() {
    let stage = stage().await;
    let id = stage.send(CHAT, &card("一"), "al-1").await.message_id();
    let path = format!("/open-apis/im/v1/messages/{id}/urgent_app?user_id_type=open_id");
    let body = json!({"user_id_list": [PERSON, "ou_far"]});
    let seen = stage.try_call("PATCH", &path, Some(&body)).await.unwrap();
    assert_eq!(seen.body["data"]["invalid_user_id_list"], json!(["ou_far"]));
    let nobody = json!({"user_id_list": ["ou_far"]});
    assert_eq!(stage.try_call("PATCH", &path, Some(&nobody)).await.unwrap().code(), 230_001);
    assert_eq!(stage.messages(CHAT).await[0]["urgent_to"], json!([PERSON]));
}
