//! The truth about rooms: rooms, timeline, waits, commands, progress. Written by `room-state` alone.

pub mod commands;
pub mod progress;
pub mod recompute;
pub mod refolds;
pub mod retention;
pub mod timeline;
pub mod waits;

use std::collections::BTreeMap;

use domain::Timestamp;
use domain::fold::FoldState;
use domain::id::RoomKey;
use domain::role::Role;
use domain::rules::{PinnedRules, RoomView};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use sqlx::types::Json;

use crate::json::{from_text, to_text};

/// How many of a room's last lines are kept with it.
pub const LAST_LINES: usize = 3;

/// A line as tables and cards show it. Personal data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Roster label, or else display name.
    pub name: String,
    /// In which role.
    pub role: Role,
    /// What was said, shortened; for other kinds than text a word like `[图片]`.
    pub text: String,
    /// When.
    pub at: Timestamp,
}

/// A room's name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Topic {
    /// The name; empty when unknown.
    pub name: String,
    /// When the source reported it.
    pub at: Option<Timestamp>,
}

/// Which writing of a room. The version alone is not enough: a database that was brought back to an earlier state, or lost
/// commits with its primary, counts on from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revision {
    /// The room's version.
    pub version: i64,
    /// When it was written.
    pub at: Timestamp,
}

/// What a fold goes on from, as it was written.
#[derive(Debug, Clone)]
pub struct CachedState {
    /// By which writing.
    pub revision: Revision,
    /// The fold so far.
    pub state: FoldState,
    /// The last lines said, newest last.
    pub last_lines: Vec<Line>,
}

/// A room, locked for folding.
#[derive(Debug, Clone)]
pub struct LockedRoom {
    /// Which.
    pub room: RoomKey,
    /// The fold so far.
    pub state: FoldState,
    /// The last lines said, newest last.
    pub last_lines: Vec<Line>,
    /// Its name, and since when; a name reported for an earlier time does not take its place.
    pub topic: Topic,
    /// The rules exclude it.
    pub excluded: bool,
    /// Its version.
    pub version: i64,
    /// The newest rules at the moment of locking.
    pub rules_version: i64,
    /// The newest rules that its past was judged with.
    pub folded_with: i64,
    /// How its counted past is judged.
    pub pinned: Option<PinnedRules>,
    /// Texts from before this are blanked, and not stored any more.
    pub blanked_to: Option<Timestamp>,
}

/// A room as others read it.
#[derive(Debug, Clone)]
pub struct Room {
    /// Which.
    pub room: RoomKey,
    /// Its name; empty when unknown.
    pub topic: String,
    /// The fold so far.
    pub state: FoldState,
    /// The last lines said, newest last.
    pub last_lines: Vec<Line>,
    /// The id of the last entry of its timeline: what somebody looking at the room has seen.
    pub last_entry: Option<String>,
    /// When somebody last said something.
    pub last_active_at: Option<Timestamp>,
    /// The rules exclude it: it is not to be shown, and raises no alarm.
    pub excluded: bool,
    /// Since when they do not any more; `None`: they never did.
    pub included_since: Option<Timestamp>,
    /// Its version.
    pub version: i64,
}

impl Room {
    /// What its ladders are chosen by.
    pub fn view(&self) -> RoomView<'_> {
        RoomView { stage: self.state.stage, name: &self.topic, owner: self.state.owner.as_ref() }
    }

    /// What customers said among its last lines, oldest first.
    pub fn customer_lines(&self) -> Vec<&str> {
        customer_lines(&self.last_lines)
    }
}

/// What customers said among these lines.
pub fn customer_lines(lines: &[Line]) -> Vec<&str> {
    lines.iter().filter(|line| line.role == Role::Customer).map(|line| line.text.as_str()).collect()
}

/// What a fold changed about a room.
#[derive(Debug, Clone)]
pub struct RoomUpdate {
    /// Which.
    pub room: RoomKey,
    /// Its name.
    pub topic: Topic,
    /// The fold now.
    pub state: FoldState,
    /// The last lines now.
    pub last_lines: Vec<Line>,
    /// When somebody last said something, if that changed.
    pub last_active_at: Option<Timestamp>,
    /// Captures in this batch that repeated a key with other content.
    pub conflicts: i64,
    /// The rules exclude it.
    pub excluded: bool,
    /// The newest rules that its past was judged with.
    pub folded_with: i64,
    /// How its counted past is judged.
    pub pinned: Option<PinnedRules>,
    /// What stands before this is as it was. `None`: it was not folded again, only on.
    pub refolded_since: Option<Timestamp>,
}

/// A key of ours as the database holds it. Only `room-state` writes keys, in the form it reads.
pub(crate) fn parse<K: std::str::FromStr>(text: &str, column: &str) -> Result<K, sqlx::Error>
where
    K::Err: std::error::Error + Send + Sync + 'static,
{
    text.parse()
        .map_err(|source| sqlx::Error::ColumnDecode { index: column.to_owned(), source: Box::new(source) })
}

/// Null before a room's first entry.
fn fold_state(text: Option<&str>) -> Result<FoldState, sqlx::Error> {
    text.map_or_else(|| Ok(FoldState::default()), |text| from_text(text, "state"))
}

/// Creates the rooms that are missing and locks all of them, in key order so that replicas never wait in a circle.
/// `rooms` must be sorted and without repeats.
pub async fn lock(
    connection: &mut PgConnection,
    rooms: &[RoomKey],
    now: Timestamp,
) -> Result<Vec<LockedRoom>, sqlx::Error> {
    lock_with_cached(connection, rooms, BTreeMap::new(), now).await
}

/// The same; what is cached of a room is not read again, if it is still what was written last.
pub async fn lock_with_cached(
    connection: &mut PgConnection,
    rooms: &[RoomKey],
    mut cached: BTreeMap<RoomKey, CachedState>,
    now: Timestamp,
) -> Result<Vec<LockedRoom>, sqlx::Error> {
    let keys: Vec<String> = rooms.iter().map(ToString::to_string).collect();
    let rows = lock_existing(connection, rooms, &keys, &cached).await?;
    if rows.len() == rooms.len() {
        return rows.into_iter().map(|row| row.read(&mut cached)).collect();
    }
    let sources: Vec<&str> = rooms.iter().map(|room| room.source.as_str()).collect();
    sqlx::query!(
        r#"
        insert into rooms (room, source, created_at, updated_at)
        select room, source, $3, $3 from unnest($1::text[], $2::text[]) as new (room, source)
        order by room
        on conflict (room) do nothing
        "#,
        &keys,
        &sources as _,
        now,
    )
    .execute(&mut *connection)
    .await?;
    let rows = lock_existing(connection, rooms, &keys, &cached).await?;
    rows.into_iter().map(|row| row.read(&mut cached)).collect()
}

/// A row of a locked room.
struct LockedRow {
    room: String,
    /// Null too if what is cached of the room is what was written last.
    state: Option<String>,
    last_lines: Option<String>,
    topic: String,
    topic_at: Option<Timestamp>,
    excluded: bool,
    version: i64,
    updated_at: Timestamp,
    rules_version: i64,
    folded_with: i64,
    pinned: Option<Json<PinnedRules>>,
    text_blanked_to: Option<Timestamp>,
}

impl LockedRow {
    fn read(self, cached: &mut BTreeMap<RoomKey, CachedState>) -> Result<LockedRoom, sqlx::Error> {
        let room: RoomKey = parse(&self.room, "room")?;
        let revision = Revision { version: self.version, at: self.updated_at };
        let cached = cached.remove(&room).filter(|cached| cached.revision == revision);
        let (state, last_lines) = if let Some(cached) = cached {
            (cached.state, cached.last_lines)
        } else {
            let lines = self.last_lines.as_deref().unwrap_or("[]");
            (fold_state(self.state.as_deref())?, from_text(lines, "last_lines")?)
        };
        Ok(LockedRoom {
            room,
            state,
            last_lines,
            topic: Topic { name: self.topic, at: self.topic_at },
            excluded: self.excluded,
            version: self.version,
            rules_version: self.rules_version,
            folded_with: self.folded_with,
            pinned: self.pinned.map(|pinned| pinned.0),
            blanked_to: self.text_blanked_to,
        })
    }
}

async fn lock_existing(
    connection: &mut PgConnection,
    rooms: &[RoomKey],
    keys: &[String],
    cached: &BTreeMap<RoomKey, CachedState>,
) -> Result<Vec<LockedRow>, sqlx::Error> {
    let revisions = || rooms.iter().map(|room| cached.get(room).map(|cached| cached.revision));
    let versions: Vec<Option<i64>> = revisions().map(|one| one.map(|one| one.version)).collect();
    let written: Vec<Option<Timestamp>> = revisions().map(|one| one.map(|one| one.at)).collect();
    sqlx::query_as!(
        LockedRow,
        r#"
        select rooms.room,
               case when (kept.version, kept.at) is distinct from (rooms.version, rooms.updated_at) then state end as state,
               case when (kept.version, kept.at) is distinct from (rooms.version, rooms.updated_at) then last_lines
               end as last_lines,
               topic, topic_at, excluded_since is not null as "excluded!", rooms.version, updated_at,
               (select coalesce(max(version), 0) from rules) as "rules_version!",
               rules_version as folded_with, rules_pinned as "pinned: Json<PinnedRules>", text_blanked_to
        from unnest($1::text[], $2::bigint[], $3::timestamptz[]) as kept (room, version, at)
             join rooms on rooms.room = kept.room
        order by rooms.room
        for update of rooms
        "#,
        keys,
        &versions as _,
        &written as _,
    )
    .fetch_all(connection)
    .await
}

/// Stores what folds changed; each room's version rises by one. Returns how many bytes each is long.
pub async fn update(
    connection: &mut PgConnection,
    updates: &[RoomUpdate],
    now: Timestamp,
) -> Result<Vec<usize>, sqlx::Error> {
    let rooms: Vec<String> = updates.iter().map(|update| update.room.to_string()).collect();
    let topics: Vec<&str> = updates.iter().map(|update| update.topic.name.as_str()).collect();
    let topics_at: Vec<Option<Timestamp>> = updates.iter().map(|update| update.topic.at).collect();
    let states = updates.iter().map(|update| to_text(&update.state)).collect::<Result<Vec<String>, _>>()?;
    let lines =
        updates.iter().map(|update| to_text(&update.last_lines)).collect::<Result<Vec<String>, _>>()?;
    let entries: Vec<Option<&str>> =
        updates.iter().map(|update| update.state.folded_to.as_ref().map(last_entry)).collect();
    let active: Vec<Option<Timestamp>> = updates.iter().map(|update| update.last_active_at).collect();
    let conflicts: Vec<i64> = updates.iter().map(|update| update.conflicts).collect();
    let excluded: Vec<bool> = updates.iter().map(|update| update.excluded).collect();
    let rules: Vec<i64> = updates.iter().map(|update| update.folded_with).collect();
    let pinned: Vec<Option<Json<&PinnedRules>>> =
        updates.iter().map(|update| update.pinned.as_ref().map(Json)).collect();
    sqlx::query!(
        r#"
        update rooms
        set state = new.state, last_lines = new.last_lines, topic = new.topic, topic_at = new.topic_at,
            last_entry = new.last_entry,
            last_active_at = greatest(rooms.last_active_at, new.last_active_at),
            conflicts = rooms.conflicts + new.conflicts, rules_version = new.rules_version,
            excluded_since = case when new.excluded then coalesce(rooms.excluded_since, $11) end,
            included_since = case when rooms.excluded_since is not null and not new.excluded then $11
                                  else rooms.included_since end,
            rules_pinned = new.rules_pinned, version = rooms.version + 1, updated_at = $11
        from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::bigint[],
                    $8::bigint[], $9::timestamptz[], $10::jsonb[], $12::boolean[])
             as new (room, topic, state, last_lines, last_entry, last_active_at, conflicts, rules_version, topic_at,
                     rules_pinned, excluded)
        where rooms.room = new.room
        "#,
        &rooms,
        &topics as _,
        &states,
        &lines,
        &entries as _,
        &active as _,
        &conflicts,
        &rules,
        &topics_at as _,
        &pinned as _,
        now,
        &excluded,
    )
    .execute(&mut *connection)
    .await?;
    refolds::note(connection, updates, now).await?;
    Ok(states.iter().zip(&lines).map(|(state, lines)| state.len() + lines.len()).collect())
}

fn last_entry(position: &domain::timeline::Position) -> &str {
    position.entry.as_str()
}

/// Rooms that changed at or after a moment, with their versions. It reads all rooms.
pub async fn changed_since(
    connection: &mut PgConnection,
    moment: Timestamp,
) -> Result<BTreeMap<RoomKey, i64>, sqlx::Error> {
    let rows = sqlx::query!("select room, version from rooms where updated_at >= $1", moment)
        .fetch_all(connection)
        .await?;
    rows.into_iter().map(|row| Ok((parse(&row.room, "room")?, row.version))).collect()
}

/// One room.
pub async fn get(connection: &mut PgConnection, room: &RoomKey) -> Result<Option<Room>, sqlx::Error> {
    Ok(list(connection, Some(&[room.to_string()])).await?.pop())
}

/// The rooms of these keys (in their text form); `None`: every room.
pub async fn list(connection: &mut PgConnection, keys: Option<&[String]>) -> Result<Vec<Room>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select room, topic, state, last_lines, last_entry, last_active_at, excluded_since is not null as "excluded!", included_since, version
        from rooms
        where $1::text[] is null or room = any ($1)
        order by room
        "#,
        keys as _,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Room {
                room: parse(&row.room, "room")?,
                topic: row.topic,
                state: fold_state(row.state.as_deref())?,
                last_lines: from_text(&row.last_lines, "last_lines")?,
                last_entry: row.last_entry,
                last_active_at: row.last_active_at,
                excluded: row.excluded,
                included_since: row.included_since,
                version: row.version,
            })
        })
        .collect()
}

/// The rooms of exactly this name, in order of their keys.
pub async fn keys_of_name(connection: &mut PgConnection, name: &str) -> Result<Vec<RoomKey>, sqlx::Error> {
    let rows = sqlx::query_scalar!("select room from rooms where topic = $1 order by room", name)
        .fetch_all(connection)
        .await?;
    rows.iter().map(|room| parse(room, "room")).collect()
}

/// Rooms that were folded with older rules than `version` although one in between took force before their last entry.
pub async fn folded_with_older_rules(
    connection: &mut PgConnection,
    version: i64,
) -> Result<Vec<RoomKey>, sqlx::Error> {
    let rows = sqlx::query_scalar!(
        r#"
        select room from rooms
        where rules_version < $1
          and exists (select from rules
                      where rules.version > rooms.rules_version and rules.valid_from <= rooms.last_active_at)
        order by room
        "#,
        version,
    )
    .fetch_all(connection)
    .await?;
    rows.iter().map(|room| parse(room, "room")).collect()
}

/// A room's name, and whether it counts as excluded.
#[derive(Debug, Clone)]
pub struct Named {
    /// Which.
    pub room: RoomKey,
    /// Its name; empty when unknown.
    pub topic: String,
    /// It counts as excluded.
    pub excluded: bool,
}

/// Every room's name.
pub async fn names(connection: &mut PgConnection) -> Result<Vec<Named>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select room, topic, excluded_since is not null as "excluded!" from rooms order by room"#
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| Ok(Named { room: parse(&row.room, "room")?, topic: row.topic, excluded: row.excluded }))
        .collect()
}

/// How many rooms there are that count.
pub async fn count(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(r#"select count(*) as "count!" from rooms where excluded_since is null"#)
        .fetch_one(connection)
        .await
}
