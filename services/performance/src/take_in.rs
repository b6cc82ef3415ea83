//! Takes a room in as it is: how each of its waits counts, what is known of the days concerned, and its messages.
//!
//! No more is read than may have changed since it was taken in last: waits that were open then or opened later, and, where
//! it was folded again or something else reaches into its past, what lies behind that moment.

use std::collections::BTreeMap;

use chrono::{NaiveDate, NaiveTime, TimeDelta};
use domain::Timestamp;
use domain::gap::CoverageGaps;
use domain::performance::{Circumstances, Past, assess};
use domain::rules::RulesHistory;
use domain::timeline::{Body, Entry, Position};
use serde_json::Value;
use store::performance::messages::Spoken;
use store::performance::rooms::{Room, TakenIn};
use store::performance::waits::CountedWait;
use store::performance::{days, messages, rooms, silences, waits};
use store::rooms::timeline;
use store::sqlx::{self, PgConnection};

use crate::inputs::Global;

/// Takes a room in, in a transaction that sees the database at one moment. `false`: it was taken in as it is already, or
/// there is no such room.
pub async fn room(
    connection: &mut PgConnection,
    key: &str,
    rules: &RulesHistory,
    global: &Global,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let Some(room) = rooms::get(connection, key).await? else { return Ok(false) };
    if room.taken_in.as_ref().is_some_and(|seen| seen.version == room.version && seen.stale_since.is_none()) {
        return Ok(false);
    }
    let presence =
        serde_json::to_value(&room.state.presence).map_err(|error| sqlx::Error::Encode(error.into()))?;
    let since = changed_since(&room, &presence);
    let rules = rules.with_pinned(room.pinned.as_ref());
    let gaps = CoverageGaps::of(&room.room, &room.state.presence, &global.gaps);
    let circumstances = Circumstances {
        room: &room.room,
        topic: &room.topic,
        owner: room.state.owner.as_ref(),
        stage: room.state.stage,
        rules: &rules,
        golive: &global.golive,
        gaps: &gaps,
        now,
    };
    let live = waits::live(connection, &room.room, since).await?;
    let counted = live.into_iter().map(|wait| {
        let assessment = assess(&wait.facts, &circumstances);
        CountedWait { wait, assessment }
    });
    let counted: Vec<CountedWait> = counted.collect();
    let changed = waits::put(connection, &room.room, since, &counted).await?;
    days::derive(connection, &room.room, &changed).await?;
    let from = count_messages(connection, &room, &rules, since).await?;
    note_silences(connection, &room, from, &circumstances).await?;
    rooms::note(connection, &room, &presence).await?;
    Ok(true)
}

/// Since when something may be otherwise than it was taken in. `None`: everything may.
fn changed_since(room: &Room, presence: &Value) -> Option<Timestamp> {
    let seen = room.taken_in.as_ref()?;
    let TakenIn { topic, presence: seen_presence, pinned, folded_at, stale_since, refolded_since, .. } = seen;
    // The name decides whether the room is excluded, the presence which gaps concern it, and what is pinned which rules
    // judge it, whenever that was.
    if *topic != room.topic || seen_presence != presence || *pinned != room.pinned {
        return None;
    }
    let folded_at = (*folded_at)?;
    Some(stale_since.iter().chain(refolded_since).fold(folded_at, |earliest, at| earliest.min(*at)))
}

/// Counts the messages of whole days anew, from that of a moment on. Returns the first of them.
async fn count_messages(
    connection: &mut PgConnection,
    room: &Room,
    rules: &RulesHistory,
    since: Option<Timestamp>,
) -> Result<NaiveDate, sqlx::Error> {
    let from = since.map(|since| rules.at(since).day_of(since));
    let begins = since.zip(from).map(|(since, day)| rules.at(since).day_begins(day));
    let start = begins.map(Position::before);
    let mut counts: BTreeMap<Spoken, i32> = BTreeMap::new();
    for entry in timeline::after(connection, &room.room, start.as_ref()).await? {
        let spoken = spoken(&entry, rules).filter(|spoken| from.is_none_or(|from| spoken.day >= from));
        if let Some(spoken) = spoken {
            *counts.entry(spoken).or_default() += 1;
        }
    }
    let counts: Vec<(Spoken, i32)> = counts.into_iter().collect();
    let from = from.unwrap_or_default();
    messages::put(connection, &room.room, from, &counts).await?;
    Ok(from)
}

/// Works out the room's silences anew, from the one on that lasted before the first day on which something changed. Its
/// waits and messages are counted.
async fn note_silences(
    connection: &mut PgConnection,
    room: &Room,
    changed: NaiveDate,
    circumstances: &Circumstances<'_>,
) -> Result<(), sqlx::Error> {
    let spoken = silences::spoken(connection, &room.room, changed).await?;
    let from = spoken.first().copied().unwrap_or(changed);
    // However far a zone is off, the day has not begun by then.
    let before = from.and_time(NaiveTime::MIN).and_utc() - TimeDelta::days(1);
    let past = Past {
        spoken: &spoken,
        ownerships: &room.state.ownerships,
        waiting: &silences::waiting(connection, &room.room, before).await?,
        absences: &CoverageGaps::of_absences(&room.room, &room.state.presence, &room.state.absences),
        stops: &room.state.follow_up_stops,
    };
    silences::put(connection, &room.room, from, &domain::performance::silences(&past, circumstances)).await
}

fn spoken(entry: &Entry, rules: &RulesHistory) -> Option<Spoken> {
    let Body::Message(message) = &entry.body else { return None };
    let rules = rules.at(entry.position.at);
    let (role, staff) = message.counted(rules)?;
    let person = match staff {
        Some(staff) => staff.name.as_str(),
        None if role.is_staff() => message.sender.name.as_str(),
        None => "",
    };
    Some(Spoken { day: rules.day_of(entry.position.at), role: role.name(), person: person.to_owned() })
}
