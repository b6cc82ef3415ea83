//! What the web board shows besides figures and waits: what was said around one, and whether anything is new.

use chrono::NaiveDate;
use sqlx::PgConnection;

use super::details::Detail;
use crate::rooms::timeline::Said;

/// What was said in a room around a wait: at most `before` messages just before it opened, and `after` from then until it
/// ended, or until now. What was taken back is not among them.
pub async fn said(
    connection: &mut PgConnection,
    wait: &Detail,
    before: i64,
    after: i64,
) -> Result<Vec<Said>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select sender as "sender!", is_self as "is_self!", message as "message!", body, pos_at as "pos_at!", fact
        from ((select * from timeline
               where room = $1 and kind = 'message' and recalled is null and message not in ('system', 'recalled')
                 and pos_at < $2
               order by pos_at desc, pos_order desc, pos_seq desc, pos_entry desc, pos_after desc
               limit $4)
              union all
              (select * from timeline
               where room = $1 and kind = 'message' and recalled is null and message not in ('system', 'recalled')
                 and pos_at >= $2 and pos_at <= coalesce($3::timestamptz, 'infinity')
               order by pos_at, pos_order, pos_seq, pos_entry, pos_after
               limit $5)) near
        order by pos_at, pos_order, pos_seq, pos_entry, pos_after
        "#,
        wait.room,
        wait.opened_at,
        wait.closed_at,
        before,
        after,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| Said::of(&row.sender, row.is_self, row.message, row.body, row.pos_at, row.fact.as_deref()))
        .collect()
}

/// What changes whenever the list of who waits does, or something is answered that began on a day.
pub async fn version(connection: &mut PgConnection, day: NaiveDate) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        select (select coalesce(sum(hashtext(concat_ws('|', wait, owner, stage, standing))::bigint), 0)::bigint
                from performance_waits where closed_at is null)
               + (select coalesce(sum(hashtext(concat_ws('|', wait, time_ms, standing))::bigint), 0)::bigint
                  from performance_waits where day = $1) as "version!"
        "#,
        day,
    )
    .fetch_one(connection)
    .await
}

/// A room's name, empty when unknown; of an owner's only where they own, or owned, a wait in it. `None`: there is no such room.
pub async fn room(
    connection: &mut PgConnection,
    room: &str,
    owner: Option<&str>,
) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        select topic from rooms
        where room = $1
          and ($2::text is null or exists (select from performance_waits where room = $1 and owner = $2))
        "#,
        room,
        owner,
    )
    .fetch_optional(connection)
    .await
}
