//! When a wait ends, its cards say so.

use anyhow::Result;
use chrono::TimeDelta;
use domain::id::{CommandId, EntryId};
use domain::message::MessageKind;
use events::command::CommandKind;
use testkit::company::{CHEN, WANG, says};
use testkit::until;

use crate::support::{CLOSED, LINE, Scene, TO_ALL, TO_WANG, room};

#[tokio::test]
async fn a_reply_ends_the_wait_and_every_card_says_so() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    let asked = scene.asks("r1", WANG).await?;
    scene.advance(5);
    scene.until_colours(TO_WANG, &["turquoise"]).await?;
    scene.advance(26);
    scene.until_colours(TO_WANG, &[LINE, "red"]).await?;
    scene.until_colours(TO_ALL, &["red"]).await?;
    scene.publish(&says("r1", WANG, asked.sent_at + TimeDelta::minutes(31), "开好了")).await?;
    for chat in [TO_WANG, TO_ALL] {
        let [card] = &scene.until_titled(chat, "已回复").await?[..] else { panic!("one card in {chat}") };
        assert!(card.text.contains("已回复 · 王小售 · 31 分钟"), "{}", card.text);
        assert_eq!((card.colour.as_str(), card.has_button), (CLOSED, false));
    }
    scene.stop(alerter).await
}

#[tokio::test]
async fn a_message_taken_back_withdraws_its_cards() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    let asked = scene.asks("r1", WANG).await?;
    scene.advance(5);
    scene.until_colours(TO_WANG, &["turquoise"]).await?;
    let mut recall = says("r1", CHEN, scene.now(), &asked.id);
    recall.kind = MessageKind::Recalled;
    scene.publish(&recall).await?;
    scene.until_titled(TO_WANG, "客户已撤回").await?;
    scene.stop(alerter).await
}

/// A change that failed is made later; only the last wanted state is ever shown.
#[tokio::test]
async fn a_change_that_fails_is_made_again() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.advance(5);
    scene.until_colours(TO_WANG, &["turquoise"]).await?;
    for fault in [
        serde_json::json!({ "kind": "status", "status": 503 }),
        serde_json::json!({ "kind": "accept_then_drop" }),
    ] {
        scene.fault("update", TO_WANG, 1, fault).await?;
    }
    scene.publish(&says("r1", WANG, scene.now(), "开好了")).await?;
    scene.until_titled(TO_WANG, "已回复").await?;
    scene.until_count("select count(*) from notifications where wanted is distinct from shown", 0).await?;
    scene.stop(alerter).await
}

#[tokio::test]
async fn a_wait_that_takes_the_place_of_another_repeats_no_rung() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    let asked = scene.asks("r1", WANG).await?;
    scene.advance(5);
    scene.until_colours(TO_WANG, &["turquoise"]).await?;
    // Captured late: an earlier message of the same customer. The wait has another opening now, and another id.
    scene.publish(&says("r1", CHEN, asked.sent_at - TimeDelta::seconds(20), "你好，请问")).await?;
    scene.until_count("select count(*) from waits where replaced_by is not null", 1).await?;
    scene.until_looked().await?;
    assert_eq!(scene.cards(TO_WANG).await?.len(), 1, "no rung is repeated");
    scene.advance(5);
    scene.until_colours(TO_WANG, &[LINE, "yellow"]).await?;
    scene.publish(&says("r1", WANG, scene.now(), "开好了")).await?;
    assert_eq!(scene.until_titled(TO_WANG, "已回复").await?.len(), 1, "both are of the new wait");
    scene.stop(alerter).await
}

/// Its end came while nobody knew yet that the card had been sent.
#[tokio::test]
async fn a_card_whose_sending_was_unknown_at_the_end_is_changed_once_it_is_known() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.fault("send", TO_WANG, 1, serde_json::json!({ "kind": "accept_then_drop" })).await?;
    let not_yet = serde_json::json!({ "kind": "rate_limited", "reset": 60 });
    scene.fault("send", TO_WANG, 1, not_yet).await?;
    scene.advance(5);
    scene
        .until_count(
            "select count(*) from notifications where attempts = 2 and unconfirmed and message_id is null",
            1,
        )
        .await?;
    scene.publish(&says("r1", WANG, scene.now(), "开好了")).await?;
    until("the wait is known to have ended", || async {
        let mut connection = scene.stack.admin.acquire().await?;
        Ok(store::rooms::get(&mut connection, &room("r1"))
            .await?
            .is_some_and(|room| room.state.open.is_empty()))
    })
    .await?;
    scene.until_looked().await?;
    scene.advance(2);
    assert_eq!(scene.until_titled(TO_WANG, "已回复").await?.len(), 1);
    scene.stop(alerter).await
}

#[tokio::test]
async fn a_change_whose_answer_is_lost_is_made_undone_again() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    let asked = scene.asks("r1", WANG).await?;
    scene.advance(5);
    let before = scene.until_colours(TO_WANG, &["turquoise"]).await?;
    scene.fault("update", TO_WANG, 1, serde_json::json!({ "kind": "accept_then_drop" })).await?;
    scene.fault("update", TO_WANG, 1, serde_json::json!({ "kind": "rate_limited", "reset": 100 })).await?;
    let seen_up_to = EntryId(asked.key().to_string());
    let cancel = CommandKind::Cancel { wait: None, seen_up_to, reason: "测试".into() };
    scene.command("c1", room("r1"), cancel).await?;
    scene.until_titled(TO_WANG, "不用回复").await?;
    scene.until_count("select count(*) from notifications where change_attempts = 2", 1).await?;
    scene.command("u1", room("r1"), CommandKind::UndoCancel { cancel: CommandId("c1".into()) }).await?;
    scene.until_titled(TO_WANG, &before[0].title).await?;
    scene.until_count("select count(*) from notifications where wanted is distinct from shown", 0).await?;
    scene.stop(alerter).await
}
