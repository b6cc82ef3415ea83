//! Who says what and when, all of it drawn from the seed beforehand.

use std::time::Duration;

use anyhow::Result;
use chrono::{DateTime, TimeDelta, Utc};
use events::chat::{ChatMessage, ChatRoom, RoomEvent};
use events::{encode, subject};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use runtime::bus::Outgoing;
use runtime::clock::Pace;
use serde_json::{Value, json};

use crate::company::{self, Speaker};

/// Seconds of the run's clock in a real one.
pub const RATE: u32 = 30;
/// Salespeople, each with a chat of their own.
pub const OWNERS: usize = 40;
/// Who may press everything.
pub const MANAGER: &str = "ou_manager";
/// From the beginning of the clock until people begin to talk: the services start meanwhile.
pub const LEAD: Duration = Duration::from_secs(4);
/// From the last word to the last leap: what is unconfirmed can be settled meanwhile.
const SETTLE: Duration = Duration::from_secs(5);
/// The last leap: past every rung and every pause.
const LAST_LEAP: TimeDelta = TimeDelta::hours(3);
/// Outages: just longer than the window in which Feishu recognises a second attempt, and much longer.
const OUTAGES: [TimeDelta; 2] = [TimeDelta::minutes(70), TimeDelta::hours(3)];
/// Waits that begin in a real second.
const PER_SECOND: usize = 60;
const SHORTEST: Duration = Duration::from_secs(40);
/// Half past six on a Tuesday morning in China: the morning's list comes within every run.
const EPOCH: i64 = 1_795_473_000;
/// One room in so many is left by our account at the end.
const LEFT: usize = 60;
/// So many waits more than wanted are meant to begin: one in so many.
const SPARE: usize = 50;
/// Where messages come from.
const SOURCE: &str = "webhook";

/// What happens in a room.
#[derive(Debug, Clone)]
pub enum Event {
    Message(Box<ChatMessage>),
    Left(Box<ChatRoom>),
}

impl Event {
    pub fn outgoing(&self) -> Result<Outgoing> {
        Ok(match self {
            Self::Message(message) => company::outgoing(message)?,
            Self::Left(event) => Outgoing {
                subject: subject::chat_room(&event.room_key()),
                id: event.id.clone(),
                payload: encode(&**event)?,
            },
        })
    }
}

#[derive(Debug, Clone)]
pub struct Plan {
    /// From the first word to the last, in real time.
    pub active: Duration,
    /// Waits that are to begin, at least.
    pub wanted: usize,
    /// Those that are meant to; an outage makes a request of some that were none.
    meant: usize,
    /// Real time after the beginning of the clock, in order.
    pub said: Vec<(Duration, Event)>,
}

impl Plan {
    pub fn of(seed: u64, waits: usize) -> Self {
        let mut dice = StdRng::seed_from_u64(seed);
        let seconds = u64::try_from(waits / PER_SECOND).unwrap_or(u64::MAX);
        let active = SHORTEST.max(Duration::from_secs(seconds));
        let mut plan = Self { active, wanted: waits, meant: 0, said: Vec::new() };
        let mut room = 0;
        while plan.meant < waits + waits / SPARE {
            Talk { plan: &mut plan, dice: &mut dice, room, said: 0 }.all();
            room += 1;
        }
        plan.said.sort_by_key(|(at, _)| *at);
        plan
    }

    /// When outages are, in real time after the beginning of the clock.
    pub fn leaps(&self) -> Vec<Duration> {
        (1..=2).map(|third| LEAD + self.active * third / 3).collect()
    }

    /// After the last leap.
    pub fn end(&self) -> Duration {
        LEAD + self.active + SETTLE
    }

    /// A clock that began at a real moment.
    pub fn pace(&self, began: DateTime<Utc>) -> Pace {
        let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap_or_default();
        let outages = self.leaps().into_iter().zip(OUTAGES).chain([(self.end(), LAST_LEAP)]);
        let leaps = outages.map(|(at, by)| (millis(at), by.num_milliseconds())).collect();
        Pace { began, epoch: DateTime::from_timestamp(EPOCH, 0).unwrap_or_default(), rate: RATE, leaps }
    }

    /// The stretches that the clock leaps over.
    pub fn leapt(&self) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
        let moment = Duration::from_millis(1);
        self.leaps()
            .into_iter()
            .map(|leap| (self.shown(leap.saturating_sub(moment)), self.shown(leap + moment)))
            .collect()
    }

    /// When everything is repaired.
    pub fn faults_end(&self) -> DateTime<Utc> {
        self.shown(LEAD + self.active)
    }

    /// What the clock shows at a real time after its beginning.
    fn shown(&self, after: Duration) -> DateTime<Utc> {
        let real = TimeDelta::from_std(after).unwrap_or_default();
        runtime::Clock::paced(self.pace(DateTime::UNIX_EPOCH)).at(DateTime::UNIX_EPOCH + real)
    }
}

/// A salesperson's private chat.
pub fn chat(owner: usize) -> String {
    format!("oc_owner_{owner}")
}

fn contact(owner: usize) -> String {
    format!("staff-{owner}")
}

/// The rules of the run: short ladders, since every second of its clock is paid for.
pub fn rules() -> Value {
    let rung = |after: &str, colour: &str, audience: &[&str]| json!({ "after": after, "colour": colour, "audience": audience });
    let request =
        json!({ "rungs": [rung("5m", "yellow", &["owner"]), rung("10m", "red", &["owner", "public"])] });
    let roster = (0..OWNERS).map(|owner| {
        json!({
            "name": format!("样员{owner}"), "team": "pre_sales", "contacts": [format!("{SOURCE}:{}", contact(owner))],
            "addresses": { "feishu": { "chat": chat(owner), "open_id": format!("ou_owner_{owner}") } }
        })
    });
    let manager =
        json!({ "name": "样经理", "team": "other", "addresses": { "feishu": { "open_id": MANAGER } } });
    json!({
        "roster": roster.chain([manager]).collect::<Vec<_>>(),
        "managers": ["样经理"],
        "buttons": { "no_reply_needed": ["anyone"] },
        "ladders": {
            "pre_sales": request,
            "after_sales": request,
            "soft": { "rungs": [rung("6m", "blue", &["owner"])] },
            "promise": { "rungs": [rung("6m", "yellow", &["owner"]), rung("12m", "orange", &["owner", "public"])] }
        }
    })
}

/// What is said in one room.
struct Talk<'p> {
    plan: &'p mut Plan,
    dice: &'p mut StdRng,
    room: usize,
    said: usize,
}

impl Talk<'_> {
    fn all(&mut self) {
        let end = LEAD + self.plan.active;
        let mut at = LEAD + self.dice.random_range(Duration::ZERO..minutes(15));
        // A room in which nobody of ours has spoken has no owner yet.
        if self.room % 20 != 7 {
            self.staff(at, "您好，我是您的客户经理");
            at += minutes(1);
        }
        while at < end {
            at = self.turn(at, end);
            at += self.between(1, 5);
        }
        if self.room.is_multiple_of(LEFT) {
            self.leave(end.saturating_sub(minutes(1)));
        }
    }

    /// A customer asks, and what comes of it; nothing is said after `end`. When it is over.
    fn turn(&mut self, start: Duration, end: Duration) -> Duration {
        self.customer(start, "请问什么时候能发货？");
        self.plan.meant += 1;
        let last = match self.dice.random_range(0..100_u8) {
            0..65 => start + self.between(1, 14),
            // Nobody answers for long.
            65..72 => start + self.between(60, 240),
            72..86 => {
                let promised = start + self.between(1, 4);
                if promised < end {
                    self.staff(promised, "我查一下");
                    self.plan.meant += 1;
                }
                promised + self.between(4, 20)
            }
            _ => {
                let asked = start + self.between(1, 4);
                let agreed = asked + minutes(1);
                if agreed < end {
                    self.staff(asked, "明天发您可以吗？");
                    self.customer(agreed, "好的");
                    self.plan.meant += 1;
                }
                agreed + self.between(4, 20)
            }
        };
        if last < end {
            self.staff(last, "已经发出了，单号在群文件里");
        }
        last
    }

    fn between(&mut self, from: u64, to: u64) -> Duration {
        self.dice.random_range(minutes(from)..minutes(to))
    }

    fn staff(&mut self, at: Duration, text: &str) {
        let owner = self.room % OWNERS;
        self.say(at, Speaker { id: contact(owner), name: format!("样员{owner}"), ours: true }, text);
    }

    fn customer(&mut self, at: Duration, text: &str) {
        let id = format!("customer-{}", self.room);
        self.say(at, Speaker { id, name: "样例客户".into(), ours: false }, text);
    }

    fn say(&mut self, at: Duration, speaker: Speaker, text: &str) {
        let id = format!("m-{}-{}", self.room, self.said);
        let message = company::text(self.room, id, speaker, self.plan.shown(at), text);
        self.said += 1;
        self.plan.said.push((at, Event::Message(Box::new(message))));
    }

    fn leave(&mut self, at: Duration) {
        let event = ChatRoom {
            source: SOURCE.into(),
            account: "main".into(),
            id: format!("left-{}", self.room),
            room: company::room(self.room),
            at: self.plan.shown(at),
            event: RoomEvent::AccountLeft,
            by: None,
            captured: None,
        };
        self.plan.said.push((at, Event::Left(Box::new(event))));
    }
}

/// Minutes of the run's clock.
fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60) / RATE
}
