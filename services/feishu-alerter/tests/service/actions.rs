//! The button 不用回复, end to end.

use anyhow::{Context as _, Result};
use serde_json::json;
use testkit::company::{CHEN, WANG, says};

use crate::support::{LINE, Scene, Seen, TO_ALL, TO_WANG};

#[tokio::test]
async fn a_press_cancels_the_wait_and_every_card_says_so() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.advance(30);
    let private = scene.until_colours(TO_WANG, &["red"]).await?.remove(0);
    scene.until_colours(TO_ALL, &["red"]).await?;
    scene.until_count("select count(*) from notifications where state = 'sent'", 2).await?;

    let seen = scene.press(&private.message_id, "normal").await?;
    assert_eq!((&seen["status"], &seen["client_code"]), (&json!(200), &json!(0)), "{seen}");
    assert_eq!(seen["toast"]["content"], "已记录：不用回复，不再提醒");
    assert!(seen["duration_ms"].as_u64().is_some_and(|ms| ms < 2_500), "{seen}");
    // Pressed again before the card has changed: the button's value as it was.
    let again = scene.press_value(&private, "repeat").await?;
    assert_eq!(again["toast"]["content"], "已由 周经理 处理", "{again}");

    for chat in [TO_WANG, TO_ALL] {
        let card = scene.until_titled(chat, "不用回复").await?.remove(0);
        assert!(card.text.contains("不用回复 · 周经理"), "{}", card.text);
    }
    let (reason, commands): (String, i64) = store::sqlx::query_as(
        "select min(outcome->'how'->>'reason'), (select count(*) from commands) from waits where state = 'cancelled'",
    )
    .fetch_one(&scene.stack.admin)
    .await?;
    assert_eq!((reason.as_str(), commands), ("卡片按钮：不用回复", 1));
    scene.stop(alerter).await
}

/// What was asked after the card was made was not seen by who pressed.
#[tokio::test]
async fn a_press_covers_only_what_its_card_showed() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.advance(5);
    let card = scene.until_colours(TO_WANG, &["turquoise"]).await?.remove(0);
    scene.until_count("select count(*) from notifications where state = 'sent'", 1).await?;
    let later = says("r1", CHEN, scene.now(), "另外，合同呢？");
    scene.publish(&later).await?;
    scene.until_count("select count(*) from timeline", 3).await?;
    scene.press(&card.message_id, "normal").await?;
    scene.until_titled(TO_WANG, "不用回复").await?;
    let open: String = store::sqlx::query_scalar("select wait from waits where state = 'open'")
        .fetch_one(&scene.stack.admin)
        .await?;
    assert_eq!(open, later.key().to_string());
    scene.stop(alerter).await
}

#[tokio::test]
async fn a_press_after_the_end_says_so() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.advance(5);
    let card = scene.until_colours(TO_WANG, &["turquoise"]).await?.remove(0);
    scene.until_count("select count(*) from notifications where state = 'sent'", 1).await?;
    scene.publish(&says("r1", WANG, scene.now(), "开好了")).await?;
    scene.until_count("select count(*) from waits where state = 'answered'", 1).await?;
    let seen = scene.press_value(&card, "normal").await?;
    assert_eq!(seen["toast"]["content"], "这次等待已经结束，无需处理", "{seen}");
    assert_eq!(scene.count("select count(*) from commands").await?, 0);
    scene.stop(alerter).await
}

#[tokio::test]
async fn forged_and_repeated_callbacks_are_refused() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.advance(5);
    let card = scene.until_colours(TO_WANG, &["turquoise"]).await?.remove(0);
    scene.until_count("select count(*) from notifications where state = 'sent'", 1).await?;
    for variant in
        ["stale", "wrong_key", "unsigned", "bad_signature", "wrong_token", "wrong_app", "plaintext"]
    {
        let seen = scene.press(&card.message_id, variant).await?;
        assert_eq!(seen["status"], 401, "{variant}: {seen}");
    }
    assert_eq!(scene.count("select count(*) from alert_events").await?, 0, "nothing of it was believed");
    assert_eq!(scene.count("select count(*) from notification_actions").await?, 0);
    scene.press(&card.message_id, "normal").await?;
    scene.until_titled(TO_WANG, "不用回复").await?;
    let replayed = scene.press(&card.message_id, "replayed").await?;
    assert_eq!(replayed["status"], 401, "{replayed}");
    assert_eq!(scene.count("select count(*) from commands").await?, 1);
    scene.stop(alerter).await
}

#[tokio::test]
async fn a_button_that_we_do_not_know_says_so() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.advance(5);
    let card = scene.until_colours(TO_WANG, &["turquoise"]).await?.remove(0);
    let click =
        |value| json!({ "message_id": card.message_id, "open_id": crate::support::MANAGER, "value": value });
    for value in [
        json!({ "k": "al-0000000000000000000000000000000000000000", "act": "no_reply_needed" }),
        json!({ "act": "dance" }),
        json!("2026-11-22"),
    ] {
        let seen = scene.control("POST", "click", &click(value)).await?;
        assert_eq!(seen["toast"]["content"], "这个按钮已失效", "{seen}");
    }
    scene.stop(alerter).await
}

/// A button is worth something on its own message alone.
#[tokio::test]
async fn a_press_that_names_another_message_or_chat_is_refused() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.advance(30);
    let private = scene.until_colours(TO_WANG, &["red"]).await?.remove(0);
    let public = scene.until_colours(TO_ALL, &["red"]).await?.remove(0);
    scene.advance(10);
    let later = scene.until_colours(TO_WANG, &[LINE, "grey"]).await?.remove(1);
    scene.until_count("select count(*) from notifications where state = 'sent'", 4).await?;
    for elsewhere in [&public, &later] {
        let copy = Seen { message_id: elsewhere.message_id.clone(), ..private.clone() };
        let seen = scene.press_value(&copy, "normal").await?;
        assert_eq!(seen["toast"]["type"], "error", "{seen}");
        assert_eq!(seen["toast"]["content"], "这个按钮已失效", "{seen}");
    }
    assert_eq!(scene.count("select count(*) from notification_actions").await?, 0);
    // It shrank meanwhile: whoever still saw the button may press it.
    scene.press_value(&private, "normal").await?;
    scene.until_titled(TO_WANG, "不用回复").await?;
    assert_eq!(scene.count("select count(*) from commands").await?, 1, "the right one alone");
    scene.stop(alerter).await
}

#[tokio::test]
async fn an_unknown_presser_is_looked_up_once_and_named() -> Result<()> {
    let mut scene = Scene::start().await?;
    let stranger = json!({ "open_id": "ou_new", "name": "  新来的\n<at id=all></at>13800138000 " });
    scene.control("POST", "people", &stranger).await?;
    let alerter = scene.alerter().await?;
    for id in ["r1", "r2"] {
        scene.asks(id, WANG).await?;
    }
    scene.advance(5);
    let cards = scene.until_colours(TO_WANG, &["turquoise", "turquoise"]).await?;
    scene.until_count("select count(*) from notifications where state = 'sent'", 2).await?;
    for card in &cards {
        let click = json!({ "message_id": card.message_id, "open_id": "ou_new" });
        let seen = scene.control("POST", "click", &click).await?;
        assert_eq!(seen["toast"]["content"], "已记录：不用回复，不再提醒", "{seen}");
    }
    let by: Vec<String> = store::sqlx::query_scalar("select distinct by from notification_actions")
        .fetch_all(&scene.stack.admin)
        .await?;
    assert_eq!(by, ["新来的 <at id=all></at>138******00"], "one line, and no number to be called");
    let closed = scene.until_titled(TO_WANG, "不用回复").await?;
    assert!(closed[0].text.contains("新来的 &#60;at id=all&#62;"), "{}", closed[0].text);
    let calls = scene.control("GET", "calls", &json!({})).await?;
    let looks = calls["calls"].as_array().context("calls")?.iter().filter(|call| call["route"] == "person");
    assert_eq!(looks.count(), 1, "once");
    scene.stop(alerter).await
}

/// Who joined, or got another name, presses under the name that the rules in force give their account.
#[tokio::test]
async fn a_presser_is_called_as_the_rules_in_force_call_them() -> Result<()> {
    let mut scene = Scene::start().await?;
    scene.control("POST", "people", &json!({ "open_id": "ou_new", "name": "飞书上的名字" })).await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.advance(5);
    let card = scene.until_colours(TO_WANG, &["turquoise"]).await?.remove(0);
    scene.until_count("select count(*) from notifications where state = 'sent'", 1).await?;
    let newcomer = json!({
        "name": "孙小新", "team": "other", "addresses": { "feishu": { "open_id": "ou_new" } }
    });
    scene.stack.config.rules.roster.push(serde_json::from_value(newcomer)?);
    scene.stack.config.rules.managers.push(domain::id::StaffName("孙小新".into()));
    scene.stack.apply_rules(chrono::TimeDelta::zero()).await?;
    scene.control("POST", "click", &json!({ "message_id": card.message_id, "open_id": "ou_new" })).await?;
    let card = scene.until_titled(TO_WANG, "不用回复").await?.remove(0);
    assert!(card.text.contains("不用回复 · 孙小新"), "{}", card.text);
    scene.stop(alerter).await
}

/// Without the scope, or with nothing told, a press counts all the same.
#[tokio::test]
async fn a_presser_whom_feishu_does_not_name_counts_all_the_same() -> Result<()> {
    let mut scene = Scene::start().await?;
    scene.control("POST", "people", &json!({ "open_id": "ou_new", "name": "新来的" })).await?;
    scene.control("PATCH", "switches", &json!({ "no_contact_scope": true })).await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.advance(5);
    let card = scene.until_colours(TO_WANG, &["turquoise"]).await?.remove(0);
    scene.until_count("select count(*) from notifications where state = 'sent'", 1).await?;
    let click = json!({ "message_id": card.message_id, "open_id": "ou_new" });
    scene.control("POST", "click", &click).await?;
    let card = scene.until_titled(TO_WANG, "不用回复").await?.remove(0);
    assert!(card.text.contains("不用回复 · 飞书用户"), "{}", card.text);
    scene.stop(alerter).await
}
