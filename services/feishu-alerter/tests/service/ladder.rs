//! Which card goes where, and when.

use anyhow::{Context as _, Result};
use chrono::TimeDelta;
use chrono_tz::Asia::Shanghai;
use domain::calendar::TimeOfDay;
use store::sqlx;
use testkit::company::{CHEN, LI, WANG, says};

use crate::support::{CLOSED, LINE, Scene, TO_ALL, TO_LI, TO_WANG, colours};

#[tokio::test]
async fn each_rung_reaches_its_chats_in_its_colour() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.advance(5);
    let first = scene.until_colours(TO_WANG, &["turquoise"]).await?.remove(0);
    assert_eq!(first.title, "【青色·5分钟】示例公司-r1");
    for words in ["客户：陈小样 ", "起等待", "负责人 王小售（售前）", "发票开好了吗？", "不用回复"]
    {
        assert!(first.text.contains(words), "{words} in {}", first.text);
    }
    scene.advance(5);
    scene.until_colours(TO_WANG, &[LINE, "yellow"]).await?;
    scene.advance(10);
    scene.until_colours(TO_WANG, &[LINE, LINE, "orange"]).await?;
    assert!(scene.cards(TO_ALL).await?.is_empty(), "not before the rung that says so");
    scene.advance(10);
    scene.until_colours(TO_WANG, &[LINE, LINE, LINE, "red"]).await?;
    scene.until_colours(TO_ALL, &["red"]).await?;
    scene.advance(10);
    let repeated = scene.until_colours(TO_ALL, &[LINE, "grey"]).await?;
    assert!(repeated[1].title.contains("·40分钟】"), "{}", repeated[1].title);
    assert!(scene.cards(TO_LI).await?.is_empty());
    scene.stop(alerter).await
}

/// As its source last described the customer; and with the day, where that is not the card's own.
#[tokio::test]
async fn a_card_names_the_customer_s_company_and_the_day_of_the_question() -> Result<()> {
    let mut scene = Scene::start().await?;
    sqlx::query(
        "insert into contacts (person, name, corporation, seen_at) values ('webhook:chen', '陈小样', '晨光贸易', $1)",
    )
    .bind(scene.now())
    .execute(&scene.stack.admin)
    .await?;
    let alerter = scene.alerter().await?;
    let local = scene.now().with_timezone(&Shanghai);
    let midnight = TimeOfDay::NINE.on(local.date_naive() + TimeDelta::days(1), Shanghai).context("nine")?;
    let almost = midnight - TimeDelta::hours(9) - TimeDelta::minutes(2);
    scene.stack.clock.advance((almost - scene.now()).to_std()?);
    let asked = scene.asks("r1", WANG).await?;
    scene.advance(5);
    let card = scene.until_colours(TO_WANG, &["turquoise"]).await?.remove(0);
    let at = asked.sent_at.with_timezone(&Shanghai);
    for line in [
        format!("客户：陈小样（晨光贸易）{} 周", at.format("%m-%d")),
        format!(" {} 起等待", at.format("%H:%M")),
    ] {
        assert!(card.text.contains(&line), "{line} in {}", card.text);
    }
    scene.stop(alerter).await
}

/// A mere assent is the owner's to see, once, and nobody is late; what the customer asks then climbs as ever.
#[tokio::test]
async fn a_soft_wait_has_one_card_for_the_owner_alone() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.publish(&says("r1", WANG, scene.now(), "明天发您可以吗？")).await?;
    scene.publish(&says("r1", CHEN, scene.now(), "好的")).await?;
    scene.advance(29);
    scene.until_looked().await?;
    assert_eq!(scene.count("select count(*) from notifications").await?, 0);
    scene.advance(1);
    let card = scene.until_colours(TO_WANG, &["blue"]).await?.remove(0);
    assert_eq!(card.title, "【蓝色·30分钟】客户已应答，请看一下是否需要跟进：示例公司-r1");
    scene.advance(90);
    scene.until_looked().await?;
    assert_eq!(
        scene.count("select count(*) from notifications").await?,
        1,
        "no repeat, and nothing in public"
    );
    scene.publish(&says("r1", CHEN, scene.now(), "几点到？")).await?;
    let card = scene.until_colours(TO_WANG, &[CLOSED]).await?.remove(0);
    assert_eq!(card.title, "➡️ 客户已提出要求：示例公司-r1");
    scene.advance(5);
    scene.until_colours(TO_WANG, &[CLOSED, "turquoise"]).await?;
    scene.stop(alerter).await
}

/// What was promised has cards of its own, until it is kept; what the customer asks meanwhile climbs beside it.
#[tokio::test]
async fn a_promise_is_recalled_to_its_owner_and_then_to_everybody() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.publish(&says("r1", WANG, scene.now(), "稍等，我查一下")).await?;
    scene.until_waits("r1", 2).await?;
    scene.advance(29);
    scene.until_looked().await?;
    assert_eq!(scene.count("select count(*) from notifications").await?, 0, "the reply ended the wait");
    scene.advance(1);
    let card = scene.until_colours(TO_WANG, &["yellow"]).await?.remove(0);
    assert_eq!(card.title, "【黄色·30分钟】承诺待兑现：示例公司-r1");
    assert!(card.text.contains("得到承诺"), "{}", card.text);
    scene.publish(&says("r1", CHEN, scene.now(), "怎么样了")).await?;
    scene.until_waits("r1", 3).await?;
    scene.advance(5);
    scene.until_colours(TO_WANG, &["yellow", "turquoise"]).await?;
    scene.publish(&says("r1", WANG, scene.now(), "再等我一下")).await?;
    scene.until_colours(TO_WANG, &["yellow", CLOSED]).await?;
    scene.advance(25);
    scene.until_colours(TO_ALL, &["orange"]).await?;
    scene.publish(&says("r1", WANG, scene.now(), "开好了，单号在邮件里")).await?;
    let kept = scene.until_colours(TO_ALL, &[CLOSED]).await?.remove(0);
    assert_eq!(kept.title, "✅ 已回复：示例公司-r1");
    scene.stop(alerter).await
}

/// A time that was plainly stated is when the first card is due.
#[tokio::test]
async fn a_promise_with_a_stated_time_is_due_then() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.publish(&says("r1", WANG, scene.now(), "10分钟后给您")).await?;
    scene.until_waits("r1", 2).await?;
    scene.advance(9);
    scene.until_looked().await?;
    assert_eq!(scene.count("select count(*) from notifications").await?, 0);
    scene.advance(1);
    let card = scene.until_colours(TO_WANG, &["yellow"]).await?.remove(0);
    assert_eq!(card.title, "【黄色】约定时间已到，承诺待兑现：示例公司-r1");
    assert!(card.text.contains("得到承诺，约定 "), "{}", card.text);
    scene.advance(30);
    scene.until_colours(TO_ALL, &["orange"]).await?;
    scene.stop(alerter).await
}

#[tokio::test]
async fn after_a_long_sleep_only_the_highest_rung_is_sent() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.advance(35);
    scene.until_colours(TO_WANG, &["red"]).await?;
    scene.until_colours(TO_ALL, &["red"]).await?;
    scene.until_looked().await?;
    assert_eq!(scene.count("select count(*) from notifications where state = 'superseded'").await?, 3);
    assert_eq!(scene.count("select count(*) from notifications").await?, 5);
    assert_eq!(colours(&scene.cards(TO_WANG).await?), ["red"]);
    scene.stop(alerter).await
}

/// A lower rung that has not gone out yet goes nowhere once a higher one is due.
#[tokio::test]
async fn a_card_that_could_not_go_out_gives_way_to_the_next_rung() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    let refuse = serde_json::json!({ "kind": "rate_limited", "reset": 100 });
    scene.fault("send", TO_WANG, 1, refuse).await?;
    scene.asks("r1", WANG).await?;
    scene.advance(5);
    scene
        .until_count("select count(*) from notifications where state = 'pending' and attempts = 1", 1)
        .await?;
    scene.advance(5);
    scene.until_colours(TO_WANG, &["yellow"]).await?;
    assert_eq!(scene.count("select count(*) from notifications where state = 'superseded'").await?, 1);
    scene.stop(alerter).await
}

#[tokio::test]
async fn who_is_answered_in_time_causes_no_card() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.publish(&says("r1", WANG, scene.now(), "开好了，马上发您")).await?;
    scene.until_count("select count(*) from waits where state = 'answered'", 1).await?;
    scene.asks("r2", LI).await?;
    scene.advance(5);
    scene.until_colours(TO_LI, &["turquoise"]).await?;
    scene.until_looked().await?;
    assert!(scene.cards(TO_WANG).await?.is_empty());
    assert_eq!(scene.count("select count(*) from notifications").await?, 1);
    scene.stop(alerter).await
}

#[tokio::test]
async fn imported_history_never_alarms() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    for (person, words) in [(WANG, "您好"), (CHEN, "在吗？")] {
        let mut message = says("old", person, scene.now() - chrono::TimeDelta::minutes(3), words);
        message.id = format!("old-{}", person.id);
        message.history = true;
        scene.publish(&message).await?;
    }
    scene.until_waits("old", 1).await?;
    scene.asks("new", LI).await?;
    scene.advance(6);
    scene.until_colours(TO_LI, &["turquoise"]).await?;
    scene.until_looked().await?;
    assert_eq!(scene.count("select count(*) from notifications").await?, 1, "only of the new room");
    assert!(scene.cards(TO_WANG).await?.is_empty());
    scene.stop(alerter).await
}

#[tokio::test]
async fn a_new_ladder_holds_for_waits_that_are_open() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.until_count("select count(*) from alert_schedule", 1).await?;
    let rungs = &mut scene.stack.config.rules.ladders.pre_sales.rungs;
    rungs[0].after = domain::span::Span::seconds(120);
    rungs[0].severity = domain::rules::Severity::Green;
    // From now on: the room's past is not judged again, so that nothing but the rules shows the change.
    scene.stack.apply_rules(chrono::TimeDelta::zero()).await?;
    scene.advance(2);
    scene.until_colours(TO_WANG, &["green"]).await?;
    scene.stop(alerter).await
}
