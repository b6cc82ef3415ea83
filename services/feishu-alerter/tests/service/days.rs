//! Days in the life of a salesperson, by the shipped working hours: an ordinary Friday, a make-up Saturday with an outage, a
//! Sunday, a public holiday, and a Tuesday on which they are ill. Every card that comes is named, and no other may come.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use chrono::{DateTime, Datelike as _, NaiveDate, TimeDelta, Utc, Weekday};
use chrono_tz::Asia::Shanghai;
use domain::calendar::{Calendar, Holiday, HolidayYear, TimeOfDay};
use domain::id::StaffName;
use store::availability::{self, Kind, NewAsked};
use testkit::company::{CHEN, LI, Person, WANG, says};
use testkit::until;

use crate::support::{Scene, TO_ALL, TO_LI, TO_WANG, TcpProxy};

/// The first day of each part, from the Friday on.
const FRIDAY: i64 = 0;
const SATURDAY: i64 = 1;
const SUNDAY: i64 = 2;
const MONDAY: i64 = 3;
const TUESDAY: i64 = 4;

/// What happens at a moment.
enum Act {
    Nothing,
    /// The customer of a room asks.
    Asks(&'static str),
    /// Somebody of ours says something there.
    Says(&'static str, Person, &'static str),
    /// Feishu cannot be reached any more.
    Down,
    /// It can again.
    Up,
    /// 王小售 is away for the day, and 李小后 stands in.
    Ill,
}

/// A moment, what happens then, and which cards come of it and of the time before: chat and beginning of the title.
type Moment = (i64, &'static str, Act, &'static [(&'static str, &'static str)]);

const ANSWER: &str = "已经发出了，单号在群文件里";

fn days() -> Vec<Moment> {
    use Act::{Asks, Down, Ill, Nothing, Says, Up};
    vec![
        (FRIDAY, "08:50", Asks("r1"), &[]),
        (FRIDAY, "08:59", Nothing, &[]),
        (FRIDAY, "09:00", Nothing, &[(TO_WANG, "☀️ 开工汇总 · 王小售：1 位客户在等")]),
        (FRIDAY, "09:04", Nothing, &[]),
        (FRIDAY, "09:05", Nothing, &[(TO_WANG, "【青色·5分钟】示例公司-r1")]),
        (FRIDAY, "09:08", Says("r1", WANG, ANSWER), &[]),
        // Two minutes before lunch, and three after it.
        (FRIDAY, "11:58", Asks("r2"), &[]),
        (FRIDAY, "12:05", Nothing, &[]),
        (FRIDAY, "13:30", Nothing, &[]),
        (FRIDAY, "13:32", Nothing, &[]),
        (FRIDAY, "13:34", Nothing, &[(TO_WANG, "【青色·5分钟】示例公司-r2")]),
        (FRIDAY, "13:39", Nothing, &[(TO_WANG, "【黄色·10分钟】示例公司-r2")]),
        (FRIDAY, "13:40", Says("r2", WANG, ANSWER), &[]),
        // Two minutes before closing.
        (FRIDAY, "17:58", Asks("r3"), &[]),
        (FRIDAY, "18:05", Nothing, &[]),
        (FRIDAY, "22:00", Nothing, &[]),
        (SATURDAY, "08:59", Nothing, &[]),
        (SATURDAY, "09:02", Nothing, &[]),
        (SATURDAY, "09:04", Nothing, &[(TO_WANG, "【青色·5分钟】示例公司-r3")]),
        (SATURDAY, "09:06", Says("r3", WANG, ANSWER), &[]),
        // Of what an outage holds up, the highest rung alone comes.
        (SATURDAY, "10:24", Asks("r4"), &[]),
        (SATURDAY, "10:27", Down, &[]),
        (SATURDAY, "10:30", Nothing, &[]),
        (SATURDAY, "10:35", Nothing, &[]),
        (SATURDAY, "10:37", Up, &[(TO_WANG, "【黄色·10分钟】示例公司-r4")]),
        (SATURDAY, "10:41", Says("r4", WANG, ANSWER), &[]),
        (SATURDAY, "22:00", Nothing, &[]),
        // A day off, and a holiday.
        (SUNDAY, "11:00", Asks("r5"), &[]),
        (SUNDAY, "22:00", Nothing, &[]),
        (MONDAY, "09:30", Nothing, &[]),
        (MONDAY, "15:00", Asks("r6"), &[]),
        (MONDAY, "22:00", Nothing, &[]),
        (TUESDAY, "08:50", Ill, &[]),
        (TUESDAY, "09:00", Nothing, &[(TO_LI, "☀️ 开工汇总 · 王小售：2 位客户在等")]),
        (
            TUESDAY,
            "09:05",
            Nothing,
            &[(TO_LI, "代王小售：【青色·5分钟】示例公司-r5"), (TO_LI, "代王小售：【青色·5分钟】示例公司-r6")],
        ),
        (TUESDAY, "09:07", Says("r5", LI, ANSWER), &[]),
        (TUESDAY, "09:08", Says("r6", LI, ANSWER), &[]),
        (TUESDAY, "17:30", Nothing, &[]),
        (TUESDAY, "22:00", Nothing, &[]),
    ]
}

/// The Friday after a moment.
fn friday_after(now: DateTime<Utc>) -> NaiveDate {
    let tomorrow = now.with_timezone(&Shanghai).date_naive() + TimeDelta::days(1);
    tomorrow.iter_days().find(|day| day.weekday() == Weekday::Fri).unwrap_or(tomorrow)
}

fn moment(friday: NaiveDate, day: i64, time: &str) -> Result<DateTime<Utc>> {
    (time.parse::<TimeOfDay>()?).on(friday + TimeDelta::days(day), Shanghai).context("that time")
}

/// The Saturday is a working day, and the Monday is a holiday.
fn holidays(friday: NaiveDate) -> Vec<HolidayYear> {
    let mut years: BTreeMap<i32, Vec<Holiday>> = BTreeMap::new();
    for (day, is_off_day) in [(SATURDAY, false), (MONDAY, true)] {
        let date = friday + TimeDelta::days(day);
        years.entry(date.year()).or_default().push(Holiday { name: "示例节".into(), date, is_off_day });
    }
    years.into_iter().map(|(year, days)| HolidayYear { year, days }).collect()
}

/// The run of the days.
struct Run {
    scene: Scene,
    proxy: TcpProxy,
    /// Cards that were seen in each chat.
    seen: BTreeMap<&'static str, usize>,
}

impl Run {
    async fn act(&mut self, act: &Act) -> Result<()> {
        let Self { scene, proxy, .. } = self;
        match act {
            Act::Nothing => {}
            Act::Asks(room) => scene.publish(&says(room, CHEN, scene.now(), "请问什么时候能发货？")).await?,
            Act::Says(room, person, text) => scene.publish(&says(room, *person, scene.now(), text)).await?,
            Act::Down => proxy.shut().await,
            Act::Up => {
                proxy.open().await?;
                // No attempt waits longer for the next.
                scene.advance(2);
            }
            Act::Ill => {
                let name = |name: &str| StaffName(name.into());
                let ill = NewAsked {
                    person: name("王小售"),
                    kind: Kind::Absence,
                    deputy: Some(name("李小后")),
                    by: "周经理".into(),
                    until: scene.now() + TimeDelta::hours(15),
                };
                availability::ask(&mut *scene.stack.admin.acquire().await?, &ill, scene.now()).await?;
            }
        }
        Ok(())
    }

    /// The cards that came since the last look, by chat and title.
    async fn new_cards(&self) -> Result<Vec<(&'static str, String)>> {
        let mut new = Vec::new();
        for chat in [TO_WANG, TO_LI, TO_ALL] {
            let cards = self.scene.cards(chat).await?;
            let seen = self.seen.get(chat).copied().unwrap_or_default();
            new.extend(cards.into_iter().skip(seen).map(|card| (chat, card.title)));
        }
        new.sort();
        Ok(new)
    }

    async fn expect(&mut self, when: &str, cards: &[(&'static str, &str)]) -> Result<()> {
        let expected: Vec<(&str, String)> =
            cards.iter().map(|(chat, title)| (*chat, (*title).to_owned())).collect();
        until(&format!("{when}: {cards:?}"), || async { Ok(self.new_cards().await? == expected) }).await?;
        self.scene.until_looked().await?;
        assert_eq!(self.new_cards().await?, expected, "{when}");
        for (chat, _) in cards {
            *self.seen.entry(chat).or_default() += 1;
        }
        Ok(())
    }
}

#[tokio::test]
async fn every_card_of_these_days_is_named() -> Result<()> {
    let mut scene = Scene::start().await?;
    let friday = friday_after(scene.now());
    let rules = &mut scene.stack.config.rules;
    (rules.calendars.pre_sales, rules.calendars.after_sales) = (Calendar::default(), Calendar::default());
    rules.holidays = holidays(friday);
    rules.settle_calendars();
    scene.stack.apply_rules(TimeDelta::days(400)).await?;
    let mut proxy = scene.feishu_proxy()?;
    proxy.open().await?;
    let alerter = scene.alerter().await?;
    let before = moment(friday, FRIDAY, "08:30")?;
    scene.stack.clock.advance((before - scene.now()).to_std()?);
    for room in ["r1", "r2", "r3", "r4", "r5", "r6"] {
        scene.publish(&says(room, WANG, scene.now(), "您好")).await?;
    }
    scene.until_count("select count(*) from rooms where state is not null", 6).await?;
    let mut run = Run { scene, proxy, seen: BTreeMap::new() };
    for (day, time, act, cards) in days() {
        let at = moment(friday, day, time)?;
        run.scene.stack.clock.advance((at - run.scene.now()).to_std()?);
        run.act(&act).await?;
        run.scene.until_fresh().await?;
        run.scene.until_looked().await?;
        run.expect(&format!("day {day}, {time}"), cards).await?;
    }
    run.scene.stop(alerter).await
}
