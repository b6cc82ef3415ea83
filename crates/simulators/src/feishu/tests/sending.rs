//! At most one message per uuid and hour, tokens, limits, and what happens to lost answers.

use chrono::TimeDelta;
use serde_json::json;

use super::{CHAT, OTHER_CHAT, PERSON, card, stage};

#[tokio::test]
async fn a_uuid_sends_once_within_the_hour_and_again_after_it() {
    let stage = stage().await;
    let first = stage.send(CHAT, &card("一"), "al-1").await.message_id();
    stage.hand.forward(TimeDelta::minutes(59));
    let mut stage = stage;
    stage.log_in().await;
    // Other content under the same uuid is swallowed, and nobody is told.
    assert_eq!(stage.send(CHAT, &card("二"), "al-1").await.message_id(), first);
    assert_eq!(stage.messages(CHAT).await.len(), 1);
    // The uuid is not per chat: a second chat gets nothing.
    assert_eq!(stage.send(OTHER_CHAT, &card("三"), "al-1").await.message_id(), first);
    assert!(stage.messages(OTHER_CHAT).await.is_empty());
    stage.hand.forward(TimeDelta::minutes(1));
    assert_ne!(stage.send(CHAT, &card("一"), "al-1").await.message_id(), first);
    assert_eq!(stage.messages(CHAT).await.len(), 2);
}

#[tokio::test]
async fn the_token_is_the_same_while_half_an_hour_is_left() {
    let mut stage = stage().await;
    let (first, left) = stage.log_in().await;
    assert_eq!(left, 7_200);
    stage.hand.forward(TimeDelta::minutes(90));
    assert_eq!(stage.log_in().await, (first.clone(), 1_800));
    stage.hand.forward(TimeDelta::seconds(1));
    let (second, left) = stage.log_in().await;
    assert_ne!(second, first);
    assert_eq!(left, 7_200);
    // The old one is good until its end.
    stage.token.clone_from(&first);
    assert_eq!(stage.send(CHAT, &card("x"), "al-1").await.code(), 0);
    stage.hand.forward(TimeDelta::seconds(1_799));
    let refused = stage.send(CHAT, &card("x"), "al-2").await;
    assert_eq!((refused.status, refused.code()), (400, 99_991_663));
    stage.token = "nonsense".to_owned();
    assert_eq!(stage.send(CHAT, &card("x"), "al-2").await.code(), 99_991_671);
    stage.token = String::new();
    assert_eq!(stage.send(CHAT, &card("x"), "al-2").await.code(), 99_991_661);
}

#[tokio::test]
async fn five_a_second_into_one_chat() {
    let stage = stage().await;
    for n in 0..5 {
        stage.send(CHAT, &card("x"), &format!("al-{n}")).await.message_id();
    }
    let refused = stage.send(CHAT, &card("x"), "al-6").await;
    assert_eq!((refused.status, refused.code()), (429, 99_991_400));
    assert_eq!(refused.headers["x-ogw-ratelimit-reset"], "1");
    assert_eq!(refused.headers["x-ogw-ratelimit-limit"], "5");
    assert_eq!(stage.send(OTHER_CHAT, &card("x"), "al-7").await.code(), 0);
    stage.control("POST", "limits", &json!({"style": "business"})).await;
    let refused = stage.send(CHAT, &card("x"), "al-6").await;
    assert_eq!((refused.status, refused.code()), (400, 230_020));
    stage.hand.forward(TimeDelta::seconds(1));
    assert_eq!(stage.send(CHAT, &card("x"), "al-6").await.code(), 0);
    assert_eq!(stage.messages(CHAT).await.len(), 6);
}

#[tokio::test]
async fn fifty_a_second_from_one_app() {
    let stage = stage().await;
    for n in 0..50 {
        let chat = json!({"chat_id": format!("oc_{n}"), "name": "群"});
        stage.control("POST", "chats", &chat).await;
        stage.send(&format!("oc_{n}"), &card("x"), &format!("al-{n}")).await.message_id();
    }
    assert_eq!(stage.send(CHAT, &card("x"), "al-x").await.code(), 99_991_400);
}

#[tokio::test]
async fn an_accepted_message_stays_though_the_connection_died() {
    let stage = stage().await;
    stage.fault("send", json!({"kind": "accept_then_drop"})).await;
    let lost = stage.try_send(CHAT, &card("x"), "al-1").await;
    assert!(lost.is_err(), "the answer must be lost: {lost:?}");
    let there = stage.messages(CHAT).await;
    assert_eq!(there.len(), 1);
    let again = stage.send(CHAT, &card("x"), "al-1").await.message_id();
    assert_eq!(there[0]["message_id"], json!(again));
    assert_eq!(stage.messages(CHAT).await.len(), 1);
}

#[tokio::test]
async fn a_dropped_request_leaves_nothing() {
    let stage = stage().await;
    stage.fault("send", json!({"kind": "drop"})).await;
    assert!(stage.try_send(CHAT, &card("x"), "al-1").await.is_err());
    assert!(stage.messages(CHAT).await.is_empty());
}

#[tokio::test]
async fn a_late_message_blocks_its_uuid_until_it_is_there() {
    let stage = stage().await;
    stage.fault("send", json!({"kind": "late_accept"})).await;
    assert!(stage.try_send(CHAT, &card("x"), "al-1").await.is_err());
    let refused = stage.send(CHAT, &card("x"), "al-1").await;
    assert_eq!((refused.status, refused.code()), (400, 230_049));
    stage.control("POST", "release", &json!({})).await;
    // Wait for a state: the refusal ends when the late message is there, and then it is the same one.
    let message_id = loop {
        let seen = stage.send(CHAT, &card("x"), "al-1").await;
        stage.hand.forward(TimeDelta::seconds(1));
        match seen.code() {
            0 => break seen.message_id(),
            code => assert_eq!(code, 230_049),
        }
    };
    let there = stage.messages(CHAT).await;
    assert_eq!((there.len(), &there[0]["message_id"]), (1, &json!(message_id)));
}

#[tokio::test]
async fn ordered_faults_strike_their_chat_and_no_more_than_ordered() {
    let stage = stage().await;
    let order = json!({"route": "send", "chat": CHAT, "times": 2,
        "fault": {"kind": "code", "code": 230_099, "sub": 11310}});
    stage.control("POST", "faults", &order).await;
    assert_eq!(stage.send(OTHER_CHAT, &card("x"), "al-0").await.code(), 0);
    for _ in 0..2 {
        let refused = stage.send(CHAT, &card("x"), "al-1").await;
        assert!(refused.body["msg"].as_str().unwrap().contains("ext=ErrCode: 11310;"), "{refused:?}");
    }
    assert_eq!(stage.send(CHAT, &card("x"), "al-1").await.code(), 0);
    stage.fault("send", json!({"kind": "status", "status": 502})).await;
    let broken = stage.send(CHAT, &card("x"), "al-2").await;
    assert_eq!((broken.status, broken.body.is_string()), (502, true));
    stage.fault("send", json!({"kind": "accept_then_status", "status": 502})).await;
    assert_eq!(stage.send(CHAT, &card("x"), "al-3").await.status, 502);
    assert_eq!(stage.messages(CHAT).await.len(), 2);
}

#[tokio::test]
async fn refusals_by_receiver() {
    let stage = stage().await;
    for chat in [
        json!({"chat_id": "oc_outside", "name": "x", "bot_in": false}),
        json!({"chat_id": "oc_gone", "name": "x", "dissolved": true}),
        json!({"chat_id": "oc_muted", "name": "x", "refuse": 230_035}),
    ] {
        stage.control("POST", "chats", &chat).await;
    }
    for (chat, code) in
        [("oc_outside", 230_002), ("oc_gone", 232_009), ("oc_muted", 230_035), ("oc_unknown", 230_034)]
    {
        let refused = stage.send(chat, &card("x"), "al-1").await;
        assert_eq!((refused.status, refused.code()), (400, code));
    }
    let to_person =
        |open_id: &str| json!({"receive_id": open_id, "msg_type": "text", "content": "{\"text\":\"在吗\"}"});
    let path = "/open-apis/im/v1/messages?receive_id_type=open_id";
    assert_eq!(stage.post(path, &to_person("ou_far")).await.code(), 230_013);
    assert_eq!(stage.post(path, &to_person("ou_nobody")).await.code(), 99_992_351);
    let sent = stage.post(path, &to_person(PERSON)).await;
    let p2p = sent.body["data"]["chat_id"].as_str().unwrap().to_owned();
    assert_eq!(stage.messages(&p2p).await.len(), 1);
}

#[tokio::test]
async fn the_monthly_quota_and_the_size_limit() {
    let stage = stage().await;
    let long = card(&"长".repeat(10 * 1024));
    assert_eq!(stage.send(CHAT, &long, "al-1").await.code(), 230_025);
    stage.control("PATCH", "switches", &json!({"monthly_calls_left": 1})).await;
    assert_eq!(stage.send(CHAT, &card("x"), "al-2").await.code(), 0);
    assert_eq!(stage.send(CHAT, &card("x"), "al-3").await.code(), 99_991_403);
    let calls = stage.control("GET", "calls", &json!({})).await;
    let codes: Vec<_> = calls["calls"].as_array().unwrap().iter().map(|call| call["code"].clone()).collect();
    assert_eq!(codes, [json!(0), json!(230_025), json!(0), json!(99_991_403)]);
}
