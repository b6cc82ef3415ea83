//! Blanking what was said long ago. What was seen in a text is stored beside it, so that judging and figures stay.

use domain::Timestamp;
use domain::id::RoomKey;
use sqlx::PgConnection;

use super::parse;

/// Rooms that hold a text from before a moment, or a last line of then, at most `most`, in key order.
pub async fn rooms_with_texts(
    connection: &mut PgConnection,
    before: Timestamp,
    most: i64,
) -> Result<Vec<RoomKey>, sqlx::Error> {
    let rows = sqlx::query_scalar!(
        r#"
        select room from rooms
        where exists (select from timeline
                      where timeline.room = rooms.room and pos_at < $1 and body is not null
                        and pos_at >= coalesce(text_blanked_to, '-infinity'))
           or exists (select from jsonb_array_elements(last_lines::jsonb) line where (line ->> 'at')::timestamptz < $1)
        order by room
        limit $2
        "#,
        before,
        most,
    )
    .fetch_all(connection)
    .await?;
    rows.iter().map(|room| parse(room, "room")).collect()
}

/// Locks a room against folding, as folding locks it.
pub async fn lock(connection: &mut PgConnection, room: &RoomKey) -> Result<(), sqlx::Error> {
    sqlx::query!("select from rooms where room = $1 for update", room.to_string())
        .fetch_optional(connection)
        .await?;
    Ok(())
}

/// Blanks texts of a locked room from before a moment, oldest first, at most `most`. Returns how many.
pub async fn blank_texts(
    connection: &mut PgConnection,
    room: &RoomKey,
    before: Timestamp,
    most: i64,
) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        r#"
        update timeline
        set body = null, fact = case when fact like '%"quote":%' then (fact::jsonb #- '{quote,text}')::text else fact end
        from (select entry from timeline
              where room = $1 and pos_at < $2 and body is not null
                and pos_at >= coalesce((select text_blanked_to from rooms where room = $1), '-infinity')
              order by pos_at, pos_order, pos_seq, pos_entry, pos_after
              limit $3) as old
        where timeline.room = $1 and timeline.entry = old.entry
        "#,
        room.to_string(),
        before,
        most,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// Notes that all texts of a locked room from before a moment are blanked, and takes the last lines of then away.
/// The room's new version, if that changed what others see of it.
pub async fn blanked_to(
    connection: &mut PgConnection,
    room: &RoomKey,
    before: Timestamp,
    now: Timestamp,
) -> Result<Option<i64>, sqlx::Error> {
    let row = sqlx::query!(
        r#"
        with lines as (
            select coalesce(jsonb_agg(line order by place) filter (where stays), '[]')::text as kept,
                   coalesce(bool_or(not stays), false) as some_went
            from rooms, jsonb_array_elements(last_lines::jsonb) with ordinality as said (line, place),
                 lateral (select (line ->> 'at')::timestamptz >= $2 as stays) as judged
            where room = $1
        )
        update rooms
        set text_blanked_to = greatest(text_blanked_to, $2),
            last_lines = case when lines.some_went then lines.kept else last_lines end,
            version = version + lines.some_went::int,
            updated_at = case when lines.some_went then $3 else updated_at end
        from lines
        where room = $1
        returning version, lines.some_went as "some_went!"
        "#,
        room.to_string(),
        before,
        now,
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.filter(|row| row.some_went).map(|row| row.version))
}
