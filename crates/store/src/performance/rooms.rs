//! How far each room was taken in, and what of it has to be looked at again.

use domain::Timestamp;
use domain::fold::FoldState;
use domain::id::RoomKey;
use domain::rules::PinnedRules;
use serde_json::Value;
use sqlx::PgConnection;
use sqlx::types::Json;

use crate::json::from_text;
use crate::rooms::parse;

/// What is derived of a room now: 1, its silences too. A room of which less was derived is taken in anew.
const DERIVATION: i16 = 1;

/// A room as it is, and how far it was taken in.
#[derive(Debug, Clone)]
pub struct Room {
    /// Which.
    pub room: RoomKey,
    /// Its name; empty when unknown.
    pub topic: String,
    /// The fold so far.
    pub state: FoldState,
    /// How its counted past is judged.
    pub pinned: Option<PinnedRules>,
    /// Its version.
    pub version: i64,
    /// How far it was taken in; `None`: it was not yet.
    pub taken_in: Option<TakenIn>,
}

/// How far a room was taken in.
#[derive(Debug, Clone)]
pub struct TakenIn {
    /// Its version by then.
    pub version: i64,
    /// The time of the last entry folded by then.
    pub folded_at: Option<Timestamp>,
    /// Its name by then.
    pub topic: String,
    /// Which of our accounts had been in it by then, as JSON of [`domain::presence::Presence`].
    pub presence: Value,
    /// How its counted past was judged by then.
    pub pinned: Option<PinnedRules>,
    /// What stands after this has to be looked at again.
    pub stale_since: Option<Timestamp>,
    /// From where on it was folded again since then.
    pub refolded_since: Option<Timestamp>,
}

/// A room that is to be looked at. `None`: there is none of this key.
pub async fn get(connection: &mut PgConnection, room: &str) -> Result<Option<Room>, sqlx::Error> {
    let row = sqlx::query!(
        r#"
        select rooms.room, rooms.topic, rooms.state, rooms.rules_pinned as "pinned: Json<PinnedRules>", rooms.version,
               seen.version as "seen_version?", seen.folded_at as "seen_folded_at?", seen.topic as "seen_topic?",
               seen.presence as "seen_presence?", seen.pinned as "seen_pinned: Json<PinnedRules>", seen.stale_since as "stale_since?",
               (select min(since) from room_refolds
                where room_refolds.room = rooms.room and room_refolds.version > seen.version) as refolded_since
        from rooms left join performance_rooms seen on seen.room = rooms.room and seen.derivation >= $2
        where rooms.room = $1
        "#,
        room,
        DERIVATION,
    )
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let taken_in = match (row.seen_version, row.seen_topic, row.seen_presence) {
        (Some(version), Some(topic), Some(presence)) => Some(TakenIn {
            version,
            folded_at: row.seen_folded_at,
            topic,
            presence,
            pinned: row.seen_pinned.map(|pinned| pinned.0),
            stale_since: row.stale_since,
            refolded_since: row.refolded_since,
        }),
        _ => None,
    };
    Ok(Some(Room {
        room: parse(&row.room, "room")?,
        topic: row.topic,
        state: row
            .state
            .as_deref()
            .map_or_else(|| Ok(FoldState::default()), |text| from_text(text, "state"))?,
        pinned: row.pinned.map(|pinned| pinned.0),
        version: row.version,
        taken_in,
    }))
}

/// Notes that a room was taken in as it is.
pub async fn note(connection: &mut PgConnection, room: &Room, presence: &Value) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        insert into performance_rooms (room, version, folded_at, topic, presence, pinned, derivation)
        values ($1, $2, $3, $4, $5, $6, $7)
        on conflict (room) do update
        set version = excluded.version, folded_at = excluded.folded_at, topic = excluded.topic,
            presence = excluded.presence, pinned = excluded.pinned, stale_since = null,
            derivation = excluded.derivation
        "#,
        room.room.to_string(),
        room.version,
        room.state.folded_to.as_ref().map(|position| position.at),
        room.topic,
        presence,
        room.pinned.as_ref().map(Json) as _,
        DERIVATION,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The rooms that are not taken in as they are, in order of their keys, behind a key (the empty one: from the first), at
/// most `most`. It reads all rooms.
pub async fn behind(
    connection: &mut PgConnection,
    after: &str,
    most: i64,
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        select rooms.room
        from rooms left join performance_rooms seen on seen.room = rooms.room
        where rooms.room > $1
          and (seen.version is distinct from rooms.version or seen.stale_since is not null or seen.derivation < $3)
        order by rooms.room
        limit $2
        "#,
        after,
        most,
        DERIVATION,
    )
    .fetch_all(connection)
    .await
}

/// All rooms have to be looked at from a moment on, as far as anything happened in them since another one before it, or
/// somebody waits.
pub async fn all_stale(
    connection: &mut PgConnection,
    since: Timestamp,
    spoken_since: Timestamp,
) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        r#"
        update performance_rooms seen
        set stale_since = least(stale_since, $1)
        where folded_at >= $2
           or exists (select from performance_waits waits where waits.room = seen.room and closed_at is null)
        "#,
        since,
        spoken_since,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// The rooms in which a wait lasted at any time of a stretch have to be looked at from its beginning on.
pub async fn stale_in(
    connection: &mut PgConnection,
    since: Timestamp,
    until: Option<Timestamp>,
) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        r#"
        update performance_rooms
        set stale_since = least(stale_since, $1)
        where room in (select room from performance_waits
                       where (closed_at is null or closed_at > $1) and opened_at < coalesce($2::timestamptz, 'infinity'))
        "#,
        since,
        until as _,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// Everything has to be taken in anew.
pub async fn forget(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from performance_rooms").execute(connection).await?;
    Ok(())
}

/// The names of some rooms, by their keys in text form; empty where unknown.
pub async fn topics(
    connection: &mut PgConnection,
    rooms: &[String],
) -> Result<Vec<(String, String)>, sqlx::Error> {
    let rows = sqlx::query!("select room, topic from rooms where room = any ($1)", rooms)
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().map(|row| (row.room, row.topic)).collect())
}
