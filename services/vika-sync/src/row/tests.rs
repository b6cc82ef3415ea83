//! Rows by examples.

use chrono::{DateTime, TimeDelta, Utc};
use domain::calendar::Calendar;
use domain::closing::{Manner, Verdict, Why};
use domain::fold::{DayCounts, FoldState, LastSpeaker};
use domain::gap::Gap;
use domain::id::{EntryId, PersonKey, RoomKey, StaffName, WaitId};
use domain::nature::Ignored;
use domain::presence::{Absence, Presence};
use domain::role::Role;
use domain::rules::{Rules, Stage};
use domain::timeline::Position;
use domain::wait::{Ending, Outcome, Wait, WaitKind};
use store::rooms::Line;
use vika::tables::{AllRooms, Today};

use super::*;

fn rules() -> Rules {
    testkit::company::config("nats://127.0.0.1:9").unwrap().rules
}

/// 09:30 in Shanghai.
fn morning() -> DateTime<Utc> {
    "2026-11-22T01:30:00Z".parse().unwrap()
}

fn wait(opened: DateTime<Utc>, answered: Option<DateTime<Utc>>) -> StoredWait {
    let person = |id: &str| PersonKey { source: "wechaty".into(), id: id.into() };
    let how =
        Ending::Answered {
            by: person("wang"), name: "王小售".into(), role: Role::PreSales, holding: false
        };
    let wait = Wait {
        id: WaitId(format!("w{opened}")),
        opened: Position { at: opened, order: 0, seq: 1, entry: EntryId("m".into()), after: None },
        customer: person("chen"),
        customer_name: "陈小样".into(),
        kind: WaitKind::Request,
        verdict: Verdict::AsksForReply { why: Why::Text },
        owner: None,
        stage: Stage::PreSales,
        messages: 1,
        last_customer_at: opened,
        alarm_since: Some(opened),
        outcome: answered.map(|at| Outcome { at, how, owner: None, stage: Stage::PreSales }),
    };
    StoredWait { room: room_key(), wait, replaced_by: None, void: false, rejudged_at: None }
}

fn room_key() -> RoomKey {
    RoomKey { source: "wechaty".into(), id: "r1".into() }
}

fn room(open: Option<Wait>, active: Option<DateTime<Utc>>) -> Room {
    let said =
        |name: &str, role, text: &str| Line { name: name.into(), role, text: text.into(), at: morning() };
    Room {
        room: room_key(),
        topic: "示例公司-晨光贸易".into(),
        state: FoldState {
            owner: Some(StaffName("王小售".into())),
            open: open.into_iter().collect(),
            verdict: Some(Verdict::AsksForReply { why: Why::Text }),
            day: DayCounts {
                date: active.map(|at| today_is(chrono_tz::Asia::Shanghai, at)),
                pre_sales: 2,
                customer: 3,
                owner: 2,
                ..DayCounts::default()
            },
            last_speaker: Some(LastSpeaker { role: Role::Customer, name: "陈小样".into(), at: morning() }),
            ..FoldState::default()
        },
        last_lines: vec![
            said("王小售", Role::PreSales, "稍等"),
            said("陈小样", Role::Customer, "什么时候发货？"),
        ],
        last_entry: Some("m".into()),
        last_active_at: active,
        excluded: false,
        included_since: None,
        version: 1,
    }
}

struct World {
    room: Room,
    waits: Vec<StoredWait>,
    unseen: CoverageGaps,
    now: DateTime<Utc>,
}

impl World {
    fn facts<'a>(&'a self, rules: &'a Rules) -> Facts<'a> {
        Facts {
            room: &self.room,
            waits: &self.waits,
            rules,
            unseen: &self.unseen,
            message: "合法",
            live: true,
            now: self.now,
        }
    }

    fn today(&self) -> Desired<Today> {
        today(&self.facts(&rules())).unwrap()
    }
}

fn waiting(minutes: i64) -> World {
    let open = wait(morning(), None);
    let answered = wait(morning() - TimeDelta::minutes(20), Some(morning() - TimeDelta::minutes(17)));
    World {
        room: room(Some(open.wait.clone()), Some(morning())),
        waits: vec![answered, open],
        unseen: CoverageGaps::default(),
        now: morning() + TimeDelta::minutes(minutes) + TimeDelta::seconds(5),
    }
}

fn cell<T: Table>(desired: &Desired<T>, column: T) -> Cell {
    desired.cells.iter().find(|(c, _, _)| *c == column).map(|(_, cell, _)| cell.clone()).unwrap()
}

#[test]
fn a_waiting_room_says_who_waits_since_when_and_how_badly() {
    let row = waiting(12).today();
    for (column, text) in [
        (Today::RoomId, "wechaty:r1"),
        (Today::Owner, "王小售"),
        (Today::Topic, "晨光贸易"),
        (Today::FullTopic, "示例公司-晨光贸易"),
        (Today::Stage, "pre-sales"),
        (Today::WaitState, "等待中"),
        (Today::Level, "黄 10 分钟"),
        (Today::LastSpeaker, "客户:陈小样"),
        (Today::LastReplyRole, "客户"),
        (Today::LastLine, "什么时候发货？"),
        (Today::LastThreeLines, "王小售：稍等\n陈小样：什么时候发货？"),
        (Today::Verdict, "客户发来文字，等待回复"),
        (Today::CaptureState, "正常"),
        (Today::SystemInfo, "合法"),
    ] {
        assert_eq!(cell(&row, column), Cell::text(text), "{column:?}");
    }
    for (column, number) in [
        (Today::UnansweredMinutes, 12.0),
        (Today::SlowReplies, 1.0),
        (Today::MeanReplyMinutes, 3.0),
        (Today::Replies, 5.0),
        (Today::OwnerReplies, 2.0),
        (Today::PreSalesReplies, 2.0),
        (Today::AfterSalesReplies, 0.0),
        (Today::CustomerMessages, 3.0),
    ] {
        assert_eq!(cell(&row, column), Cell::Number(number), "{column:?}");
    }
    let midnight = "2026-11-21T16:00:00Z".parse().unwrap();
    assert_eq!(cell(&row, Today::Date), Cell::Time(midnight), "Shanghai's midnight");
    assert_eq!(cell(&row, Today::WaitingSince), Cell::Time(morning()));
    assert!(row.create);
    assert_eq!(row.due_at, Some(morning() + TimeDelta::minutes(20)), "the next level and the next step");
    assert_eq!(waiting(4).today().due_at, Some(morning() + TimeDelta::minutes(5)));
}

/// A level changes when it does; minutes of all rows are written together, on the full minute of the clock.
#[test]
fn minutes_are_due_on_the_full_minute_and_levels_when_they_change() {
    let opened = morning() + TimeDelta::seconds(20);
    let due_at = |now| {
        let mut world = waiting(0);
        let open = wait(opened, None);
        world.room.state.open = vec![open.wait.clone()];
        world.waits = vec![open];
        world.now = now;
        world.today().due_at.map(|due| due - morning())
    };
    let minutes = |minutes| opened + TimeDelta::minutes(minutes);
    assert_eq!(due_at(minutes(6)), Some(TimeDelta::minutes(8)), "the seventh is over at 7:20");
    assert_eq!(due_at(minutes(4)), Some(TimeDelta::seconds(320)), "the level of five minutes");
}

#[test]
fn whoever_waits_has_a_priority_and_its_reasons() {
    let mut world = waiting(12);
    let shown = |world: &World| {
        let row = world.today();
        (cell(&row, Today::Priority), cell(&row, Today::PriorityReason))
    };
    world.room.state.first_at = Some(morning() - TimeDelta::days(7) + TimeDelta::seconds(735));
    world.now = morning() + TimeDelta::seconds(725);
    assert_eq!(shown(&world), (Cell::count(20), Cell::text("售前客户 +10、新客户（7 天内） +10")));
    assert_eq!(world.today().due_at, Some(morning() + TimeDelta::seconds(736)), "seven days are over");
    world.room.state.first_at = Some(morning() - TimeDelta::days(30));
    assert_eq!(shown(&world), (Cell::count(10), Cell::text("售前客户 +10")));
    world.now = morning() + TimeDelta::minutes(40);
    let both = "已等 40 分钟以上 +20、售前客户 +10";
    assert_eq!(shown(&world), (Cell::count(30), Cell::text(both)));
    world.room.last_lines[1].text = "报价多少？".into();
    let asks = "谈到价格、合同或付款 +30、已等 40 分钟以上 +20、售前客户 +10";
    assert_eq!(shown(&world), (Cell::count(60), Cell::text(asks)));
    world.room.state.open = Vec::new();
    assert_eq!(shown(&world), (Cell::count(0), Cell::Text(String::new())), "nobody waits");
}

#[test]
fn who_has_no_name_is_called_so() {
    for nameless in ["", " ", "\u{200b}"] {
        let mut world = waiting(12);
        world.room.last_lines[1].name = nameless.into();
        let speaker = LastSpeaker { role: Role::Customer, name: nameless.into(), at: morning() };
        world.room.state.last_speaker = Some(speaker);
        let row = world.today();
        assert_eq!(cell(&row, Today::LastSpeaker), Cell::Text("客户:未知成员".into()));
        let lines = Cell::Text("王小售：稍等\n未知成员：什么时候发货？".into());
        assert_eq!(cell(&row, Today::LastThreeLines), lines);
    }
}

#[test]
fn the_reason_says_how_a_closed_wait_ended() {
    let by = || "顾样山".to_owned();
    let command = || domain::id::CommandId("c".into());
    let answered = wait(morning(), Some(morning())).wait.outcome.unwrap().how;
    for (how, reason) in [
        (answered, "客户发来文字，王小售已回复"),
        (Ending::Confirmed { by: by(), command: command() }, "客户发来文字，顾样山确认已回复"),
        (
            Ending::Cancelled { by: by(), reason: String::new(), command: command() },
            "客户发来文字，顾样山标记为不用回复",
        ),
        (Ending::Withdrawn, "客户已撤回，不需要回复"),
        (Ending::Unobserved, "客户发来文字，助手账号已被移出群，停止计时"),
    ] {
        let mut world = waiting(12);
        world.room.state.open.clear();
        let outcome = Outcome { at: world.now, how, owner: None, stage: Stage::PreSales };
        world.waits[1].wait.outcome = Some(outcome);
        assert_eq!(cell(&world.today(), Today::Verdict), Cell::text(reason));
        let closing = Verdict::ClosingNothing { phrase: "谢谢".into(), manner: Manner::Courtesy };
        world.room.state.verdict = Some(closing);
        assert_eq!(cell(&world.today(), Today::Verdict), Cell::text("「谢谢」是结束语，不需要回复"));
    }
}

#[test]
fn a_promise_is_shown_until_it_is_kept_and_a_question_goes_before_it() {
    let mut world = waiting(12);
    let verdict = Verdict::Promised { phrase: "稍等".into(), by: "王小售".into(), due: None };
    let asked = world.waits.pop().unwrap();
    let mut promise = wait(morning() - TimeDelta::minutes(17), None);
    (promise.wait.kind, promise.wait.verdict) = (WaitKind::Promise, verdict);
    world.waits.push(promise.clone());
    world.room.state.open = vec![promise.wait.clone()];
    let row = world.today();
    assert_eq!(cell(&row, Today::WaitState), Cell::text("已承诺待兑现"));
    let reason = "客户发来文字，王小售已回复；王小售答复「稍等」，待兑现";
    assert_eq!(cell(&row, Today::Verdict), Cell::text(reason));
    assert_eq!(cell(&row, Today::UnansweredMinutes), Cell::Number(0.0));
    assert_eq!(cell(&row, Today::WaitingSince), Cell::Time(promise.wait.opened.at));
    assert_eq!(cell(&row, Today::Level), Cell::text(""));
    assert_eq!(row.due_at, Some(morning() + TimeDelta::minutes(13)), "its first rung");
    world.now = morning() + TimeDelta::minutes(13);
    assert_eq!(cell(&world.today(), Today::Level), Cell::text("黄 30 分钟"));

    world.now = morning() + TimeDelta::minutes(3);
    world.room.state.open.push(asked.wait.clone());
    world.waits.push(asked);
    let row = world.today();
    assert_eq!(cell(&row, Today::WaitState), Cell::text("等待中"));
    assert_eq!(cell(&row, Today::UnansweredMinutes), Cell::Number(3.0));
    assert_eq!(cell(&row, Today::WaitingSince), Cell::Time(morning()));
    let reason = "客户发来文字，等待回复；王小售答复「稍等」，待兑现";
    assert_eq!(cell(&row, Today::Verdict), Cell::text(reason));

    world.room.state.open.clear();
    world.waits.pop();
    let kept = wait(morning(), Some(morning())).wait.outcome;
    world.waits.last_mut().unwrap().wait.outcome = kept;
    let row = world.today();
    assert_eq!(cell(&row, Today::WaitState), Cell::text("已兑现承诺"));
    assert_eq!(cell(&row, Today::MeanReplyMinutes), Cell::Number(3.0), "the reply alone");
}

#[test]
fn a_soft_wait_says_so_and_blames_nobody() {
    let softened = |minutes: i64| {
        let mut world = waiting(minutes);
        let verdict = Verdict::Assents { phrase: "好的".into() };
        world.room.state.verdict = Some(verdict.clone());
        for wait in
            world.waits.iter_mut().map(|stored| &mut stored.wait).chain(world.room.state.open.iter_mut())
        {
            (wait.kind, wait.verdict) = (WaitKind::Soft, verdict.clone());
        }
        world
    };
    let row = softened(12).today();
    assert_eq!(cell(&row, Today::WaitState), Cell::text("软等待"));
    assert_eq!(
        cell(&row, Today::Verdict),
        Cell::text("「好的」只是应答员工的提问，按软等待计，只提醒负责人")
    );
    assert_eq!(cell(&row, Today::Level), Cell::text(""));
    assert_eq!(cell(&row, Today::UnansweredMinutes), Cell::Number(0.0));
    assert_eq!(
        cell(&row, Today::SlowReplies),
        Cell::Number(0.0),
        "the one that was answered late was soft too"
    );
    assert_eq!(cell(&row, Today::MeanReplyMinutes), Cell::Empty);
    assert_eq!(row.due_at, Some(morning() + TimeDelta::minutes(30)), "its only rung, and no minutes before");
    let later = softened(31).today();
    assert_eq!((cell(&later, Today::Level), later.due_at), (Cell::text("蓝 30 分钟"), None));
    let mut ended = softened(12);
    ended.room.state.open.clear();
    ended.waits.pop();
    assert_eq!(cell(&ended.today(), Today::WaitState), Cell::text("已回复（软等待）"));
}

#[test]
fn what_was_ignored_last_is_shown_with_its_reason() {
    let mut world = waiting(12);
    world.room.state.ignored = Some(Ignored::AutoReply);
    let reason = Cell::Text("客户发来文字，等待回复；最后一条是自动回复，不计".into());
    assert_eq!(cell(&world.today(), Today::Verdict), reason);
}

#[test]
fn a_wait_over_midnight_is_on_todays_page_with_todays_counts() {
    let mut world = waiting(0);
    world.now = morning() + TimeDelta::days(2);
    let row = world.today();
    assert_eq!(cell(&row, Today::Date), Cell::Time("2026-11-23T16:00:00Z".parse().unwrap()));
    assert_eq!(cell(&row, Today::Replies), Cell::Number(0.0));
    assert_eq!(cell(&row, Today::SlowReplies), Cell::Number(0.0));
    assert!(row.create);
}

/// An open wait runs on the calendar of the room's stage, a closed one on that of the stage in which it ended.
#[test]
fn minutes_and_level_run_on_the_stage_s_calendar() {
    let mut rules = rules();
    rules.calendars.after_sales = Calendar::half_pace();
    let mut world = waiting(12);
    world.room.state.stage = Stage::AfterSales;
    let row = today(&world.facts(&rules)).unwrap();
    assert_eq!(cell(&row, Today::UnansweredMinutes), Cell::Number(6.0));
    assert_eq!(cell(&row, Today::Level), Cell::text("青 5 分钟"));
    assert_eq!(row.due_at, Some(morning() + TimeDelta::minutes(14)), "the seventh minute");
    assert_eq!(cell(&row, Today::MeanReplyMinutes), Cell::Number(3.0), "it ended in pre-sales");
    world.waits[0].wait.outcome.as_mut().unwrap().stage = Stage::AfterSales;
    let row = today(&world.facts(&rules)).unwrap();
    assert_eq!(cell(&row, Today::MeanReplyMinutes), Cell::Number(1.5));
}

/// From Friday evening to Monday morning, with the usual hours.
#[test]
fn a_weekend_is_no_working_time() {
    let mut rules = rules();
    rules.calendars.pre_sales = Calendar::default();
    rules.settle_calendars();
    let (friday, monday) = ("2026-11-20T09:30:00Z", "2026-11-23T01:33:05Z");
    let mut world = waiting(0);
    let open = wait(friday.parse().unwrap(), None);
    world.room.state.open = vec![open.wait.clone()];
    world.room.last_active_at = Some(open.wait.opened.at);
    world.waits = vec![open];
    world.now = monday.parse().unwrap();
    let row = today(&world.facts(&rules)).unwrap();
    assert_eq!(cell(&row, Today::UnansweredMinutes), Cell::Number(63.0));
    assert_eq!(cell(&row, Today::Level), cell(&waiting(63).today(), Today::Level));
    assert_eq!(cell(&row, Today::WaitingSince), Cell::Time(friday.parse().unwrap()), "by the clock");
    assert_eq!(
        row.due_at,
        Some("2026-11-23T01:40:00Z".parse().unwrap()),
        "the minutes are shown by tens by now"
    );
    assert_eq!(cell(&all_rooms(&world.facts(&rules)), AllRooms::QuietWorkdays), Cell::Number(1.0));
    // On Saturday nothing moves until Monday.
    world.now = "2026-11-21T04:00:00Z".parse().unwrap();
    let row = today(&world.facts(&rules)).unwrap();
    assert_eq!(cell(&row, Today::UnansweredMinutes), Cell::Number(30.0));
    assert_eq!(row.due_at, Some("2026-11-23T01:10:00Z".parse().unwrap()));
    assert_eq!(cell(&all_rooms(&world.facts(&rules)), AllRooms::QuietWorkdays), Cell::Number(0.0));
}

/// The row is that of the customer who has waited longest, names the others, and counts each.
#[test]
fn of_several_customers_the_row_shows_who_has_waited_longest() {
    let mut world = waiting(12);
    let mut other = wait(morning() + TimeDelta::minutes(2), None);
    (other.wait.customer.id, other.wait.customer_name) = ("sun".into(), "孙小样".into());
    world.room.state.open.push(other.wait.clone());
    world.waits.push(other);
    let row = world.today();
    assert_eq!(cell(&row, Today::WaitingSince), cell(&waiting(12).today(), Today::WaitingSince));
    assert_eq!(cell(&row, Today::UnansweredMinutes), cell(&waiting(12).today(), Today::UnansweredMinutes));
    assert_eq!(
        cell(&row, Today::Verdict),
        Cell::text("客户发来文字，等待回复；陈小样等得最久，另有1位客户在等（孙小样）")
    );
    // Both were answered by one reply, after eleven and nine minutes.
    let answered = |opened| wait(opened, Some(morning() + TimeDelta::minutes(11)));
    let waits = [answered(morning()), answered(morning() + TimeDelta::minutes(2))];
    world.waits.splice(.., waits);
    world.room.state.open.clear();
    assert_eq!(cell(&world.today(), Today::MeanReplyMinutes), Cell::Number(10.0));
    assert_eq!(cell(&world.today(), Today::SlowReplies), Cell::Number(2.0));
}

#[test]
fn a_quiet_room_keeps_its_last_day_and_gets_no_new_row() {
    let mut world = waiting(0);
    world.room.state.open.clear();
    world.waits.pop();
    world.now = morning() + TimeDelta::days(2);
    let row = world.today();
    assert_eq!(cell(&row, Today::Date), Cell::Time("2026-11-21T16:00:00Z".parse().unwrap()));
    assert_eq!(cell(&row, Today::Replies), Cell::Number(5.0), "the figures of that day");
    assert_eq!((row.create, row.due_at), (false, None));
    assert_eq!(cell(&row, Today::Level), Cell::text(""));
    world.now = morning() + TimeDelta::days(20);
    let row = world.today();
    assert!(
        row.cells.iter().all(|(column, _, _)| *column != Today::Replies),
        "old figures are left as they are"
    );
}

#[test]
fn a_room_that_never_spoke_has_a_row_in_one_sheet_only() {
    let world =
        World { room: room(None, None), waits: Vec::new(), unseen: CoverageGaps::default(), now: morning() };
    let rules = rules();
    assert_eq!(today(&world.facts(&rules)), None);
    let row = all_rooms(&world.facts(&rules));
    assert!(row.create);
    assert_eq!(cell(&row, AllRooms::LastActiveAt), Cell::Empty);
    assert_eq!(
        row.initial,
        [
            (AllRooms::Owner, Cell::text("王小售")),
            (AllRooms::Stage, Cell::text("pre-sales")),
            (AllRooms::CustomerGrade, Cell::text("")),
            (AllRooms::NotTimed, Cell::Tick(false)),
            (AllRooms::NotFollowedUp, Cell::Tick(false)),
        ]
    );
}

#[test]
fn gaps_and_removal_are_shown() {
    let mut world = waiting(1);
    let gap = |since: i64, until: Option<i64>| {
        let gap = Gap {
            source: "wechaty".into(),
            account: None,
            since: morning() + TimeDelta::hours(since),
            until: until.map(|hours| morning() + TimeDelta::hours(hours)),
        };
        CoverageGaps::of(&room_key(), &Presence::default(), &[gap])
    };
    world.unseen = gap(-30, Some(-12));
    assert_eq!(cell(&world.today(), Today::CaptureState), Cell::text("正常"), "yesterday's");
    assert_eq!(cell(&world.today(), Today::WaitState), Cell::text("等待中"));
    world.unseen = gap(-30, None);
    assert_eq!(cell(&world.today(), Today::WaitState), Cell::text("待核实"));
    let rules = rules();
    assert_eq!(cell(&all_rooms(&world.facts(&rules)), AllRooms::CaptureState), Cell::text("待核实"));
    assert_eq!(cell(&world.today(), Today::CaptureState), Cell::text("待核实"));
    assert_eq!(cell(&world.today(), Today::SlowReplies), Cell::Number(0.0), "not blamed");
    world.unseen = gap(-3, Some(-2));
    assert_eq!(cell(&world.today(), Today::CaptureState), Cell::text("待核实"));
    assert_eq!(cell(&world.today(), Today::SlowReplies), Cell::Number(1.0), "the wait was not in the gap");
    let absence = Absence { entry: EntryId("left".into()), at: morning(), by: None };
    world.room.state.presence.left("main", absence);
    let removed = Cell::text("机器人已被移出群（11-22 09:30）");
    assert_eq!(cell(&world.today(), Today::CaptureState), removed);
    assert_eq!(cell(&all_rooms(&world.facts(&rules)), AllRooms::CaptureState), removed);
    world.room.state.presence.seen("main", morning());
    assert_eq!(
        cell(&world.today(), Today::CaptureState),
        Cell::text("待核实"),
        "back, and the gap is still there"
    );
}

#[test]
fn short_names() {
    for (topic, short) in [
        ("示例公司-晨光贸易", Some("晨光贸易")),
        ("晨光贸易", Some("晨光贸易")),
        ("a-b-c", Some("a-b-c")),
        ("示例公司-", Some("示例公司-")),
        ("  ", None),
    ] {
        assert_eq!(short_name(topic), short, "{topic:?}");
    }
}

#[test]
fn before_go_live_a_row_says_why_no_cards_come() {
    let (world, rules) = (waiting(12), rules());
    let info = |message, live| {
        let facts = Facts { message, live, ..world.facts(&rules) };
        cell(&today(&facts).unwrap(), Today::SystemInfo)
    };
    assert_eq!(info("", false), Cell::text("演练中：尚未上线，不发提醒"));
    assert_eq!(info("合法", false), Cell::text("合法"));
    assert_eq!(info("", true), Cell::text(""));
}

#[test]
fn an_excluded_room_gets_no_row_and_one_that_stands_is_emptied() {
    let mut world = waiting(12);
    world.room.excluded = true;
    let row = world.today();
    assert!(!row.create && row.due_at.is_none());
    for (column, cell, _) in &row.cells {
        let kept = [Today::RoomId, Today::Topic, Today::FullTopic, Today::SystemInfo, Today::UpdatedAt];
        assert_eq!(cell.is_empty(), !kept.contains(column), "{column:?}: {cell:?}");
    }
    for column in world_columns() {
        assert!(row.cells.iter().any(|(named, _, _)| *named == column), "{column:?} is left as it stands");
    }
    assert_eq!(cell(&row, Today::SystemInfo), Cell::text("已排除：不统计、不提醒"));
    let all = all_rooms(&world.facts(&rules()));
    assert!(!all.create);
    assert_eq!(cell(&all, AllRooms::SystemInfo), Cell::text("已排除：不统计、不提醒"));
}

/// The columns that the row of a room that is not excluded fills.
fn world_columns() -> Vec<Today> {
    waiting(12).today().cells.into_iter().map(|(column, _, _)| column).collect()
}
