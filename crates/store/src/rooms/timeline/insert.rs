//! Entries into the timeline: many at once, column by column.

use domain::Timestamp;
use domain::id::EntryId;
use domain::timeline::Body;
use sqlx::PgConnection;

use super::{NewEntry, fact, word_of};

#[derive(Default)]
struct Columns<'a> {
    rooms: Vec<String>,
    entries: Vec<&'a str>,
    at: Vec<Timestamp>,
    order: Vec<i64>,
    seq: Vec<i64>,
    pos_entry: Vec<&'a str>,
    pos_after: Vec<&'a str>,
    kinds: Vec<&'static str>,
    received: Vec<Timestamp>,
    stamped_at: Vec<Option<Timestamp>>,
    stamped_order: Vec<Option<i64>>,
    senders: Vec<Option<String>>,
    is_self: Vec<bool>,
    messages: Vec<Option<String>>,
    texts: Vec<Option<&'a str>>,
    history: Vec<bool>,
    targets: Vec<Option<String>>,
    facts: Vec<Option<String>>,
}

impl<'a> Columns<'a> {
    fn push(&mut self, new: &'a NewEntry) -> Result<(), sqlx::Error> {
        let message = match &new.entry.body {
            Body::Message(message) => Some(message),
            _ => None,
        };
        let sender = message.map(|message| &message.sender);
        let stamped = message.and_then(|message| message.stamped);
        self.rooms.push(new.room.to_string());
        self.entries.push(new.id.as_str());
        self.at.push(new.entry.position.at);
        self.order.push(new.entry.position.order);
        self.seq.push(new.entry.position.seq);
        self.pos_entry.push(new.entry.position.entry.as_str());
        self.pos_after.push(new.entry.position.after.as_ref().map_or("", EntryId::as_str));
        self.kinds.push(kind(&new.entry.body));
        self.received.push(new.received_at);
        self.stamped_at.push(stamped.map(|stamped| stamped.at));
        self.stamped_order.push(stamped.map(|stamped| stamped.order));
        self.senders.push(sender.map(|sender| sender.key.to_string()));
        self.is_self.push(sender.is_some_and(|sender| sender.is_self));
        self.messages.push(message.and_then(|message| word_of(&message.kind)));
        self.texts.push(new.text.as_deref());
        self.history.push(message.is_some_and(|message| message.history));
        self.targets.push(target(&new.entry.body));
        self.facts.push(fact::of(&new.entry.body)?);
        Ok(())
    }
}

fn kind(body: &Body) -> &'static str {
    match body {
        Body::Message(_) => "message",
        Body::Recall { .. } => "recall",
        Body::Cancel(_) => "cancel",
        Body::CancelUndone { .. } => "cancel_undone",
        Body::Assigned { .. } => "assigned",
        Body::Marked(_) => "marked",
        Body::Facts(_) => "facts",
        Body::AccountLeft(_) => "account_left",
    }
}

fn target(body: &Body) -> Option<String> {
    match body {
        Body::Recall { target } => Some(target.to_string()),
        Body::CancelUndone { target } => Some(EntryId::from(target).0),
        _ => None,
    }
}

/// Stores entries; returns those that were new. Ids must not repeat within `entries`; an id that stands,
/// in this room or another, is left alone.
pub async fn insert(
    connection: &mut PgConnection,
    entries: &[&NewEntry],
) -> Result<Vec<String>, sqlx::Error> {
    // In one order, so that transactions with the same id of different rooms never wait in a circle.
    let mut entries: Vec<&NewEntry> = entries.to_vec();
    entries.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    let mut columns = Columns::default();
    for entry in entries {
        columns.push(entry)?;
    }
    sqlx::query_scalar!(
        r#"
        insert into timeline (room, entry, pos_at, pos_order, pos_seq, pos_entry, pos_after, kind, received_at, stamped_at,
                              stamped_order, sender, is_self, message, body, history, target, fact)
        select *
        from unnest($1::text[], $2::text[], $3::timestamptz[], $4::bigint[], $5::bigint[], $6::text[], $7::text[],
                    $8::text[], $9::timestamptz[], $10::timestamptz[], $11::bigint[], $12::text[], $13::boolean[],
                    $14::text[], $15::text[], $16::boolean[], $17::text[], $18::text[])
        on conflict (entry) do nothing
        returning entry
        "#,
        &columns.rooms,
        &columns.entries as _,
        &columns.at,
        &columns.order,
        &columns.seq,
        &columns.pos_entry as _,
        &columns.pos_after as _,
        &columns.kinds as _,
        &columns.received,
        &columns.stamped_at as _,
        &columns.stamped_order as _,
        &columns.senders as _,
        &columns.is_self,
        &columns.messages as _,
        &columns.texts as _,
        &columns.history,
        &columns.targets as _,
        &columns.facts as _,
    )
    .fetch_all(connection)
    .await
}
