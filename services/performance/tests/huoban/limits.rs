//! Rate limits, quotas, outages, keys: what ends a run, and that the next one goes on where it ended.

use std::time::Duration;

use anyhow::Result;
use huoban::{Row, Table};
use performance::huoban::{Stopped, TableProblem};
use runtime::fault::Faults;
use serde_json::json;

use crate::support::{Site, person, room};

fn people(count: u32) -> Result<Vec<Row>> {
    (0..count).map(|number| person(&format!("p{number}"), 22, number)).collect()
}

#[tokio::test]
async fn a_rate_limit_that_refuses_all_tries_ends_the_run_and_loses_nothing() -> Result<()> {
    let site = Site::start().await?;
    let mut engine = site.engine();
    site.fault(json!({ "kind": "throttle", "exactly": "item", "body": "sales:p3:", "times": 2 })).await?;
    let rows = people(6)?;
    let report = site.sync(&mut engine, &rows).await?;
    assert_eq!(report.written, 3, "{report:?}");
    assert!(matches!(report.stopped, Some(Stopped::Unusable { .. })));
    site.stack.clock.advance(Duration::from_mins(10));
    let report = site.sync(&mut engine, &rows).await?;
    assert_eq!((report.written, report.unchanged, report.stopped), (3, 3, None));
    assert_eq!(site.rows(Table::PersonDays).await?.len(), 6);
    Ok(())
}

#[tokio::test]
async fn our_own_allowance_ends_the_run_and_the_next_hour_goes_on() -> Result<()> {
    let mut site = Site::start().await?;
    (site.config.calls_per_hour, site.config.calls_per_day) = (12, 30);
    let mut engine = site.engine();
    let rows = people(8)?;
    let report = site.sync(&mut engine, &rows).await?;
    // Two calls to look, then two for each row.
    assert_eq!((report.written, report.stopped, report.calls), (5, Some(Stopped::Allowance), 12));
    // Kept by the ledger: another process has no calls either.
    drop(engine);
    let mut engine = site.next_engine(&Faults::default()).await?;
    let none = site.sync(&mut engine, &rows).await?;
    assert_eq!((none.stopped, none.calls), (Some(Stopped::Allowance), 0));
    site.stack.clock.advance(Duration::from_hours(1));
    let report = site.sync(&mut engine, &rows).await?;
    assert_eq!((report.written, report.unchanged, &report.stopped), (3, 5, &None), "{report:?}");
    assert_eq!(site.rows(Table::PersonDays).await?.len(), 8);
    // The day's limit holds over hours: of thirty calls twelve and those of the second run are used.
    let left = 30 - 12 - report.calls;
    site.stack.clock.advance(Duration::from_hours(2));
    let later = site.sync(&mut engine, &people(30)?.split_off(8)).await?;
    assert_eq!((later.calls, later.stopped), (left, Some(Stopped::Allowance)));
    site.stack.clock.advance(Duration::from_hours(25));
    assert!(site.sync(&mut engine, &people(30)?.split_off(8)).await?.calls > left);
    Ok(())
}

#[tokio::test]
async fn what_only_people_can_put_right_ends_the_run_and_says_so() -> Result<()> {
    let mut site = Site::start().await?;
    let mut engine = site.engine();
    site.fault(json!({ "kind": "used_up", "exactly": "item" })).await?;
    let report = site.sync(&mut engine, &people(2)?).await?;
    assert!(matches!(report.stopped, Some(Stopped::PlanUsedUp { .. })), "{report:?}");
    drop(engine);
    site.config.api_key = runtime::config::Secret::new("another");
    for by_status in [false, true] {
        site.settings(json!({ "key_by_status": by_status })).await?;
        let mut engine = site.next_engine(&Faults::default()).await?;
        let report = site.sync(&mut engine, &people(2)?).await?;
        let Some(Stopped::KeyRefused { message }) = &report.stopped else { panic!("{report:?}") };
        assert!(message.contains("trace") && report.calls == 1);
    }
    Ok(())
}

#[tokio::test]
async fn a_service_that_is_away_ends_the_run() -> Result<()> {
    let site = Site::start().await?;
    let mut engine = site.engine();
    site.fault(json!({ "kind": "html", "times": 2 })).await?;
    let report = site.sync(&mut engine, &people(2)?).await?;
    assert!(matches!(report.stopped, Some(Stopped::Unusable { .. })), "{report:?}");
    assert_eq!((report.written, site.sync(&mut engine, &people(2)?).await?.written), (0, 2));
    Ok(())
}

#[tokio::test]
async fn a_table_that_is_missing_stops_no_other() -> Result<()> {
    let mut site = Site::start().await?;
    site.order("DELETE", &format!("tables/{}", site.tables[&Table::PersonDays]), json!({})).await?;
    let mut engine = site.engine();
    let rows = [person("wang", 22, 3)?, room("r", 22, 1)?];
    let report = site.sync(&mut engine, &rows).await?;
    assert_eq!((report.written, report.tables.len()), (1, 1), "{report:?}");
    assert!(matches!(report.tables[0], (Table::PersonDays, TableProblem::NotFound(_))));
    // By an id that is none of its tables the service says so itself.
    drop(engine);
    site.config.tables.person_days = "2100000000099999".to_owned();
    let mut engine = site.next_engine(&Faults::default()).await?;
    let report = site.sync(&mut engine, &rows).await?;
    assert_eq!((report.tables.len(), report.unchanged), (1, 1), "{report:?}");
    Ok(())
}
