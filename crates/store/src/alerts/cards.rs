//! Cards: made when a rung is due, in the transaction that decides so.

use chrono::NaiveDate;
use domain::Timestamp;
use domain::id::{RoomKey, WaitId};
use domain::ladder::{RungId, SkipReason};
use serde_json::Value;
use sqlx::PgConnection;

use crate::rooms::parse;

/// What a card is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubjectKind {
    Wait,
    /// Our account left the room.
    Departure,
    /// All who wait although every card of theirs has gone out.
    Unanswered,
}

impl SubjectKind {
    /// As the database holds it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Departure => "departure",
            Self::Unanswered => "unanswered",
        }
    }

    /// From what the database holds, which its check keeps to these.
    pub(super) fn parse(text: &str) -> Self {
        let others = [Self::Departure, Self::Unanswered];
        others.into_iter().find(|about| about.as_str() == text).unwrap_or(Self::Wait)
    }
}

/// A card to be made.
#[derive(Debug, Clone)]
pub struct NewCard<'a> {
    /// What it is about.
    pub subject_kind: SubjectKind,
    /// The wait it is for; for a departure, the entry that says so.
    pub wait: &'a WaitId,
    pub room: &'a RoomKey,
    /// The rung, `owner-DATE` or `left`.
    pub rung: &'a str,
    /// The chat that gets it.
    pub chat: &'a str,
    /// The local day for which it asks to assign an owner.
    pub ask_day: Option<NaiveDate>,
    /// The rung's threshold in working seconds.
    pub threshold_seconds: i64,
    /// The rung's colour, by Feishu's name.
    pub colour: &'a str,
    /// When it should go out.
    pub due_at: Timestamp,
    /// How it begins.
    pub status: InitialStatus,
}

/// How a new card begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InitialStatus {
    /// It is to be sent.
    Pending,
    /// It is only listed, since the system is not live.
    Rehearsed,
    /// A higher rung has passed as well.
    Superseded,
    /// Its time had passed before it could be due.
    Skipped(SkipReason),
}

impl InitialStatus {
    const fn state(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Rehearsed => "rehearsed",
            Self::Superseded => "superseded",
            Self::Skipped(_) => "skipped",
        }
    }

    const fn skip_reason(self) -> Option<&'static str> {
        match self {
            Self::Skipped(reason) => Some(reason.as_str()),
            Self::Pending | Self::Rehearsed | Self::Superseded => None,
        }
    }
}

/// A card as stored.
#[derive(Debug, Clone)]
pub struct Card {
    /// Its number; rises in the order in which cards are made.
    pub id: i64,
    /// What it is about.
    pub subject_kind: SubjectKind,
    /// The alarm that it follows; `None`: it follows a wait or a departure.
    pub alarm: Option<i64>,
    /// The wait it was made for; for a departure, the entry that says so. A card of an alarm has the alarm's subject here
    /// and in the two that follow.
    pub wait: WaitId,
    /// The wait whose state it shows.
    pub follows: WaitId,
    pub room: RoomKey,
    /// The rung, `owner-DATE` or `left`; of an alarm, the seconds after which it was repeated.
    pub rung: String,
    /// The chat that gets it.
    pub chat: String,
    /// It asks to assign an owner.
    pub asks_owner: bool,
    /// The rung's threshold in working seconds.
    pub threshold_seconds: i64,
    /// The rung's colour, by Feishu's name.
    pub colour: String,
    /// When it should have gone out.
    pub due_at: Timestamp,
    /// The form that it is sent in.
    pub form: String,
    /// Grows with each content that Feishu definitely refused.
    pub generation: i32,
    /// Its uuid, once frozen.
    pub uuid: Option<String>,
    /// What is sent, once frozen.
    pub payload: Option<Value>,
    /// What its reader has seen of the room: as it was frozen, or when it was last changed to show the room's lines.
    pub seen_up_to: Option<String>,
    /// It may stand in the chat already.
    pub unconfirmed: bool,
    /// Attempts so far.
    pub attempts: i32,
    /// Since when it is unconfirmed.
    pub first_attempt_at: Option<Timestamp>,
    /// Not to be tried before.
    pub next_attempt_at: Timestamp,
    /// The message, once sent.
    pub message_id: Option<String>,
    /// When it was sent.
    pub sent_at: Option<Timestamp>,
    /// What it should show.
    pub wanted: Value,
    /// Attempts to change it since it last was.
    pub change_attempts: i32,
    /// Who pressed first that it needs no reply.
    pub pressed_by: Option<String>,
    /// Who pressed first that it was answered.
    pub confirmed_by: Option<String>,
    /// How often 不用回复 was taken back on it.
    pub undone: i32,
    /// The span in which its wait opened, as W3C `traceparent`.
    pub trace: Option<String>,
}

impl Card {
    /// Whether it is about a rung that was passed, and not only that an owner is missing or our account left.
    pub fn is_of_a_rung(&self) -> bool {
        self.alarm.is_none() && self.rung.parse::<RungId>().is_ok()
    }

    /// Whether it is there for nothing but to ask for an owner.
    pub fn only_asks(&self) -> bool {
        self.asks_owner && !self.is_of_a_rung()
    }
}

pub async fn get(connection: &mut PgConnection, id: i64) -> Result<Option<Card>, sqlx::Error> {
    let row = sqlx::query!(
        r#"
        select about, alarm, wait, follows, room, rung, chat, ask_day is not null as "asks_owner!", threshold_seconds,
               colour, due_at,
               form, generation, uuid, payload, through, in_doubt, attempts, first_attempt_at, next_attempt_at,
               message_id, sent_at, wanted, change_attempts, pressed_by, confirmed_by, undone,
               (select trace from waits where waits.wait = alert_cards.wait) as trace
        from alert_cards
        where id = $1
        "#,
        id,
    )
    .fetch_optional(connection)
    .await?;
    row.map(|row| {
        Ok(Card {
            id,
            subject_kind: SubjectKind::parse(&row.about),
            alarm: row.alarm,
            wait: WaitId(row.wait),
            follows: WaitId(row.follows),
            room: parse(&row.room, "room")?,
            rung: row.rung,
            chat: row.chat,
            asks_owner: row.asks_owner,
            threshold_seconds: row.threshold_seconds,
            colour: row.colour,
            due_at: row.due_at,
            form: row.form,
            generation: row.generation,
            uuid: row.uuid,
            payload: row.payload,
            seen_up_to: row.through,
            unconfirmed: row.in_doubt,
            attempts: row.attempts,
            first_attempt_at: row.first_attempt_at,
            next_attempt_at: row.next_attempt_at,
            message_id: row.message_id,
            sent_at: row.sent_at,
            wanted: row.wanted,
            change_attempts: row.change_attempts,
            pressed_by: row.pressed_by,
            confirmed_by: row.confirmed_by,
            undone: row.undone,
            trace: row.trace,
        })
    })
    .transpose()
}

/// Makes a card that shows `wanted`. One of the same wait, rung and chat stands: nothing is made, unless it was dropped
/// as obsolete or superseded without ever going out, in which case it gets another chance under another uuid. An ask for an owner that
/// was rehearsed or skipped was never made: it may be made in earnest.
pub async fn insert(
    connection: &mut PgConnection,
    card: &NewCard<'_>,
    wanted: &Value,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        insert into alert_cards (wait, rung, chat, room, follows, ask_day, threshold_seconds, colour, due_at, created_at,
                                 state, next_attempt_at, wanted, next_change_at, skipped_because, about,
                                 trace_id)
        values ($1, $2, $3, $4, $1, $5, $6, $7, $8, $9, $10, $9, $11, $9, $12, $13,
                (select split_part(trace, '-', 2) from waits where waits.wait = $1))
        on conflict (wait, rung, chat) do update
        set state = excluded.state, due_at = excluded.due_at, threshold_seconds = excluded.threshold_seconds,
            colour = excluded.colour, created_at = excluded.created_at, next_attempt_at = excluded.next_attempt_at,
            wanted = excluded.wanted, generation = alert_cards.generation + (alert_cards.payload is not null)::int,
            payload = null, uuid = null, through = null, attempts = 0, first_attempt_at = null, form = 'full',
            follows = excluded.follows, ask_day = excluded.ask_day, skipped_because = excluded.skipped_because,
            failing_since = null
        where alert_cards.state = 'obsolete' or alert_cards.state = 'superseded' and excluded.state = 'pending'
           or alert_cards.state in ('rehearsed', 'skipped') and excluded.state = 'pending'
              and alert_cards.rung !~ '^[0-9]+$'
        "#,
        card.wait.as_str(),
        card.rung,
        card.chat,
        card.room.to_string(),
        card.ask_day,
        card.threshold_seconds,
        card.colour,
        card.due_at,
        now,
        card.status.state(),
        wanted,
        card.status.skip_reason(),
        card.subject_kind.as_str(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Drops what has not gone out of a wait's cards, since a higher rung goes out instead. The asks for an owner stay.
pub async fn supersede(connection: &mut PgConnection, wait: &WaitId) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        r#"
        update alert_cards set state = 'superseded'
        where follows = $1 and state = 'pending' and not in_doubt and rung ~ '^[0-9]+$'
        "#,
        wait.as_str(),
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// Whether somebody was asked on this day to assign an owner to a room, or is about to be; in a rehearsal: would have
/// been. An ask that never went out was none.
pub async fn asked_for_owner(
    connection: &mut PgConnection,
    room: &RoomKey,
    day: NaiveDate,
    rehearsal: bool,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        select exists (select from alert_cards
                       where room = $1 and ask_day = $2
                             and state not in ('obsolete', 'superseded', 'skipped', 'dead')
                             and (state <> 'rehearsed' or $3)) as "asked!"
        "#,
        room.to_string(),
        day,
        rehearsal,
    )
    .fetch_one(connection)
    .await
}

/// A rung that was dealt with in a chat.
#[derive(Debug, Clone)]
pub struct DealtWith {
    /// The wait, or the one that took its place.
    pub follows: WaitId,
    pub rung: String,
    pub chat: String,
    /// The rung's colour, by Feishu's name.
    pub colour: String,
    /// When the card was due.
    pub due_at: Timestamp,
    /// A card went out, will go out, or would have if the chat took it; otherwise the rung was skipped or superseded.
    pub notified: bool,
}

/// The rungs of these waits (and of those they took the place of) that were dealt with, by chat.
pub async fn dealt_with(
    connection: &mut PgConnection,
    waits: &[WaitId],
) -> Result<Vec<DealtWith>, sqlx::Error> {
    let waits: Vec<&str> = waits.iter().map(WaitId::as_str).collect();
    let rows = sqlx::query!(
        r#"
        select follows, rung, chat, colour, due_at,
               state in ('pending', 'sending', 'sent', 'parked', 'dead') as "told!"
        from alert_cards
        where follows = any ($1) and state <> 'obsolete' and rung ~ '^[0-9]+$'
        "#,
        &waits as _,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| DealtWith {
            follows: WaitId(row.follows),
            rung: row.rung,
            chat: row.chat,
            colour: row.colour,
            due_at: row.due_at,
            notified: row.told,
        })
        .collect())
}

/// How many cards wait, since when the oldest does, and how many were parked or have failed.
#[derive(Debug, Clone, Default)]
pub struct Backlog {
    /// Cards that have not gone out yet.
    pub pending: i64,
    /// When the oldest of them was made.
    pub oldest_at: Option<Timestamp>,
    /// Cards that stayed unconfirmed: nobody knows whether they went out.
    pub parked: i64,
    /// Cards that their chat refused for good.
    pub failed: i64,
    /// Sent cards that are to be changed.
    pub to_change: i64,
}

pub async fn backlog(connection: &mut PgConnection) -> Result<Backlog, sqlx::Error> {
    let row = sqlx::query!(
        r#"
        select
            (select count(*) from alert_cards where state in ('pending', 'sending')) as "pending!",
            (select min(created_at) from alert_cards where state in ('pending', 'sending')) as oldest_at,
            (select count(*) from alert_cards where state = 'parked') as "parked!",
            (select count(*) from alert_cards where state = 'dead') as "dead!",
            (select count(*) from alert_cards
             where state = 'sent' and changeable and wanted is distinct from shown) as "to_change!"
        "#,
    )
    .fetch_one(connection)
    .await?;
    Ok(Backlog {
        pending: row.pending,
        oldest_at: row.oldest_at,
        parked: row.parked,
        failed: row.dead,
        to_change: row.to_change,
    })
}

/// A card as the operator's list shows it.
#[derive(Debug, Clone)]
pub struct Listed {
    /// When it was made.
    pub made_at: Timestamp,
    /// When it was due.
    pub due_at: Timestamp,
    pub room: String,
    /// The room's name; empty when unknown.
    pub topic: String,
    /// Who waits; `None` when the wait is not there.
    pub customer: Option<String>,
    /// The rung, or `owner-DATE`.
    pub rung: String,
    /// The rung's threshold in working seconds.
    pub threshold_seconds: i64,
    /// The rung's colour, by Feishu's name.
    pub colour: String,
    /// The chat; empty when there is none.
    pub chat: String,
    /// It asks to assign an owner.
    pub asks_owner: bool,
    /// What became of it.
    pub state: String,
    /// Why it was skipped.
    pub skipped_because: Option<String>,
}

/// The newest `most` cards in some states that were made at or after a moment, oldest first.
pub async fn newest(
    connection: &mut PgConnection,
    since: Timestamp,
    states: &[&str],
    most: i64,
) -> Result<Vec<Listed>, sqlx::Error> {
    let mut listed = sqlx::query_as!(
        Listed,
        r#"
        select card.created_at as made_at, card.due_at, card.room, coalesce(rooms.topic, '') as "topic!",
               waits.customer_name as "customer?", card.rung, card.threshold_seconds, card.colour,
               card.chat, card.ask_day is not null as "asks_owner!", card.state, card.skipped_because
        from alert_cards card
             left join rooms using (room)
             left join waits on waits.wait = card.follows
        where card.created_at >= $1 and card.state = any ($2)
        order by card.id desc
        limit $3
        "#,
        since,
        states as _,
        most,
    )
    .fetch_all(connection)
    .await?;
    listed.reverse();
    Ok(listed)
}
