//! Notifications: made when a step is due, in the transaction that decides so.

use chrono::NaiveDate;
use domain::Timestamp;
use domain::id::{RoomKey, WaitId};
use domain::ladder::{RungId, SkipReason};
use domain::notification::{Step, Subject, SubjectKind};
use domain::rules::Severity;
use serde_json::Value;
use sqlx::PgConnection;

use crate::rooms::parse;

/// Where a notification goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// The channel's name.
    pub channel: String,
    /// As the channel names it; empty: it reaches nobody.
    pub address: String,
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.channel, self.address)
    }
}

/// A notification to be made.
#[derive(Debug, Clone)]
pub struct NewNotification<'a> {
    pub subject: &'a Subject,
    pub step: Step,
    pub to: &'a Address,
    /// The room that it is about.
    pub room: Option<&'a RoomKey>,
    /// The local day for which it asks to assign an owner.
    pub ask_day: Option<NaiveDate>,
    /// The rung's threshold in working seconds.
    pub threshold_seconds: i64,
    pub severity: Severity,
    /// When it should go out.
    pub due_at: Timestamp,
    /// How it begins.
    pub status: InitialStatus,
    /// The alarm that it tells of.
    pub alarm: Option<i64>,
    /// Its readers are to get an urgent push (加急).
    pub urgent: bool,
}

impl<'a> NewNotification<'a> {
    /// One that is to be sent, is of no rung, and asks for nothing.
    pub const fn new(
        subject: &'a Subject,
        step: Step,
        to: &'a Address,
        severity: Severity,
        due_at: Timestamp,
    ) -> Self {
        Self {
            subject,
            step,
            to,
            room: None,
            ask_day: None,
            threshold_seconds: 0,
            severity,
            due_at,
            status: InitialStatus::Pending,
            alarm: None,
            urgent: false,
        }
    }
}

/// How a new notification begins.
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

/// A notification as stored.
#[derive(Debug, Clone)]
pub struct Notification {
    /// Its number; rises in the order in which they are made.
    pub id: i64,
    pub subject: Subject,
    pub step: Step,
    pub to: Address,
    /// The wait whose state it shows; of another subject than a wait, the subject's text.
    pub follows: WaitId,
    /// The room that it is about.
    pub room: Option<RoomKey>,
    /// It asks to assign an owner.
    pub asks_owner: bool,
    /// The rung's threshold in working seconds.
    pub threshold_seconds: i64,
    pub severity: Severity,
    /// When it should have gone out.
    pub due_at: Timestamp,
    /// The form that it is sent in.
    pub form: String,
    /// Grows with each content that the channel definitely refused.
    pub generation: i32,
    /// What makes a second attempt the same message, once frozen.
    pub delivery_key: Option<String>,
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
    /// The message, once sent.
    pub message_id: Option<String>,
    /// When it was sent.
    pub sent_at: Option<Timestamp>,
    /// Until when its reader was left alone, if they were.
    pub held_until: Option<Timestamp>,
    /// What it should show.
    pub wanted: Value,
    /// Attempts to change it since it last was.
    pub change_attempts: i32,
    /// The span in which its wait opened, as W3C `traceparent`.
    pub trace: Option<String>,
}

impl Notification {
    /// Whether it is about something wrong with Huiyin itself.
    pub const fn is_alarm(&self) -> bool {
        matches!(self.subject, Subject::Alarm { .. })
    }

    /// Whether it tells several waits together.
    pub const fn is_digest(&self) -> bool {
        matches!(self.subject, Subject::Digest(_))
    }

    /// Whether it is there for nothing but to ask for an owner.
    pub const fn only_asks(&self) -> bool {
        self.asks_owner && self.step.rung().is_none()
    }
}

/// A subject from what the database holds.
pub(super) fn subject(kind: &str, text: &str) -> Result<Subject, sqlx::Error> {
    let kind: SubjectKind = parse(kind, "subject_kind")?;
    Subject::parse(kind, text).ok_or_else(|| unreadable("subject", kind))
}

/// The same of a step.
fn step(kind: SubjectKind, text: &str) -> Result<Step, sqlx::Error> {
    Step::parse(kind, text).ok_or_else(|| unreadable("step", kind))
}

fn unreadable(column: &str, kind: SubjectKind) -> sqlx::Error {
    sqlx::Error::ColumnDecode { index: column.to_owned(), source: format!("not one of {kind}").into() }
}

pub async fn get(connection: &mut PgConnection, id: i64) -> Result<Option<Notification>, sqlx::Error> {
    let row = sqlx::query!(
        r#"
        select subject_kind, subject, step, channel, address, follows, room, ask_day is not null as "asks_owner!",
               threshold_seconds, severity, due_at, form, generation, delivery_key, payload, seen_up_to, unconfirmed,
               attempts, first_attempt_at, message_id, sent_at, held_until, wanted, change_attempts,
               (select trace from waits where waits.wait = subject and subject_kind = 'wait') as trace
        from notifications
        where id = $1
        "#,
        id,
    )
    .fetch_optional(connection)
    .await?;
    row.map(|row| {
        let subject = subject(&row.subject_kind, &row.subject)?;
        let step = step(subject.kind(), &row.step)?;
        Ok(Notification {
            id,
            subject,
            step,
            to: Address { channel: row.channel, address: row.address },
            follows: WaitId(row.follows),
            room: row.room.as_deref().map(|room| parse(room, "room")).transpose()?,
            asks_owner: row.asks_owner,
            threshold_seconds: row.threshold_seconds,
            severity: Severity::from_name(&row.severity).unwrap_or(Severity::Grey),
            due_at: row.due_at,
            form: row.form,
            generation: row.generation,
            delivery_key: row.delivery_key,
            payload: row.payload,
            seen_up_to: row.seen_up_to,
            unconfirmed: row.unconfirmed,
            attempts: row.attempts,
            first_attempt_at: row.first_attempt_at,
            message_id: row.message_id,
            sent_at: row.sent_at,
            held_until: row.held_until,
            wanted: row.wanted,
            change_attempts: row.change_attempts,
            trace: row.trace,
        })
    })
    .transpose()
}

/// Makes a notification that shows `wanted`; says whether it was made by this call. One of the same key stands: nothing is made,
/// unless it was dropped as obsolete or superseded without ever going out, in which case it gets another chance under
/// another delivery key. An ask for an owner that was rehearsed or skipped was never made: it may be made in earnest.
pub async fn insert(
    connection: &mut PgConnection,
    new: &NewNotification<'_>,
    wanted: &Value,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        r#"
        insert into notifications (subject_kind, subject, step, channel, address, room, follows, ask_day,
                                   threshold_seconds, severity, due_at, created_at, state, next_attempt_at, wanted,
                                   next_change_at, skipped_because, alarm, urgent, next_urgent_at, trace_id)
        values ($1, $2, $3, $4, $5, $6, $2, $7, $8, $9, $10, $11, $12, $11, $13, $11, $14, $15,
                case when $16 then 'wanted' end, $11,
                (select split_part(trace, '-', 2) from waits where waits.wait = $2 and $1 = 'wait'))
        on conflict (subject_kind, subject, step, channel, address) do update
        set state = excluded.state, due_at = excluded.due_at, threshold_seconds = excluded.threshold_seconds,
            severity = excluded.severity, created_at = excluded.created_at, next_attempt_at = excluded.next_attempt_at,
            wanted = excluded.wanted, generation = notifications.generation + (notifications.payload is not null)::int,
            payload = null, delivery_key = null, seen_up_to = null, attempts = 0, first_attempt_at = null, form = 'full',
            follows = excluded.follows, ask_day = excluded.ask_day, skipped_because = excluded.skipped_because,
            failing_since = null, held_until = null, held_for = null, digest = null, listed_on = null
        where notifications.subject_kind in ('wait', 'departure')
          and (notifications.state = 'obsolete' or notifications.state = 'superseded' and excluded.state = 'pending'
               or notifications.state in ('rehearsed', 'skipped') and excluded.state = 'pending'
                  and not notifications.of_a_rung)
        "#,
        new.subject.kind().to_string(),
        new.subject.to_string(),
        new.step.to_string(),
        new.to.channel,
        new.to.address,
        new.room.map(ToString::to_string),
        new.ask_day,
        new.threshold_seconds,
        new.severity.name(),
        new.due_at,
        now,
        new.status.state(),
        wanted,
        new.status.skip_reason(),
        new.alarm,
        new.urgent,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Makes the list of a subject and step, unless there is one, and gives its number. `None`: there is one.
pub async fn insert_list(
    connection: &mut PgConnection,
    new: &NewNotification<'_>,
    wanted: &Value,
    now: Timestamp,
) -> Result<Option<i64>, sqlx::Error> {
    let (kind, subject, step) =
        (new.subject.kind().to_string(), new.subject.to_string(), new.step.to_string());
    let made = sqlx::query_scalar!(
        "select id from notifications where subject_kind = $1 and subject = $2 and step = $3 limit 1",
        kind,
        subject,
        step,
    )
    .fetch_optional(&mut *connection)
    .await?;
    // Whoever has another address by now has it all the same.
    if made.is_some() || !insert(connection, new, wanted, now).await? {
        return Ok(None);
    }
    sqlx::query_scalar!(
        r#"
        select id from notifications
        where subject_kind = $1 and subject = $2 and step = $3 and channel = $4 and address = $5
        "#,
        kind,
        subject,
        step,
        new.to.channel,
        new.to.address,
    )
    .fetch_optional(connection)
    .await
}

/// Drops what has not gone out of a wait's cards, since a higher rung goes out instead. The asks for an owner stay.
pub async fn supersede(connection: &mut PgConnection, wait: &WaitId) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        r#"
        update notifications set state = 'superseded'
        where follows = $1 and state in ('pending', 'held') and not unconfirmed and of_a_rung
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
        select exists (select from notifications
                       where room = $1 and ask_day = $2
                             and state not in ('obsolete', 'superseded', 'skipped', 'failed')
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
    pub rung: RungId,
    pub to: Address,
    pub severity: Severity,
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
        select follows, step, channel, address, severity, due_at,
               state in ('pending', 'sending', 'sent', 'parked', 'failed', 'held', 'digested', 'listed') as "notified!"
        from notifications
        where follows = any ($1) and state <> 'obsolete' and of_a_rung
        "#,
        &waits as _,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(DealtWith {
                follows: WaitId(row.follows),
                rung: parse(&row.step, "step")?,
                to: Address { channel: row.channel, address: row.address },
                severity: Severity::from_name(&row.severity).unwrap_or(Severity::Grey),
                due_at: row.due_at,
                notified: row.notified,
            })
        })
        .collect()
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
            (select count(*) from notifications where state in ('pending', 'sending')) as "pending!",
            (select min(created_at) from notifications where state in ('pending', 'sending')) as oldest_at,
            (select count(*) from notifications where state = 'parked') as "parked!",
            (select count(*) from notifications where state = 'failed') as "failed!",
            (select count(*) from notifications
             where state = 'sent' and changeable and wanted is distinct from shown) as "to_change!"
        "#,
    )
    .fetch_one(connection)
    .await?;
    Ok(Backlog {
        pending: row.pending,
        oldest_at: row.oldest_at,
        parked: row.parked,
        failed: row.failed,
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
    /// The room's key in text form, if it is about one.
    pub room: Option<String>,
    /// The room's name; empty when unknown.
    pub topic: String,
    /// Who waits; `None` when the wait is not there.
    pub customer: Option<String>,
    /// What it is about, by the name of a [`SubjectKind`].
    pub subject_kind: String,
    /// Its subject in text form.
    pub subject: String,
    /// The rung's threshold in working seconds.
    pub threshold_seconds: i64,
    /// By its name.
    pub severity: String,
    /// Whom it goes to; empty when nobody.
    pub address: String,
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
               waits.customer_name as "customer?", card.subject_kind, card.subject, card.threshold_seconds, card.severity,
               card.address, card.ask_day is not null as "asks_owner!", card.state, card.skipped_because
        from notifications card
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
