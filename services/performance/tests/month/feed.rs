//! The invented month of `tests/performance`, as the real `room-state` comes to know of it.
//!
//! Everything arrives in the order of `month.ndjson`: what capture publishes on CHAT, commands on COMMAND once all before
//! them is folded, and gaps, go-live and rules as rows, with the clock at the moment of each.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use chrono::{DateTime, Utc};
use domain::id::{CommandId, RoomKey};
use domain::message::MessageKind;
use domain::rules::Rules;
use events::chat::{ActorRef, ChatMessage, ChatRoom, RoomEvent, RoomRef, SenderRef};
use events::command::{Command, CommandKind, Via};
use runtime::Clock;
use runtime::bus::Outgoing;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use store::role::Role;
use testkit::company::captured;
use testkit::{Stack, until, until_some};

/// What stands before the ids of entries that commands made.
const COMMANDS: &str = "command:";
/// When the clock of [`stack`] begins, before anything of the month is known.
const BEGIN: &str = "2026-11-02T07:00:00+08:00";

/// One thing that happens: see `tests/performance/month.py`.
#[derive(Debug, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Line {
    Message {
        received_at: DateTime<Utc>,
        captured: i64,
        message: Box<Row>,
    },
    Seen {
        account: String,
        members: Vec<String>,
        inviter: Option<String>,
        #[serde(flatten)]
        of: RoomFact,
    },
    Left {
        account: String,
        by: Option<ActorRef>,
        #[serde(flatten)]
        of: RoomFact,
    },
    Command {
        id: CommandId,
        room: RoomKey,
        at: DateTime<Utc>,
        by: String,
        wish: CommandKind,
    },
    Gap {
        found_at: DateTime<Utc>,
        account: String,
        since: DateTime<Utc>,
        until: DateTime<Utc>,
    },
    Golive {
        at: DateTime<Utc>,
    },
    Rules {
        at: DateTime<Utc>,
        version: usize,
    },
}

#[derive(Debug, Deserialize)]
struct RoomFact {
    id: String,
    at: DateTime<Utc>,
    captured: i64,
    room: RoomRef,
}

/// A message in the webhook's format.
#[derive(Debug, Deserialize)]
struct Row {
    source: String,
    account: String,
    id: String,
    room: RoomRef,
    sender: SenderRef,
    sent_at: DateTime<Utc>,
    kind: MessageKind,
    text: String,
    #[serde(default)]
    mentions: Vec<String>,
    #[serde(default)]
    quote: Option<String>,
    #[serde(default)]
    history: bool,
}

/// `rules.json`.
#[derive(Debug, Deserialize)]
struct Settings {
    /// When the month is looked at.
    now: DateTime<Utc>,
    versions: Vec<Version>,
}

#[derive(Debug, Deserialize)]
struct Version {
    valid_from: DateTime<Utc>,
    rules: Rules,
}

/// Reads one of the month's files.
///
/// # Errors
/// If it cannot be read.
pub fn text(name: &str) -> Result<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/performance").join(name);
    std::fs::read_to_string(&path).with_context(|| path.display().to_string())
}

/// A stack at the beginning of the month: the month's first rules are in force, and it was never live.
///
/// # Errors
/// If it does not start.
pub async fn stack() -> Result<Stack> {
    let epoch = DateTime::parse_from_rfc3339(BEGIN)?.to_utc();
    let stack = Stack::start_at(epoch).await?;
    stack.never_live().await?;
    store::sqlx::query("truncate rules restart identity").execute(&stack.admin).await?;
    let settings = settings()?;
    put_in_force(&stack, &settings.versions[0], epoch).await?;
    Ok(stack)
}

/// Runs `room-state` on a stack of [`stack`] through the month. Afterwards the clock stands at the month's `now`, or some
/// seconds later, all is folded, and nothing runs.
///
/// # Errors
/// If something is not taken in within a minute.
pub async fn feed(stack: &Stack) -> Result<()> {
    let settings = settings()?;
    let service = stack.run(Role::RoomState, room_state::run).await?;
    let mut facts = Facts { stack, ready: Vec::new(), published: 0 };
    for line in lines::<Line>("month.ndjson")? {
        match line {
            Line::Message { received_at, captured: place, message } => {
                facts.ready.push(captured(&message.captured(received_at, place))?);
            }
            Line::Seen { account, members, inviter, of } => {
                let event = RoomEvent::Seen { owner: None, members, inviter };
                facts.ready.push(of.captured(account, event, None)?);
            }
            Line::Left { account, by, of } => {
                facts.ready.push(of.captured(account, RoomEvent::AccountLeft, by)?);
            }
            Line::Command { id, room, at, by, wish } => {
                facts.until_folded(at).await?;
                decided(stack, Command { id, room, at, by, via: Via::Feishu, kind: wish }).await?;
            }
            Line::Gap { found_at, account, since, until } => {
                facts.until_folded(found_at).await?;
                stack.capture_gap(&account, since, Some(until)).await?;
            }
            Line::Golive { at } => {
                facts.until_folded(at).await?;
                stack.go_live(true, at).await?;
            }
            Line::Rules { at, version } => {
                facts.until_folded(at).await?;
                put_in_force(stack, &settings.versions[version - 1], at).await?;
            }
        }
    }
    facts.until_folded(settings.now).await?;
    until_judged(stack).await?;
    service.stop().await
}

/// What capture publishes.
struct Facts<'s> {
    stack: &'s Stack,
    /// Not published yet.
    ready: Vec<Outgoing>,
    published: i64,
}

impl Facts<'_> {
    /// Publishes what is ready, in order, moves the clock to a moment, and waits until all of it is folded.
    async fn until_folded(&mut self, at: DateTime<Utc>) -> Result<()> {
        advance(&self.stack.clock, at);
        for known in self.stack.bus.publish_all(&self.ready).await {
            ensure!(!known?, "the bus takes a line of the month for another one");
        }
        self.published += i64::try_from(self.ready.len())?;
        self.ready.clear();
        let (stack, published) = (self.stack, self.published);
        until(&format!("{published} facts are folded"), || async move {
            let folded = "select count(*) from timeline where not starts_with(entry, $1)";
            let folded: i64 =
                store::sqlx::query_scalar(folded).bind(COMMANDS).fetch_one(&stack.admin).await?;
            Ok(folded == published)
        })
        .await
    }
}

fn advance(clock: &Clock, to: DateTime<Utc>) {
    if let Ok(by) = (to - clock.now()).to_std() {
        clock.advance(by);
    }
}

/// Asks for something, and waits for the decision.
async fn decided(stack: &Stack, command: Command) -> Result<()> {
    let id = command.id.to_string();
    let subject = events::subject::command(command.kind.name(), &command.room);
    stack.bus.publish(&Outgoing { subject, id: id.clone(), payload: events::encode(&command)? }).await?;
    let decided = || async {
        let decision = store::sqlx::query_scalar("select decision from commands where command = $1");
        let decision: Option<String> = decision.bind(&id).fetch_optional(&stack.admin).await?;
        Ok(decision)
    };
    until_some(&format!("{id} is decided"), decided).await?;
    Ok(())
}

async fn put_in_force(stack: &Stack, version: &Version, at: DateTime<Utc>) -> Result<()> {
    let problems = version.rules.validate();
    ensure!(problems.is_empty(), "{problems:?}");
    let mut connection = stack.admin.acquire().await?;
    let applied = store::rules::apply(&mut connection, &version.rules, version.valid_from, at).await?;
    ensure!(applied.is_some(), "they are in force already");
    Ok(())
}

/// Waits until no room is judged by older rules.
async fn until_judged(stack: &Stack) -> Result<()> {
    until("newer rules have judged everything", || async {
        let mut connection = stack.admin.acquire().await?;
        let newest = store::rules::newest_version(&mut connection).await?;
        Ok(store::rooms::folded_with_older_rules(&mut connection, newest).await?.is_empty())
    })
    .await
}

fn settings() -> Result<Settings> {
    Ok(serde_json::from_str(&text("rules.json")?)?)
}

/// The lines of one of the month's files.
///
/// # Errors
/// If it cannot be read, or holds something else.
pub fn lines<T: DeserializeOwned>(name: &str) -> Result<Vec<T>> {
    let read = |line| serde_json::from_str(line).with_context(|| format!("{name}: {line}"));
    text(name)?.lines().map(read).collect()
}

impl Row {
    /// As capture would publish it.
    fn captured(self, received_at: DateTime<Utc>, place: i64) -> ChatMessage {
        ChatMessage {
            source: self.source,
            account: self.account,
            id: self.id,
            room: self.room,
            sender: self.sender,
            sent_at: self.sent_at,
            received_at,
            kind: self.kind,
            text: self.text,
            cut: false,
            mentions: self.mentions,
            quote: self.quote,
            quoted: None,
            history: self.history,
            time_guessed: false,
            captured: Some(place),
            seq: None,
        }
    }
}

impl RoomFact {
    /// As capture would publish it.
    fn captured(self, account: String, event: RoomEvent, by: Option<ActorRef>) -> Result<Outgoing> {
        let Self { id, at, captured, room } = self;
        let fact =
            ChatRoom { source: "webhook".into(), account, id, room, at, event, by, captured: Some(captured) };
        Ok(Outgoing {
            subject: events::subject::chat_room(&fact.room_key()),
            id: fact.key().to_string(),
            payload: events::encode(&fact)?,
        })
    }
}
