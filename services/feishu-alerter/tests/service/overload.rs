//! More new waits of one person than anybody reads one by one come as one digest.

use anyhow::Result;
use chrono::TimeDelta;
use domain::id::{StaffName, WaitId};
use domain::ladder::RungId;
use domain::notification::{Step, Subject};
use domain::rules::{Severity, Stage};
use feishu_alerter::point;
use serde_json::json;
use store::alerts::digest;
use store::alerts::notifications::{self, Address, NewNotification};
use store::sqlx;
use testkit::company::{WANG, says};

use crate::support::{CLOSED, LINE, Scene, Seen, TO_ALL, TO_WANG, colours};

const DIGESTS: &str = "select count(*) from notifications where subject_kind = 'digest' and state = 'sent'";

impl Scene {
    async fn ask_in(&self, rooms: std::ops::RangeInclusive<u32>) -> Result<()> {
        for number in rooms {
            self.asks(&format!("r{number}"), WANG).await?;
        }
        Ok(())
    }

    /// Waits until 王小售 has so many digests, of which the last says how many wait; gives it.
    async fn until_overload(&self, digests: usize, waiting: usize) -> Result<Seen> {
        let title = format!("📋 {waiting} 位客户在等您回复");
        testkit::until(&format!("digest {digests} says {title}"), || async {
            let all = self.digests().await?;
            Ok(all.len() == digests && all.last().is_some_and(|last| last.title == title))
        })
        .await?;
        self.digests().await?.pop().ok_or_else(|| anyhow::anyhow!("no digest"))
    }

    async fn digests(&self) -> Result<Vec<Seen>> {
        let mut cards = self.cards(TO_WANG).await?;
        cards.retain(|card| card.title.contains("位客户在等您回复") || card.title.contains("汇总"));
        Ok(cards)
    }
}

/// Three are told one by one; from the fourth on together, those before among them. What comes within ten minutes waits for
/// the next, which takes all over. Whoever is answered vanishes in place.
#[tokio::test]
async fn the_fourth_within_ten_minutes_makes_a_digest_that_shrinks_and_is_followed_ten_minutes_later()
-> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.ask_in(1..=3).await?;
    scene.advance(5);
    scene.until_colours(TO_WANG, &["turquoise", "turquoise", "turquoise"]).await?;
    scene.ask_in(4..=4).await?;
    scene.advance(5);
    // Two rungs of the first three are due as well.
    let first = scene.until_overload(1, 4).await?;
    for words in ["示例公司-r1", "示例公司-r4", "陈小样", "起等待"] {
        assert!(first.text.contains(words), "{words} in {}", first.text);
    }
    assert!(!first.has_button, "{}", first.text);
    scene.publish(&says("r2", WANG, scene.now(), "开好了")).await?;
    let shrunk = scene.until_overload(1, 3).await?;
    assert_eq!(shrunk.message_id, first.message_id);
    assert!(!shrunk.text.contains("示例公司-r2"), "{}", shrunk.text);
    scene.ask_in(5..=8).await?;
    scene.advance(6);
    // Whichever went out before there were too many: none is on a digest yet.
    scene.until_count("select count(*) from notifications where step = '300'", 8).await?;
    scene.until_count("select count(*) from notifications where state in ('pending', 'sending')", 0).await?;
    scene.until_looked().await?;
    assert_eq!(scene.count(DIGESTS).await?, 1, "too early for another");
    scene.advance(4);
    let second = scene.until_overload(2, 7).await?;
    assert_ne!(second.message_id, first.message_id);
    testkit::until("the first one points to it", || async {
        Ok(scene.digests().await?[0].title == "✅ 这张汇总已处理完")
    })
    .await?;
    for number in [1, 3, 4, 5, 6, 7, 8] {
        scene.publish(&says(&format!("r{number}"), WANG, scene.now(), "开好了")).await?;
    }
    testkit::until("nobody waits", || async {
        Ok(scene.digests().await?.iter().all(|digest| digest.colour == CLOSED))
    })
    .await?;
    scene.stop(alerter).await
}

/// The public cards go out as ever, and so does what breaks through.
#[tokio::test]
async fn public_cards_and_rungs_that_break_through_are_told_one_by_one() -> Result<()> {
    let mut scene = Scene::start().await?;
    scene.stack.config.rules.ladders.pre_sales.rungs[1].breakthrough = true;
    scene.stack.apply_rules(chrono::TimeDelta::zero()).await?;
    let alerter = scene.alerter().await?;
    scene.ask_in(1..=5).await?;
    // Time runs while they are asked: of all of them a card is due.
    scene.advance(6);
    scene
        .until_count("select count(*) from notifications where state in ('pending', 'sending', 'held')", 0)
        .await?;
    let before = scene.cards(TO_WANG).await?.iter().filter(|card| card.colour == "turquoise").count();
    assert!(before <= 3, "{before}");
    scene.until_overload(1, 5).await?;
    scene.advance(5);
    testkit::until("five rungs broke through", || async {
        Ok(scene.cards(TO_WANG).await?.iter().filter(|card| card.colour == "yellow").count() == 5)
    })
    .await?;
    scene.advance(20);
    scene.until_colours(TO_ALL, &["red"; 5]).await?;
    scene.stop(alerter).await
}

/// Of somebody with few nothing is told together, however long they wait.
#[tokio::test]
async fn three_are_told_one_by_one() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.ask_in(1..=3).await?;
    scene.advance(5);
    scene.until_colours(TO_WANG, &["turquoise"; 3]).await?;
    scene.advance(5);
    scene.until_colours(TO_WANG, &[LINE, LINE, LINE, "yellow", "yellow", "yellow"]).await?;
    assert_eq!(scene.count("select count(*) from notifications where subject_kind = 'digest'").await?, 0);
    scene.stop(alerter).await
}

/// Killed with it in the air, again and again, and two who take over.
#[tokio::test]
async fn killed_while_it_is_sent_the_digest_is_there_once_and_names_everybody() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.ask_in(1..=6).await?;
    // Time runs while they are asked: of all of them a card is due.
    scene.advance(6);
    scene.until_overload(1, 6).await?;
    scene.until_count(DIGESTS, 1).await?;
    let reached = alerter.faults.arm(point::BEFORE_SEND);
    scene.advance(5);
    scene.until_count("select count(*) from notifications where state = 'held'", 6).await?;
    scene.advance(5);
    reached.await;
    alerter.kill().await;
    let alerter = scene.alerter().await?;
    let reached = alerter.faults.arm(point::BEFORE_RECORD);
    scene.advance(2);
    reached.await;
    alerter.kill().await;
    let (one, two) = (scene.alerter().await?, scene.alerter().await?);
    scene.advance(2);
    scene.until_count(DIGESTS, 2).await?;
    scene.until_overload(2, 6).await?;
    scene.until_looked().await?;
    assert_eq!(scene.digests().await?.len(), 2);
    one.stop().await?;
    scene.stop(two).await
}

/// Whom the rules put first stands on top, whoever has waited longer.
#[tokio::test]
async fn whoever_goes_first_stands_on_top() -> Result<()> {
    let mut scene = Scene::start().await?;
    scene.stack.config.rules.priority = vec![domain::priority::PriorityRule {
        reason: "谈到价格".into(),
        points: 30,
        grades: Vec::new(),
        stage: Some(Stage::PreSales),
        words: vec!["多少钱".into()],
        waited: None,
        newer_than: None,
        older_than: None,
    }];
    scene.stack.apply_rules(chrono::TimeDelta::zero()).await?;
    let alerter = scene.alerter().await?;
    scene.ask_in(1..=4).await?;
    scene
        .publish(&says("r4", testkit::company::CHEN, scene.now() + chrono::TimeDelta::seconds(1), "多少钱？"))
        .await?;
    scene.advance(5);
    let digest = scene.until_overload(1, 4).await?;
    let at = |room: &str| digest.text.find(room).ok_or_else(|| anyhow::anyhow!("{room}: {}", digest.text));
    assert!(
        at("示例公司-r4")? < at("示例公司-r1")? && at("示例公司-r1")? < at("示例公司-r2")?,
        "{}",
        digest.text
    );
    assert!(digest.text.contains("谈到价格"), "{}", digest.text);
    assert!(colours(&scene.cards(TO_WANG).await?).contains(&"orange"));
    scene.stop(alerter).await
}

/// Whether or not a card of theirs is due yet; the one before it gives its place to it.
#[tokio::test]
async fn on_demand_everybody_who_waits_is_named() -> Result<()> {
    let mut scene = Scene::start().await?;
    scene.give_accounts(&[("王小售", "ou_wang"), ("李小后", "ou_li")]).await?;
    let alerter = scene.alerter().await?;
    scene.ask_in(1..=1).await?;
    scene.asks("r9", testkit::company::LI).await?;
    scene.advance(5);
    let card = scene.until_colours(TO_WANG, &["turquoise"]).await?.remove(0);
    scene.until_count("select count(*) from notifications where state = 'sent'", 2).await?;
    scene.ask_in(2..=3).await?;
    scene.until_looked().await?;
    assert_eq!(scene.choose(&card, "waiting", "", "ou_li").await?, "这个按钮只能在自己的提醒群里按");
    assert_eq!(scene.choose(&card, "waiting", "", "ou_wang").await?, "3 位客户在等您回复，清单马上发给您");
    let first = scene.until_overload(1, 3).await?;
    assert!(first.text.contains("示例公司-r3") && !first.text.contains("示例公司-r9"), "{}", first.text);
    scene.publish(&says("r3", WANG, scene.now(), "开好了")).await?;
    let shrunk = scene.until_overload(1, 2).await?;
    assert_eq!(shrunk.message_id, first.message_id);
    scene.until_count(DIGESTS, 1).await?;
    assert_eq!(scene.choose(&card, "waiting", "", "ou_wang").await?, "2 位客户在等您回复，清单马上发给您");
    scene.until_overload(2, 2).await?;
    testkit::until("the first one points to it", || async {
        Ok(scene.digests().await?[0].title == "✅ 这张汇总已处理完")
    })
    .await?;
    for room in ["r1", "r2"] {
        scene.publish(&says(room, WANG, scene.now(), "开好了")).await?;
    }
    testkit::until("nobody waits", || async {
        Ok(scene.digests().await?.iter().all(|digest| digest.colour == CLOSED))
    })
    .await?;
    assert_eq!(scene.choose(&card, "waiting", "", "ou_wang").await?, "没有客户在等您回复");
    scene.stop(alerter).await
}

/// The wait of one of two held cards ends between the look at it and the digest that is to tell of it.
#[tokio::test]
async fn a_card_whose_wait_has_just_ended_is_told_by_no_digest() -> Result<()> {
    let scene = Scene::start().await?;
    let (now, to) = (scene.now(), Address { channel: "feishu".into(), address: TO_WANG.into() });
    let mut connection = scene.stack.admin.acquire().await?;
    for room in ["r1", "r2"] {
        let asked = scene.asks(room, WANG).await?;
        let (subject, step) = (Subject::Wait(WaitId::from(&asked.key())), Step::Rung(RungId(300)));
        let new = NewNotification::new(&subject, step, &to, Severity::Yellow, now);
        notifications::insert(&mut connection, &new, &json!({}), now).await?;
    }
    sqlx::query("update notifications set state = 'held', held_for = 'digest', held_until = $1")
        .bind(now)
        .execute(&mut *connection)
        .await?;
    sqlx::query("update waits set state = 'answered', closed_at = opened_at where room like '%r2'")
        .execute(&mut *connection)
        .await?;
    let ids: Vec<i64> =
        sqlx::query_scalar("select id from notifications order by id").fetch_all(&mut *connection).await?;
    let subject = Subject::Digest(StaffName("王小售".into()));
    let new = NewNotification::new(&subject, Step::At(now), &to, Severity::Yellow, now);
    let made = digest::make(&mut connection, &new, now).await?;
    digest::tell(&mut connection, (made, &to), &ids, now - TimeDelta::hours(1), now).await?;
    let told: Vec<(String, Option<i64>)> =
        sqlx::query_as("select state, digest from notifications where id = any ($1) order by id")
            .bind(&ids)
            .fetch_all(&mut *connection)
            .await?;
    assert_eq!(told, [("digested".to_owned(), Some(made)), ("held".to_owned(), None)]);
    Ok(())
}
