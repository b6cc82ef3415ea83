//! Outside of working hours nobody is alerted; a day begins with one list (开工汇总).

use anyhow::{Context as _, Result};
use chrono::{DateTime, TimeDelta, Utc};
use domain::calendar::Calendar;
use domain::id::StaffName;
use feishu_alerter::point;
use serde_json::json;
use store::availability::{self, Kind, NewAsked};
use testkit::Running;
use testkit::company::{CHEN, LI, Person, WANG, says};

use crate::support::{CLOSED, Scene, Seen, TO_ALL, TO_LI, TO_WANG, colours, day_after};

/// Both stages work from nine to six, on every day.
async fn with_hours() -> Result<(Scene, Running)> {
    let mut scene = Scene::start().await?;
    let hours = ["09:00-18:00"];
    let calendar: Calendar = serde_json::from_value(json!({
        "hours": hours, "weekdays": { "saturday": hours, "sunday": hours }, "public_holidays": false
    }))?;
    let calendars = &mut scene.stack.config.rules.calendars;
    (calendars.pre_sales, calendars.after_sales) = (calendar.clone(), calendar);
    scene.stack.config.rules.settle_calendars();
    scene.stack.apply_rules(TimeDelta::days(400)).await?;
    let alerter = scene.alerter().await?;
    Ok((scene, alerter))
}

impl Scene {
    /// 陈小样 asks in somebody's room at this moment exactly.
    async fn asks_at(&self, id: &str, owner: Person, at: DateTime<Utc>, text: &str) -> Result<()> {
        self.publish(&says(id, owner, at - TimeDelta::seconds(60), "您好")).await?;
        self.publish(&says(id, CHEN, at, text)).await?;
        self.until_waits(id, 1).await
    }

    /// The lists of openings in a chat, oldest first, once everything is sent.
    async fn opening_lists(&self, chat: &str) -> Result<Vec<Seen>> {
        self.until_count("select count(*) from notifications where state in ('pending', 'sending')", 0)
            .await?;
        let mut cards = self.cards(chat).await?;
        cards.retain(|card| card.title.contains("开工汇总"));
        Ok(cards)
    }

    async fn until_list_says(&self, chat: &str, words: &str) -> Result<Seen> {
        testkit::until(&format!("the last list of {chat} says {words}"), || async {
            Ok(self.opening_lists(chat).await?.last().is_some_and(|card| card.text.contains(words)))
        })
        .await?;
        self.opening_lists(chat).await?.pop().context("a list")
    }

    async fn until_held_for_opening(&self, count: i64) -> Result<()> {
        self.until_count(
            "select count(*) from notifications where state = 'held' and held_for = 'opening'",
            count,
        )
        .await
    }
}

#[tokio::test]
async fn whoever_wrote_at_night_stands_on_one_list_at_the_opening() -> Result<()> {
    let (mut scene, alerter) = with_hours().await?;
    scene.at(1, "20:00").await?;
    for (id, owner, text) in
        [("r1", WANG, "东西到了吗？"), ("r2", WANG, "合同什么时候签？"), ("r3", LI, "在吗？")]
    {
        scene.asks_at(id, owner, scene.now(), text).await?;
        scene.advance(1);
    }
    // Answered in the night.
    scene.asks_at("r4", WANG, scene.now(), "在吗？").await?;
    scene.publish(&says("r4", WANG, scene.now() + TimeDelta::seconds(1), "在的，发您了")).await?;
    scene.until_count("select count(*) from waits where state = 'open'", 3).await?;
    scene.at(1, "08:59").await?;
    for chat in [TO_WANG, TO_LI, TO_ALL] {
        assert!(scene.cards(chat).await?.is_empty(), "nothing before the opening");
    }
    scene.advance(1);
    let list = scene.until_list_says(TO_WANG, "2 位客户在等").await?;
    assert_eq!(list.title, "☀️ 开工汇总 · 王小售：2 位客户在等");
    let place = |words: &str| list.text.find(words);
    assert!(place("示例公司-r2") < place("示例公司-r1"), "by priority: {}", list.text);
    for words in ["20&#58;00 起等待", "20&#58;01 起等待", "陈小样", "谈到价格、合同或付款 +30"]
    {
        assert!(list.text.contains(words), "{words} in {}", list.text);
    }
    for words in ["示例公司-r3", "示例公司-r4", "什么时候"] {
        assert!(!list.text.contains(words), "{words} in {}", list.text);
    }
    assert!(scene.until_list_says(TO_LI, "1 位客户在等").await?.text.contains("示例公司-r3"));

    // Changed in place, and made once, whoever looks.
    let other = scene.alerter().await?;
    scene.publish(&says("r1", WANG, scene.now(), "开好了")).await?;
    let less = scene.until_list_says(TO_WANG, "✅ 示例公司-r1：已回复 · 王小售").await?;
    assert_eq!(
        (less.title.as_str(), &less.message_id),
        ("☀️ 开工汇总 · 王小售：1 位客户在等", &list.message_id)
    );
    scene.advance(5);
    testkit::until("the first rung of r2", || async {
        Ok(scene.cards(TO_WANG).await?.last().is_some_and(|card| card.colour == "turquoise"))
    })
    .await?;
    scene.publish(&says("r2", WANG, scene.now(), "这周五签")).await?;
    scene.publish(&says("r3", LI, scene.now(), "在的，请说")).await?;
    let closed = scene.until_list_says(TO_WANG, "都已处理").await?;
    assert_eq!(closed.colour, CLOSED);
    scene.until_looked().await?;
    assert_eq!(scene.opening_lists(TO_WANG).await?.len(), 1);
    other.stop().await?;
    // Nobody wrote in the next night.
    scene.at(1, "09:01").await?;
    assert_eq!(scene.opening_lists(TO_WANG).await?.len(), 1, "no list without anybody on it");
    scene.stop(alerter).await
}

/// Due at the closing exactly, in both chats: the owner's stands on the list, everybody's goes out at the opening.
#[tokio::test]
async fn a_card_due_at_the_closing_waits_and_is_looked_at_again() -> Result<()> {
    let (scene, alerter) = with_hours().await?;
    scene.at(1, "17:20").await?;
    let (early, late) = (day_after(scene.now(), 0, "17:30")?, day_after(scene.now(), 0, "17:55")?);
    scene.at(0, "17:31").await?;
    scene.asks_at("r1", WANG, early, "发票开好了吗？").await?;
    for (minutes, cards) in [("17:36", 1), ("17:41", 2), ("17:51", 3)] {
        scene.at(0, minutes).await?;
        testkit::until(minutes, || async { Ok(scene.cards(TO_WANG).await?.len() == cards) }).await?;
    }
    scene.at(0, "17:56").await?;
    scene.asks_at("r2", WANG, late, "在吗？").await?;
    scene.asks_at("r3", WANG, late, "有货吗？").await?;
    let before = scene.cards(TO_WANG).await?.len();
    scene.at(0, "18:00").await?;
    // The red card of r1 in both chats, and the first of r2 and r3.
    scene.until_held_for_opening(4).await?;
    // In the night one is answered.
    scene.publish(&says("r2", WANG, scene.now(), "在的，请说")).await?;
    scene.until_count("select count(*) from waits where state = 'open'", 2).await?;
    scene.at(1, "08:59").await?;
    assert_eq!((scene.cards(TO_WANG).await?.len(), scene.cards(TO_ALL).await?.len()), (before, 0));
    scene.advance(1);
    let list = scene.until_list_says(TO_WANG, "2 位客户在等").await?;
    for words in ["示例公司-r1", "17&#58;30 起等待", "示例公司-r3", "17&#58;55 起等待"] {
        assert!(list.text.contains(words), "{words} in {}", list.text);
    }
    assert!(!list.text.contains("示例公司-r2"), "{}", list.text);
    scene.until_colours(TO_ALL, &["red"]).await?;
    assert_eq!(scene.cards(TO_WANG).await?.len(), before + 1, "one list in the place of all");
    for (state, count) in [("listed", 2), ("held", 0), ("obsolete", 1)] {
        let found: i64 = store::sqlx::query_scalar("select count(*) from notifications where state = $1")
            .bind(state)
            .fetch_one(&scene.stack.admin)
            .await?;
        assert_eq!(found, count, "{state}");
    }
    // The ladder goes on.
    scene.advance(5);
    testkit::until("the second rung of r3", || async {
        Ok(scene.cards(TO_WANG).await?.last().is_some_and(|card| card.colour == "yellow"))
    })
    .await?;
    scene.stop(alerter).await
}

/// What could not be sent before the closing is not sent after it.
#[tokio::test]
async fn a_card_that_is_late_by_an_outage_waits_for_the_opening() -> Result<()> {
    let (scene, alerter) = with_hours().await?;
    scene.at(1, "17:50").await?;
    scene.asks_at("r1", WANG, scene.now(), "在吗？").await?;
    scene.fault("send", TO_WANG, 1, json!({ "kind": "rate_limited", "reset": 600 })).await?;
    scene.at(0, "17:56").await?;
    scene
        .until_count("select count(*) from notifications where state = 'pending' and attempts = 1", 1)
        .await?;
    scene.at(0, "18:10").await?;
    scene.until_held_for_opening(1).await?;
    assert!(scene.cards(TO_WANG).await?.is_empty());
    scene.at(1, "09:00").await?;
    assert!(scene.until_list_says(TO_WANG, "1 位客户在等").await?.text.contains("示例公司-r1"));
    assert_eq!(scene.cards(TO_WANG).await?.len(), 1);
    scene.stop(alerter).await
}

/// A list that comes too late is none: who waits has got cards of their own by then.
#[tokio::test]
async fn an_opening_that_was_missed_has_no_list() -> Result<()> {
    let (mut scene, alerter) = with_hours().await?;
    scene.at(1, "20:00").await?;
    scene.asks_at("r1", WANG, scene.now(), "在吗？").await?;
    alerter.stop().await?;
    let at = day_after(scene.now(), 1, "09:12")?;
    scene.stack.clock.advance((at - scene.now()).to_std()?);
    let alerter = scene.alerter().await?;
    scene.until_colours(TO_WANG, &["yellow"]).await?;
    scene.until_looked().await?;
    assert!(scene.opening_lists(TO_WANG).await?.is_empty(), "the card says all that the list would");

    // More than two hours late.
    scene.at(0, "20:00").await?;
    scene.asks_at("r2", WANG, scene.now(), "有货吗？").await?;
    alerter.stop().await?;
    let at = day_after(scene.now(), 1, "11:01")?;
    scene.stack.clock.advance((at - scene.now()).to_std()?);
    let alerter = scene.alerter().await?;
    testkit::until("the highest rung", || async {
        Ok(scene.cards(TO_WANG).await?.last().is_some_and(|card| card.text.contains("示例公司-r2")))
    })
    .await?;
    scene.until_looked().await?;
    assert!(scene.opening_lists(TO_WANG).await?.is_empty());
    assert_eq!(scene.count("select count(*) from notifications where subject_kind = 'opening'").await?, 0);
    scene.stop(alerter).await
}

/// As for every card: killed with it in the air, it is there once.
#[tokio::test]
async fn killed_while_it_is_sent_the_list_of_an_opening_is_there_once() -> Result<()> {
    let (mut scene, alerter) = with_hours().await?;
    scene.at(1, "20:00").await?;
    scene.asks_at("r1", WANG, scene.now(), "在吗？").await?;
    let reached = alerter.faults.arm(point::BEFORE_RECORD);
    let at = day_after(scene.now(), 1, "09:00")?;
    scene.stack.clock.advance((at - scene.now()).to_std()?);
    reached.await;
    alerter.kill().await;
    let alerter = scene.alerter().await?;
    scene.advance(2);
    scene
        .until_count(
            "select count(*) from notifications where subject_kind = 'opening' and state = 'sent'",
            1,
        )
        .await?;
    assert_eq!(scene.opening_lists(TO_WANG).await?.len(), 1);
    scene.stop(alerter).await
}

/// A card that stands on a list which never goes out goes out by itself, unless a higher one has passed.
#[tokio::test]
async fn what_stood_on_a_list_that_is_dropped_is_not_lost() -> Result<()> {
    let (scene, alerter) = with_hours().await?;
    scene.at(1, "17:00").await?;
    let at = day_after(scene.now(), 0, "17:30")?;
    scene.at(0, "17:31").await?;
    // A mere assent: one card, after half an hour, which is the closing.
    scene.publish(&says("r1", WANG, at - TimeDelta::seconds(1), "明天发您可以吗？")).await?;
    scene.publish(&says("r1", CHEN, at, "好的")).await?;
    scene.until_waits("r1", 1).await?;
    scene.at(0, "18:00").await?;
    scene.until_held_for_opening(1).await?;
    scene.fault("send", TO_WANG, 1, json!({ "kind": "rate_limited", "reset": 7_500 })).await?;
    let at = day_after(scene.now(), 1, "09:00")?;
    scene.stack.clock.advance((at - scene.now()).to_std()?);
    scene
        .until_count("select count(*) from notifications where state = 'pending' and attempts = 1", 1)
        .await?;
    scene.until_count("select count(*) from notifications where state = 'listed'", 1).await?;
    scene.at(0, "11:10").await?;
    let cards = scene.until_colours(TO_WANG, &["blue"]).await?;
    assert!(cards[0].title.contains("客户已应答"), "{}", cards[0].title);
    assert_eq!(colours(&scene.cards(TO_WANG).await?), ["blue"]);
    scene.until_count("select count(*) from notifications where state = 'obsolete'", 1).await?;
    scene.stop(alerter).await
}

/// A focus that ends in the evening lets nothing out before the opening.
#[tokio::test]
async fn what_waited_for_the_end_of_a_focus_waits_for_the_opening() -> Result<()> {
    let (scene, alerter) = with_hours().await?;
    scene.at(1, "17:15").await?;
    let focus = NewAsked {
        person: StaffName("王小售".into()),
        kind: Kind::Focus,
        deputy: None,
        by: "王小售".into(),
        until: day_after(scene.now(), 0, "19:00")?,
    };
    availability::ask(&mut *scene.stack.admin.acquire().await?, &focus, scene.now()).await?;
    for id in ["r1", "r2"] {
        scene.asks_at(id, WANG, scene.now(), "在吗？").await?;
    }
    scene.advance(6);
    scene
        .until_count("select count(*) from notifications where state = 'held' and held_for = 'digest'", 2)
        .await?;
    scene.at(0, "19:01").await?;
    // Of each the last rung passed, for the owner and for everybody.
    scene.until_held_for_opening(4).await?;
    assert!(scene.cards(TO_WANG).await?.is_empty(), "nothing in the evening");
    scene.at(1, "09:00").await?;
    scene.until_list_says(TO_WANG, "2 位客户在等").await?;
    scene.stop(alerter).await
}
