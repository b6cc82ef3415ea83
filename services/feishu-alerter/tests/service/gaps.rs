//! What cannot be known: rooms that our account left, and waits that may have been answered unseen.

use anyhow::Result;
use serde_json::Value;
use testkit::company::{CHEN, LI, WANG, account_left, says};

use crate::support::{CLOSED, LINE, Scene, Seen, TO_ALL, TO_WANG, colours};

const REMOVED: &str = "助手账号已被移出群：示例公司-r1";

#[tokio::test]
async fn a_departure_is_told_once_and_stops_the_cards_of_the_wait() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.advance(5);
    scene.until_colours(TO_WANG, &["turquoise"]).await?;
    scene.stack.bus.publish(&account_left("r1", scene.now(), Some(LI))?).await?;
    let private = scene.until_colours(TO_WANG, &[CLOSED, "orange"]).await?;
    assert!(private[0].text.contains("助手账号已被移出群，无法继续计时"), "{}", private[0].text);
    assert_eq!((private[1].title.as_str(), private[1].has_button), (REMOVED, false));
    assert!(private[1].text.contains("李小后") && private[1].text.contains("重新拉进群"));
    let public = scene.until_colours(TO_ALL, &["orange"]).await?;
    assert_eq!(public[0].title, REMOVED);

    scene.advance(60);
    scene.until_looked().await?;
    assert_eq!(scene.cards(TO_WANG).await?.len(), 2, "nothing more comes of it");
    scene.publish(&says("r1", CHEN, scene.now(), "还在吗？")).await?;
    let back = scene.until_titled(TO_ALL, "助手账号已回到群里").await?;
    assert_eq!((back.len(), back[0].colour.as_str()), (1, CLOSED));
    scene.advance(5);
    let private = scene.until_colours(TO_WANG, &[CLOSED, CLOSED, "turquoise"]).await?;
    assert_eq!(private[2].title, "【青色·5分钟】示例公司-r1");
    scene.stop(alerter).await
}

/// Back before any card was sent: there is nothing to say.
#[tokio::test]
async fn a_short_absence_is_not_told() -> Result<()> {
    let mut scene = Scene::start().await?;
    scene.publish(&says("r1", WANG, scene.now(), "您好")).await?;
    scene.advance(1);
    scene.stack.bus.publish(&account_left("r1", scene.now(), Some(LI))?).await?;
    scene.advance(1);
    scene.publish(&says("r1", WANG, scene.now(), "大家好")).await?;
    scene.until_count("select count(*) from timeline", 3).await?;
    let alerter = scene.alerter().await?;
    scene.until_looked().await?;
    assert_eq!(scene.count("select count(*) from notifications").await?, 0);
    scene.stop(alerter).await
}

fn acts(card: &Seen) -> Vec<String> {
    let shown: Value = serde_json::from_str(&card.text).unwrap_or_default();
    let act = |element: &Value| element["behaviors"][0]["value"]["act"].as_str().map(str::to_owned);
    shown["body"]["elements"].as_array().into_iter().flatten().filter_map(act).collect()
}

#[tokio::test]
async fn a_wait_over_a_gap_asks_for_verification_and_a_press_ends_it() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    let asked = scene.asks("r1", WANG).await?;
    scene.advance(5);
    let before = scene.until_colours(TO_WANG, &["turquoise"]).await?.remove(0);
    assert_eq!(acts(&before), ["no_reply_needed", "claim", "waiting", "snooze", "assign", "focus", "away"]);
    scene.until_count("select count(*) from notifications where state = 'sent'", 1).await?;

    let gap = |minutes| asked.sent_at + chrono::TimeDelta::minutes(minutes);
    scene.stack.capture_gap("second", gap(1), Some(gap(2))).await?;
    let unfounded = scene.press_act(&before, "answered").await?;
    assert_eq!(unfounded["toast"]["content"], "等待期间采集没有中断，请直接回复客户", "{unfounded}");
    scene.until_looked().await?;
    assert_eq!(scene.cards(TO_WANG).await?[0].title, "【青色·5分钟】示例公司-r1", "another account's gap");

    scene.stack.capture_gap("main", gap(1), Some(gap(2))).await?;
    scene.until_titled(TO_WANG, "【青色·5分钟】请核实是否已回复：示例公司-r1").await?;
    scene.advance(5);
    let cards = scene.until_colours(TO_WANG, &[LINE, "yellow"]).await?;
    assert_eq!(
        cards[1].title, "【黄色·10分钟】请核实是否已回复：示例公司-r1",
        "a customer may wait: the ladder goes on"
    );
    let card = &cards[1];
    assert_eq!(
        acts(card),
        ["answered", "no_reply_needed", "claim", "waiting", "snooze", "assign", "focus", "away"]
    );
    assert!(card.text.contains("待核实") && card.text.contains("请到群里核实"), "{}", card.text);
    scene.until_count("select count(*) from notifications where state = 'sent'", 2).await?;

    let seen = scene.press_act(&cards[1], "answered").await?;
    assert_eq!(seen["toast"]["content"], "已记录：已回复，不再提醒", "{seen}");
    let again = scene.press_act(&cards[1], "answered").await?;
    assert_eq!(again["toast"]["content"], "已由 周经理 处理", "{again}");
    let closed = scene.until_titled(TO_WANG, "已确认回复").await?;
    assert_eq!(colours(&closed), [CLOSED]);
    assert!(closed[0].text.contains("周经理 确认采集中断期间已回复") && !closed[0].has_button);
    let late = scene.press_act(&before, "answered").await?;
    assert_eq!(late["toast"]["content"], "已由 周经理 处理", "{late}");
    assert_eq!(scene.count("select count(*) from waits where state = 'confirmed'").await?, 1);
    assert_eq!(scene.count("select count(*) from commands").await?, 1);
    scene.stop(alerter).await
}

/// Somebody asks in a room of Wang's, and a minute later nothing is captured for a minute.
async fn asks_before_a_gap(scene: &Scene) -> Result<()> {
    let asked = scene.asks("r1", WANG).await?;
    let minutes = |minutes| asked.sent_at + chrono::TimeDelta::minutes(minutes);
    scene.stack.capture_gap("main", minutes(1), Some(minutes(2))).await?;
    Ok(())
}

/// The reply was seen, but nobody knows whether it was the first.
#[tokio::test]
async fn a_reply_over_a_gap_names_no_time() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    asks_before_a_gap(&scene).await?;
    scene.advance(5);
    scene.until_colours(TO_WANG, &["turquoise"]).await?;
    scene.publish(&says("r1", WANG, scene.now(), "开好了")).await?;
    let closed = scene.until_titled(TO_WANG, "已回复").await?.remove(0);
    assert!(closed.text.contains("用时不计入统计") && !closed.text.contains("· 5 分钟"), "{}", closed.text);
    scene.stop(alerter).await
}

/// What one button asked for may be refused.
#[tokio::test]
async fn a_press_of_one_button_leaves_the_other() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    asks_before_a_gap(&scene).await?;
    scene.advance(5);
    let card = scene.until_colours(TO_WANG, &["turquoise"]).await?.remove(0);
    scene.until_count("select count(*) from notifications where state = 'sent'", 1).await?;
    // Nobody decides.
    scene.rooms.take().unwrap().stop().await?;
    for (act, words) in [
        ("no_reply_needed", "已记录：不用回复，不再提醒"),
        ("answered", "已记录：已回复，不再提醒"),
        ("answered", "已由 周经理 处理"),
        ("no_reply_needed", "已由 周经理 处理"),
    ] {
        let seen = scene.press_act(&card, act).await?;
        assert_eq!(seen["toast"]["content"], words, "{act}: {seen}");
    }
    scene.rooms = Some(scene.stack.run(store::role::Role::RoomState, room_state::run).await?);
    scene.until_titled(TO_WANG, "不用回复").await?;
    scene.stop(alerter).await
}

#[tokio::test]
async fn a_room_that_is_excluded_meanwhile_is_not_told_of() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.publish(&says("r1", WANG, scene.now(), "您好")).await?;
    scene.until_count("select count(*) from timeline", 1).await?;
    for chat in [TO_WANG, TO_ALL] {
        let refuse = serde_json::json!({ "kind": "rate_limited", "reset": 100 });
        scene.fault("send", chat, 1, refuse).await?;
    }
    scene.stack.bus.publish(&account_left("r1", scene.now(), Some(LI))?).await?;
    scene
        .until_count("select count(*) from notifications where state = 'pending' and attempts = 1", 2)
        .await?;
    scene.stack.config.rules.excluded_rooms.rooms = vec![crate::support::room("r1")];
    scene.stack.apply_rules(chrono::TimeDelta::zero()).await?;
    scene.until_count("select count(*) from rooms where excluded_since is not null", 1).await?;
    scene.advance(2);
    scene.until_count("select count(*) from notifications where state = 'obsolete'", 2).await?;
    assert!(scene.cards(TO_WANG).await?.is_empty() && scene.cards(TO_ALL).await?.is_empty());
    scene.stop(alerter).await
}
