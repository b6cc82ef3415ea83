//! Waits: what folds gave. A row is never deleted.

use domain::Timestamp;
use domain::closing::Verdict;
use domain::fold::{Checkpoint, FoldState, FoldedWait, LiveWait};
use domain::id::{EntryId, RoomKey, StaffName, WaitId};
use domain::rules::Stage;
use domain::timeline::Position;
use domain::wait::{Ending, Outcome, Supersession, Wait, WaitKind};
use serde::Deserialize;
use sqlx::PgConnection;
use sqlx::types::Json;

use super::parse;
use crate::json::{from_text, to_text};

/// A wait as others read it.
#[derive(Debug, Clone)]
pub struct StoredWait {
    /// Its room.
    pub room: RoomKey,
    /// The wait.
    pub wait: Wait,
    /// The wait that its opening lies in since a re-fold.
    pub replaced_by: Option<WaitId>,
    /// Its opening asks for nothing any more.
    pub void: bool,
    /// When an import or rules with a past `valid_from` gave it its present shape; `None`: they never did.
    pub rejudged_at: Option<Timestamp>,
}

/// A wait as a fold gave it.
#[derive(Debug, Clone)]
pub struct NewWait {
    /// Its room.
    pub room: RoomKey,
    /// The wait.
    pub folded: FoldedWait,
    /// The trace of its opening, as W3C `traceparent`, if it opens now.
    pub trace: Option<String>,
    /// The fold judged the past again: if it made the wait, opened it again or moved it to another stage, that is noted.
    pub rejudged: bool,
}

/// How a wait stands, in the words of the table.
pub(crate) const fn state_name(how: Option<&Ending>) -> &'static str {
    match how {
        None => "open",
        Some(Ending::Answered { .. }) => "answered",
        Some(Ending::Cancelled { .. }) => "cancelled",
        Some(Ending::Confirmed { .. }) => "confirmed",
        Some(Ending::BecameRequest) => "became_request",
        Some(Ending::Withdrawn) => "withdrawn",
        Some(Ending::Unobserved) => "unobserved",
    }
}

fn checkpoints(waits: &[NewWait]) -> Result<Vec<Option<String>>, sqlx::Error> {
    let stored = |new: &NewWait| match &new.folded.checkpoint {
        Checkpoint::At(state) => to_text(state).map(Some),
        Checkpoint::None => Ok(Some(String::new())),
        Checkpoint::AsStored => Ok(None),
    };
    waits.iter().map(stored).collect()
}

/// What is known of waits by their openings, column by column.
struct Openings<'w> {
    ids: Vec<&'w str>,
    rooms: Vec<String>,
    at: Vec<Timestamp>,
    order: Vec<i64>,
    seq: Vec<i64>,
    customers: Vec<String>,
    names: Vec<&'w str>,
    kinds: Vec<String>,
    verdicts: Vec<Json<&'w Verdict>>,
}

impl<'w> Openings<'w> {
    fn of(waits: &'w [NewWait]) -> Self {
        let each = || waits.iter().map(|new| &new.folded.wait);
        Self {
            ids: each().map(|wait| wait.id.as_str()).collect(),
            rooms: waits.iter().map(|new| new.room.to_string()).collect(),
            at: each().map(|wait| wait.opened.at).collect(),
            order: each().map(|wait| wait.opened.order).collect(),
            seq: each().map(|wait| wait.opened.seq).collect(),
            customers: each().map(|wait| wait.customer.to_string()).collect(),
            names: each().map(|wait| wait.customer_name.as_str()).collect(),
            kinds: each().map(|wait| wait.kind.to_string()).collect(),
            verdicts: each().map(|wait| Json(&wait.verdict)).collect(),
        }
    }
}

/// Stores waits as they are now, live.
pub async fn upsert(
    connection: &mut PgConnection,
    waits: &[NewWait],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    if waits.is_empty() {
        return Ok(());
    }
    let each = || waits.iter().map(|new| &new.folded.wait);
    let Openings { ids, rooms, at, order, seq, customers, names, kinds, verdicts } = Openings::of(waits);
    let owners: Vec<Option<&str>> = each().map(|wait| wait.owner.as_ref().map(StaffName::as_str)).collect();
    let stages: Vec<String> = each().map(|wait| wait.stage.to_string()).collect();
    let messages: Vec<i32> = each().map(|wait| i32::try_from(wait.messages).unwrap_or(i32::MAX)).collect();
    let (last, alarm): (Vec<Timestamp>, Vec<Option<Timestamp>>) =
        each().map(|wait| (wait.last_customer_at, wait.alarm_since)).unzip();
    let (state_names, closed): (Vec<&str>, Vec<Option<Timestamp>>) = each()
        .map(|wait| wait.outcome.as_ref())
        .map(|o| (state_name(o.map(|o| &o.how)), o.map(|o| o.at)))
        .unzip();
    let outcomes: Vec<Option<Json<&Outcome>>> = each().map(|wait| wait.outcome.as_ref().map(Json)).collect();
    let before = checkpoints(waits)?;
    let traces: Vec<Option<&str>> = waits.iter().map(|new| new.trace.as_deref()).collect();
    let rejudged: Vec<Option<Timestamp>> = waits.iter().map(|new| new.rejudged.then_some(now)).collect();
    sqlx::query!(
        r#"
        insert into waits (wait, room, opened_at, opened_seq, customer, customer_name, verdict, owner, stage, messages,
                           last_customer_at, alarm_since, state, closed_at, outcome, before, rejudged_at,
                           opened_order, trace, kind, updated_at)
        select *, $17::timestamptz
        from unnest($1::text[], $2::text[], $3::timestamptz[], $4::bigint[], $5::text[], $6::text[], $7::jsonb[],
                    $8::text[], $9::text[], $10::int[], $11::timestamptz[], $12::timestamptz[], $13::text[],
                    $14::timestamptz[], $15::jsonb[], $16::text[], $18::timestamptz[], $19::bigint[], $20::text[],
                    $21::text[])
        on conflict (wait) do update
        set opened_at = excluded.opened_at, opened_order = excluded.opened_order,
            opened_seq = excluded.opened_seq, customer = excluded.customer, kind = excluded.kind,
            customer_name = excluded.customer_name, verdict = excluded.verdict, owner = excluded.owner,
            stage = excluded.stage, messages = excluded.messages, last_customer_at = excluded.last_customer_at,
            alarm_since = excluded.alarm_since, state = excluded.state, closed_at = excluded.closed_at,
            outcome = excluded.outcome, before = coalesce(excluded.before, waits.before), replaced_by = null,
            trace = coalesce(waits.trace, excluded.trace), updated_at = excluded.updated_at,
            rejudged_at = coalesce(case when waits.stage <> excluded.stage or excluded.state = 'open'
                and (waits.state <> 'open' or waits.replaced_by is not null) then excluded.rejudged_at end,
                waits.rejudged_at)
        "#,
        &ids as _,
        &rooms,
        &at,
        &seq,
        &customers,
        &names as _,
        &verdicts as _,
        &owners as _,
        &stages,
        &messages,
        &last,
        &alarm as _,
        &state_names as _,
        &closed as _,
        &outcomes as _,
        &before as _,
        now,
        &rejudged as _,
        &order,
        &traces as _,
        &kinds,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Marks waits that a re-fold took out of the live ones.
pub async fn retire(
    connection: &mut PgConnection,
    supersessions: &[(WaitId, Supersession)],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    for (wait, supersession) in supersessions {
        let replaced_by = match supersession {
            Supersession::ReplacedBy(other) => Some(other.as_str()),
            Supersession::Void => None,
        };
        sqlx::query!(
            r#"
            update waits
            set replaced_by = $2, state = case when $2::text is null then 'void' else state end, updated_at = $3
            where wait = $1
            "#,
            wait.as_str(),
            replaced_by,
            now,
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// The last wholly quiet state stored before a position: where a re-fold of it starts. `None`: at the beginning.
pub async fn checkpoint(
    connection: &mut PgConnection,
    room: &RoomKey,
    affected: &Position,
) -> Result<Option<FoldState>, sqlx::Error> {
    let row = sqlx::query_scalar!(
        r#"
        select before as "before!"
        from waits
        where room = $1 and replaced_by is null and state <> 'void' and before <> ''
          and (opened_at, opened_order, opened_seq, wait) <= ($2, $3, $4, $5)
        order by opened_at desc, opened_order desc, opened_seq desc, wait desc
        limit 1
        "#,
        room.to_string(),
        affected.at,
        affected.order,
        affected.seq,
        affected.entry.as_str(),
    )
    .fetch_optional(connection)
    .await?;
    row.map(|state| from_text(&state, "before")).transpose()
}

/// The live waits of a room that opened after a position (`None`: all), with where they opened.
pub async fn live_after(
    connection: &mut PgConnection,
    room: &RoomKey,
    position: Option<&Position>,
) -> Result<Vec<LiveWait>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select wait, opened_at, opened_order, opened_seq, kind, customer
        from waits
        where room = $1 and replaced_by is null and state <> 'void'
          and ($2::timestamptz is null or (opened_at, opened_order, opened_seq, wait) > ($2, $3, $4, $5))
        order by opened_at, opened_order, opened_seq, wait
        "#,
        room.to_string(),
        position.map(|position| position.at),
        position.map_or(0, |position| position.order),
        position.map_or(0, |position| position.seq),
        position.map_or("", |position| position.entry.as_str()),
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let opened = Position {
                at: row.opened_at,
                order: row.opened_order,
                seq: row.opened_seq,
                entry: EntryId(row.wait.clone()),
                after: None,
            };
            let (kind, customer) = (parse(&row.kind, "kind")?, parse(&row.customer, "customer")?);
            Ok(LiveWait { id: WaitId(row.wait), opened, kind, customer })
        })
        .collect()
}

/// When the entry was sent that last ended a wait of a room; a cancel or a confirmation counts as sent with the entry that it stands
/// after. `None`: no live wait of the room is closed.
pub async fn last_closing(
    connection: &mut PgConnection,
    room: &RoomKey,
) -> Result<Option<Timestamp>, sqlx::Error> {
    let at = sqlx::query_scalar!(
        r#"
        select coalesce(cancel.pos_at, closed.closed_at) as at
        from waits closed
             left join timeline cancel on closed.state in ('cancelled', 'confirmed') and cancel.room = closed.room
                  and cancel.entry = 'command:' || (closed.outcome -> 'how' ->> 'command')
        where closed.room = $1 and closed.replaced_by is null and closed.state not in ('open', 'void')
        order by 1 desc
        limit 1
        "#,
        room.to_string(),
    )
    .fetch_optional(connection)
    .await?;
    Ok(at.flatten())
}

/// A line of a customer for which somebody decided that it needs no reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelledLine {
    /// Its room, in text form.
    pub room: String,
    /// What was said.
    pub text: String,
}

/// The texts that alone opened a wait which was cancelled since a moment. Blanked ones are not among them.
pub async fn cancelled_lines(
    connection: &mut PgConnection,
    since: Timestamp,
) -> Result<Vec<CancelledLine>, sqlx::Error> {
    sqlx::query_as!(
        CancelledLine,
        r#"
        select waits.room, timeline.body as "text!"
        from waits join timeline on timeline.entry = waits.wait
        where waits.state = 'cancelled' and waits.replaced_by is null and waits.kind = 'request' and waits.messages = 1
          and waits.closed_at >= $1 and timeline.message = 'text' and timeline.body is not null
        "#,
        since,
    )
    .fetch_all(connection)
    .await
}

/// What of a room's state is about its open waits.
#[derive(Deserialize)]
struct OpenState {
    #[serde(default)]
    open: Vec<OpenCounts>,
}

#[derive(Deserialize)]
struct OpenCounts {
    id: WaitId,
    messages: u32,
    last_customer_at: Timestamp,
}

/// What a room's state says of this wait; `None`: it is not open. A state that cannot be read concerns
/// whoever needs it: here the row's own counts are near enough.
fn open_counts(state: &str, wait: &WaitId) -> Option<OpenCounts> {
    let state: OpenState = serde_json::from_str(state).ok()?;
    state.open.into_iter().find(|open| open.id == *wait)
}

/// Which waits to read.
#[derive(Debug, Clone, Copy)]
pub enum Which<'a> {
    /// Those of these ids.
    Ids(&'a [String]),
    /// The live ones of these rooms (keys in text form) that are open.
    Open(&'a [String]),
    /// The live ones of these rooms (keys in text form) that are open or closed at or after a moment, and of each room
    /// its last, whenever that was.
    OfRooms(&'a [String], Timestamp),
}

/// Reads waits, in order of opening. What changes about an open wait with every message stands in the state of its room.
pub async fn list(connection: &mut PgConnection, which: Which<'_>) -> Result<Vec<StoredWait>, sqlx::Error> {
    let (ids, rooms, since) = match which {
        Which::Ids(ids) => (Some(ids), None, None),
        Which::Open(rooms) => (None, Some(rooms), None),
        Which::OfRooms(rooms, since) => (None, Some(rooms), Some(since)),
    };
    let rows = sqlx::query!(
        r#"
        select wait, waits.room, opened_at, opened_order, opened_seq, customer, customer_name, kind,
               verdict as "verdict: Json<Verdict>", owner, stage, messages, last_customer_at, alarm_since, waits.state,
               outcome as "outcome: Json<Outcome>", replaced_by, rejudged_at, rooms.state as "room_state?"
        from waits left join rooms on rooms.room = waits.room and waits.state = 'open' and replaced_by is null
        where case
            when $1::text[] is not null then wait = any ($1)
            else waits.room = any ($2::text[]) and replaced_by is null and waits.state <> 'void'
                 and (closed_at is null or closed_at >= $3::timestamptz or $3 is not null and wait in (
                     select last.wait
                     from unnest($2::text[]) as key cross join lateral (
                         select wait from waits
                         where room = key and replaced_by is null and state <> 'void'
                         order by opened_at desc, opened_order desc, opened_seq desc, wait desc
                         limit 1
                     ) last
                 ))
        end
        order by opened_at, opened_order, opened_seq, wait
        "#,
        ids as _,
        rooms as _,
        since as _,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let mut wait = Wait {
                opened: Position {
                    at: row.opened_at,
                    order: row.opened_order,
                    seq: row.opened_seq,
                    entry: EntryId(row.wait.clone()),
                    after: None,
                },
                id: WaitId(row.wait),
                customer: parse(&row.customer, "customer")?,
                customer_name: row.customer_name,
                kind: parse::<WaitKind>(&row.kind, "kind")?,
                verdict: row.verdict.0,
                owner: row.owner.map(StaffName),
                stage: parse::<Stage>(&row.stage, "stage")?,
                messages: u32::try_from(row.messages).unwrap_or_default(),
                last_customer_at: row.last_customer_at,
                alarm_since: row.alarm_since,
                outcome: row.outcome.map(|json| json.0),
            };
            if let Some(counts) = row.room_state.as_deref().and_then(|state| open_counts(state, &wait.id)) {
                (wait.messages, wait.last_customer_at) = (counts.messages, counts.last_customer_at);
            }
            Ok(StoredWait {
                room: parse(&row.room, "room")?,
                wait,
                void: row.state == "void",
                replaced_by: row.replaced_by.map(WaitId),
                rejudged_at: row.rejudged_at,
            })
        })
        .collect()
}
