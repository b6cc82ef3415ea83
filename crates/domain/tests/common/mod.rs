//! Invented people, rules and entries, shared by the tests of the fold.

#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::allow_attributes, reason = "`expect` would fail in the binaries that use everything")]

pub mod ledger;

use domain::Timestamp;
use domain::closing::Features;
use domain::id::{CommandId, EntryId, MessageKey, PersonKey};
use domain::marks::{Marking, Marks};
use domain::message::{MessageKind, Sender};
use domain::nature::Nature;
use domain::rules::{AnsweredBy, Rules, RulesHistory, RulesVersion};
use domain::timeline::{About, Body, Cancel, CancelKind, Departure, Entry, Message, Position};

pub fn rules(answered_by: AnsweredBy) -> Rules {
    let ladder = serde_json::json!({
        "rungs": [
            { "after": "5m", "colour": "turquoise", "audience": ["owner"] },
            { "after": "10m", "colour": "yellow", "audience": ["owner"] },
            { "after": "20m", "colour": "orange", "audience": ["owner"] },
            { "after": "30m", "colour": "red", "audience": ["owner", "public"] }
        ],
        "repeat": { "every": "10m", "colour": "grey", "audience": ["owner", "public"], "until": "70m" }
    });
    serde_json::from_value(serde_json::json!({
        "time_zone": "Asia/Shanghai",
        "company_names": ["示例公司"],
        "roster": [
            { "name": "王小售", "team": "pre_sales", "contacts": ["test:王小售"] },
            { "name": "李小后", "team": "after_sales", "contacts": ["test:李小后"] },
            { "name": "赵小助", "team": "other", "contacts": ["test:赵小助"] }
        ],
        "bots": ["test:机器人"],
        "phrases": { "version": 1, "closing": ["好", "好的", "OK", "收到", "谢谢", "辛苦了", "👌", "[OK]"] },
        "answered_by": answered_by,
        "ladders": { "pre_sales": ladder, "after_sales": ladder },
        // Tests of anything but calendars move the clock as they like.
        "calendars": { "pre_sales": "always", "after_sales": "always" }
    }))
    .unwrap()
}

pub fn history(answered_by: AnsweredBy) -> RulesHistory {
    let rules = rules(answered_by);
    RulesHistory::new(vec![RulesVersion { version: 1, valid_from: at(0), applied_at: at(0), rules }]).unwrap()
}

/// Seconds after midnight of an invented day in Shanghai.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_timestamp(1_795_276_800 + seconds, 0).unwrap()
}

pub fn person(id: &str) -> PersonKey {
    PersonKey { source: "test".into(), id: id.into() }
}

/// Somebody by the name they go by in the tables: `同事…` work for the company without being in the roster, `冒名王小售`
/// is a customer who calls themselves 王小售, and everybody outside the roster is a customer.
pub fn sender(name: &str) -> Sender {
    let colleague = name.starts_with("同事");
    Sender {
        key: person(name),
        name: name.trim_start_matches("冒名").to_owned(),
        corporation: if colleague { "示例公司" } else { "" }.to_owned(),
        coworker: None,
        is_self: name == "本账号",
        contact_type: None,
    }
}

pub fn key(id: &str) -> MessageKey {
    MessageKey { source: "test".into(), account: "main".into(), id: id.into() }
}

pub fn position(seconds: i64, seq: i64, entry: EntryId) -> Position {
    Position { at: at(seconds), order: 0, seq, entry, after: None }
}

/// A message as a source would report it: `[图片]` and the like stand for other kinds than text.
pub fn message(id: &str, seconds: i64, seq: i64, name: &str, text: &str) -> Entry {
    let kind = match text {
        "[图片]" => MessageKind::Image,
        "[表情]" => MessageKind::Emoticon,
        "[系统]" | "[拍了拍]" => MessageKind::System,
        _ => MessageKind::Text,
    };
    let key = key(id);
    let position = position(seconds, seq, EntryId::from(&key));
    let rules = rules(AnsweredBy::AnyStaff);
    let message = Message {
        key,
        sender: sender(name),
        kind,
        features: Features::of(kind, text, &rules),
        nature: Nature::of(kind, text, [], &rules),
        mentions: Vec::new(),
        quote: None,
        history: false,
        received_at: at(seconds),
        stamped: None,
        recalled: None,
    };
    Entry { position, body: Body::Message(message) }
}

pub fn recall(id: &str, seconds: i64, seq: i64, target: &str) -> Entry {
    Entry {
        position: position(seconds, seq, EntryId::from(&key(id))),
        body: Body::Recall { target: key(target) },
    }
}

/// A cancel that stands after another entry.
pub fn cancel(id: &str, seconds: i64, seen_up_to: &Position) -> Entry {
    let command = CommandId(id.into());
    let position = Position { after: Some(EntryId::from(&command)), ..seen_up_to.clone() };
    let cancel = Cancel {
        command,
        by: "经理".into(),
        reason: "客户已致电".into(),
        kind: CancelKind::NoReplyNeeded,
        about: None,
        at: at(seconds),
        undone: false,
    };
    Entry { position, body: Body::Cancel(cancel) }
}

/// A cancel of one thing alone.
pub fn about(what: About, mut entry: Entry) -> Entry {
    if let Body::Cancel(cancel) = &mut entry.body {
        cancel.about = Some(what);
    }
    entry
}

/// Somebody says that what stands up to another entry was answered unseen.
pub fn confirm(id: &str, seconds: i64, seen_up_to: &Position) -> Entry {
    let mut entry = cancel(id, seconds, seen_up_to);
    if let Body::Cancel(cancel) = &mut entry.body {
        cancel.kind = CancelKind::Answered;
    }
    entry
}

/// An account of ours left the room.
pub fn left(id: &str, seconds: i64, seq: i64, account: &str) -> Entry {
    let departure = Departure { account: account.into(), by: Some("林小样".into()) };
    command(id, seconds, seq, Body::AccountLeft(departure))
}

/// The same, captured by another account of ours.
pub fn captured_by(account: &str, mut entry: Entry) -> Entry {
    match &mut entry.body {
        Body::Message(message) => {
            message.key.account = account.into();
            entry.position.entry = EntryId::from(&message.key);
        }
        Body::Facts(facts) => facts.account = Some(account.into()),
        _ => {}
    }
    entry
}

pub fn undo(id: &str, seconds: i64, seq: i64, target: &str) -> Entry {
    let id = EntryId::from(&CommandId(id.into()));
    Entry {
        position: position(seconds, seq, id),
        body: Body::CancelUndone { target: CommandId(target.into()) },
    }
}

/// A manager takes the clock from a room, or gives it back.
pub fn marked(id: &str, not_timed: bool) -> Body {
    let marks = Marks { not_timed, ..Marks::default() };
    Body::Marked(Marking { command: CommandId(id.into()), by: "王经理".into(), marks })
}

pub fn command(id: &str, seconds: i64, seq: i64, body: Body) -> Entry {
    Entry { position: position(seconds, seq, EntryId::from(&CommandId(id.into()))), body }
}
