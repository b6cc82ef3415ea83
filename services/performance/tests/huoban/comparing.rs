//! The nightly comparison.

use anyhow::{Context as _, Result};
use huoban::{Row, Table};
use performance::huoban::{Engine, Report};
use serde_json::{Value, json};

use crate::support::{Site, day, person, room};

async fn compare(site: &Site, engine: &mut Engine, rows: &[Row]) -> Result<Report> {
    Ok(engine.compare(&site.db, day(20), day(23), rows.to_vec()).await?)
}

async fn id_of(site: &Site, key: &str) -> Result<String> {
    let rows = site.rows(Table::PersonDays).await?;
    let row = rows.iter().find(|row| row["cells"]["业务键"] == key).context("the row")?;
    Ok(row["id"].as_str().unwrap_or_default().to_owned())
}

fn by_hand(cells: &Value) -> Value {
    json!({ "table": "销售每日响应", "cells": cells })
}

#[tokio::test]
async fn whatever_people_did_to_rows_is_put_right_and_what_is_theirs_is_left() -> Result<()> {
    let site = Site::start().await?;
    let mut engine = site.engine();
    let rows = [person("a", 22, 1)?, person("b", 22, 2)?, person("c", 22, 3)?, person("d", 23, 4)?];
    site.sync(&mut engine, &[&rows[..], &[person("old", 22, 9)?, person("a", 19, 9)?]].concat()).await?;
    let quiet = compare(&site, &mut engine, &[&rows[..], &[person("old", 22, 9)?]].concat()).await?;
    assert_eq!((quiet.written, quiet.deleted, quiet.unchanged), (0, 0, 5), "{quiet:?}");

    // Deleted, changed, copied; made by hand; and one that nobody counts any more.
    let (a, b) = (id_of(&site, "sales:a:2026-11-22").await?, id_of(&site, "sales:b:2026-11-22").await?);
    site.order("DELETE", &format!("items/{a}"), json!({})).await?;
    site.order("PUT", &format!("items/{b}"), by_hand(&json!({ "提问顾客数": 77 }))).await?;
    let copy = by_hand(&json!({ "业务键": "sales:c:2026-11-22", "日期": "2026-11-22", "提问顾客数": 8 }));
    site.order("POST", "items", copy).await?;
    for key in [json!("合计"), json!(null), json!("sales:x:2026-11-19")] {
        let own = by_hand(&json!({ "业务键": key, "日期": "2026-11-22", "提问顾客数": 50 }));
        site.order("POST", "items", own).await?;
    }
    let report = compare(&site, &mut engine, &rows).await?;
    assert_eq!((report.written, report.differed, report.doubles, report.deleted), (2, 2, 1, 2), "{report:?}");
    assert_eq!((report.refused.len(), report.strays_left), (0, 0));
    let stands: Vec<(String, Value)> = site
        .rows(Table::PersonDays)
        .await?
        .iter()
        .map(|row| {
            (row["cells"]["业务键"].as_str().unwrap_or("-").to_owned(), row["cells"]["提问顾客数"].clone())
        })
        .collect();
    let expected = [
        ("sales:a:2026-11-19", 9),
        ("sales:a:2026-11-22", 1),
        ("sales:b:2026-11-22", 2),
        ("sales:c:2026-11-22", 3),
        ("sales:d:2026-11-23", 4),
        ("sales:x:2026-11-19", 50),
        ("合计", 50),
        ("-", 50),
    ];
    assert_eq!(stands, expected.map(|(key, asked)| (key.to_owned(), json!(asked))));
    let again = compare(&site, &mut engine, &rows).await?;
    assert_eq!((again.written, again.deleted, again.unchanged), (0, 0, 4), "{again:?}");
    Ok(())
}

/// With an empty ledger the rows that stand there are adopted, and of copies the oldest stays.
#[tokio::test]
async fn a_lost_ledger_is_made_anew_from_what_stands_there() -> Result<()> {
    let site = Site::start().await?;
    let mut engine = site.engine();
    let rows = [person("a", 22, 1)?, room("r", 22, 2)?];
    site.sync(&mut engine, &rows).await?;
    let copy = by_hand(&json!({ "业务键": "sales:a:2026-11-22", "日期": "2026-11-22" }));
    site.order("POST", "items", copy).await?;
    store::sqlx::query("truncate performance_huoban_rows").execute(&site.stack.admin).await?;
    let report = compare(&site, &mut engine, &rows).await?;
    assert_eq!((report.written, report.deleted, report.unchanged), (0, 1, 2), "{report:?}");
    assert_eq!(site.column("提问顾客数").await?, [json!(1)]);
    Ok(())
}

/// A counting that went wrong must not empty the table.
#[tokio::test]
async fn more_rows_than_can_be_believed_are_not_deleted() -> Result<()> {
    let site = Site::start().await?;
    let mut engine = site.engine();
    let rows: Vec<Row> = (0..12).map(|number| person(&format!("p{number}"), 22, 1)).collect::<Result<_>>()?;
    site.sync(&mut engine, &rows).await?;
    let report = compare(&site, &mut engine, &[]).await?;
    assert_eq!((report.deleted, report.strays_left), (0, 12), "{report:?}");
    assert_eq!(site.rows(Table::PersonDays).await?.len(), 12);
    let some = compare(&site, &mut engine, &rows[..6]).await?;
    assert_eq!((some.deleted, some.unchanged), (6, 6), "{some:?}");
    Ok(())
}

/// A reading has four hundred pages at most.
#[tokio::test]
async fn days_are_read_one_by_one_however_many_rows_they_have_together() -> Result<()> {
    let mut site = Site::start().await?;
    (site.config.page_size, site.config.calls_per_hour) = (1, 20_000);
    let mut engine = site.engine();
    let row = |number: u32| person(&format!("p{number}"), 20 + number % 4, number);
    let rows: Vec<Row> = (0..408).map(row).collect::<Result<_>>()?;
    site.sync(&mut engine, &rows).await?;
    let gone = id_of(&site, "sales:p7:2026-11-23").await?;
    site.order("DELETE", &format!("items/{gone}"), json!({})).await?;
    let report = compare(&site, &mut engine, &rows).await?;
    assert_eq!((report.written, report.unchanged, &report.stopped), (1, 407, &None), "{report:?}");
    Ok(())
}
