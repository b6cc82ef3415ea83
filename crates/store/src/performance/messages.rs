//! How many messages there were, by day, room, role and member of staff.

use chrono::NaiveDate;
use domain::id::RoomKey;
use sqlx::PgConnection;

use super::days::Filter;

/// Messages of one role, and of staff of one person, in a room on a day.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spoken {
    /// Which day.
    pub day: NaiveDate,
    /// The name of the role: [`domain::role::Role::name`].
    pub role: &'static str,
    /// Roster label, or else display name; empty for customers.
    pub person: String,
}

/// Counts these messages of a room, and no others from a day on.
pub async fn put(
    connection: &mut PgConnection,
    room: &RoomKey,
    from: NaiveDate,
    messages: &[(Spoken, i32)],
) -> Result<(), sqlx::Error> {
    let room = room.to_string();
    sqlx::query!("delete from performance_messages where room = $1 and day >= $2", room, from)
        .execute(&mut *connection)
        .await?;
    let days: Vec<NaiveDate> = messages.iter().map(|(spoken, _)| spoken.day).collect();
    let roles: Vec<&str> = messages.iter().map(|(spoken, _)| spoken.role).collect();
    let people: Vec<&str> = messages.iter().map(|(spoken, _)| spoken.person.as_str()).collect();
    let counts: Vec<i32> = messages.iter().map(|(_, count)| *count).collect();
    sqlx::query!(
        r#"
        insert into performance_messages (day, room, role, person, messages)
        select day, $1, role, person, messages
        from unnest($2::date[], $3::text[], $4::text[], $5::int[]) as new (day, role, person, messages)
        "#,
        room,
        &days,
        &roles as _,
        &people as _,
        &counts,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Messages of a room and day, of one role and of staff of one person.
#[derive(Debug, Clone)]
pub struct Messages {
    /// Which day.
    pub day: NaiveDate,
    /// The room's key in text form.
    pub room: String,
    /// The name of the role: [`domain::role::Role::name`].
    pub role: String,
    /// Roster label, or else display name; empty for customers.
    pub person: String,
    /// How many.
    pub messages: i32,
}

/// Reads messages; of the filter the owner is who spoke, and the stage makes no difference.
pub async fn list(connection: &mut PgConnection, filter: Filter<'_>) -> Result<Vec<Messages>, sqlx::Error> {
    sqlx::query_as!(
        Messages,
        r#"
        select day, room, role, person, messages
        from performance_messages
        where day between $1 and $2 and ($3::text is null or person = $3) and ($4::text is null or room = $4)
        order by day, room, role, person
        "#,
        filter.from,
        filter.to,
        filter.owner,
        filter.room,
    )
    .fetch_all(connection)
    .await
}
