//! What looking costs while nothing happens.

use anyhow::Result;
use store::sqlx;
use testkit::company::WANG;
use testkit::until;

use crate::support::{Scene, TO_WANG};

/// Rooms in which nothing happens.
const ROOMS: i64 = 5_000;
/// Looks over which is counted.
const LOOKS: i64 = 5;

/// Rows of a table read so far, by whatever way.
const READ: &str = "select coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)
    from pg_stat_user_tables where relname = 'alert_rooms'";
/// Postgres takes up to ten seconds to tell of what an idle connection read: this many looks take longer, since several
/// parts look each second.
const TOLD_WITHIN: i64 = 40;
/// Each look asks once how far the fold is.
const LOOKED: &str = "select coalesce(seq_scan, 0) + coalesce(idx_scan, 0)
    from pg_stat_user_tables where relname = 'fold_progress'";

#[tokio::test]
async fn a_look_reads_no_rooms_that_did_not_change() -> Result<()> {
    let mut scene = Scene::start().await?;
    scene.asks("r1", WANG).await?;
    let quiet = format!(
        "insert into rooms (room, source, topic, state, version, created_at, updated_at)
         select 'webhook:quiet-' || n, source, topic, state, 1, created_at, updated_at
         from rooms, generate_series(1, {ROOMS}) as n where room = 'webhook:r1'"
    );
    sqlx::query(sqlx::AssertSqlSafe(quiet)).execute(&scene.stack.admin).await?;
    let alerter = scene.alerter().await?;
    until("every room is taken in", || async {
        Ok(scene.count("select count(*) from alert_rooms where version > 0").await? > ROOMS)
    })
    .await?;
    // Statistics are told with a delay: what is still to come of the start is let by.
    until("the start is over", || async {
        let before = scene.count(READ).await?;
        let looks = scene.count(LOOKED).await?;
        until("more looks", || async { Ok(scene.count(LOOKED).await? >= looks + TOLD_WITHIN) }).await?;
        Ok(scene.count(READ).await? == before)
    })
    .await?;
    let (read, looks) = (scene.count(READ).await?, scene.count(LOOKED).await?);
    until("some looks are over", || async { Ok(scene.count(LOOKED).await? >= looks + LOOKS) }).await?;
    let more = scene.count(READ).await? - read;
    assert!(more < ROOMS / 100, "{more} rows of rooms that did not change were read");

    // And what changes is seen at once all the same.
    scene.advance(5);
    scene.until_colours(TO_WANG, &["turquoise"]).await?;
    scene.stop(alerter).await
}
