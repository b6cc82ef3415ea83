//! The service as a whole: what was counted stands in both tables, by person and by room; only what changes is written, and
//! the daily comparison mends what people did to it.

use std::time::Duration;

use anyhow::{Context as _, Result};
use chrono::{DateTime, NaiveTime, TimeDelta, TimeZone as _, Utc};
use domain::span::Span;
use huoban::Table;
use serde_json::{Value, json};
use store::role::Role;
use testkit::company::{CHEN, LI, WANG, captured, says};
use testkit::{Running, until};

use crate::support::Site;

/// A site at noon of a day on which 王小售 answered three times, after 1, 4 and 10 minutes, and 李小后 spoke in their room.
async fn counted() -> Result<(Site, DateTime<Utc>, Vec<Running>)> {
    let mut site = Site::start().await?;
    let zone = site.stack.config.rules.time_zone;
    let tomorrow = site.stack.config.rules.day_of(site.stack.clock.now()) + TimeDelta::days(1);
    let noon = tomorrow.and_time(NaiveTime::from_hms_opt(12, 0, 0).context("noon")?);
    let noon = zone.from_local_datetime(&noon).earliest().context("a moment")?.to_utc();
    site.stack.clock.advance((noon - site.stack.clock.now()).to_std()?);
    site.stack.config.huoban = site.config.clone();
    site.stack.config.huoban.sync_every = Span::seconds(1);
    site.stack.config.huoban.compare_at = "00:00".parse()?;
    let room_state = site.stack.run(Role::RoomState, room_state::run).await?;
    let performance = site.stack.run(Role::Performance, performance::run).await?;
    let at = |minutes| noon - TimeDelta::hours(1) + TimeDelta::minutes(minutes);
    for message in [
        says("r1", WANG, at(-1), "您好"),
        says("r1", CHEN, at(0), "在吗？"),
        says("r1", WANG, at(1), "在的"),
        says("r1", CHEN, at(5), "报价多少？"),
        says("r1", WANG, at(9), "三千元"),
        says("r1", LI, at(10), "我是售后小李"),
        says("r1", CHEN, at(20), "什么时候发货？"),
        says("r1", WANG, at(30), "已经发货了"),
    ] {
        site.stack.bus.publish(&captured(&message)?).await?;
    }
    Ok((site, noon, vec![room_state, performance]))
}

async fn stop(services: Vec<Running>) -> Result<()> {
    for service in services.into_iter().rev() {
        service.stop().await?;
    }
    Ok(())
}

/// The only row of a table, once a cell of it holds this.
async fn row(site: &Site, table: Table, column: &str, value: &Value) -> Result<Value> {
    let what = format!("{column} is {value} in {table}");
    let stands = until(&what, || async {
        Ok(site.rows(table).await?.iter().any(|row| row["cells"][column] == *value))
    });
    if let Err(error) = stands.await {
        return Err(error.context(format!("{:#?}", site.rows(table).await?)));
    }
    let mut rows = site.rows(table).await?;
    rows.retain(|row| row["cells"][column] == *value);
    assert_eq!(rows.len(), 1, "{rows:?}");
    Ok(rows.remove(0)["cells"].take())
}

fn with(cells: &mut Value, more: Value) {
    if let (Some(cells), Value::Object(more)) = (cells.as_object_mut(), more) {
        cells.extend(more);
    }
}

/// What both rows have in common, reckoned by hand.
fn figures(day: &str) -> Value {
    json!({
        "日期": day,
        "负责人": "王小售",
        "提问顾客数": 3,
        "已回复": 3,
        "未回复": 0,
        "已取消": 0,
        "平均回复时间（分钟）": 5,
        "中位回复时间（分钟）": 4,
        "P90回复时间（分钟）": 10,
        "5分钟内占比": 0.6667,
        "10分钟内占比": 1,
        "20分钟内占比": 1,
        "30分钟内占比": 1,
        "最长等待（分钟）": 10,
        "承诺数": 0,
        "承诺兑现数": 0,
        "总回复数": 8,
        "售前总回复数": 4,
        "售后总回复数": 1,
        "其他员工总回复数": 0,
        "顾客总回复数": 3,
    })
}

#[tokio::test]
async fn the_whole_row_of_a_person_and_of_a_room_is_what_was_counted() -> Result<()> {
    let (site, noon, services) = counted().await?;
    let day = site.stack.config.rules.day_of(noon).to_string();
    let mut expected = figures(&day);
    with(&mut expected, json!({ "业务键": format!("sales:王小售:{day}"), "团队": "售前", "群聊数": 1 }));
    let person = row(&site, Table::PersonDays, "已回复", &json!(3)).await?;
    assert_eq!(person, expected, "{person:#}");
    let mut expected = figures(&day);
    with(
        &mut expected,
        json!({
            "业务键": format!("room:webhook:r1:{day}"),
            "群聊名": "示例公司-r1",
            "群聊阶段": "售前",
            "负责人总回复数": 4
        }),
    );
    let room = row(&site, Table::RoomDays, "已回复", &json!(3)).await?;
    assert_eq!(room, expected, "{room:#}");
    stop(services).await
}

#[tokio::test]
async fn only_what_changed_is_written_and_the_daily_comparison_mends_the_rest() -> Result<()> {
    let (site, noon, services) = counted().await?;
    row(&site, Table::PersonDays, "已回复", &json!(3)).await?;
    row(&site, Table::RoomDays, "已回复", &json!(3)).await?;
    until("everything is read back", || async {
        let unread: i64 = store::sqlx::query_scalar(
            "select count(*) from performance_huoban_rows where verified_at is null",
        )
        .fetch_one(&site.stack.admin)
        .await?;
        Ok(unread == 0)
    })
    .await?;
    // Somebody types into a row; runs go on, and find nothing that changed.
    let key = json!(format!("sales:王小售:{}", site.stack.config.rules.day_of(noon)));
    let rows = site.rows(Table::PersonDays).await?;
    let of_wang = rows.iter().find(|row| row["cells"]["业务键"] == key).context("the row")?;
    let id = of_wang["id"].as_str().unwrap_or_default().to_owned();
    let typed = json!({ "table": "销售每日响应", "cells": { "已回复": 77 } });
    site.order("PUT", &format!("items/{id}"), typed).await?;
    site.calls("PUT", "").await?;
    tokio::time::sleep(Duration::from_millis(3_500)).await;
    assert_eq!(site.calls("PUT", "").await?, 0, "nothing changed");
    until("runs look at the tables", || async { Ok(site.calls("POST", "table").await? > 0) }).await?;
    assert_eq!(row(&site, Table::PersonDays, "业务键", &key).await?["已回复"], json!(77));
    site.stack.clock.advance(Duration::from_hours(24));
    let mended = row(&site, Table::PersonDays, "已回复", &json!(3)).await?;
    assert_eq!(mended["业务键"], key, "the day is the one before");
    stop(services).await
}
