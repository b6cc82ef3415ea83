//! Who waits on after the ladder's end stands on a list, every working morning, and as often as the ladder says.

use anyhow::{Context as _, Result};
use chrono::{DateTime, Datelike as _, TimeDelta, Utc, Weekday};
use chrono_tz::Asia::Shanghai;
use domain::calendar::{Calendar, TimeOfDay};
use domain::rules::{Ladders, Preset};
use feishu_alerter::point;
use testkit::company::{CHEN, LI, WANG, says};

use crate::support::{Scene, Seen, TO_ALL, TO_LI, TO_WANG, room};

/// Nine in the morning after the next `days` days.
fn morning_after(now: DateTime<Utc>, days: i64) -> Result<DateTime<Utc>> {
    let day = now.with_timezone(&Shanghai).date_naive() + TimeDelta::days(days);
    TimeOfDay::NINE.on(day, Shanghai).context("nine in the morning")
}

impl Scene {
    /// Moves the clock to a moment.
    fn move_to(&self, at: DateTime<Utc>) -> Result<()> {
        self.stack.clock.advance((at - self.now()).to_std()?);
        Ok(())
    }

    /// The lists in the public chat, oldest first.
    async fn lists(&self) -> Result<Vec<Seen>> {
        let mut cards = self.cards(TO_ALL).await?;
        cards.retain(|card| card.title.contains("在等回复"));
        Ok(cards)
    }

    async fn until_lists(&self, count: usize) -> Result<Vec<Seen>> {
        testkit::until(&format!("{count} lists"), || async { Ok(self.lists().await?.len() == count) })
            .await?;
        self.until_count("select count(*) from notifications where state in ('pending', 'sending')", 0)
            .await?;
        self.lists().await
    }

    /// Once everything was looked at, no list was made, sent or not, but for so many.
    async fn only_lists(&self, count: i64, why: &str) -> Result<()> {
        self.until_fresh().await?;
        self.until_looked().await?;
        let made = self.count("select count(*) from notifications where subject_kind = 'unanswered'").await?;
        anyhow::ensure!(made == count, "{made} lists: {why}");
        Ok(())
    }

    /// Waits until a chat has so many cards, and gives its lists, oldest first.
    async fn until_lists_of(&self, chat: &str, count: usize) -> Result<Vec<Seen>> {
        let lists = || async {
            let mut cards = self.cards(chat).await?;
            cards.retain(|card| card.title.contains("在等回复"));
            anyhow::Ok(cards)
        };
        testkit::until(&format!("{count} lists in {chat}"), || async { Ok(lists().await?.len() == count) })
            .await?;
        lists().await
    }

    /// Waits until the only open waits that no card is due for are so many.
    async fn until_at_the_end(&self, count: i64) -> Result<()> {
        self.until_count("select count(*) from alert_schedule where next_due_at is null", count).await
    }
}

#[tokio::test]
async fn every_working_morning_those_are_listed_whom_no_card_is_due_for() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.move_to(morning_after(scene.now(), 1)? - TimeDelta::hours(3))?;
    scene.asks("r1", WANG).await?;
    scene.advance(75);
    scene.until_at_the_end(1).await?;
    // Ten minutes old at nine, so that a card is still to come.
    scene.advance(95);
    scene.asks("r2", LI).await?;
    scene.only_lists(0, "not before nine").await?;
    scene.advance(11);
    let first = scene.until_lists(1).await?.remove(0);
    assert_eq!(first.title, "📋 还有 1 位客户在等回复");
    for words in ["示例公司-r1", "陈小样", "负责人 王小售", "06&#58;00 起等待，已等 3 小时 1 分钟", "截至"]
    {
        assert!(first.text.contains(words), "{words} in {}", first.text);
    }
    assert!(!first.text.contains("示例公司-r2") && !first.has_button, "{}", first.text);

    // Once a day, whoever looks: this one has not looked today.
    scene.advance(120);
    scene.until_at_the_end(2).await?;
    let other = scene.alerter().await?;
    scene.until_looked().await?;
    assert_eq!(scene.lists().await?, [first]);
    other.stop().await?;

    scene.move_to(morning_after(scene.now(), 1)?)?;
    let second = scene.until_lists(2).await?.remove(1);
    assert_eq!(second.title, "📋 还有 2 位客户在等回复");
    let place = |name: &str| second.text.find(name).context("is named");
    assert!(place("示例公司-r1")? < place("示例公司-r2")?, "the longest wait first: {}", second.text);
    scene.publish(&says("r2", CHEN, scene.now(), "合同我要退款")).await?;
    scene.until_count("select count(*) from rooms where last_lines like '%合同%'", 1).await?;
    scene.move_to(morning_after(scene.now(), 1)?)?;
    let third = scene.until_lists(3).await?.remove(2);
    let place = |name: &str| third.text.find(name).context("is named");
    assert!(place("示例公司-r2")? < place("示例公司-r1")?, "by priority: {}", third.text);
    assert!(third.text.contains("投诉、退款或比较别家 +30"), "{}", third.text);

    for (id, person) in [("r1", WANG), ("r2", LI)] {
        scene.publish(&says(id, person, scene.now(), "开好了")).await?;
    }
    scene.until_count("select count(*) from alert_schedule", 0).await?;
    scene.move_to(morning_after(scene.now(), 1)?)?;
    scene.only_lists(3, "nobody waits").await?;
    scene.stop(alerter).await
}

/// One card for each chat an hour, with those that are its own; nobody else's, no card twice, and none once all are answered.
#[tokio::test]
async fn after_a_calm_ladder_each_chat_has_one_list_an_hour() -> Result<()> {
    let mut scene = Scene::start().await?;
    let calm = Ladders::default().with_preset(Preset::Calm);
    scene.stack.config.rules.ladders = calm;
    scene.stack.apply_rules(TimeDelta::zero()).await?;
    let alerter = scene.alerter().await?;
    let nine = morning_after(scene.now(), 1)?;
    scene.move_to(nine + TimeDelta::minutes(70))?;
    for (id, owner) in [("r1", WANG), ("r2", WANG), ("r3", LI)] {
        scene.asks(id, owner).await?;
    }
    scene.advance(40);
    scene.until_at_the_end(3).await?;
    scene.only_lists(0, "not before the hour").await?;
    scene.advance(10);
    let wang = scene.until_lists_of(TO_WANG, 1).await?.remove(0);
    let li = scene.until_lists_of(TO_LI, 1).await?.remove(0);
    let public = scene.until_lists_of(TO_ALL, 1).await?.remove(0);
    assert_eq!((&*wang.title, &*li.title), ("📋 还有 2 位客户在等回复", "📋 还有 1 位客户在等回复"));
    assert!(li.text.contains("示例公司-r3") && !li.text.contains("示例公司-r1"), "{}", li.text);
    assert_eq!((&*public.title, &*public.colour), ("📋 还有 3 位客户在等回复", "grey"));

    // Whoever looks, once an hour.
    scene.advance(30);
    let other = scene.alerter().await?;
    scene.only_lists(3, "the hour is the same").await?;
    other.stop().await?;
    scene.publish(&says("r3", LI, scene.now(), "开好了")).await?;
    scene.until_count("select count(*) from alert_schedule", 2).await?;
    scene.advance(30);
    scene.until_lists_of(TO_WANG, 2).await?;
    let public = scene.until_lists_of(TO_ALL, 2).await?.remove(1);
    assert_eq!(public.title, "📋 还有 2 位客户在等回复");
    scene.only_lists(5, "nobody waits for 李小后").await?;
    for id in ["r1", "r2"] {
        scene.publish(&says(id, WANG, scene.now(), "开好了")).await?;
    }
    scene.until_count("select count(*) from alert_schedule", 0).await?;
    scene.advance(60);
    scene.only_lists(5, "nobody waits").await?;
    scene.stop(alerter).await
}

#[tokio::test]
async fn no_list_in_a_rehearsal_on_a_free_day_or_of_an_excluded_room() -> Result<()> {
    let mut scene = Scene::start().await?;
    // From Monday to Friday, day and night; the list is there as soon as one stage works.
    let hours = serde_json::json!({ "hours": ["00:00-24:00"], "public_holidays": false });
    let calendar: Calendar = serde_json::from_value(hours)?;
    let calendars = &mut scene.stack.config.rules.calendars;
    (calendars.pre_sales, calendars.after_sales) = (calendar.clone(), calendar);
    scene.stack.config.rules.settle_calendars();
    scene.stack.apply_rules(TimeDelta::zero()).await?;
    let alerter = scene.alerter().await?;
    // A Friday noon.
    let friday = scene.now().with_timezone(&Shanghai).date_naive().iter_days().skip(1);
    let friday = friday.into_iter().find(|day| day.weekday() == Weekday::Fri);
    let nine = TimeOfDay::NINE.on(friday.context("a Friday")?, Shanghai).context("nine")?;
    scene.move_to(nine + TimeDelta::hours(3))?;
    scene.asks("r1", WANG).await?;
    scene.advance(75);
    scene.until_at_the_end(1).await?;
    for days in 1..=2 {
        scene.move_to(nine + TimeDelta::days(days) + TimeDelta::hours(1))?;
        scene.only_lists(0, "Saturday and Sunday").await?;
    }

    scene.stack.go_live(false, scene.now()).await?;
    scene.move_to(nine + TimeDelta::days(3))?;
    scene.only_lists(0, "in a rehearsal").await?;
    // What was to come before go-live is no news afterwards.
    scene.advance(5);
    scene.stack.go_live(true, scene.now()).await?;
    scene.advance(5);
    scene.only_lists(0, "due before go-live").await?;

    scene.stack.config.rules.excluded_rooms.rooms = vec![room("r1")];
    scene.stack.apply_rules(TimeDelta::zero()).await?;
    scene.until_count("select count(*) from rooms where excluded_since is not null", 1).await?;
    scene.move_to(nine + TimeDelta::days(4))?;
    scene.only_lists(0, "an excluded room").await?;
    scene.stack.config.rules.excluded_rooms.rooms.clear();
    scene.stack.apply_rules(TimeDelta::zero()).await?;
    scene.until_count("select count(*) from rooms where excluded_since is not null", 0).await?;
    scene.until_looked().await?;
    scene.move_to(nine + TimeDelta::days(5))?;
    let list = scene.until_lists(1).await?.remove(0);
    // From Friday noon on: a half day of Friday, and nine hours and two days of the next week, or a little less.
    for words in ["示例公司-r1", "12&#58;00 起等待，已等 2 天 21 小时", "「已等」只算工作时间"]
    {
        assert!(list.text.contains(words), "{words} in {}", list.text);
    }
    scene.stop(alerter).await
}

/// As for every card: killed with it in the air, it is there once, with the bytes of the first attempt.
#[tokio::test]
async fn killed_while_it_is_sent_the_list_is_there_once() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    let nine = morning_after(scene.now(), 1)?;
    scene.move_to(nine - TimeDelta::hours(3))?;
    scene.asks("r1", WANG).await?;
    scene.advance(75);
    scene.until_at_the_end(1).await?;
    scene.until_count("select count(*) from notifications where state in ('pending', 'sending')", 0).await?;
    let reached = alerter.faults.arm(point::BEFORE_RECORD);
    scene.move_to(nine)?;
    reached.await;
    alerter.kill().await;
    let alerter = scene.alerter().await?;
    scene.advance(2);
    scene
        .until_count(
            "select count(*) from notifications where subject_kind = 'unanswered' and state = 'sent'",
            1,
        )
        .await?;
    assert_eq!(scene.lists().await?.len(), 1);
    scene.stop(alerter).await
}
