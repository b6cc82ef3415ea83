//! Images, presses and custom bots.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{CHAT, PERSON, Stage, card, stage};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and what follows";

async fn upload(stage: &Stage, image_type: &str, image: &[u8]) -> Value {
    let boundary = "----sample";
    let mut body = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"image_type\"\r\n\r\n{image_type}\r\n\
         --{boundary}\r\nContent-Disposition: form-data; name=\"image\"; filename=\"qr.png\"\r\n\
         Content-Type: image/png\r\n\r\n"
    )
    .into_bytes();
    body.extend(image);
    body.extend(format!("\r\n--{boundary}--\r\n").bytes());
    let url = format!("{}/open-apis/im/v1/images", stage.sim.url);
    let request = stage.http.post(url).bearer_auth(&stage.token).body(body);
    let request = request.header("content-type", format!("multipart/form-data; boundary={boundary}"));
    serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap()
}

#[tokio::test]
async fn a_card_shows_only_what_was_uploaded() {
    let stage = stage().await;
    for (image_type, image, code) in [
        ("message", PNG, 0),
        ("sticker", PNG, 234_001),
        ("message", b"", 234_010),
        ("message", b"<svg/>", 234_011),
    ] {
        assert_eq!(upload(&stage, image_type, image).await["code"], code, "{image_type}");
    }
    let key = upload(&stage, "message", PNG).await["data"]["image_key"].as_str().unwrap().to_owned();
    let with = |key: &str| {
        let mut card = card("扫码");
        let picture =
            json!({"tag": "img", "img_key": key, "alt": {"tag": "plain_text", "content": "二维码"}});
        card["body"]["elements"].as_array_mut().unwrap().push(picture);
        card
    };
    stage.send(CHAT, &with(&key), "u-1").await.message_id();
    let refused = stage.send(CHAT, &with("img_v3_other"), "u-2").await;
    assert_eq!(refused.code(), 230_099);
    assert!(refused.body["msg"].as_str().unwrap().contains("ErrCode: 200570"), "{refused:?}");
    let picture = |content: Value, kind: &str| json!({"receive_id": CHAT, "msg_type": kind, "content": content.to_string()});
    let path = "/open-apis/im/v1/messages?receive_id_type=chat_id";
    for (body, code) in [
        (picture(json!({"image_key": key}), "image"), 0),
        (picture(json!({"image_key": "img_v3_other"}), "image"), 230_001),
        (
            picture(
                json!({"zh_cn": {"title": "", "content": [[{"tag": "img", "image_key": "img_v3_other"}]]}}),
                "post",
            ),
            230_001,
        ),
    ] {
        assert_eq!(stage.post(path, &body).await.code(), code, "{body}");
    }
    stage.control("PATCH", "switches", &json!({"no_image_scope": true})).await;
    assert_eq!(upload(&stage, "message", PNG).await["code"], 99_991_672);
}

#[tokio::test]
async fn a_press_reaches_members_unless_it_is_not_allowed() {
    let stage = stage().await;
    let id = stage.send(CHAT, &card("请处理"), "u-1").await.message_id();
    let path = format!("/open-apis/im/v1/messages/{id}/urgent_app?user_id_type=open_id");
    let press =
        async |ids: Value| stage.try_call("PATCH", &path, Some(&json!({"user_id_list": ids}))).await.unwrap();
    let seen = press(json!([PERSON, "ou_stranger"])).await;
    assert_eq!(seen.body["data"]["invalid_user_id_list"], json!(["ou_stranger"]));
    assert_eq!(press(json!(["ou_stranger"])).await.code(), 230_001);
    stage.control("PATCH", "switches", &json!({"no_urgent": true})).await;
    assert_eq!(press(json!([PERSON])).await.code(), 230_052);
    assert_eq!(stage.messages(CHAT).await[0]["urgent_to"], json!([PERSON]));
}

/// The signature is the agreed vector's, which is of 2020: the clock is moved back there.
#[tokio::test]
async fn a_custom_bot_takes_what_is_signed_in_time() {
    let stage = stage().await;
    let signed_at = chrono::DateTime::from_timestamp(1_599_360_473, 0).unwrap();
    stage.hand.forward(signed_at - stage.hand.now());
    stage.control("POST", "hooks", &json!({"token": "t-1", "secret": "demo"})).await;
    let text = |sign: &str| json!({"timestamp": "1599360473", "sign": sign, "msg_type": "text", "content": {"text": "告警"}});
    let say = async |token: &str, body: Value| {
        stage.post(&format!("/open-apis/bot/v2/hook/{token}"), &body).await.code()
    };
    let good = "l1N0gAcBjdwBvGm1xMjOF0XSyaLRpR7tuO5dHfhAYc8=";
    assert_eq!(say("t-1", text(good)).await, 0);
    assert_eq!(say("t-1", text("wrong")).await, 19_021);
    assert_eq!(say("t-2", text(good)).await, 19_001);
    assert_eq!(
        say("t-1", json!({"timestamp": "1599360473", "sign": good, "msg_type": "text"})).await,
        19_002
    );
    stage.hand.forward(TimeDelta::hours(1) + TimeDelta::seconds(1));
    assert_eq!(say("t-1", text(good)).await, 19_021);
    let shown = stage.control("GET", "hooks", &json!({})).await;
    assert_eq!(shown["messages"].as_array().unwrap().len(), 1);
    assert_eq!(shown["messages"][0]["body"]["content"]["text"], "告警");
}

#[tokio::test]
async fn the_members_of_a_chat_are_told_page_by_page() {
    let stage = stage().await;
    let members: Vec<String> = (0..3).map(|n| format!("ou_{n}")).collect();
    for id in &members {
        stage.control("POST", "people", &json!({"open_id": id, "name": format!("名字{id}")})).await;
    }
    stage.control("POST", "chats", &json!({"chat_id": "oc_three", "name": "三人", "members": members})).await;
    stage.control("POST", "chats", &json!({"chat_id": "oc_out", "name": "外", "bot_in": false})).await;
    stage.control("POST", "chats", &json!({"chat_id": "oc_gone", "name": "散", "dissolved": true})).await;
    let get = async |path: &str| stage.get(path).await;
    let first = get("/open-apis/im/v1/chats/oc_three/members?member_id_type=open_id&page_size=2").await;
    let data = &first.body["data"];
    assert_eq!((&data["has_more"], &data["member_total"]), (&json!(true), &json!(3)));
    assert_eq!(data["items"][1]["member_id"], "ou_1");
    assert_eq!(data["items"][1]["name"], "名字ou_1");
    let token = data["page_token"].as_str().unwrap();
    let path = format!("/open-apis/im/v1/chats/oc_three/members?page_size=2&page_token={token}");
    let second = get(&path).await;
    assert_eq!(second.body["data"]["has_more"], false);
    assert_eq!(second.body["data"]["items"].as_array().unwrap().len(), 1);
    for (chat, code) in [("oc_nowhere", 232_006), ("oc_out", 232_011), ("oc_gone", 232_009)] {
        assert_eq!(get(&format!("/open-apis/im/v1/chats/{chat}/members")).await.code(), code, "{chat}");
    }
    assert_eq!(get("/open-apis/im/v1/chats/oc_three/members?page_size=101").await.code(), 232_001);
}
