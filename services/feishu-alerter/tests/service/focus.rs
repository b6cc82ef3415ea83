//! 专注: somebody's private cards wait, and come as one digest.

use anyhow::Result;
use chrono::TimeDelta;
use domain::id::StaffName;
use domain::rules::{FocusWindow, Weekday};
use feishu_alerter::point;
use store::availability::{self, Kind, NewAsked};
use store::role::Role;
use testkit::Running;
use testkit::company::{WANG, says};

use crate::support::{CLOSED, LINE, MANAGER, Scene, Seen, TO_ALL, TO_WANG, colours};

const WANG_ACCOUNT: &str = "ou_wang";

/// 王小售 has an account; in two of their rooms somebody has waited for five minutes.
async fn waiting() -> Result<(Scene, Running, Seen)> {
    let mut scene = Scene::start().await?;
    scene.give_accounts(&[("王小售", WANG_ACCOUNT)]).await?;
    let alerter = scene.alerter().await?;
    for id in ["r1", "r2"] {
        scene.asks(id, WANG).await?;
    }
    scene.advance(5);
    let card = scene.until_colours(TO_WANG, &["turquoise", "turquoise"]).await?.remove(0);
    scene.until_count("select count(*) from notifications where state = 'sent'", 2).await?;
    Ok((scene, alerter, card))
}

impl Scene {
    async fn focuses(&self, card: &Seen, minutes: &str) -> Result<()> {
        let said = self.choose(card, "focus", minutes, WANG_ACCOUNT).await?;
        anyhow::ensure!(said.starts_with("专注到 ") || said.starts_with("已结束专注"), "{said}");
        Ok(())
    }

    async fn until_in_state(&self, held: i64, digested: i64) -> Result<()> {
        self.until_count("select count(*) from notifications where state = 'held'", held).await?;
        self.until_count("select count(*) from notifications where state = 'digested'", digested).await
    }

    /// Waits until the digest in 王小售's chat says this.
    async fn until_digest(&self, title: &str) -> Result<Seen> {
        testkit::until(&format!("a digest says {title}"), || async {
            Ok(self.cards(TO_WANG).await?.iter().any(|card| card.title == title))
        })
        .await?;
        let mut cards = self.cards(TO_WANG).await?;
        cards.retain(|card| card.title == title);
        anyhow::ensure!(cards.len() == 1, "{cards:?}");
        Ok(cards.remove(0))
    }
}

/// The public cards go out as ever; what waited comes once, together, and shrinks in place.
#[tokio::test]
async fn what_waited_comes_as_one_digest_that_shrinks() -> Result<()> {
    let (scene, alerter, card) = waiting().await?;
    scene.focuses(&card, "30").await?;
    scene.advance(5);
    scene.until_in_state(2, 0).await?;
    scene.advance(20);
    for public in scene.until_colours(TO_ALL, &["red", "red"]).await? {
        assert!(public.text.contains("（专注至 "), "{}", public.text);
    }
    assert_eq!(colours(&scene.cards(TO_WANG).await?), ["turquoise", "turquoise"]);
    scene.advance(5);
    let digest = scene.until_digest("📋 2 位客户在等您回复").await?;
    scene.until_in_state(0, 2).await?;
    for words in ["示例公司-r1", "示例公司-r2", "陈小样", "起等待"] {
        assert!(digest.text.contains(words), "{words} in {}", digest.text);
    }
    assert!(!digest.has_button, "{}", digest.text);
    scene.until_looked().await?;
    scene.until_colours(TO_WANG, &["turquoise", "turquoise", "orange"]).await?;
    // From here on one by one, as ever.
    scene.advance(5);
    scene.until_colours(TO_WANG, &[LINE, LINE, "orange", "grey", "grey"]).await?;
    scene.publish(&says("r1", WANG, scene.now(), "开好了")).await?;
    let left = scene.until_digest("📋 1 位客户在等您回复").await?;
    assert_eq!(left.message_id, digest.message_id);
    assert!(!left.text.contains("示例公司-r1"), "{}", left.text);
    scene.publish(&says("r2", WANG, scene.now(), "开好了")).await?;
    let done = scene.until_digest("✅ 这张汇总已处理完").await?;
    assert_eq!((done.message_id, done.colour.as_str()), (digest.message_id, CLOSED));
    scene.stop(alerter).await
}

/// Killed with it in the air, and before that with everything held back.
#[tokio::test]
async fn killed_while_it_is_sent_the_digest_is_there_once() -> Result<()> {
    let (mut scene, alerter, card) = waiting().await?;
    scene.focuses(&card, "30").await?;
    scene.advance(5);
    scene.until_in_state(2, 0).await?;
    alerter.kill().await;
    let alerter = scene.alerter().await?;
    scene.until_looked().await?;
    let reached = alerter.faults.arm(point::BEFORE_RECORD);
    scene.advance(20);
    reached.await;
    alerter.kill().await;
    let alerter = scene.alerter().await?;
    scene.advance(2);
    scene.until_colours(TO_ALL, &["red", "red"]).await?;
    scene.until_count("select count(*) from notifications where state in ('pending', 'sending')", 0).await?;
    let reached = alerter.faults.arm(point::BEFORE_RECORD);
    scene.advance(4);
    reached.await;
    alerter.kill().await;
    let one = scene.alerter().await?;
    let two = scene.alerter().await?;
    scene.advance(2);
    scene.until_digest("📋 2 位客户在等您回复").await?;
    scene
        .until_count("select count(*) from notifications where subject_kind = 'digest' and state = 'sent'", 1)
        .await?;
    scene.until_digest("📋 2 位客户在等您回复").await?;
    one.stop().await?;
    scene.stop(two).await
}

#[tokio::test]
async fn a_rung_that_breaks_through_reaches_people_in_their_focus() -> Result<()> {
    let mut scene = Scene::start().await?;
    scene.stack.config.rules.ladders.pre_sales.rungs[1].breakthrough = true;
    scene.give_accounts(&[("王小售", WANG_ACCOUNT)]).await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.advance(5);
    let card = scene.until_colours(TO_WANG, &["turquoise"]).await?.remove(0);
    scene.until_count("select count(*) from notifications where state = 'sent'", 1).await?;
    scene.focuses(&card, "60").await?;
    scene.advance(5);
    scene.until_colours(TO_WANG, &[LINE, "yellow"]).await?;
    scene.advance(10);
    scene.until_in_state(1, 0).await?;
    assert_eq!(colours(&scene.cards(TO_WANG).await?), [LINE, "yellow"]);
    scene.stop(alerter).await
}

/// One alone comes as it is; ended early, at once. Whoever presses again decides again.
#[tokio::test]
async fn a_focus_is_ended_early_and_one_card_comes_as_it_is() -> Result<()> {
    let (scene, alerter, card) = waiting().await?;
    scene.publish(&says("r2", WANG, scene.now(), "开好了")).await?;
    scene.until_colours(TO_WANG, &["turquoise", CLOSED]).await?;
    scene.focuses(&card, "30").await?;
    scene.focuses(&card, "120").await?;
    scene.advance(5);
    scene.until_in_state(1, 0).await?;
    scene.focuses(&card, "0").await?;
    scene.until_colours(TO_WANG, &[LINE, CLOSED, "yellow"]).await?;
    assert_eq!(scene.count("select count(*) from notifications where subject_kind = 'digest'").await?, 0);
    scene.stop(alerter).await
}

/// As `huiyin focus` does it: whoever asks last decides.
#[tokio::test]
async fn a_focus_by_command_begins_and_ends_as_one_by_a_press() -> Result<()> {
    let (scene, alerter, _) = waiting().await?;
    let ask = async |minutes: i64| -> Result<()> {
        let asked = NewAsked {
            person: StaffName("王小售".into()),
            kind: Kind::Focus,
            deputy: None,
            by: "管理员（命令）".into(),
            until: scene.now() + TimeDelta::minutes(minutes),
        };
        let mut operator = scene.stack.connect_as(Role::Operator).await?;
        Ok(availability::ask(&mut operator, &asked, scene.now()).await?)
    };
    ask(60).await?;
    scene.advance(5);
    scene.until_in_state(2, 0).await?;
    ask(0).await?;
    scene.until_digest("📋 2 位客户在等您回复").await?;
    scene.until_in_state(0, 2).await?;
    scene.stop(alerter).await
}

/// In the chat of somebody else, in public, or for a time that nobody offered.
#[tokio::test]
async fn nobody_else_s_focus_is_begun() -> Result<()> {
    let (scene, alerter, card) = waiting().await?;
    assert_eq!(scene.choose(&card, "focus", "30", MANAGER).await?, "这个按钮只能在自己的提醒群里按");
    assert_eq!(scene.choose(&card, "focus", "31", WANG_ACCOUNT).await?, "这个按钮已失效");
    scene.advance(25);
    let public = scene.until_colours(TO_ALL, &["red", "red"]).await?.remove(0);
    scene.until_count("select count(*) from notifications where state in ('pending', 'sending')", 0).await?;
    assert_eq!(scene.choose(&public, "focus", "30", WANG_ACCOUNT).await?, "这个按钮已失效");
    assert_eq!(scene.count("select count(*) from availability").await?, 0);
    scene.stop(alerter).await
}

/// Every day, until a minute before midnight.
#[tokio::test]
async fn the_windows_of_the_rules_hold_cards_back() -> Result<()> {
    let mut scene = Scene::start().await?;
    let days = [
        Weekday::Monday,
        Weekday::Tuesday,
        Weekday::Wednesday,
        Weekday::Thursday,
        Weekday::Friday,
        Weekday::Saturday,
        Weekday::Sunday,
    ];
    scene.stack.config.rules.focus = vec![FocusWindow {
        person: StaffName("王小售".into()),
        days: days.to_vec(),
        from: "08:00".parse()?,
        to: "23:59".parse()?,
    }];
    scene.stack.apply_rules(TimeDelta::zero()).await?;
    let alerter = scene.alerter().await?;
    let zone = chrono_tz::Asia::Shanghai;
    let noon = domain::calendar::TimeOfDay::NINE
        .on(scene.now().with_timezone(&zone).date_naive() + TimeDelta::days(1), zone);
    scene.stack.clock.advance((noon.unwrap_or_default() - scene.now()).to_std()?);
    scene.asks("r1", WANG).await?;
    scene.advance(5);
    scene.until_in_state(1, 0).await?;
    assert!(scene.cards(TO_WANG).await?.is_empty());
    scene.advance(15 * 60);
    scene.until_colours(TO_WANG, &["grey"]).await?;
    scene.stop(alerter).await
}
