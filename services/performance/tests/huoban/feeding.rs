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

/// Waits for two runs that begin from now on: each looks for both tables.
async fn until_run_twice(site: &Site) -> Result<()> {
    let looked = site.calls("POST", "table/list").await?;
    // One may be at it, and the last has to come to its end.
    until("two runs are over", || async { Ok(site.calls("POST", "table/list").await? > looked + 6) }).await
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
    with(
        &mut expected,
        json!({ "业务键": format!("sales:王小售:{day}"), "团队": "售前", "群聊数": 1, "沉默群聊数": 0 }),
    );
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
    let written = site.calls("PUT", "").await?;
    until_run_twice(&site).await?;
    assert_eq!(site.calls("PUT", "").await?, written, "nothing changed");
    assert_eq!(row(&site, Table::PersonDays, "业务键", &key).await?["已回复"], json!(77));
    site.stack.clock.advance(Duration::from_hours(24));
    let mended = row(&site, Table::PersonDays, "已回复", &json!(3)).await?;
    assert_eq!(mended["业务键"], key, "the day is the one before");
    stop(services).await
}

/// A row of a person of whom nobody knows, as a rebuild leaves rows until all is counted again.
fn uncounted(day: &str) -> Value {
    let cells = json!({ "业务键": format!("sales:某人:{day}"), "日期": day, "已回复": 41 });
    json!({ "table": "销售每日响应", "cells": cells })
}

#[tokio::test]
async fn while_many_rooms_are_to_be_counted_rows_are_written_and_none_is_deleted() -> Result<()> {
    let (site, noon, services) = counted().await?;
    row(&site, Table::PersonDays, "已回复", &json!(3)).await?;
    let admin = &site.stack.admin;
    for order in [
        "alter table performance_rooms add constraint no_news check (room not like 'webhook:new%')",
        "insert into rooms (room, source, version, created_at, updated_at)
         select 'webhook:new' || n, 'webhook', 1, now(), now() from generate_series(1, 20) n",
    ] {
        store::sqlx::query(order).execute(admin).await?;
    }
    let day = site.stack.config.rules.day_of(noon);
    site.order("POST", "items", uncounted(&day.to_string())).await?;
    site.stack.clock.advance(Duration::from_hours(24));
    let asked = says("r1", CHEN, noon + TimeDelta::hours(24), "还在吗？");
    site.stack.bus.publish(&captured(&asked)?).await?;
    row(&site, Table::PersonDays, "未回复", &json!(1)).await?;
    until_run_twice(&site).await?;
    assert_eq!(site.calls("DELETE", "").await?, 0);
    store::sqlx::query("alter table performance_rooms drop constraint no_news").execute(admin).await?;
    // What could not be counted is tried again after a while.
    until("the row is gone", || async {
        site.stack.clock.advance(Duration::from_secs(5));
        Ok(site.calls("DELETE", "").await? == 1)
    })
    .await?;
    stop(services).await
}

#[tokio::test]
async fn a_comparison_that_cannot_be_made_keeps_no_row_from_being_written() -> Result<()> {
    let (site, noon, services) = counted().await?;
    let day = site.stack.config.rules.day_of(noon);
    row(&site, Table::PersonDays, "已回复", &json!(3)).await?;
    let past = (day - TimeDelta::days(3)).to_string();
    let refuse = json!({ "kind": "code", "code": 5, "exactly": "item/list", "body": past, "times": 100_000 });
    site.fault(refuse).await?;
    site.stack.clock.advance(Duration::from_hours(24));
    let asked = says("r1", CHEN, noon + TimeDelta::hours(24), "还在吗？");
    site.stack.bus.publish(&captured(&asked)?).await?;
    let row = row(&site, Table::RoomDays, "未回复", &json!(1)).await?;
    assert_eq!(row["日期"], json!((day + TimeDelta::days(1)).to_string()));
    stop(services).await
}
