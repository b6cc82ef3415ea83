//! A process that dies at any line, and answers that are lost, make no second row and lose none.

use std::time::Duration;

use anyhow::Result;
use huoban::Table;
use performance::huoban::{Report, Stopped, points};
use runtime::fault::Faults;
use serde_json::json;
use testkit::until;

use crate::support::{Site, person};

/// Runs an engine until it reaches a point, and ends it there.
async fn crash_at(site: &Site, point: &'static str, asked: u32) -> Result<()> {
    let faults = Faults::default();
    let mut engine = site.next_engine(&faults).await?;
    let (reached, db, rows) = (faults.arm(point), site.db.clone(), vec![person("wang", 22, asked)?]);
    let task = tokio::spawn(async move { engine.sync(&db, rows).await });
    reached.await;
    task.abort();
    drop(task.await);
    Ok(())
}

/// What the next process does, once the lease of the one that died is free.
async fn next_sync(site: &Site, asked: u32) -> Result<Report> {
    let mut engine = site.next_engine(&Faults::default()).await?;
    site.sync(&mut engine, &[person("wang", 22, asked)?]).await
}

#[tokio::test]
async fn between_the_ledger_and_the_call_nothing_is_written_twice() -> Result<()> {
    let site = Site::start().await?;
    crash_at(&site, points::ATTEMPTED, 3).await?;
    assert_eq!(site.rows(Table::PersonDays).await?.len(), 0);
    let soon = next_sync(&site, 3).await?;
    assert_eq!((soon.written, soon.deferred), (0, 1), "it may still come: {soon:?}");
    site.stack.clock.advance(Duration::from_mins(3));
    assert_eq!(next_sync(&site, 3).await?.written, 1);

    crash_at(&site, points::WRITTEN, 4).await?;
    assert_eq!(site.column("提问顾客数").await?, [json!(4)]);
    assert_eq!(next_sync(&site, 4).await?.written, 1, "the same once more is harmless");
    assert_eq!(site.column("提问顾客数").await?, [json!(4)]);
    Ok(())
}

#[tokio::test]
async fn between_the_creation_and_the_ledger_the_row_is_found_again() -> Result<()> {
    let site = Site::start().await?;
    crash_at(&site, points::WRITTEN, 3).await?;
    assert_eq!(site.rows(Table::PersonDays).await?.len(), 1);
    let report = next_sync(&site, 3).await?;
    assert_eq!((report.written, report.deferred), (1, 0), "{report:?}");
    assert_eq!(site.rows(Table::PersonDays).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_creation_whose_answer_is_lost_is_looked_for() -> Result<()> {
    for kind in ["drop_after", "garbage"] {
        let site = Site::start().await?;
        site.fault(json!({ "kind": kind, "exactly": "item" })).await?;
        let report = site.sync(&mut site.engine(), &[person("wang", 22, 3)?]).await?;
        assert_eq!((report.written, report.deferred), (1, 0), "{kind}: {report:?}");
        assert_eq!(site.rows(Table::PersonDays).await?.len(), 1, "{kind}");
    }
    Ok(())
}

#[tokio::test]
async fn a_creation_that_comes_late_is_waited_for() -> Result<()> {
    let site = Site::start().await?;
    let mut engine = site.engine();
    site.fault(json!({ "kind": "late", "ms": 700, "exactly": "item" })).await?;
    let row = [person("wang", 22, 3)?];
    let report = site.sync(&mut engine, &row).await?;
    assert_eq!((report.written, report.deferred), (0, 1), "{report:?}");
    let soon = site.sync(&mut engine, &row).await?;
    assert_eq!((soon.written, soon.deferred), (0, 1), "{soon:?}");
    until("it came", || async { Ok(site.rows(Table::PersonDays).await?.len() == 1) }).await?;
    let report = site.sync(&mut engine, &row).await?;
    assert_eq!((report.written, site.rows(Table::PersonDays).await?.len()), (1, 1), "{report:?}");
    // One that never comes is sent again, but not before it could not come any more.
    site.fault(json!({ "kind": "drop_before", "exactly": "item" })).await?;
    let other = [person("li", 22, 3)?];
    assert_eq!(site.sync(&mut engine, &other).await?.deferred, 1);
    site.stack.clock.advance(Duration::from_secs(121));
    assert_eq!(site.sync(&mut engine, &other).await?.written, 1);
    assert_eq!(site.rows(Table::PersonDays).await?.len(), 2);
    Ok(())
}

#[tokio::test]
async fn one_process_at_a_time_writes() -> Result<()> {
    let site = Site::start().await?;
    let (mut first, mut second) = (site.engine(), site.engine());
    assert_eq!(site.sync(&mut first, &[person("wang", 22, 3)?]).await?.written, 1);
    let refused = site.sync(&mut second, &[person("li", 22, 3)?]).await?;
    assert_eq!((refused.stopped, refused.calls), (Some(Stopped::AnotherWriter), 0));
    drop(first);
    let mut next = site.next_engine(&Faults::default()).await?;
    assert_eq!(site.sync(&mut next, &[person("li", 22, 3)?]).await?.written, 1);
    Ok(())
}
