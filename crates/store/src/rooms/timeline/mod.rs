//! The timeline: entries in, entries out.

use std::borrow::Cow;

use std::collections::BTreeMap;

use domain::Timestamp;
use domain::id::{CommandId, EntryId, MessageKey, PersonKey, RoomKey};
use domain::marks::Marking;
use domain::message::{MessageKind, Sender};
use domain::timeline::{Body, Cancel, Departure, Entry, Message, Position, RoomFacts, SourceTime};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sqlx::PgConnection;
use sqlx::types::Json;

use self::fact::{AssignedFact, CancelFact, DepartureFact, MarkedFact, MessageFact};
use super::parse;

mod fact;
mod insert;
mod places;

pub use insert::insert;
pub use places::{Placed, captured_live, put};

/// An entry to be stored.
#[derive(Debug, Clone)]
pub struct NewEntry {
    /// Its room.
    pub room: RoomKey,
    /// Its own id.
    pub id: EntryId,
    /// What it is and where it stands.
    pub entry: Entry,
    /// When it reached us.
    pub received_at: Timestamp,
    /// A message's text; `None` for other entries, and for a message that is older than the retention.
    pub text: Option<String>,
}

impl NewEntry {
    /// Keeps nothing of what was said, neither here nor in the message that it quotes.
    pub fn forget_words(&mut self) {
        self.text = None;
        if let Body::Message(Message { quote: Some(quote), .. }) = &mut self.entry.body {
            quote.text = None;
        }
    }
}

/// What a stored entry says that a repeated capture of it could contradict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its room, in text form.
    pub room: String,
    /// Its id.
    pub entry: String,
    /// Its place in the order of capture.
    pub seq: i64,
    /// The source's own order at its time.
    pub order: i64,
    /// Where it stands.
    pub at: Timestamp,
    /// When it was sent, as its source says.
    pub sent_at: Timestamp,
    /// Who said it.
    pub sender: Option<String>,
    /// What was said; `None` once it is blanked.
    pub text: Option<String>,
}

/// What is stored of these entries, in whatever room, for telling a redelivery from a contradiction.
pub async fn stored(connection: &mut PgConnection, entries: &[&str]) -> Result<Vec<Stored>, sqlx::Error> {
    sqlx::query_as!(
        Stored,
        r#"
        select room, entry, pos_seq as seq, pos_order as "order", pos_at as at,
               coalesce(stamped_at, pos_at) as "sent_at!", sender, body as text
        from timeline
        where entry = any ($1)
        "#,
        entries as _,
    )
    .fetch_all(connection)
    .await
}

/// Removes an entry so that the capture of it with the lower sequence can take its place.
pub async fn displace(connection: &mut PgConnection, room: &str, entry: &str) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from timeline where room = $1 and entry = $2", room, entry)
        .execute(connection)
        .await?;
    Ok(())
}

/// Moves the cancels that stand after an entry along with it.
pub async fn move_cancels(
    connection: &mut PgConnection,
    room: &str,
    entry: &Position,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        update timeline set pos_at = $3, pos_seq = $4, pos_order = $5
        where room = $1 and pos_entry = $2 and pos_after <> ''
        "#,
        room,
        entry.entry.as_str(),
        entry.at,
        entry.seq,
        entry.order,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Which of these entries were taken back before they came. The answer is in a table of its own, which is all but empty:
/// asked of the timeline, a server that knows nothing of it yet would read all of it.
pub async fn awaited(connection: &mut PgConnection, entries: &[&str]) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar!("select entry from timeline_awaited where entry = any ($1)", entries as _)
        .fetch_all(connection)
        .await
}

/// Links recalls to messages and undone cancels to cancels, wherever one of the two is among these entries and the
/// link is not there yet. Returns the room and position of every entry that was changed by it.
pub async fn link(
    connection: &mut PgConnection,
    entries: &[&str],
) -> Result<Vec<(RoomKey, Position)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        with named as (
            select room, target from timeline where entry = any ($1) and target is not null
            union
            select room, target from timeline where target = any ($1)
        ), first as (
            select distinct on (r.room, r.target) r.room, r.target, r.pos_at, r.pos_order, r.pos_seq, r.pos_entry
            from named join timeline r on r.room = named.room and r.target = named.target
            order by r.room, r.target, r.pos_at, r.pos_order, r.pos_seq, r.pos_entry
        )
        update timeline t
        set undone = t.kind = 'cancel',
            recalled = case when t.kind = 'message' then
                jsonb_build_object('at', to_json(first.pos_at), 'order', first.pos_order, 'seq', first.pos_seq,
                                   'entry', first.pos_entry, 'after', null) end
        from first
        where t.room = first.room and t.entry = first.target and t.kind in ('message', 'cancel')
          and (t.kind = 'cancel' and not t.undone
               or t.kind = 'message' and (t.recalled is null or
                   (t.recalled ->> 'entry', (t.recalled ->> 'seq')::bigint, (t.recalled ->> 'at')::timestamptz)
                   <> (first.pos_entry, first.pos_seq, first.pos_at)))
        returning t.room, t.pos_at, t.pos_order, t.pos_seq, t.pos_entry, t.pos_after
        "#,
        entries as _,
    )
    .fetch_all(&mut *connection)
    .await?;
    note_awaited(connection, entries).await?;
    rows.into_iter()
        .map(|row| {
            let position = position((row.pos_at, row.pos_order), row.pos_seq, row.pos_entry, row.pos_after);
            Ok((parse(&row.room, "room")?, position))
        })
        .collect()
}

/// Notes what these entries take back that has not come yet, and that those which have are not awaited any more.
async fn note_awaited(connection: &mut PgConnection, entries: &[&str]) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from timeline_awaited where entry = any ($1)", entries as _)
        .execute(&mut *connection)
        .await?;
    sqlx::query!(
        r#"
        insert into timeline_awaited (entry)
        select distinct new.target from timeline new
        where new.entry = any ($1) and new.target is not null
              and not exists (select from timeline old where old.entry = new.target)
        on conflict do nothing
        "#,
        entries as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}

fn position((at, order): (Timestamp, i64), seq: i64, entry: String, after: String) -> Position {
    Position { at, order, seq, entry: EntryId(entry), after: (!after.is_empty()).then_some(EntryId(after)) }
}

fn stamped(at: Option<Timestamp>, order: Option<i64>) -> Option<SourceTime> {
    at.map(|at| SourceTime { at, order: order.unwrap_or_default() })
}

/// Where an entry stands; `None` if the room has none of that id.
pub async fn find(
    connection: &mut PgConnection,
    room: &RoomKey,
    entry: &EntryId,
) -> Result<Option<Position>, sqlx::Error> {
    let row = sqlx::query!(
        "select pos_at, pos_order, pos_seq, pos_entry, pos_after from timeline where room = $1 and entry = $2",
        room.to_string(),
        entry.as_str(),
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| position((row.pos_at, row.pos_order), row.pos_seq, row.pos_entry, row.pos_after)))
}

/// What the source said last of the people of some rooms (in text form): who invited our account, who owns the room, who is
/// in it. Rooms of which it never said anything are left out.
pub async fn known_facts(
    connection: &mut PgConnection,
    rooms: &[String],
) -> Result<BTreeMap<String, RoomFacts>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select room, fact from timeline
        where room = any ($1) and kind = 'facts'
        order by room, pos_at, pos_order, pos_seq, pos_entry, pos_after
        "#,
        rooms,
    )
    .fetch_all(connection)
    .await?;
    let mut known: BTreeMap<String, RoomFacts> = BTreeMap::new();
    for row in rows {
        let RoomFacts { inviter, owner, members, .. } = fact::read(row.fact.as_deref())?;
        let held = known.entry(row.room).or_default();
        held.inviter = inviter.or(held.inviter.take());
        held.owner = owner.or(held.owner.take());
        if !members.is_empty() {
            held.members = members;
        }
    }
    Ok(known)
}

/// A room's entries after a position (`None`: all), in order.
pub async fn after(
    connection: &mut PgConnection,
    room: &RoomKey,
    start: Option<&Position>,
) -> Result<Vec<Entry>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select entry, pos_at, pos_order, pos_seq, pos_entry, pos_after, kind, received_at, stamped_at, stamped_order,
               sender, is_self, message, history, recalled as "recalled: Json<Position>", target, undone, fact
        from timeline
        where room = $1
          and ($2::timestamptz is null or (pos_at, pos_order, pos_seq, pos_entry, pos_after) > ($2, $3, $4, $5, $6))
        order by pos_at, pos_order, pos_seq, pos_entry, pos_after
        "#,
        room.to_string(),
        start.map(|position| position.at),
        start.map_or(0, |position| position.order),
        start.map_or(0, |position| position.seq),
        start.map_or("", |position| position.entry.as_str()),
        start.and_then(|position| position.after.as_ref()).map_or("", EntryId::as_str),
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let body = Row {
                entry: row.entry,
                kind: row.kind,
                received_at: row.received_at,
                stamped: stamped(row.stamped_at, row.stamped_order),
                sender: row.sender,
                is_self: row.is_self,
                message: row.message,
                history: row.history,
                recalled: row.recalled.map(|json| json.0),
                target: row.target,
                undone: row.undone,
                fact: row.fact,
            }
            .body()?;
            Ok(Entry {
                position: position((row.pos_at, row.pos_order), row.pos_seq, row.pos_entry, row.pos_after),
                body,
            })
        })
        .collect()
}

struct Row {
    entry: String,
    kind: String,
    received_at: Timestamp,
    stamped: Option<SourceTime>,
    sender: Option<String>,
    is_self: bool,
    message: Option<String>,
    history: bool,
    recalled: Option<Position>,
    target: Option<String>,
    undone: bool,
    fact: Option<String>,
}

impl Row {
    fn body(self) -> Result<Body, sqlx::Error> {
        let fact = self.fact.as_deref();
        Ok(match self.kind.as_str() {
            "message" => self.message()?,
            "recall" => Body::Recall { target: parse(&self.target.unwrap_or_default(), "target")? },
            "cancel" => {
                let CancelFact { command, by, reason, kind, about, at } = fact::read(fact)?;
                let about = about.map(Cow::into_owned);
                let (command, by, reason) = (command.into_owned(), by.into_owned(), reason.into_owned());
                Body::Cancel(Cancel { command, by, reason, kind, about, at, undone: self.undone })
            }
            "cancel_undone" => Body::CancelUndone { target: command_of(&self.target.unwrap_or_default()) },
            "assigned" => {
                let AssignedFact { owner, stage } = fact::read(fact)?;
                Body::Assigned { owner: owner.map(Cow::into_owned), stage }
            }
            "marked" => {
                let MarkedFact { command, by, marks } = fact::read(fact)?;
                let (command, by, marks) = (command.into_owned(), by.into_owned(), marks.into_owned());
                Body::Marked(Marking { command, by, marks })
            }
            "facts" => Body::Facts(fact::read::<RoomFacts>(fact)?),
            "account_left" => {
                let DepartureFact { account, by } = fact::read(fact)?;
                Body::AccountLeft(Departure { account: account.into_owned(), by: by.map(Cow::into_owned) })
            }
            _ => return Err(sqlx::Error::ColumnNotFound(format!("an entry of kind {:?}", self.kind))),
        })
    }

    fn message(self) -> Result<Body, sqlx::Error> {
        let fact: MessageFact<'_> = fact::read(self.fact.as_deref())?;
        Ok(Body::Message(Message {
            key: parse::<MessageKey>(&self.entry, "entry")?,
            sender: sender(&self.sender.unwrap_or_default(), self.is_self, &fact)?,
            nature: fact.nature.unwrap_or_default(),
            mentions: fact.mentions.iter().filter_map(|person| person.parse().ok()).collect(),
            quote: fact.quote.map(|quote| Box::new(quote.into_owned())),
            kind: kind_of(self.message.unwrap_or_default()),
            features: fact.features.into_owned(),
            history: self.history,
            received_at: self.received_at,
            stamped: self.stamped,
            recalled: self.recalled,
        }))
    }
}

fn sender(key: &str, is_self: bool, fact: &MessageFact<'_>) -> Result<Sender, sqlx::Error> {
    Ok(Sender {
        key: parse::<PersonKey>(key, "sender")?,
        name: fact.name.clone().into_owned(),
        corporation: fact.corporation.clone().into_owned(),
        coworker: fact.coworker,
        is_self,
        contact_type: fact.contact_type,
    })
}

fn kind_of(text: String) -> MessageKind {
    word(text).unwrap_or(MessageKind::Other)
}

/// A word of a later release is none that this one knows.
fn word<T: DeserializeOwned>(text: String) -> Option<T> {
    serde_json::from_value(Value::String(text)).ok()
}

/// What [`word`] reads.
fn word_of(value: &impl Serialize) -> Option<String> {
    serde_json::to_value(value).ok().and_then(|word| word.as_str().map(ToOwned::to_owned))
}

fn command_of(entry: &str) -> CommandId {
    CommandId(entry.strip_prefix("command:").unwrap_or(entry).to_owned())
}

/// A message as the last lines are made of.
#[derive(Debug, Clone)]
pub struct Said {
    /// Who said it.
    pub sender: Sender,
    /// What kind it is.
    pub kind: MessageKind,
    /// Its text; `None`: blanked.
    pub text: Option<String>,
    /// When.
    pub at: Timestamp,
}

impl Said {
    /// As the columns of the table have it.
    pub(crate) fn of(
        key: &str,
        is_self: bool,
        kind: String,
        text: Option<String>,
        at: Timestamp,
        fact: Option<&str>,
    ) -> Result<Self, sqlx::Error> {
        Ok(Self { sender: sender(key, is_self, &fact::read(fact)?)?, kind: kind_of(kind), text, at })
    }
}

/// The last messages of a room that were not taken back and whose words are kept, newest last.
pub async fn last_said(
    connection: &mut PgConnection,
    room: &RoomKey,
    most: i64,
) -> Result<Vec<Said>, sqlx::Error> {
    let mut rows = sqlx::query!(
        r#"
        select sender as "sender!", is_self, message as "message!", body, pos_at, fact
        from timeline
        where room = $1 and kind = 'message' and recalled is null and message not in ('system', 'recalled')
              and body is not null
        order by pos_at desc, pos_order desc, pos_seq desc, pos_entry desc, pos_after desc
        limit $2
        "#,
        room.to_string(),
        most,
    )
    .fetch_all(connection)
    .await?;
    rows.reverse();
    rows.into_iter()
        .map(|row| Said::of(&row.sender, row.is_self, row.message, row.body, row.pos_at, row.fact.as_deref()))
        .collect()
}
