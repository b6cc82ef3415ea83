//! What heartbeats tell of Huoban, from which the watchdog makes its cards: each thing that is wrong, and its end.

use std::time::Duration;

use anyhow::Result;
use chrono::TimeDelta;
use domain::span::Span;
use events::beat::{Beat, OutsideFailure, OutsideProblem};
use futures::StreamExt as _;
use huoban::Table;
use runtime::beat::Beats;
use serde_json::json;
use store::role::Role;
use testkit::company::{CHEN, WANG, captured, says};
use testkit::{Running, until};

use crate::support::Site;

/// What is wrong with which table.
type Told = (OutsideFailure, Option<&'static str>);

const PEOPLE: Option<&str> = Some("销售每日响应");

/// The service with its heartbeats, and something counted.
async fn counting(site: &mut Site) -> Result<(Running, Running)> {
    site.stack.config.watchdog = Some(serde_json::from_value(
        json!({ "operators_chat": "oc_operators", "beat_every": "1s", "expected": [] }),
    )?);
    site.stack.config.huoban = site.config.clone();
    site.stack.config.huoban.sync_every = Span::seconds(1);
    let room_state = site.stack.run(Role::RoomState, room_state::run).await?;
    let service = |ctx: runtime::Context| async move {
        let beats = tokio::spawn(Beats::new(Role::Performance.service(), &ctx).run());
        let ended = performance::run(ctx).await;
        beats.abort();
        ended
    };
    let performance = site.stack.run(Role::Performance, service).await?;
    let at = |seconds| site.stack.started - TimeDelta::minutes(2) + TimeDelta::seconds(seconds);
    for message in [says("r1", CHEN, at(0), "在吗？"), says("r1", WANG, at(60), "在的")] {
        site.stack.bus.publish(&captured(&message)?).await?;
    }
    Ok((room_state, performance))
}

/// Waits until the beats tell exactly this; the clock advances by `step` with each of them.
async fn until_told(site: &Site, wanted: &[Told], step: Duration) -> Result<Vec<OutsideProblem>> {
    let subject = events::subject::beat(Role::Performance.service());
    let mut beats = site.stack.bus.client().subscribe(subject).await?;
    let mut last = Vec::new();
    let told = async {
        while let Some(beat) = beats.next().await {
            let beat: Beat = events::decode(&beat.payload)?;
            assert!(!beat.silent.contains_key("huoban"), "between two runs nothing is owed");
            last = beat.huoban;
            if last.iter().map(|told| (told.what, told.sheet.as_deref())).eq(wanted.iter().copied()) {
                return Ok(());
            }
            site.stack.clock.advance(step);
        }
        anyhow::bail!("no beats any more")
    };
    let outcome = tokio::time::timeout(Duration::from_mins(3), told).await;
    outcome.unwrap_or_else(|_| panic!("never told {wanted:?}, but {last:?}"))?;
    Ok(last)
}

#[tokio::test]
async fn whatever_stops_all_rows_is_told_and_so_is_its_end() -> Result<()> {
    let mut site = Site::start().await?;
    let (room_state, performance) = counting(&mut site).await?;
    let soon = Duration::from_secs(1);
    for (fault, what, step) in [
        (json!({ "kind": "used_up", "times": 100_000 }), OutsideFailure::Quota, soon),
        // It is over by itself more often than not, so that it is told after half an hour.
        (
            json!({ "kind": "code", "code": 5, "times": 100_000 }),
            OutsideFailure::Stalled,
            Duration::from_mins(5),
        ),
    ] {
        site.fault(fault).await?;
        let told = until_told(&site, &[(what, None)], step).await?;
        if what == OutsideFailure::Stalled {
            assert!(site.stack.clock.now() - told[0].since >= TimeDelta::minutes(30), "{told:?}");
        }
        site.order("DELETE", "faults", json!({})).await?;
        until_told(&site, &[], Duration::from_mins(11)).await?;
    }
    performance.stop().await?;
    room_state.stop().await
}

#[tokio::test]
async fn a_table_its_columns_and_rows_are_told_until_they_are_put_right() -> Result<()> {
    let mut site = Site::start().await?;
    let (room_state, performance) = counting(&mut site).await?;
    let soon = Duration::from_secs(1);
    let field = |action: &str, more: (&str, &str)| json!({ "table": "销售每日响应", "action": action, "field": "提问顾客数", more.0: more.1 });
    site.order("POST", "fields", field("delete", ("", ""))).await?;
    let told = until_told(&site, &[(OutsideFailure::Columns, PEOPLE)], soon).await?;
    assert_eq!(told[0].columns, ["提问顾客数"]);
    site.order("POST", "fields", field("add", ("kind", "number"))).await?;
    until_told(&site, &[], soon).await?;

    // One row is refused, then left alone: it is told for as long as it is not taken.
    let refuse =
        json!({ "kind": "code", "code": 4_000_001, "exactly": "item", "body": "王小售", "times": 100_000 });
    site.fault(refuse).await?;
    let refused = [(OutsideFailure::Rows, PEOPLE)];
    store::sqlx::query("truncate performance_huoban_rows").execute(&site.stack.admin).await?;
    for item in site.rows(Table::PersonDays).await? {
        site.order("DELETE", &format!("items/{}", item["id"].as_str().unwrap_or_default()), json!({}))
            .await?;
    }
    let told = until_told(&site, &refused, soon).await?;
    assert!(told[0].rows[0].starts_with("sales:王小售:"), "{told:?}");
    let looked = site.calls("POST", "table/list").await?;
    until("two more runs are over", || async { Ok(site.calls("POST", "table/list").await? > looked + 6) })
        .await?;
    until_told(&site, &refused, soon).await?;
    site.order("DELETE", "faults", json!({})).await?;
    until_told(&site, &[], Duration::from_mins(11)).await?;

    site.order("DELETE", &format!("tables/{}", site.tables[&Table::PersonDays]), json!({})).await?;
    until_told(&site, &[(OutsideFailure::Access, PEOPLE)], soon).await?;
    performance.stop().await?;
    room_state.stop().await
}
