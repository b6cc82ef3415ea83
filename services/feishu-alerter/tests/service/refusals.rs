//! What Feishu does not take, or does not say whether it took.

use anyhow::Result;
use serde_json::json;
use store::sqlx;
use testkit::company::{LI, WANG, says};
use testkit::until;

use crate::support::{CLOSED, LINE, Scene, TO_LI, TO_WANG, colours};

#[tokio::test]
async fn a_chat_that_the_bot_is_not_in_stops_no_other() -> Result<()> {
    let mut scene = Scene::start().await?;
    scene.control("POST", "chats", &json!({ "chat_id": TO_WANG, "name": "王", "bot_in": false })).await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.asks("r2", LI).await?;
    scene.advance(5);
    scene.until_colours(TO_LI, &["turquoise"]).await?;
    scene
        .until_count("select count(*) from notifications where state = 'failed' and last_code = 230002", 1)
        .await?;
    let sends = scene.count("select sum(attempts)::bigint from notifications where state = 'failed'").await?;
    assert_eq!(sends, 1, "tried once, and never again");
    scene.stop(alerter).await
}

/// Nobody knows of any of these whether the card stands in the chat.
#[tokio::test]
async fn whatever_happens_to_the_call_there_is_exactly_one_message() -> Result<()> {
    for fault in [
        json!({ "kind": "status", "status": 502 }),
        json!({ "kind": "drop" }),
        json!({ "kind": "timeout", "ms": 200 }),
        json!({ "kind": "accept_then_drop" }),
        json!({ "kind": "accept_then_timeout", "ms": 200 }),
        json!({ "kind": "accept_then_status", "status": 504 }),
        json!({ "kind": "late_accept", "after_ms": 300 }),
        json!({ "kind": "code", "code": 230_049 }),
        json!({ "kind": "rate_limited", "reset": 1 }),
    ] {
        let mut scene = Scene::start().await?;
        let alerter = scene.alerter().await?;
        scene.fault("send", TO_WANG, 2, fault.clone()).await?;
        scene.asks("r1", WANG).await?;
        scene.advance(5);
        scene
            .until_count("select count(*) from notifications where state = 'sent' and attempts >= 2", 1)
            .await?;
        assert_eq!(scene.cards(TO_WANG).await?.len(), 1, "{fault}");
        scene.stop(alerter).await?;
    }
    Ok(())
}

/// What cannot even connect has surely sent nothing: it is no reason to tell of it afterwards.
#[tokio::test]
async fn after_an_outage_of_the_network_only_what_is_still_true_goes_out() -> Result<()> {
    let mut scene = Scene::start().await?;
    let mut proxy = scene.feishu_proxy()?;
    proxy.open().await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.asks("r2", LI).await?;
    scene.advance(5);
    scene.until_count("select count(*) from notifications where state = 'sent'", 2).await?;
    proxy.shut().await;
    scene.advance(5);
    scene.until_count("select count(*) from notifications where step = '600' and attempts > 0", 2).await?;
    scene.advance(10);
    scene.until_count("select count(*) from notifications where step = '1200' and attempts > 0", 2).await?;
    scene.publish(&says("r2", LI, scene.now(), "开好了")).await?;
    scene.until_count("select count(*) from waits where state = 'answered'", 1).await?;
    scene.until_looked().await?;
    proxy.open().await?;
    scene.advance(2);
    scene.until_count("select count(*) from notifications where state in ('pending', 'sending')", 0).await?;
    scene.until_titled(TO_LI, "已回复").await?;
    assert_eq!(colours(&scene.cards(TO_LI).await?), [CLOSED], "answered meanwhile");
    scene.until_colours(TO_WANG, &[LINE, "orange"]).await?;
    scene.stop(alerter).await
}

/// The first attempt stands in the chat, and nobody knows.
#[tokio::test]
async fn a_refusal_after_an_unconfirmed_attempt_says_nothing_about_that_one() -> Result<()> {
    for code in [230_028, 230_002] {
        let mut scene = Scene::start().await?;
        let alerter = scene.alerter().await?;
        scene.fault("send", TO_WANG, 1, json!({ "kind": "accept_then_drop" })).await?;
        scene.fault("send", TO_WANG, 1, json!({ "kind": "code", "code": code })).await?;
        scene.asks("r1", WANG).await?;
        scene.advance(5);
        scene
            .until_count(
                "select count(*) from notifications where state = 'sent' and attempts = 3 and generation = 0",
                1,
            )
            .await?;
        assert_eq!(scene.cards(TO_WANG).await?.len(), 1, "{code}");
        scene.stop(alerter).await?;
    }
    Ok(())
}

/// The first attempt may stand in the chat, and its content is refused from then on.
#[tokio::test]
async fn what_is_refused_after_an_unconfirmed_attempt_goes_out_simpler_under_the_same_key() -> Result<()> {
    for first in ["drop", "accept_then_drop"] {
        let mut scene = Scene::start().await?;
        let alerter = scene.alerter().await?;
        scene.fault("send", TO_WANG, 1, json!({ "kind": first })).await?;
        scene.fault("send", TO_WANG, 1, json!({ "kind": "code", "code": 230_028 })).await?;
        scene.asks("r1", WANG).await?;
        scene.advance(5);
        scene
            .until_count(
                "select count(*) from notifications
                 where state = 'sent' and attempts = 3 and generation = 0 and form = 'minimal'",
                1,
            )
            .await?;
        assert_eq!(scene.cards(TO_WANG).await?.len(), 1, "{first}");
        scene.publish(&says("r1", WANG, scene.now(), "开好了")).await?;
        scene.until_titled(TO_WANG, "已回复").await?;
        scene.stop(alerter).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_card_that_cannot_be_made_holds_up_no_other_of_its_chat() -> Result<()> {
    let mut scene = Scene::start().await?;
    scene.asks("r1", WANG).await?;
    scene.asks("r2", WANG).await?;
    scene.fault("send", TO_WANG, 1, json!({ "kind": "rate_limited", "reset": 60 })).await?;
    let alerter = scene.alerter().await?;
    scene.advance(5);
    scene.until_count("select count(*) from notifications where state = 'pending'", 2).await?;
    // Once the refusal is recorded: the pause that it asks for is over before the clock is moved by two minutes.
    let tried = "select count(*) from notifications where attempts = 1 and state = 'pending'";
    scene.until_count(tried, 1).await?;
    // As a later release might have left it.
    sqlx::query("update notifications set payload = '{}' where attempts = 1")
        .execute(&scene.stack.admin)
        .await?;
    scene.advance(2);
    scene.until_colours(TO_WANG, &["turquoise"]).await?;
    scene
        .until_count("select count(*) from notifications where payload = '{}' and state = 'pending'", 1)
        .await?;
    scene.stop(alerter).await
}

#[tokio::test]
async fn a_card_whose_content_is_refused_goes_out_simpler() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.fault("send", TO_WANG, 1, json!({ "kind": "code", "code": 230_028 })).await?;
    scene.asks("r1", WANG).await?;
    scene.advance(5);
    let card = scene.until_colours(TO_WANG, &["turquoise"]).await?.remove(0);
    assert!(!card.text.contains("发票开好了吗？"), "without the lines that were refused: {}", card.text);
    scene
        .until_count(
            "select count(*) from notifications where state = 'sent' and form = 'minimal' and generation = 1",
            1,
        )
        .await?;
    scene.publish(&says("r1", WANG, scene.now(), "开好了")).await?;
    scene.until_titled(TO_WANG, "已回复").await?;
    scene.stop(alerter).await
}

#[tokio::test]
async fn after_the_hour_of_the_uuid_nothing_is_tried_blindly() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.fault("send", TO_WANG, 1, json!({ "kind": "accept_then_drop" })).await?;
    scene.fault("send", TO_WANG, 100, json!({ "kind": "drop" })).await?;
    scene.asks("r1", WANG).await?;
    scene.advance(5);
    scene.until_count("select count(*) from notifications where unconfirmed and attempts >= 2", 1).await?;
    // Both more than the hour, and past the end of the ladder.
    scene.advance(70);
    scene.until_count("select count(*) from notifications where state = 'parked'", 1).await?;
    // Not before: the card would go out in between.
    scene.control("DELETE", "faults", &json!({})).await?;
    scene.until_colours(TO_WANG, &["turquoise", "grey"]).await?;
    scene.stop(alerter).await
}

#[tokio::test]
async fn when_the_months_calls_are_used_up_everything_stops_and_nothing_is_lost() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.control("PATCH", "switches", &json!({ "monthly_calls_left": 0 })).await?;
    scene.asks("r1", WANG).await?;
    scene.advance(5);
    scene
        .until_count("select count(*) from notifications where last_code = 99991403 and state = 'pending'", 1)
        .await?;
    scene.control("PATCH", "switches", &json!({ "monthly_calls_left": null })).await?;
    scene.asks("r2", LI).await?;
    scene.advance(5);
    scene.until_count("select count(*) from notifications where state = 'pending'", 2).await?;
    scene.until_looked().await?;
    assert!(scene.cards(TO_WANG).await?.is_empty() && scene.cards(TO_LI).await?.is_empty(), "stopped");
    scene.advance(5);
    scene.until_colours(TO_WANG, &["yellow"]).await?;
    until("the other room's card goes out", || async { Ok(!scene.cards(TO_LI).await?.is_empty()) }).await?;
    scene.stop(alerter).await
}
