//! How many messages there were, by day, room, role and member of staff.

use chrono::NaiveDate;
use domain::id::RoomKey;
use sqlx::PgConnection;

use super::days::{Filter, Grouping};

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

/// Messages of one role, and of staff of one person.
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
    /// In which rooms.
    pub rooms: Vec<String>,
    /// How many.
    pub messages: i64,
}

/// Reads messages by role, and by what of the grouping is about days, rooms and people; of the filter the owner is who
/// spoke, and the stage makes no difference.
pub async fn list(
    connection: &mut PgConnection,
    filter: Filter<'_>,
    by: Grouping,
) -> Result<Vec<Messages>, sqlx::Error> {
    sqlx::query_as!(
        Messages,
        r#"
        select case when $5 then day else $1 end as "day!", case when $6 then room else '' end as "room!", role,
               case when $7 then person else '' end as "person!", array_agg(distinct room) as "rooms!",
               sum(messages) as "messages!"
        from performance_messages
        where day between $1 and $2 and ($3::text is null or person = $3) and ($4::text is null or room = $4)
        group by 1, 2, 3, 4
        order by 1, 2, 3, 4
        "#,
        filter.from,
        filter.to,
        filter.owner,
        filter.room,
        by.day,
        by.room,
        by.owner,
    )
    .fetch_all(connection)
    .await
}
