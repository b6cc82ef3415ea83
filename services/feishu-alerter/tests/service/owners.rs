//! Rooms without an owner, and owners without a chat.

use anyhow::Result;
use domain::id::EntryId;
use events::command::CommandKind;
use testkit::company::{CHEN, WANG, says};

use crate::support::{CLOSED, LINE, Scene, TO_ALL, TO_WANG, colours, room};

fn cancel(seen: &events::chat::ChatMessage) -> CommandKind {
    CommandKind::Cancel { wait: None, seen_up_to: EntryId(seen.key().to_string()), reason: "测试".into() }
}

/// Waits until the only open wait's next rung is `minutes` after its opening.
async fn until_next_rung(scene: &Scene, minutes: i64) -> Result<()> {
    testkit::until(&format!("the next rung is at {minutes} minutes"), || async move {
        let next: Option<i64> = store::sqlx::query_scalar(
            "select extract(epoch from next_due_at - opened_at)::bigint / 60 from alert_schedule join waits using (wait)",
        )
        .fetch_optional(&scene.stack.admin)
        .await?;
        Ok(next == Some(minutes))
    })
    .await
}

#[tokio::test]
async fn a_room_without_owner_asks_for_one_once_a_day() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    let asked = says("r1", CHEN, scene.now(), "有人吗？");
    scene.publish(&asked).await?;
    scene.until_waits("r1", 1).await?;
    scene.advance(5);
    let ask = scene.until_colours(TO_ALL, &["turquoise"]).await?.remove(0);
    assert!(ask.title.contains("】请指定负责人："), "{}", ask.title);
    assert!(ask.text.contains("示例公司-r1") && ask.text.contains("群聊总表"), "{}", ask.text);
    scene.advance(5);
    until_next_rung(&scene, 20).await?;
    assert_eq!(scene.cards(TO_ALL).await?.len(), 1, "asked today already");
    scene.advance(20);
    let cards = scene.until_colours(TO_ALL, &[LINE, "red"]).await?;
    assert!(
        cards[1].title.ends_with("】示例公司-r1"),
        "from this rung on the public chat is told: {}",
        cards[1].title
    );

    scene.command("c1", room("r1"), cancel(&asked)).await?;
    scene.until_titled(TO_ALL, "不用回复").await?;
    scene.advance(24 * 60);
    scene.publish(&says("r1", CHEN, scene.now(), "还是没有人吗？")).await?;
    scene.until_waits("r1", 2).await?;
    scene.advance(5);
    let cards = scene.until_colours(TO_ALL, &[LINE, CLOSED, "turquoise"]).await?;
    assert!(cards[2].title.contains("】请指定负责人："), "another day: {}", cards[2].title);
    scene.stop(alerter).await
}

/// The rung that tells everybody is the first thing that anybody hears: one card, which asks as well.
#[tokio::test]
async fn a_late_look_at_a_room_without_owner_gives_one_card() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.publish(&says("r1", CHEN, scene.now(), "有人吗？")).await?;
    scene.until_waits("r1", 1).await?;
    scene.advance(32);
    let card = scene.until_colours(TO_ALL, &["red"]).await?.remove(0);
    assert!(card.title.contains("】请指定负责人："), "{}", card.title);
    scene.advance(8);
    let cards = scene.until_colours(TO_ALL, &[LINE, "grey"]).await?;
    assert!(cards[1].title.ends_with("】示例公司-r1"), "{}", cards[1].title);
    scene.stop(alerter).await
}

#[tokio::test]
async fn an_owner_without_a_chat_is_told_in_public() -> Result<()> {
    let mut scene = Scene::start().await?;
    scene.set_chat("王小售", None).await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.advance(5);
    let card = scene.until_colours(TO_ALL, &["turquoise"]).await?.remove(0);
    assert!(card.text.contains("王小售"), "{}", card.text);
    scene.advance(30);
    scene.until_colours(TO_ALL, &[LINE, "red"]).await?;
    assert_eq!(colours(&scene.cards(TO_WANG).await?), [""; 0]);
    scene.stop(alerter).await
}

#[tokio::test]
async fn an_ask_that_never_went_out_has_asked_nobody() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    let asked = says("r1", CHEN, scene.now(), "有人吗？");
    scene.publish(&asked).await?;
    scene.until_waits("r1", 1).await?;
    let refuse = serde_json::json!({ "kind": "rate_limited", "reset": 100 });
    scene.fault("send", TO_ALL, 1, refuse).await?;
    scene.advance(5);
    scene
        .until_count("select count(*) from notifications where state = 'pending' and attempts = 1", 1)
        .await?;
    scene.command("c1", room("r1"), cancel(&asked)).await?;
    scene.until_count("select count(*) from waits where state = 'cancelled'", 1).await?;
    scene.until_looked().await?;
    scene.advance(2);
    scene.until_count("select count(*) from notifications where state = 'obsolete'", 1).await?;
    scene.publish(&says("r1", CHEN, scene.now(), "还是没有人吗？")).await?;
    scene.until_waits("r1", 2).await?;
    scene.advance(5);
    let ask = scene.until_colours(TO_ALL, &["turquoise"]).await?.remove(0);
    assert!(ask.title.contains("】请指定负责人："), "{}", ask.title);
    scene.stop(alerter).await
}
