//! Everything that was made is counted, and as it was made.

use anyhow::{Result, ensure};
use chrono::{DateTime, NaiveDate, Utc};
use store::sqlx::{self, PgPool};

use super::made;

/// Days whose waits are compared, at least.
const DAYS: i64 = 100;

/// Whether each wait, room and message is counted, and the answers of each past day with the time that they took.
pub async fn counted(db: &PgPool, waits: usize, now: DateTime<Utc>) -> Result<()> {
    let (made, counted, behind): (i64, i64, i64) = sqlx::query_as(
        "select (select count(*) from waits),
                (select count(*) from performance_waits where standing = 'counted' and ending = 'answered'),
                (select count(*) from rooms left join performance_rooms seen using (room)
                 where seen.version is distinct from rooms.version or seen.stale_since is not null)",
    )
    .fetch_one(db)
    .await?;
    let expected = i64::try_from(waits)?;
    ensure!(
        (made, counted, behind) == (expected, expected, 0),
        "{made} waits were made and {counted} counted, and {behind} rooms are behind; expected {expected} of both, and none"
    );
    let (said, counted): (i64, i64) = sqlx::query_as(
        "select (select count(*) from timeline), (select sum(messages) from performance_messages)::bigint",
    )
    .fetch_one(db)
    .await?;
    ensure!(said == counted, "{counted} messages are counted; expected {said}");
    days(db, now).await
}

async fn days(db: &PgPool, now: DateTime<Utc>) -> Result<()> {
    let (days, wrong): (i64, Option<NaiveDate>) = sqlx::query_as(
        "with made as (
             select (opened_at at time zone 'Asia/Shanghai')::date as day, count(*) as answers,
                    sum(extract(epoch from closed_at - opened_at) * 1000)::bigint as ms
             from waits where opened_at < $1 group by 1
         ), counted as (
             select day, sum(cardinality(replies)) as answers,
                    sum((select sum(ms) from unnest(replies) as ms))::bigint as ms
             from performance_days group by day
         )
         select count(*), min(made.day) filter (where (made.answers, made.ms) is distinct from (counted.answers, counted.ms))
         from made left join counted using (day)",
    )
    .bind(made::monday(now))
    .fetch_one(db)
    .await?;
    ensure!(wrong.is_none(), "of {wrong:?} other answers or times are counted than waits have");
    ensure!(days >= DAYS, "only {days} days have waits; expected {DAYS} or more");
    Ok(())
}
