//! Rooms that fall silent stand on their owner's list, once for each number of working days.

use anyhow::{Context as _, Result};
use chrono::{DateTime, Datelike as _, TimeDelta, Utc, Weekday};
use chrono_tz::Asia::Shanghai;
use domain::calendar::{Calendar, TimeOfDay};
use events::command::CommandKind;
use feishu_alerter::point;
use serde_json::{Value, json};
use testkit::company::{CHEN, LI, Person, WANG, account_left, says};

use crate::support::{CLOSED, MANAGER, Scene, Seen, TO_LI, TO_WANG, room};

const LI_ACCOUNT: &str = "ou_li";

/// Half past nine in the morning after the next `days` days.
fn morning_after(now: DateTime<Utc>, days: i64) -> Result<DateTime<Utc>> {
    let day = now.with_timezone(&Shanghai).date_naive() + TimeDelta::days(days);
    TimeOfDay::HALF_PAST_NINE.on(day, Shanghai).context("half past nine")
}

impl Scene {
    /// Moves the clock to half past nine after the next `days` days, and `minutes` more.
    async fn morning(&self, days: i64, minutes: i64) -> Result<()> {
        let at = morning_after(self.now(), days)? + TimeDelta::minutes(minutes);
        self.stack.clock.advance((at - self.now()).to_std()?);
        self.until_fresh().await?;
        self.until_looked().await
    }

    /// A customer asks in a room of somebody's and is answered: nobody waits.
    async fn falls_silent(&self, id: &str, owner: Person, asked: &str) -> Result<()> {
        for (person, text, ago) in [(owner, "您好", 3), (CHEN, asked, 2), (owner, "已经发您了", 1)] {
            self.publish(&says(id, person, self.now() - TimeDelta::seconds(ago), text)).await?;
        }
        self.until_waits(id, 1).await
    }

    /// The lists in a chat, oldest first, once everything is sent.
    async fn silent(&self, chat: &str) -> Result<Vec<Seen>> {
        self.until_count("select count(*) from notifications where state in ('pending', 'sending')", 0)
            .await?;
        let mut cards = self.cards(chat).await?;
        cards.retain(|card| card.title.contains("没有人说话") || card.title.contains("静默"));
        Ok(cards)
    }

    async fn until_says_of_list(&self, chat: &str, words: &str) -> Result<Seen> {
        testkit::until(&format!("the last list says {words}"), || async {
            Ok(self.silent(chat).await?.last().is_some_and(|card| card.text.contains(words)))
        })
        .await?;
        self.silent(chat).await?.pop().context("a list")
    }

    /// Somebody chooses a room of a list's menu; what they read.
    async fn stops(&self, list: &Seen, room: &str, person: &str) -> Result<String> {
        let shown: Value = serde_json::from_str(&list.text)?;
        let elements = shown["body"]["elements"].as_array().context("elements")?;
        let menu = elements.iter().find(|element| element["tag"] == "select_static").context("a menu")?;
        let value = &menu["behaviors"][0]["value"];
        let click =
            json!({ "message_id": list.message_id, "open_id": person, "value": value, "option": room });
        let seen = self.control("POST", "click", &click).await?;
        Ok(seen["toast"]["content"].as_str().unwrap_or_default().to_owned())
    }
}

#[tokio::test]
async fn a_room_is_listed_once_for_each_number_of_days_of_silence() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.morning(1, 0).await?;
    scene.falls_silent("r1", WANG, "发票开好了吗？").await?;
    scene.falls_silent("r2", LI, "发票开好了吗？").await?;
    // Somebody waits there.
    scene.asks("r3", WANG).await?;
    scene.morning(6, 10).await?;
    assert!(scene.silent(TO_WANG).await?.is_empty(), "six days");
    scene.morning(1, -1).await?;
    assert!(scene.silent(TO_WANG).await?.is_empty(), "not before half past nine");
    scene.advance(1);
    let first = scene.until_says_of_list(TO_WANG, "满 7 个工作日").await?;
    assert_eq!(first.title, "🔕 王小售：1 个群很久没有人说话了");
    for words in ["示例公司-r1", "起没有人说话", "售前客户 +10", "不再跟进…"] {
        assert!(first.text.contains(words), "{words} in {}", first.text);
    }
    for words in ["示例公司-r2", "示例公司-r3", "发票"] {
        assert!(!first.text.contains(words), "{words} in {}", first.text);
    }
    assert!(scene.until_says_of_list(TO_LI, "满 7 个工作日").await?.text.contains("示例公司-r2"));

    // Once, whoever looks, and not on the days between.
    let other = scene.alerter().await?;
    scene.morning(1, 10).await?;
    assert_eq!(scene.silent(TO_WANG).await?.len(), 1);
    other.stop().await?;
    for (days, told) in [(6, "满 14 个工作日"), (16, "满 30 个工作日")] {
        scene.morning(days, 10).await?;
        assert!(scene.until_says_of_list(TO_WANG, told).await?.text.contains("示例公司-r1"));
    }
    for days in [1, 30, 60] {
        scene.morning(days, 10).await?;
        assert_eq!(scene.silent(TO_WANG).await?.len(), 3, "it is no news any more");
    }
    scene.stop(alerter).await
}

#[tokio::test]
async fn a_message_of_either_side_or_a_press_ends_it_on_the_list() -> Result<()> {
    let mut scene = Scene::start().await?;
    scene.give_accounts(&[("李小后", LI_ACCOUNT)]).await?;
    let alerter = scene.alerter().await?;
    scene.morning(1, 0).await?;
    for id in ["r1", "r2", "r3"] {
        scene.falls_silent(id, WANG, "发票开好了吗？").await?;
    }
    scene.morning(7, 5).await?;
    let list = scene.until_says_of_list(TO_WANG, "3 个群很久没有人说话了").await?;
    scene.publish(&says("r1", CHEN, scene.now(), "好的")).await?;
    scene.until_says_of_list(TO_WANG, "✅ 示例公司-r1：已有新消息").await?;
    scene.publish(&says("r2", WANG, scene.now(), "最近怎么样？")).await?;
    let list = Seen {
        text: scene.until_says_of_list(TO_WANG, "✅ 示例公司-r2：已有新消息").await?.text,
        ..list
    };

    let refused = scene.stops(&list, "webhook:r3", LI_ACCOUNT).await?;
    assert_eq!(refused, "您不能点这个按钮：只有负责人、经理可以");
    assert_eq!(scene.stops(&list, "webhook:r9", MANAGER).await?, "这个按钮已失效");
    assert_eq!(scene.stops(&list, "webhook:r1", MANAGER).await?, "群里已经有新消息，不用处理");
    let told = scene.stops(&list, "webhook:r3", MANAGER).await?;
    assert_eq!(told, "已记录：不再跟进「示例公司-r3」；群里再有人说话，会重新算");
    assert_eq!(scene.stops(&list, "webhook:r3", MANAGER).await?, "已由 周经理 处理");
    let closed = scene.until_says_of_list(TO_WANG, "☑️ 示例公司-r3：不再跟进 · 周经理").await?;
    assert_eq!((closed.title.as_str(), closed.colour.as_str()), ("✅ 王小售：静默的群都已处理", CLOSED));
    assert_eq!(scene.silent(TO_WANG).await?.len(), 1, "the same message");

    // Those in which somebody spoke are silent for seven days by then; the other is told no more.
    scene.morning(7, 5).await?;
    let second = scene.until_says_of_list(TO_WANG, "示例公司-r1：").await?;
    assert!(second.title.contains("2 个群") && !second.text.contains("示例公司-r3"), "{}", second.text);
    // Until somebody says something there.
    scene.publish(&says("r3", CHEN, scene.now(), "好的")).await?;
    scene.until_count("select count(*) from rooms where last_lines like '%好的%'", 2).await?;
    scene.morning(7, 5).await?;
    scene.until_says_of_list(TO_WANG, "示例公司-r3：").await?;
    scene.stop(alerter).await
}

/// As managers say in their table, for as long as it says so.
#[tokio::test]
async fn a_room_that_nobody_is_to_follow_up_is_on_no_list() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.morning(1, 0).await?;
    for id in ["r1", "r2", "r3"] {
        scene.falls_silent(id, WANG, "发票开好了吗？").await?;
    }
    let mark =
        |not_followed_up| CommandKind::Mark { grade: String::new(), not_timed: false, not_followed_up };
    scene.command("m1", room("r1"), mark(true)).await?;
    scene.until_count("select count(*) from commands where decision = 'applied'", 1).await?;
    scene.morning(7, 5).await?;
    let list = scene.until_says_of_list(TO_WANG, "2 个群很久没有人说话了").await?;
    assert!(!list.text.contains("示例公司-r1"), "{}", list.text);
    // Marked while it stands on the list.
    scene.command("m2", room("r2"), mark(true)).await?;
    scene.until_says_of_list(TO_WANG, "☑️ 示例公司-r2：群聊总表已勾「不再跟进」").await?;
    scene.command("m3", room("r1"), mark(false)).await?;
    scene.until_count("select count(*) from commands where decision = 'applied'", 3).await?;
    scene.morning(7, 5).await?;
    let list = scene.until_says_of_list(TO_WANG, "满 14 个工作日").await?;
    assert!(list.text.contains("示例公司-r1") && !list.text.contains("示例公司-r2"), "{}", list.text);
    scene.stop(alerter).await
}

/// Ten at most, by priority; the others the day after.
#[tokio::test]
async fn the_most_promising_come_first_and_the_rest_the_day_after() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.morning(1, -60).await?;
    for n in 1..=11 {
        let asked = if n == 11 { "合同什么时候签？" } else { "东西到了吗？" };
        scene.falls_silent(&format!("r{n:02}"), WANG, asked).await?;
        scene.advance(1);
    }
    scene.morning(7, 5).await?;
    let first = scene.until_says_of_list(TO_WANG, "10 个群").await?;
    let place = |name: &str| first.text.find(name);
    assert!(place("示例公司-r11") < place("示例公司-r01"), "{}", first.text);
    assert!(
        first.text.contains("谈到价格、合同或付款 +30") && place("示例公司-r10").is_none(),
        "{}",
        first.text
    );
    scene.morning(1, 5).await?;
    let second = scene.until_says_of_list(TO_WANG, "1 个群").await?;
    assert!(second.text.contains("示例公司-r10") && second.text.contains("满 7 个工作日"), "{}", second.text);
    scene.stop(alerter).await
}

#[tokio::test]
async fn no_list_of_rooms_that_nobody_sees_on_a_free_day_or_in_a_rehearsal() -> Result<()> {
    let mut scene = Scene::start().await?;
    // From Monday to Friday, day and night: seven working days are nine days.
    let hours = json!({ "hours": ["00:00-24:00"], "public_holidays": false });
    let calendar: Calendar = serde_json::from_value(hours)?;
    let calendars = &mut scene.stack.config.rules.calendars;
    (calendars.pre_sales, calendars.after_sales) = (calendar.clone(), calendar);
    scene.stack.config.rules.settle_calendars();
    scene.stack.apply_rules(TimeDelta::zero()).await?;
    let alerter = scene.alerter().await?;
    let days = scene.now().with_timezone(&Shanghai).date_naive().iter_days();
    let to_thursday = days.take(8).position(|day| day.weekday() == Weekday::Thu).context("a Thursday")?;
    scene.morning(i64::try_from(to_thursday)? + 7, 0).await?;
    for id in ["r1", "r2", "r3"] {
        scene.falls_silent(id, WANG, "发票开好了吗？").await?;
    }
    scene.stack.bus.publish(&account_left("r2", scene.now(), None)?).await?;
    scene.stack.config.rules.excluded_rooms.rooms = vec![room("r3")];
    scene.stack.apply_rules(TimeDelta::zero()).await?;
    scene.until_count("select count(*) from rooms where excluded_since is not null", 1).await?;
    // The second Saturday, in a rehearsal, and the Monday after it.
    scene.morning(9, 5).await?;
    assert!(scene.silent(TO_WANG).await?.is_empty(), "a Saturday");
    scene.stack.go_live(false, scene.now()).await?;
    scene.morning(2, 5).await?;
    assert!(scene.silent(TO_WANG).await?.is_empty(), "in a rehearsal");
    scene.stack.go_live(true, scene.now()).await?;
    scene.advance(1);
    scene.until_looked().await?;
    assert!(scene.silent(TO_WANG).await?.is_empty(), "due before go-live");
    scene.morning(1, 5).await?;
    let list = scene.until_says_of_list(TO_WANG, "满 7 个工作日").await?;
    assert!(list.title.contains("1 个群") && list.text.contains("示例公司-r1"), "{}", list.text);
    scene.stop(alerter).await
}

/// Killed with it in the air it is there once; what stands on no list that went out is told the day after.
#[tokio::test]
async fn a_list_goes_out_once_or_its_rooms_stand_on_the_next() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.morning(1, 0).await?;
    scene.falls_silent("r1", WANG, "发票开好了吗？").await?;
    let reached = alerter.faults.arm(point::BEFORE_RECORD);
    let at = morning_after(scene.now(), 7)?;
    scene.stack.clock.advance((at - scene.now()).to_std()?);
    reached.await;
    alerter.kill().await;
    let alerter = scene.alerter().await?;
    scene.advance(2);
    scene
        .until_count(
            "select count(*) from notifications where subject_kind = 'follow_ups' and state = 'sent'",
            1,
        )
        .await?;
    assert_eq!(scene.silent(TO_WANG).await?.len(), 1);

    scene.falls_silent("r2", WANG, "发票开好了吗？").await?;
    scene.fault("send", TO_WANG, 1, json!({ "kind": "rate_limited", "reset": 40_000 })).await?;
    let at = morning_after(scene.now(), 7)?;
    scene.stack.clock.advance((at - scene.now()).to_std()?);
    scene
        .until_count("select count(*) from notifications where state = 'pending' and attempts = 1", 1)
        .await?;
    scene.morning(1, 5).await?;
    let list = scene.until_says_of_list(TO_WANG, "示例公司-r2").await?;
    assert!(list.text.contains("满 7 个工作日"), "{}", list.text);
    scene.until_count("select count(*) from notifications where state = 'obsolete'", 1).await?;
    scene.stop(alerter).await
}
