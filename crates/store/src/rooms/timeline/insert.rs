//! Entries into the timeline: many at once, column by column.

use domain::Timestamp;
use domain::closing::Features;
use domain::id::EntryId;
use domain::message::ContactType;
use domain::nature::Nature;
use domain::timeline::{Body, Quote};
use serde_json::Value;
use sqlx::PgConnection;
use sqlx::types::Json;

use super::{Facts, NewEntry};

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
    senders: Vec<Option<String>>,
    names: Vec<Option<&'a str>>,
    corporations: Vec<Option<&'a str>>,
    coworkers: Vec<Option<bool>>,
    is_self: Vec<bool>,
    contact_types: Vec<Option<Json<ContactType>>>,
    messages: Vec<Option<Value>>,
    texts: Vec<Option<&'a str>>,
    features: Vec<Option<Json<&'a Features>>>,
    natures: Vec<Option<Json<Nature>>>,
    mentions: Vec<Option<Json<Vec<String>>>>,
    quotes: Vec<Option<Json<&'a Quote>>>,
    history: Vec<bool>,
    targets: Vec<Option<String>>,
    facts: Vec<Option<Json<Facts>>>,
    stamped_at: Vec<Option<Timestamp>>,
    stamped_order: Vec<Option<i64>>,
}

impl<'a> Columns<'a> {
    fn push(&mut self, new: &'a NewEntry) {
        let message = match &new.entry.body {
            Body::Message(message) => Some(message),
            _ => None,
        };
        let sender = message.map(|message| &message.sender);
        self.rooms.push(new.room.to_string());
        self.entries.push(new.id.as_str());
        self.at.push(new.entry.position.at);
        self.order.push(new.entry.position.order);
        self.seq.push(new.entry.position.seq);
        self.pos_entry.push(new.entry.position.entry.as_str());
        self.pos_after.push(new.entry.position.after.as_ref().map_or("", EntryId::as_str));
        self.kinds.push(kind(&new.entry.body));
        self.received.push(new.received_at);
        self.senders.push(sender.map(|sender| sender.key.to_string()));
        self.names.push(name(&new.entry.body));
        self.corporations.push(sender.map(|sender| sender.corporation.as_str()));
        self.coworkers.push(sender.and_then(|sender| sender.coworker));
        self.is_self.push(sender.is_some_and(|sender| sender.is_self));
        self.contact_types.push(sender.and_then(|sender| sender.contact_type).map(Json));
        self.messages.push(message.and_then(|message| serde_json::to_value(message.kind).ok()));
        self.texts.push(new.text.as_deref());
        self.features.push(message.map(|message| Json(&message.features)));
        let nature = message.map(|message| message.nature).filter(|nature| *nature != Nature::Ordinary);
        self.natures.push(nature.map(Json));
        let mentions = message.map(|message| &message.mentions).filter(|mentions| !mentions.is_empty());
        self.mentions.push(mentions.map(|of| Json(of.iter().map(ToString::to_string).collect())));
        self.quotes.push(message.and_then(|message| message.quote.as_deref()).map(Json));
        self.history.push(message.is_some_and(|message| message.history));
        self.targets.push(target(&new.entry.body));
        self.facts.push(facts(&new.entry.body).map(Json));
        let stamped = message.and_then(|message| message.stamped);
        self.stamped_at.push(stamped.map(|stamped| stamped.at));
        self.stamped_order.push(stamped.map(|stamped| stamped.order));
    }
}

fn kind(body: &Body) -> &'static str {
    match body {
        Body::Message(_) => "message",
        Body::Recall { .. } => "recall",
        Body::Cancel(_) => "cancel",
        Body::CancelUndone { .. } => "cancel_undone",
        Body::Assigned { .. } => "assigned",
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

fn facts(body: &Body) -> Option<Facts> {
    match body {
        Body::Cancel(cancel) => Some(Facts::Cancel {
            command: cancel.command.clone(),
            by: cancel.by.clone(),
            reason: cancel.reason.clone(),
            kind: cancel.kind,
            at: cancel.at,
        }),
        Body::Assigned { owner, stage } => Some(Facts::Assigned { owner: owner.clone(), stage: *stage }),
        Body::Facts(people) => Some(Facts::People(people.clone())),
        _ => None,
    }
}

/// Display name of who did it.
fn name(body: &Body) -> Option<&str> {
    match body {
        Body::Message(message) => Some(&message.sender.name),
        Body::AccountLeft(departure) => departure.by.as_deref(),
        _ => None,
    }
}

/// Stores entries; returns the (room, entry) pairs that were new. Ids must not repeat within `entries`.
pub async fn insert(
    connection: &mut PgConnection,
    entries: &[&NewEntry],
) -> Result<Vec<(String, String)>, sqlx::Error> {
    let mut columns = Columns::default();
    for entry in entries {
        columns.push(entry);
    }
    let rows = sqlx::query!(
        r#"
        insert into timeline (room, entry, pos_at, pos_seq, pos_entry, pos_after, kind, received_at, sender,
                              sender_name, corporation, coworker, is_self, message, body, features, history, target,
                              facts, pos_order, stamped_at, stamped_order, contact_type, nature, mentions, quote)
        select room, entry, pos_at, pos_seq, pos_entry, pos_after, kind, received_at, sender, sender_name,
               corporation, coworker, is_self, message #>> '{}', body, features, history, target, facts, pos_order,
               stamped_at, stamped_order, contact_type #>> '{}', nature #>> '{}', mentions, quote
        from unnest($1::text[], $2::text[], $3::timestamptz[], $4::bigint[], $5::text[], $6::text[], $7::text[],
                    $8::timestamptz[], $9::text[], $10::text[], $11::text[], $12::boolean[], $13::boolean[],
                    $14::jsonb[], $15::text[], $16::jsonb[], $17::boolean[], $18::text[], $19::jsonb[], $20::bigint[],
                    $21::timestamptz[], $22::bigint[], $23::jsonb[], $24::jsonb[], $25::jsonb[], $26::jsonb[])
             as new (room, entry, pos_at, pos_seq, pos_entry, pos_after, kind, received_at, sender, sender_name,
                     corporation, coworker, is_self, message, body, features, history, target, facts, pos_order,
                     stamped_at, stamped_order, contact_type, nature, mentions, quote)
        on conflict (room, entry) do nothing
        returning room, entry
        "#,
        &columns.rooms,
        &columns.entries as _,
        &columns.at,
        &columns.seq,
        &columns.pos_entry as _,
        &columns.pos_after as _,
        &columns.kinds as _,
        &columns.received,
        &columns.senders as _,
        &columns.names as _,
        &columns.corporations as _,
        &columns.coworkers as _,
        &columns.is_self,
        &columns.messages as _,
        &columns.texts as _,
        &columns.features as _,
        &columns.history,
        &columns.targets as _,
        &columns.facts as _,
        &columns.order,
        &columns.stamped_at as _,
        &columns.stamped_order as _,
        &columns.contact_types as _,
        &columns.natures as _,
        &columns.mentions as _,
        &columns.quotes as _,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.room, row.entry)).collect())
}
