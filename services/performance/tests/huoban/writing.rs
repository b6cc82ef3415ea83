//! What is written, and what is not.

use anyhow::Result;
use huoban::{Column, Table, Value};
use serde_json::json;

use crate::support::{Site, person, room};

#[tokio::test]
async fn rows_are_created_once_and_only_changes_are_written() -> Result<()> {
    let site = Site::start().await?;
    let mut engine = site.engine();
    let mut rows = vec![person("wang", 22, 3)?, person("li", 22, 5)?, room("webhook:r-1", 22, 3)?];
    let first = site.sync(&mut engine, &rows).await?;
    assert_eq!((first.written, first.unchanged, first.refused.len()), (3, 0, 0), "{first:?}");
    assert!(first.stopped.is_none());
    let stands = site.rows(Table::PersonDays).await?;
    let expected = json!({
        "业务键": "sales:wang:2026-11-22", "日期": "2026-11-22", "负责人": "王小售", "团队": "售前", "提问顾客数": 3,
        "中位回复时间（分钟）": 3.2, "5分钟内占比": 0.6667,
    });
    assert_eq!(stands[1]["cells"], expected);
    assert_eq!(site.rows(Table::RoomDays).await?[0]["cells"]["群聊名"], "晨光");

    let second = site.sync(&mut engine, &rows).await?;
    assert_eq!((second.written, second.unchanged), (0, 3));
    assert_eq!(site.calls("PUT", "item").await?, 0);
    // Two looks at two tables, each by name.
    assert_eq!(second.calls, 4);

    rows[0].values.insert(Column::Asked, Value::Number(4.0));
    rows[0].values.remove(&Column::MedianMinutes);
    let third = site.sync(&mut engine, &rows).await?;
    assert_eq!((third.written, third.unchanged), (1, 2));
    let changed = &site.rows(Table::PersonDays).await?[1]["cells"];
    assert_eq!((&changed["提问顾客数"], changed.get("中位回复时间（分钟）")), (&json!(4), None));
    Ok(())
}

/// After the loss of the database, and beside what people made by hand.
#[tokio::test]
async fn rows_that_are_there_already_are_taken_over_and_those_of_others_left_alone() -> Result<()> {
    let site = Site::start().await?;
    let by_hand = |cells: serde_json::Value| json!({ "table": "销售每日响应", "cells": cells });
    site.order("POST", "items", by_hand(json!({ "业务键": "sales:wang:2026-11-22", "提问顾客数": 9 })))
        .await?;
    site.order("POST", "items", by_hand(json!({ "负责人": "合计", "提问顾客数": 9 }))).await?;
    let report = site.sync(&mut site.engine(), &[person("wang", 22, 3)?]).await?;
    assert_eq!(report.written, 1);
    assert_eq!(site.column("提问顾客数").await?, [json!(3), json!(9)]);
    assert_eq!(site.calls("DELETE", "").await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_row_that_is_refused_stops_no_other_and_is_left_alone_until_it_changes() -> Result<()> {
    let site = Site::start().await?;
    let mut engine = site.engine();
    let refusing =
        json!({ "kind": "code", "code": 5, "body": "sales:li:", "exactly": "item", "times": 1000 });
    site.fault(refusing).await?;
    let mut rows = vec![person("li", 22, 5)?, person("wang", 22, 3)?, room("r", 22, 1)?];
    let report = site.sync(&mut engine, &rows).await?;
    assert_eq!((report.written, report.refused.len()), (2, 1), "{report:?}");
    assert_eq!(report.refused[0].key, rows[0].key);
    assert!(report.refused[0].reason.contains("code 5"));
    assert_eq!(site.rows(Table::PersonDays).await?.len(), 1);

    let soon = site.sync(&mut engine, &rows).await?;
    assert_eq!((soon.deferred, soon.refused.len(), soon.unchanged), (1, 0, 2), "{soon:?}");
    // Another content is another try, and time is.
    rows[0].values.insert(Column::Asked, Value::Number(6.0));
    assert_eq!(site.sync(&mut engine, &rows).await?.refused.len(), 1);
    site.stack.clock.advance(std::time::Duration::from_mins(10));
    let early = site.sync(&mut engine, &rows).await?;
    assert_eq!(early.deferred, 1, "twice as long after the second time");
    site.stack.clock.advance(std::time::Duration::from_mins(11));
    site.order("DELETE", "faults", json!({})).await?;
    assert_eq!(site.sync(&mut engine, &rows).await?.written, 1);
    assert_eq!(site.column("提问顾客数").await?, [json!(6), json!(3)]);
    Ok(())
}

#[tokio::test]
async fn a_row_that_somebody_deleted_comes_back_when_it_changes() -> Result<()> {
    let site = Site::start().await?;
    let mut engine = site.engine();
    site.sync(&mut engine, &[person("wang", 22, 3)?]).await?;
    let id = site.rows(Table::PersonDays).await?[0]["id"].as_str().unwrap_or_default().to_owned();
    site.order("DELETE", &format!("items/{id}"), json!({})).await?;
    let report = site.sync(&mut engine, &[person("wang", 22, 4)?]).await?;
    assert_eq!((report.written, report.refused.len()), (1, 0), "{report:?}");
    assert_eq!(site.column("提问顾客数").await?, [json!(4)]);
    Ok(())
}

#[tokio::test]
async fn what_is_said_to_be_stored_is_read_back_before_it_is_believed() -> Result<()> {
    let site = Site::start().await?;
    let mut engine = site.engine();
    site.fault(json!({ "kind": "swallow", "exactly": "item" })).await?;
    let created = site.sync(&mut engine, &[person("wang", 22, 3)?]).await?;
    assert_eq!((created.written, created.differed, created.refused.len()), (2, 1, 0), "{created:?}");
    assert_eq!(site.column("提问顾客数").await?, [json!(3)]);
    // One that is swallowed again and again is reported, and costs no call until it is tried again.
    site.fault(json!({ "kind": "swallow", "method": "PUT", "times": 1000 })).await?;
    let changed = site.sync(&mut engine, &[person("wang", 22, 4)?]).await?;
    assert!(changed.refused[0].reason.contains("提问顾客数"), "{changed:?}");
    assert_eq!(site.sync(&mut engine, &[person("wang", 22, 4)?]).await?.deferred, 1);
    Ok(())
}

#[tokio::test]
async fn a_share_that_comes_back_a_hundredfold_is_told() -> Result<()> {
    let site = Site::start().await?;
    site.settings(json!({ "percent_times_100": true })).await?;
    let report = site.sync(&mut site.engine(), &[person("wang", 22, 3)?]).await?;
    assert!(report.refused[0].reason.ends_with("5分钟内占比"), "{report:?}");
    Ok(())
}

#[tokio::test]
async fn values_that_come_back_in_other_forms_are_the_same_values() -> Result<()> {
    let site = Site::start().await?;
    let settings = json!({ "numbers_as_text": true, "dates_with_time": true, "numeric_ids": true, "nested_schema": false });
    site.settings(settings).await?;
    let mut engine = site.engine();
    let rows = [person("wang", 22, 3)?, person("li", 22, 3)?, person("he", 22, 3)?, person("wang", 23, 1)?];
    let report = site.sync(&mut engine, &rows).await?;
    assert_eq!((report.written, report.differed, report.refused.len()), (4, 0, 0), "{report:?}");
    Ok(())
}

/// Nobody knows how the service compares texts.
#[tokio::test]
async fn a_key_that_only_looks_like_another_is_another_row() -> Result<()> {
    let site = Site::start().await?;
    site.settings(json!({ "loose_texts": true })).await?;
    let rows = [person("wang", 22, 3)?, person("Wang", 22, 4)?];
    let report = site.sync(&mut site.engine(), &rows).await?;
    assert_eq!((report.written, report.doubles, report.refused.len()), (2, 0, 0), "{report:?}");
    assert_eq!(site.column("提问顾客数").await?, [json!(4), json!(3)]);
    Ok(())
}
