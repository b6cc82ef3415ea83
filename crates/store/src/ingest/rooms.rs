//! Rooms as they were last announced on the bus, and who is in them.

use domain::Timestamp;
use sqlx::PgConnection;

/// A room as it was last announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    /// The room's key, in text form.
    pub room: String,
    /// Its name.
    pub topic: String,
    /// Contact id of its owner.
    pub owner: Option<String>,
    /// Contact ids of everybody in it, sorted.
    pub members: Vec<String>,
    /// Contact id of whoever brought our account in.
    pub inviter: Option<String>,
    /// Our account is no longer in it.
    pub gone: bool,
    /// Hash over all announcements so far.
    pub chain: String,
    /// When what was announced last happened.
    pub at: Timestamp,
}

/// All rooms of a gateway.
pub async fn list(connection: &mut PgConnection, gateway: &str) -> Result<Vec<Announced>, sqlx::Error> {
    sqlx::query_as!(
        Announced,
        r#"
        select room, topic, owner, members, inviter, gone, chain, at
        from ingest_rooms where gateway = $1 order by room
        "#,
        gateway,
    )
    .fetch_all(connection)
    .await
}

/// Keeps a room as it is being announced, with its members; `people` are their keys in text form.
pub async fn save(
    connection: &mut PgConnection,
    gateway: &str,
    room: &Announced,
    people: &[String],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        insert into ingest_rooms (room, gateway, topic, owner, members, inviter, gone, chain, at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        on conflict (gateway, room) do update
        set topic = excluded.topic, owner = excluded.owner, members = excluded.members,
            inviter = excluded.inviter, gone = excluded.gone, chain = excluded.chain, at = excluded.at
        "#,
        room.room,
        gateway,
        room.topic,
        room.owner,
        &room.members,
        room.inviter,
        room.gone,
        room.chain,
        room.at,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!("delete from members where room = $1 and person <> all($2)", room.room, people)
        .execute(&mut *connection)
        .await?;
    sqlx::query!(
        r#"
        insert into members (room, person, seen_at)
        select $1, person, $3 from unnest($2::text[]) as new (person)
        on conflict (room, person) do nothing
        "#,
        room.room,
        people,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}
