//! Messages of the real gateway on CHAT, field by field.

use anyhow::Result;
use domain::message::MessageKind;
use serde_json::json;
use testkit::until;

use crate::support::*;

#[tokio::test]
async fn what_is_said_arrives_with_who_and_where() -> Result<()> {
    let Some(scene) = scene().await? else { return Ok(()) };
    let service = scene.live().await?;

    let asked = scene.control.say(MORNING, "蓝先生", "在吗？发货了没有").await;
    let message = scene.message(&asked).await?;
    assert_eq!((message.source.as_str(), message.account.as_str()), ("wechaty", SELF));
    assert_eq!((message.kind, message.text.as_str()), (MessageKind::Text, "在吗？发货了没有"));
    assert_eq!((message.room.id.as_str(), message.room.topic.as_str()), (MORNING_ID, MORNING));
    let sender = &message.sender;
    assert_eq!((sender.id.as_str(), sender.name.as_str(), sender.is_self), (LAN, "蓝先生", false));
    assert_eq!(sender.coworker, Some(false), "on WeCom false is an answer");
    assert!((message.received_at - message.sent_at).num_seconds().abs() < 30 && !message.time_guessed);

    let replied = scene.control.say(MORNING, "林小样", "已经发了").await;
    let reply = scene.message(&replied).await?.sender;
    assert_eq!((reply.corporation.as_str(), reply.coworker), ("示例公司", Some(true)));
    let stranger = scene.control.say("示例公司-云杉家居", "绿店长", "你好").await;
    let stranger = scene.message(&stranger).await?.sender;
    assert_eq!((stranger.corporation.as_str(), stranger.coworker), ("云杉样品家居", Some(false)));
    let own = scene.control.say(MORNING, SELF, "我是助手").await;
    assert!(scene.message(&own).await?.sender.is_self);

    let mention = "@周例安\u{2005}请看";
    let mention = json!({ "room": STARS, "talker": "橙女士", "text": mention });
    let mention = scene.control.post("/say", mention).await;
    let mention = scene.message(mention["message_id"].as_str().unwrap()).await?;
    assert_eq!(mention.mentions, ["1688850000000102"], "resolved by name");

    until("the customer is remembered", || async {
        let names: Vec<(String, Option<bool>)> = store::sqlx::query_as(
            "select name, coworker from contacts where person = 'wechaty:7881300000000401'",
        )
        .fetch_all(&scene.stack.admin)
        .await?;
        Ok(names == [("蓝先生".to_owned(), Some(false))])
    })
    .await?;
    service.stop().await
}

#[tokio::test]
async fn kinds_recalls_and_times() -> Result<()> {
    let Some(scene) = scene().await? else { return Ok(()) };
    let service = scene.live().await?;
    let say = async |spec| scene.control.post("/say", spec).await["message_id"].as_str().unwrap().to_owned();

    let picture = say(json!({ "room": STARS, "talker": "橙女士", "text": "<xml/>", "type": 6 })).await;
    let picture = scene.message(&picture).await?;
    assert_eq!((picture.kind, picture.text.as_str()), (MessageKind::Image, ""));
    let film = say(json!({ "room": STARS, "talker": "橙女士", "type": 15 })).await;
    assert_eq!(scene.message(&film).await?.kind, MessageKind::Video);
    let odd = say(json!({ "room": STARS, "talker": "橙女士", "type": 4_242 })).await;
    assert_eq!(scene.message(&odd).await?.kind, MessageKind::Other);

    let seconds = scene.stack.started.timestamp() - 30;
    let slow = say(json!({ "room": STARS, "talker": "橙女士", "text": "秒", "timestamp": seconds })).await;
    assert_eq!(scene.message(&slow).await?.sent_at.timestamp(), seconds);
    let timeless = say(json!({ "room": STARS, "talker": "橙女士", "text": "无", "timestamp": 0 })).await;
    let timeless = scene.message(&timeless).await?;
    assert!(timeless.time_guessed && timeless.sent_at == timeless.received_at);

    let recalled = scene.control.post("/recall", json!({ "message_id": slow })).await;
    let recall = scene.message(recalled["message_id"].as_str().unwrap()).await?;
    assert_eq!((recall.kind, &recall.text), (MessageKind::Recalled, &slow));
    assert_eq!(recall.recall_target(), Some(scene.message(&slow).await?.key()));
    let notice =
        say(json!({ "room": STARS, "talker": "橙女士", "text": "撤回了一条消息", "type": 13 })).await;
    assert_eq!(scene.message(&notice).await?.kind, MessageKind::System);

    let private = say(json!({ "talker": "橙女士", "text": "私聊" })).await;
    let after = scene.control.say(STARS, "橙女士", "群里").await;
    scene.message(&after).await?;
    until("the inbox is empty", || async { Ok(waiting(&scene.stack).await? == (0, 0)) }).await?;
    assert!(messages(&scene.stack).await?.iter().all(|(_, message)| message.id != private));
    service.stop().await
}

#[tokio::test]
async fn a_burst_is_complete() -> Result<()> {
    let Some(scene) = scene().await? else { return Ok(()) };
    let service = scene.live().await?;
    for n in 0..60 {
        scene.control.say(MORNING, "蓝先生", &format!("第{n}条")).await;
    }
    until("all of them are on CHAT", || async { Ok(messages(&scene.stack).await?.len() == 60) }).await?;
    until("the inbox is empty", || async { Ok(waiting(&scene.stack).await? == (0, 0)) }).await?;
    service.stop().await
}
