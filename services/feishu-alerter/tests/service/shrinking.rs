//! A wait is one thing in a chat: its former cards there are lines that point to the one that stands for it.

use anyhow::Result;
use feishu_alerter::point;
use serde_json::json;
use store::sqlx;
use testkit::company::{WANG, says};

use crate::support::{CLOSED, LINE, Scene, TO_ALL, TO_WANG, colours};

/// How often each message of a chat was changed.
async fn updates(scene: &Scene, chat: &str) -> Result<Vec<u64>> {
    let seen = scene.control("GET", &format!("messages?chat={chat}"), &json!({})).await?;
    let messages = seen["messages"].as_array().cloned().unwrap_or_default();
    Ok(messages.iter().map(|message| message["updates"].as_u64().unwrap_or_default()).collect())
}

#[tokio::test]
async fn a_card_shrinks_to_a_line_once_a_higher_one_stands_in_its_chat() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    for (minutes, colour) in [(5, "turquoise"), (5, "yellow"), (10, "orange"), (10, "red"), (10, "grey")] {
        scene.advance(minutes);
        testkit::until(colour, || async {
            Ok(scene.cards(TO_WANG).await?.last().is_some_and(|card| card.colour == colour))
        })
        .await?;
    }
    let private = scene.until_colours(TO_WANG, &[LINE, LINE, LINE, LINE, "grey"]).await?;
    scene.until_colours(TO_ALL, &[LINE, "grey"]).await?;
    let live: Vec<bool> = private.iter().map(|card| card.has_button).collect();
    assert_eq!(live, [false, false, false, false, true], "one of them can be pressed");
    for words in ["已升级", "示例公司-r1", "见后面的卡片"] {
        assert!(private[0].title.contains(words), "{words} in {}", private[0].title);
    }
    // Who waits since when may be judged again.
    for words in ["起等待", "陈小样"] {
        assert!(!private[0].text.contains(words), "{words} in {}", private[0].text);
    }
    assert!(!private[0].title.contains('\n'), "one line: {}", private[0].title);

    scene.publish(&says("r1", WANG, scene.now(), "开好了")).await?;
    scene.until_colours(TO_WANG, &[LINE, LINE, LINE, LINE, CLOSED]).await?;
    scene.until_colours(TO_ALL, &[LINE, CLOSED]).await?;
    assert_eq!(updates(&scene, TO_WANG).await?, [1, 1, 1, 1, 1], "a line is true for ever: no call for it");
    scene.stop(alerter).await
}

/// What may not stand in the chat takes nothing's place.
#[tokio::test]
async fn an_unconfirmed_card_takes_no_other_s_place() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.advance(5);
    scene.until_colours(TO_WANG, &["turquoise"]).await?;
    scene.fault("send", TO_WANG, 1, json!({ "kind": "drop" })).await?;
    scene.fault("send", TO_WANG, 1, json!({ "kind": "rate_limited", "reset": 60 })).await?;
    scene.advance(5);
    scene.until_count("select count(*) from notifications where unconfirmed and attempts = 2", 1).await?;
    scene.until_looked().await?;
    assert_eq!(colours(&scene.cards(TO_WANG).await?), ["turquoise"]);
    assert_eq!(
        scene.count("select count(*) from notifications where wanted->>'state' = 'escalated'").await?,
        0
    );
    scene.advance(2);
    scene.until_colours(TO_WANG, &[LINE, "yellow"]).await?;
    scene.stop(alerter).await
}

/// Nobody was there to record that it was sent.
#[tokio::test]
async fn killed_after_the_sending_the_former_card_shrinks_all_the_same() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.advance(5);
    scene.until_colours(TO_WANG, &["turquoise"]).await?;
    scene.until_count("select count(*) from notifications where state = 'sent'", 1).await?;
    let reached = alerter.faults.arm(point::BEFORE_RECORD);
    scene.advance(5);
    reached.await;
    alerter.kill().await;
    scene.until_colours(TO_WANG, &["turquoise", "yellow"]).await?;
    let alerter = scene.alerter().await?;
    scene.advance(2);
    scene.until_colours(TO_WANG, &[LINE, "yellow"]).await?;
    scene.stop(alerter).await
}

/// A change that fails is made later; one that Feishu does not take leaves the card as it was, button and all.
#[tokio::test]
async fn a_card_that_cannot_be_changed_stays_as_it_was() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.advance(5);
    scene.until_colours(TO_WANG, &["turquoise"]).await?;
    scene.fault("update", TO_WANG, 1, json!({ "kind": "status", "status": 503 })).await?;
    scene.fault("update", TO_WANG, 1, json!({ "kind": "code", "code": 230_031 })).await?;
    scene.advance(5);
    scene.until_count("select count(*) from notifications where not changeable", 1).await?;
    let cards = scene.until_colours(TO_WANG, &["turquoise", "yellow"]).await?;
    scene.until_count("select count(*) from notifications where state = 'sent'", 2).await?;
    scene.press(&cards[0].message_id, "normal").await?;
    scene.until_colours(TO_WANG, &["turquoise", CLOSED]).await?;
    scene.stop(alerter).await
}

/// A text has no button and cannot be changed: the card before it goes on standing for the wait.
#[tokio::test]
async fn a_plain_text_takes_no_card_s_place() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.advance(5);
    scene.until_colours(TO_WANG, &["turquoise"]).await?;
    scene.until_count("select count(*) from notifications where state = 'sent'", 1).await?;
    scene.fault("send", TO_WANG, 2, json!({ "kind": "code", "code": 230_028 })).await?;
    scene.advance(5);
    scene
        .until_count("select count(*) from notifications where state = 'sent' and form = 'plain_text'", 1)
        .await?;
    scene.until_looked().await?;
    assert_eq!(colours(&scene.cards(TO_WANG).await?), ["turquoise", ""]);
    scene.publish(&says("r1", WANG, scene.now(), "开好了")).await?;
    scene.until_colours(TO_WANG, &[CLOSED, ""]).await?;
    scene.stop(alerter).await
}

/// Whatever was missed is made up for by the next look.
#[tokio::test]
async fn what_was_missed_is_made_up_for() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.advance(5);
    scene.until_colours(TO_WANG, &["turquoise"]).await?;
    scene.advance(5);
    scene.until_colours(TO_WANG, &[LINE, "yellow"]).await?;
    // As a release left it that knew of no lines.
    sqlx::query("update notifications set wanted = '{\"state\": \"waiting\"}'")
        .execute(&scene.stack.admin)
        .await?;
    scene.until_colours(TO_WANG, &["turquoise", "yellow"]).await?;
    scene.until_looked().await?;
    scene.until_colours(TO_WANG, &[LINE, "yellow"]).await?;
    scene.stop(alerter).await
}
