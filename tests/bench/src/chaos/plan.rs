//! What happens in a run, all of it drawn from the seed beforehand: who says what, what managers and salespeople do,
//! and what fails when. Only how the machine interleaves it differs from replay to replay.

use std::ops::Range;
use std::sync::LazyLock;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use runtime::services::SERVICES;

use super::proxy::LinkState;

/// Seconds of the run's clock in a real one.
pub const RATE: u32 = 20;
/// Rooms of the company.
pub const ROOMS: usize = 40;
/// How long things happen and fail, in real time.
pub const ACTIVE: Duration = Duration::from_secs(10);
/// From the beginning of the clock until things begin to happen: the services start meanwhile.
pub const LEAD: Duration = Duration::from_millis(2_500);
/// From the end of the faults to the last leap of the clock, in real time: what is unconfirmed can be settled meanwhile.
pub const SETTLE: Duration = Duration::from_secs(5);
/// The last leap: past every rung, every pause and the hourly audit of the sheets.
const LAST_LEAP: TimeDelta = TimeDelta::hours(3);
/// A leap in the middle, of some runs: longer than Feishu remembers a uuid.
const MIDDLE_LEAP: TimeDelta = TimeDelta::minutes(70);
/// Faults of one run.
const FAULTS: usize = 24;
/// Edits, ticks and presses of one run.
const ACTIONS: usize = 48;
/// After the first messages; edits need rows and presses need cards.
const ACTIONS_AFTER: Duration = Duration::from_secs(2);
/// After the faults, while what they left is settled.
const ACTIONS_LINGER: Duration = Duration::from_secs(3);

/// People of the company: contact, name as it is on the roster (also the name of their chat), open id.
pub const STAFF: [(&str, &str, &str); 6] = [
    ("1688850000000101", "林小样", "ou_demo_linxiaoyang"),
    ("1688850000000102", "周例安", "ou_demo_zhoulian"),
    ("1688850000000103", "陈拟夏", "ou_demo_chennixia"),
    ("1688850000000201", "许试秋", "ou_demo_xushiqiu"),
    ("1688850000000202", "沈演冬", "ou_demo_shenyandong"),
    ("1688850000000301", "顾样山", "ou_demo_guyangshan"),
];

/// A message that some system has for the webhook.
#[derive(Debug, Clone)]
pub struct ScriptedMessage {
    pub room: usize,
    /// Its id at its source, unique in the run.
    pub id: String,
    /// `Some`: a member of [`STAFF`]; `None`: the room's customer.
    pub staff: Option<usize>,
    /// `text`, `image`, `emoticon`, `system`, `recalled`.
    pub kind: &'static str,
    /// The text; of a recall the recalled id.
    pub text: String,
    /// The room's name as its source tells it.
    pub topic: String,
    pub sent_at: DateTime<Utc>,
    /// Counts and never alarms.
    pub history: bool,
}

impl ScriptedMessage {
    /// The source's id of its room. One in eight holds everything that an id may hold.
    pub fn room_id(&self) -> String {
        let odd = if self.room % 8 == 3 { " 群!#$%&()*+,;=?@[]^|~%0A" } else { "" };
        format!("r-{}{odd}", self.room)
    }
}

/// What a person does.
#[derive(Debug, Clone)]
pub enum PersonAction {
    /// A manager ticks 消除未回覆记录 of a row that waits; the number chooses.
    Tick(usize),
    /// A manager marks a room in its row of 群聊总表.
    Mark { row: usize, not_timed: bool, grade: &'static str },
    /// A manager hands a room over there.
    Assign { row: usize, owner: &'static str, stage: &'static str, approved: bool },
    /// A manager renames a column, for good.
    Rename { column: usize },
    /// A manager deletes a column that nothing depends on; it is there again once faults are over.
    DeleteColumn { column: usize },
    /// A manager deletes a row.
    DeleteRow { sheet: ManagedSheet, row: usize },
    /// A manager copies a row.
    CopyRow { sheet: ManagedSheet, row: usize },
    /// Somebody presses the button of a card; the numbers choose card, person and replica.
    Press { card: usize, person: usize, replica: usize },
}

/// A sheet that managers work in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ManagedSheet {
    Today,
    AllRooms,
}

/// Columns that managers rename: what rows are known by, what is only read, what they write, and a stamp.
pub const RENAMED: [(ManagedSheet, &str); 10] = [
    (ManagedSheet::Today, "群ID"),
    (ManagedSheet::Today, "等待状态"),
    (ManagedSheet::Today, "消除未回覆记录"),
    (ManagedSheet::Today, "经理修改时间"),
    (ManagedSheet::Today, "负责人"),
    (ManagedSheet::AllRooms, "群ID"),
    (ManagedSheet::AllRooms, "负责人"),
    (ManagedSheet::AllRooms, "负责人修改时间"),
    (ManagedSheet::AllRooms, "核准修改人"),
    (ManagedSheet::AllRooms, "生效阶段"),
];

/// Columns that managers delete.
pub const DELETED: [(ManagedSheet, &str); 4] = [
    (ManagedSheet::Today, "最近三句"),
    (ManagedSheet::Today, "判定原因"),
    (ManagedSheet::Today, "顾客总回复数"),
    (ManagedSheet::AllRooms, "负责人来源"),
];

/// What a system sends in one request; sent again until it was answered as accepted.
pub type Post = Vec<ScriptedMessage>;

#[derive(Debug, Clone)]
pub enum Fault {
    /// `kill -9`, and a new start after a while.
    KillService { service: usize, down: Duration },
    /// SIGSTOP, and SIGCONT after a while.
    PauseService { service: usize, for_: Duration },
    /// SIGTERM, and a new start.
    RestartService { service: usize },
    /// `kill -9` of a server.
    KillServer { server: Server, down: Duration },
    /// SIGSTOP of all its processes.
    PauseServer { server: Server, for_: Duration },
    /// An orderly stop and a new start.
    RestartServer { server: Server },
    /// A link of one service is cut or stalled.
    Link { service: usize, link: Link, state: LinkState, for_: Duration },
    /// An order to the simulator of Vika.
    Vika(serde_json::Value),
    /// An order to the simulator of Feishu.
    Feishu(serde_json::Value),
    /// The calls of Vika's month are used up for a while.
    VikaQuota { for_: Duration },
    /// Vika's sheets take no more rows for a while.
    VikaFull { for_: Duration },
    /// Every token of Feishu ends.
    FeishuTokens,
    /// Feishu's month is used up for a while.
    FeishuQuota { for_: Duration },
    /// Feishu answers limits in its other style.
    FeishuLimits,
}

/// A server of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    Postgres,
    Nats,
}

/// What a service is connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Link {
    Postgres,
    Nats,
    /// Vika or Feishu, for a service that calls one of them.
    Outside,
}

/// The replicas that run: service and number. Two of whatever may run more than once, and of those whose standby takes over.
pub static REPLICAS: LazyLock<Vec<(&str, u8)>> = LazyLock::new(|| {
    SERVICES
        .iter()
        .flat_map(|service| {
            (1..=service.redundancy.replicas()).map(move |number| (service.program(), number))
        })
        .collect()
});

#[derive(Debug, Clone)]
pub struct Plan {
    /// What the clock shows when it begins.
    pub epoch: DateTime<Utc>,
    /// Its leaps: real milliseconds after it began, milliseconds.
    pub leaps: Vec<(i64, i64)>,
    /// Real time after the beginning of the clock, in order.
    pub posts: Vec<(Duration, Post)>,
    pub actions: Vec<(Duration, PersonAction)>,
    pub faults: Vec<(Duration, Fault)>,
    /// Stands in every text that says something.
    pub marker: String,
}

impl Plan {
    pub fn of(seed: u64) -> Self {
        let mut dice = StdRng::seed_from_u64(seed);
        let base: DateTime<Utc> = DateTime::from_timestamp(1_795_305_600, 0).unwrap_or_default();
        // Any hour of the day, so that some runs go over midnight.
        let epoch = base + TimeDelta::seconds(dice.random_range(0..86_400));
        let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap_or_default();
        let mut leaps = vec![(millis(LEAD + ACTIVE + SETTLE), LAST_LEAP.num_milliseconds())];
        if dice.random_bool(0.5) {
            leaps.push((millis(LEAD) + dice.random_range(3_000..8_000), MIDDLE_LEAP.num_milliseconds()));
        }
        let marker = format!("暗记{seed:x}x{:x}", dice.random::<u32>());
        let mut plan = Self { epoch, leaps, posts: vec![], actions: vec![], faults: vec![], marker };
        plan.posts = posts(&mut dice, &plan);
        let actions = LEAD + ACTIONS_AFTER..LEAD + ACTIVE + ACTIONS_LINGER;
        plan.actions = spread(&mut dice, actions, ACTIONS, action);
        plan.faults = spread(&mut dice, LEAD..LEAD + ACTIVE, FAULTS, fault);
        plan
    }

    /// What the clock shows at a real time after its beginning.
    fn shown(&self, after: Duration) -> DateTime<Utc> {
        let pace = runtime::clock::Pace {
            began: DateTime::UNIX_EPOCH,
            epoch: self.epoch,
            rate: RATE,
            leaps: self.leaps.clone(),
        };
        let real = TimeDelta::from_std(after).unwrap_or_default();
        runtime::Clock::paced(pace).at(DateTime::UNIX_EPOCH + real)
    }
}

/// Moments of a time, in order, with what happens.
fn spread<T>(
    dice: &mut StdRng,
    time: Range<Duration>,
    count: usize,
    make: impl Fn(&mut StdRng) -> T,
) -> Vec<(Duration, T)> {
    let mut moments: Vec<Duration> = (0..count).map(|_| dice.random_range(time.clone())).collect();
    moments.sort_unstable();
    moments.into_iter().map(|at| (at, make(dice))).collect()
}

/// Every room with a talk of its own, cut into posts of one to four rows.
fn posts(dice: &mut StdRng, plan: &Plan) -> Vec<(Duration, Post)> {
    let mut said: Vec<(Duration, ScriptedMessage)> =
        (0..ROOMS).flat_map(|room| talk(dice, plan, room)).collect();
    said.sort_by_key(|(at, _)| *at);
    let mut posts: Vec<(Duration, Post)> = Vec::new();
    let mut left = 0;
    for (at, said) in said {
        if left == 0 {
            left = dice.random_range(1..=4);
            posts.push((at, Vec::new()));
        }
        left -= 1;
        if let Some((_, post)) = posts.last_mut() {
            post.push(said);
        }
    }
    posts
}

/// What is said in a room: bursts of the customer, replies after a while or never, closings, stickers, recalls before
/// and after what they recall, late captures, history, new names.
fn talk(dice: &mut StdRng, plan: &Plan, room: usize) -> Vec<(Duration, ScriptedMessage)> {
    let mut said = Vec::new();
    let mut topic = format!("示例公司-客户{room}");
    let mut at = LEAD + dice.random_range(Duration::ZERO..Duration::from_secs(2));
    let patience = dice.random_range(0.2..0.9);
    while at < LEAD + ACTIVE {
        if dice.random_bool(0.04) {
            topic = format!("示例公司-客户{room}改{}", said.len());
        }
        for _ in 0..dice.random_range(1..=3) {
            let one = line(dice, plan, room, said.len(), at, None, &topic);
            if dice.random_bool(0.07) {
                let mut recall = line(dice, plan, room, said.len() + 1, at, None, &topic);
                (recall.kind, recall.text, recall.history) = ("recalled", one.id.clone(), false);
                // Some recalls are told of before what they recall.
                let early = dice.random_bool(0.3);
                recall.sent_at = one.sent_at + TimeDelta::seconds(dice.random_range(1..60));
                let told =
                    if early { at } else { at + dice.random_range(Duration::ZERO..Duration::from_secs(2)) };
                said.push((told, recall));
            }
            said.push((at, one));
            at += dice.random_range(Duration::ZERO..Duration::from_millis(300));
        }
        at += dice.random_range(Duration::from_millis(100)..Duration::from_secs(4));
        if dice.random_bool(patience) && at < LEAD + ACTIVE {
            let staff = dice.random_range(0..STAFF.len());
            said.push((at, line(dice, plan, room, said.len(), at, Some(staff), &topic)));
        }
        at += dice.random_range(Duration::ZERO..Duration::from_secs(3));
    }
    said
}

fn line(
    dice: &mut StdRng,
    plan: &Plan,
    room: usize,
    n: usize,
    at: Duration,
    staff: Option<usize>,
    topic: &str,
) -> ScriptedMessage {
    let id = format!("m-{room}-{n}");
    // One in eight is captured late, by up to three minutes.
    let late = if dice.random_bool(0.12) { dice.random_range(1..180) } else { 0 };
    let (kind, text) = match dice.random_range(0..20_u8) {
        0 => ("image", String::new()),
        1 if staff.is_none() => ("emoticon", String::new()),
        2 if staff.is_none() => ("text", "好的".to_owned()),
        3 if staff.is_none() => ("text", "谢谢".to_owned()),
        4 => ("system", format!("系统提示 {} {id}", plan.marker)),
        5 if staff.is_some() => ("text", format!("这样可以吗？ {} {id}", plan.marker)),
        _ if staff.is_some() => ("text", format!("已经在办了 {} {id}", plan.marker)),
        _ => ("text", format!("什么时候发货？ {} {id}", plan.marker)),
    };
    let jitter = TimeDelta::milliseconds(dice.random_range(0..900));
    ScriptedMessage {
        room,
        id,
        staff,
        kind,
        text,
        topic: topic.to_owned(),
        sent_at: plan.shown(at) - TimeDelta::seconds(late) - jitter,
        history: dice.random_bool(0.02),
    }
}

fn action(dice: &mut StdRng) -> PersonAction {
    let sheet = if dice.random_bool(0.5) { ManagedSheet::Today } else { ManagedSheet::AllRooms };
    match dice.random_range(0..14_u8) {
        0..4 => PersonAction::Tick(dice.random_range(0..1_000)),
        4..7 => {
            let (owner, stage, approved) = *[
                ("周例安", "pre-sales", false),
                ("陈拟夏", "pre-sales", false),
                ("许试秋", "after-sales", true),
                ("沈演冬", "after-sales", false),
                ("没有这个人", "pre-sales", false),
                ("林小样", "after-sales", true),
            ]
            .choose(dice)
            .unwrap_or(&("林小样", "pre-sales", false));
            PersonAction::Assign { row: dice.random_range(0..1_000), owner, stage, approved }
        }
        7 => PersonAction::Mark {
            row: dice.random_range(0..1_000),
            not_timed: dice.random_bool(0.5),
            grade: ["A", "B", ""].choose(dice).unwrap_or(&""),
        },
        8 => PersonAction::Rename { column: dice.random_range(0..RENAMED.len()) },
        9 if dice.random_bool(0.3) => {
            PersonAction::DeleteColumn { column: dice.random_range(0..DELETED.len()) }
        }
        9 => PersonAction::DeleteRow { sheet, row: dice.random_range(0..1_000) },
        10 => PersonAction::CopyRow { sheet, row: dice.random_range(0..1_000) },
        _ => PersonAction::Press {
            card: dice.random_range(0..1_000),
            person: dice.random_range(0..STAFF.len()),
            replica: dice.random_range(0..2),
        },
    }
}

fn fault(dice: &mut StdRng) -> Fault {
    let service = dice.random_range(0..REPLICAS.len());
    let moment = dice.random_range(Duration::from_millis(50)..Duration::from_millis(1_500));
    let server = if dice.random_bool(0.5) { Server::Postgres } else { Server::Nats };
    match dice.random_range(0..100_u8) {
        0..20 => Fault::KillService { service, down: moment },
        20..28 => Fault::PauseService { service, for_: moment * 2 },
        28..33 => Fault::RestartService { service },
        33..38 => Fault::KillServer { server, down: moment },
        38..42 => Fault::PauseServer { server, for_: moment },
        42..44 => Fault::RestartServer { server },
        44..60 => {
            let link = *[Link::Postgres, Link::Nats, Link::Outside].choose(dice).unwrap_or(&Link::Nats);
            let state = if dice.random_bool(0.6) { LinkState::Cut } else { LinkState::Stalled };
            Fault::Link { service, link, state, for_: moment }
        }
        60..74 => Fault::Vika(vika_fault(dice)),
        74..76 => Fault::VikaFull { for_: moment * 2 },
        76..78 => Fault::VikaQuota { for_: moment },
        78..95 => Fault::Feishu(feishu_fault(dice)),
        95..97 => Fault::FeishuTokens,
        97..99 => Fault::FeishuQuota { for_: moment },
        _ => Fault::FeishuLimits,
    }
}

/// Every way in which the simulator of Vika can fail, except for managers.
fn vika_fault(dice: &mut StdRng) -> serde_json::Value {
    let kinds = ["status", "html", "drop_after", "drop_before", "delay", "rate_limit", "hang", "swallow"];
    // A month that is used up stops the tables for an hour: rarely, so that there is something to see.
    let used_up = dice.random_bool(0.03);
    let kind = if used_up { "quota" } else { *kinds.choose(dice).unwrap_or(&"status") };
    let user = if dice.random_bool(0.7) { "回音写表" } else { "回音读表" };
    let times = if matches!(kind, "hang" | "quota") { 1 } else { dice.random_range(1..6) };
    let mut fault = serde_json::json!({ "kind": kind, "times": times, "user": user });
    match kind {
        "status" => fault["status"] = [500, 502, 503, 504, 403, 400].choose(dice).copied().into(),
        "delay" => fault["ms"] = dice.random_range(50..1_200).into(),
        _ => {}
    }
    fault
}

/// Every way in which the simulator of Feishu can fail, with codes of every class.
fn feishu_fault(dice: &mut StdRng) -> serde_json::Value {
    use serde_json::json;
    let hang = dice.random_range(100..1_500);
    let code = |code: i64| json!({ "kind": "code", "code": code });
    let faults = [
        json!({ "kind": "status", "status": 500 }),
        json!({ "kind": "status", "status": 502 }),
        json!({ "kind": "status", "status": 504 }),
        code(99_991_663),
        code(99_991_671),
        code(230_020),
        code(230_049),
        code(2_200),
        code(1_500),
        code(230_006),
        code(230_035),
        code(230_002),
        code(230_028),
        json!({ "kind": "code", "code": 230_099, "sub": 100_290 }),
        json!({ "kind": "code", "code": 230_099, "sub": 11_310 }),
        json!({ "kind": "rate_limited" }),
        json!({ "kind": "rate_limited", "style": "business" }),
        json!({ "kind": "timeout", "ms": hang }),
        json!({ "kind": "drop" }),
        json!({ "kind": "accept_then_drop" }),
        json!({ "kind": "accept_then_drop" }),
        json!({ "kind": "accept_then_timeout", "ms": hang }),
        json!({ "kind": "accept_then_timeout", "ms": hang }),
        json!({ "kind": "accept_then_status", "status": 502 }),
        json!({ "kind": "accept_then_status", "status": 504 }),
        json!({ "kind": "late_accept", "after_ms": hang }),
        json!({ "kind": "late_accept", "after_ms": hang }),
    ];
    let fault = faults.choose(dice).cloned().unwrap_or_default();
    let route = *["send", "send", "send", "update", "token"].choose(dice).unwrap_or(&"send");
    json!({ "fault": fault, "route": route, "times": dice.random_range(1..5) })
}
