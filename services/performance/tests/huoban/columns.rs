//! What people do to columns.

use anyhow::Result;
use huoban::{Column, ColumnProblem, Table};
use performance::huoban::TableProblem;
use serde_json::{Value, json};

use crate::support::{Site, person};

fn change(action: &Value) -> Value {
    let mut change = json!({ "table": "销售每日响应" });
    if let (Some(change), Some(action)) = (change.as_object_mut(), action.as_object()) {
        change.extend(action.clone());
    }
    change
}

#[tokio::test]
async fn a_column_that_is_renamed_is_told_and_still_written() -> Result<()> {
    let site = Site::start().await?;
    site.sync(&mut site.engine(), &[person("wang", 22, 3)?]).await?;
    site.order("POST", "fields", change(&json!({ "action": "rename", "field": "提问顾客数", "to": "人数" })))
        .await?;
    // Another process: it knows the column by its id from the ledger.
    let mut next = site.next_engine(&runtime::fault::Faults::default()).await?;
    let report = site.sync(&mut next, &[person("wang", 22, 4)?]).await?;
    assert_eq!(report.written, 1, "{report:?}");
    let renamed = ColumnProblem::Renamed { column: Column::Asked, now: "人数".into() };
    assert_eq!(report.columns, [(Table::PersonDays, renamed)]);
    assert_eq!(site.column("人数").await?, [json!(4)]);
    Ok(())
}

#[tokio::test]
async fn a_column_that_is_gone_is_left_out_and_filled_when_it_is_back() -> Result<()> {
    let site = Site::start().await?;
    let mut engine = site.engine();
    let rows = [person("wang", 22, 3)?, person("li", 22, 4)?];
    site.sync(&mut engine, &rows).await?;
    site.order("POST", "fields", change(&json!({ "action": "delete", "field": "提问顾客数" }))).await?;
    let report = site.sync(&mut engine, &rows).await?;
    assert_eq!(
        (report.written, report.refused.len()),
        (2, 0),
        "the rows are other ones without it: {report:?}"
    );
    assert!(matches!(&report.columns[..], [(_, ColumnProblem::Missing { column: Column::Asked, .. })]));
    let back = change(&json!({ "action": "add", "field": "提问顾客数", "kind": "number" }));
    site.order("POST", "fields", back).await?;
    let report = site.sync(&mut engine, &rows).await?;
    assert_eq!((report.written, report.columns.len()), (2, 0), "{report:?}");
    assert_eq!(site.column("提问顾客数").await?, [json!(4), json!(3)]);
    Ok(())
}

/// Between the look at the columns and the write.
#[tokio::test]
async fn a_column_that_goes_during_a_run_costs_no_row() -> Result<()> {
    let site = Site::start().await?;
    let faults = runtime::fault::Faults::default();
    let (mut engine, db) = (site.engine_with(&faults), site.db.clone());
    let rows = vec![person("wang", 22, 3)?, person("li", 22, 4)?];
    let (reached, go_on) = faults.hold(performance::huoban::points::WRITTEN);
    let task = tokio::spawn(async move { engine.sync(&db, rows).await });
    reached.await;
    site.order("POST", "fields", change(&json!({ "action": "delete", "field": "团队" }))).await?;
    go_on.send(()).ok();
    let report = task.await??;
    assert_eq!(report.refused.len(), 0, "{report:?}");
    assert_eq!(site.column("提问顾客数").await?, [json!(4), json!(3)]);
    Ok(())
}

#[tokio::test]
async fn without_key_and_day_nothing_is_written() -> Result<()> {
    let site = Site::start().await?;
    let mut engine = site.engine();
    let retype = change(&json!({ "action": "retype", "field": "日期", "to": "text" }));
    site.order("POST", "fields", retype).await?;
    let report = site.sync(&mut engine, &[person("wang", 22, 3)?]).await?;
    assert!(matches!(report.tables[..], [(Table::PersonDays, TableProblem::Unusable)]), "{report:?}");
    assert_eq!((report.written, site.rows(Table::PersonDays).await?.len()), (0, 0));
    Ok(())
}

#[tokio::test]
async fn a_type_that_nobody_knows_is_tried_and_told() -> Result<()> {
    let site = Site::start().await?;
    let retype = change(&json!({ "action": "retype", "field": "团队", "to": "hologram" }));
    site.order("POST", "fields", retype).await?;
    let report = site.sync(&mut site.engine(), &[person("wang", 22, 3)?]).await?;
    assert!(matches!(&report.columns[..], [(_, ColumnProblem::Unsure { column: Column::Team, .. })]));
    assert_eq!((report.written, site.column("团队").await?), (1, vec![json!("售前")]));
    Ok(())
}
