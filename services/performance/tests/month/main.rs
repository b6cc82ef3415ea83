//! The invented month of `tests/performance`, folded by the real `room-state` and compared with what an oracle in Python
//! expects.

mod counting;
mod feed;

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use chrono::DateTime;
use domain::closing::{Class, Features, Manner};
use domain::fold::DayCounts;
use domain::message::MessageKind;
use domain::nature::Nature;
use domain::rules::{PinnedRules, Rules};
use domain::wait::{Ending, Outcome};
use serde::Deserialize;
use serde_json::{Value, json};
use store::rooms::waits::{self, StoredWait, Which};
use store::sqlx::query_scalar;
use testkit::Stack;

/// The fields of a wait that `room-state` decides, as the oracle names them.
const DECIDED: [&str; 14] = [
    "room",
    "kind",
    "customer",
    "opened_at",
    "owner_at_opening",
    "stage_at_opening",
    "due",
    "closed_at",
    "ending",
    "held",
    "ended_by",
    "role",
    "owner_at_end",
    "stage_at_end",
];

/// `expected.json`.
#[derive(Debug, Deserialize)]
struct Expected {
    commands: Vec<ExpectedCommand>,
    pinned: Vec<ExpectedPin>,
    waits: Vec<Value>,
    messages: Vec<Spoken>,
}

#[derive(Debug, Deserialize)]
struct ExpectedCommand {
    id: String,
    decision: String,
}

#[derive(Debug, Deserialize)]
struct ExpectedPin {
    room: String,
    until: i64,
}

#[derive(Debug, Deserialize)]
struct Spoken {
    day: String,
    room: String,
    role: String,
    count: u32,
}

/// Things by their names.
type Named = BTreeMap<String, Value>;

#[tokio::test]
async fn room_state_decides_the_month_as_the_oracle_does() -> Result<()> {
    let stack = Box::pin(feed::stack()).await?;
    Box::pin(feed::feed(&stack)).await?;
    let expected: Expected = serde_json::from_str(&feed::text("expected.json")?)?;
    let waits = expected.waits.iter().map(of_oracle).collect::<Result<Named>>()?;
    let decided = live(&stack).await?;
    assert_same("waits", &waits, &decided);
    let commands = expected.commands.into_iter().map(|it| (it.id, json!(it.decision))).collect();
    assert_same("commands", &commands, &decisions(&stack).await?);
    let pinned = expected.pinned.into_iter().map(|it| (it.room, json!(it.until))).collect();
    assert_same("rooms with a pinned past", &pinned, &pins(&stack).await?);
    assert_same(
        "messages of the last day",
        &last_days(&stack, &expected.messages).await?,
        &counts(&stack).await?,
    );
    for change in [("owner_at_opening", json!("王三秋")), ("closed_at", json!(0)), ("kind", json!("soft"))]
    {
        assert!(
            !differences(&changed(&waits, &change), &decided).is_empty(),
            "{change:?} would not be noticed"
        );
    }
    Ok(())
}

/// One wait of the month otherwise than expected.
fn changed(waits: &Named, (field, value): &(&str, Value)) -> Named {
    let mut waits = waits.clone();
    if let Some(wait) = waits.values_mut().find(|wait| wait[*field] != *value) {
        wait[*field] = value.clone();
    }
    waits
}

fn assert_same(what: &str, expected: &Named, found: &Named) {
    let differences = differences(expected, found);
    let shown = differences.iter().take(12).map(String::as_str).collect::<Vec<_>>().join("\n");
    assert!(differences.is_empty() && !found.is_empty(), "{}: {} differ\n{shown}", what, differences.len());
}

fn differences(expected: &Named, found: &Named) -> Vec<String> {
    let names = expected.keys().chain(found.keys().filter(|name| !expected.contains_key(*name)));
    names
        .filter(|name| expected.get(*name) != found.get(*name))
        .map(|name| format!("{name}\n  expected {:?}\n  found    {:?}", expected.get(name), found.get(name)))
        .collect()
}

/// What the oracle says of a wait that `room-state` decides.
fn of_oracle(wait: &Value) -> Result<(String, Value)> {
    let id = wait["id"].as_str().context("a wait without an id")?;
    let mut of: serde_json::Map<String, Value> =
        DECIDED.iter().map(|field| ((*field).to_owned(), wait[*field].clone())).collect();
    of.insert("is_of_history".to_owned(), wait["imported"].clone());
    Ok((id.to_owned(), Value::Object(of)))
}

/// The live waits of all rooms.
async fn live(stack: &Stack) -> Result<Named> {
    let rooms: Vec<String> = query_scalar("select room from rooms").fetch_all(&stack.admin).await?;
    let mut connection = stack.admin.acquire().await?;
    let stored = waits::list(&mut connection, Which::OfRooms(&rooms, DateTime::UNIX_EPOCH)).await?;
    Ok(stored.iter().map(|stored| (stored.wait.id.to_string(), of_room_state(stored))).collect())
}

/// What `room-state` says of a wait, as the oracle would.
fn of_room_state(StoredWait { room, wait, .. }: &StoredWait) -> Value {
    let outcome = wait.outcome.as_ref();
    let (ending, held, ended_by, role) = match outcome.map(|outcome| &outcome.how) {
        None => (None, None, None, None),
        Some(Ending::Answered { name, role, holding, .. }) => {
            (Some("answered"), Some(*holding), Some(name), Some(role))
        }
        Some(Ending::Cancelled { by, .. }) => (Some("cancelled"), Some(false), Some(by), None),
        Some(Ending::Confirmed { by, .. }) => (Some("confirmed"), Some(false), Some(by), None),
        Some(Ending::BecameRequest) => (Some("became_request"), Some(false), None, None),
        Some(Ending::Withdrawn) => (Some("withdrawn"), Some(false), None, None),
        Some(Ending::Unobserved) => (Some("unobserved"), Some(false), None, None),
    };
    json!({
        "room": room,
        "kind": wait.kind,
        "customer": wait.customer,
        "opened_at": wait.opened.at.timestamp_millis(),
        "owner_at_opening": wait.owner,
        "stage_at_opening": wait.stage,
        "due": wait.due().map(|due| due.timestamp_millis()),
        "closed_at": outcome.map(|outcome| outcome.at.timestamp_millis()),
        "ending": ending,
        "held": held,
        "ended_by": ended_by,
        "role": role,
        "owner_at_end": outcome.and_then(|Outcome { owner, .. }| owner.clone()),
        "stage_at_end": outcome.map(|outcome| outcome.stage),
        "is_of_history": wait.is_of_history(),
    })
}

/// What became of the commands.
async fn decisions(stack: &Stack) -> Result<Named> {
    // What `room-state` notes of its own accord, of an account that left, is nobody's command.
    let told = "select jsonb_build_array(command, decision) from commands where starts_with(command, 'k-')";
    let told: Vec<Value> = query_scalar(told).fetch_all(&stack.admin).await?;
    let pair = |told: Value| Some((told[0].as_str()?.to_owned(), told[1].clone()));
    Ok(told.into_iter().filter_map(pair).collect())
}

/// Until when rooms keep being judged as they were counted.
async fn pins(stack: &Stack) -> Result<Named> {
    let pinned = "select jsonb_build_array(room, rules_pinned) from rooms where rules_pinned is not null";
    let pinned: Vec<Value> = query_scalar(pinned).fetch_all(&stack.admin).await?;
    let until = |pinned: Value| {
        let stored: PinnedRules = serde_json::from_value(pinned[1].clone())?;
        Ok((pinned[0].as_str().unwrap_or_default().to_owned(), json!(stored.until.timestamp_millis())))
    };
    pinned.into_iter().map(until).collect()
}

/// The messages of each room's last day.
async fn counts(stack: &Stack) -> Result<Named> {
    Ok(days(stack).await?.into_iter().map(|(room, day)| (room, shown(day))).collect())
}

async fn days(stack: &Stack) -> Result<BTreeMap<String, DayCounts>> {
    let rooms: Vec<String> = query_scalar("select room from rooms").fetch_all(&stack.admin).await?;
    let mut connection = stack.admin.acquire().await?;
    let mut days = BTreeMap::new();
    for room in rooms {
        let stored = store::rooms::get(&mut connection, &room.parse()?).await?.context("a room is gone")?;
        days.insert(room, stored.state.day);
    }
    Ok(days)
}

/// The same as the oracle expects it.
async fn last_days(stack: &Stack, expected: &[Spoken]) -> Result<Named> {
    let mut last = BTreeMap::new();
    for (room, day) in days(stack).await? {
        let mut counts = DayCounts { date: day.date, ..DayCounts::default() };
        let date = day.date.context("a room in which nobody spoke")?.to_string();
        for of in expected.iter().filter(|of| of.room == room && of.day == date) {
            match of.role.as_str() {
                "pre_sales" => counts.pre_sales += of.count,
                "after_sales" => counts.after_sales += of.count,
                "customer" => counts.customer += of.count,
                _ => counts.other_staff += of.count,
            }
        }
        last.insert(room, shown(counts));
    }
    Ok(last)
}

fn shown(day: DayCounts) -> Value {
    json!([day.date, day.pre_sales, day.after_sales, day.other_staff, day.customer])
}

/// A message of the month, as far as its words are concerned.
#[derive(Debug, Deserialize)]
struct Labelled {
    label: Option<String>,
    due: Option<String>,
    message: Option<Words>,
}

#[derive(Debug, Deserialize)]
struct Words {
    kind: MessageKind,
    text: String,
    #[serde(default)]
    mentions: Vec<String>,
}

/// The oracle goes by labels: they say what is read in the words.
#[test]
fn the_labels_say_what_the_words_say() -> Result<()> {
    let rules: Value = serde_json::from_str(&feed::text("rules.json")?)?;
    let rules: Rules = serde_json::from_value(rules["versions"][0]["rules"].clone())?;
    let lines: Vec<Labelled> = feed::lines("month.ndjson")?;
    let mut wrong = Vec::new();
    for Labelled { label, due, message } in lines {
        let (Some(label), Some(words)) = (label, message) else { continue };
        let read = read(&words, &rules);
        let is_due = due.is_some() == read.holding.as_ref().is_some_and(|holding| holding.due.is_some());
        if !fits(&label, &words, &read, &rules) || label == "holding" && !is_due {
            wrong.push(format!("{label}: {words:?}, {read:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

fn read(words: &Words, rules: &Rules) -> Features {
    Features::of(words.kind, &words.text, rules)
}

fn fits(label: &str, words: &Words, read: &Features, rules: &Rules) -> bool {
    let nature = Nature::of(words.kind, &words.text, words.mentions.iter().map(String::as_str), rules);
    let says_something = nature == Nature::Ordinary && !matches!(read.class, Class::Notice | Class::Empty);
    let asks_nobody = !read.question && read.invites.is_empty();
    let plain = says_something && read.accepts.is_empty();
    match label {
        "request" => plain && read.class == Class::Request,
        "closing" => plain && matches!(read.class, Class::Closing { manner: Manner::Courtesy, .. }),
        "own_move" => plain && matches!(read.class, Class::Closing { manner: Manner::OwnMove, .. }),
        "nod" => plain && read.class == Class::LoneSticker { assents: true },
        "sticker" => plain && read.class == Class::LoneSticker { assents: false },
        "money" => matches!(words.kind, MessageKind::RedEnvelope | MessageKind::Transfer),
        "answer" => says_something && asks_nobody && read.holding.is_none(),
        "holding" => says_something && asks_nobody && read.holding.is_some(),
        "question" => says_something && read.question && !read.alternatives && read.invites.is_empty(),
        "choice" => says_something && read.question && read.alternatives && read.invites.is_empty(),
        "auto_reply" => nature == Nature::AutoReply && !read.question,
        "broadcast" => nature == Nature::ToEverybody && !read.question,
        "notice" => words.kind == MessageKind::System,
        "recall" => words.kind == MessageKind::Recalled,
        _ => label == "robot",
    }
}
