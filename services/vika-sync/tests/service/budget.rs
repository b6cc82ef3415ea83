//! The plan's calls of a month: rows wait for them, edits do not.

use std::time::Duration;

use anyhow::Result;
use events::beat::OutsideFailure;
use serde_json::json;
use store::role::Role;
use testkit::company::{CHEN, WANG, says};
use testkit::until;
use vika::Cell;
use vika::tables::Today;

use crate::alarms::{beating, until_reported};
use crate::support::World;

/// So many that each second a poll is paid for.
const PLAN: i64 = 1_000_000_000;

#[tokio::test]
async fn once_the_day_s_calls_are_used_rows_wait_and_edits_are_acted_on_all_the_same() -> Result<()> {
    let mut world = World::start().await?;
    world.stack.config.vika.calls_per_month = PLAN.unsigned_abs();
    world.stack.config.watchdog = Some(serde_json::from_value(
        json!({ "operators_chat": "oc_operators", "beat_every": "1s", "expected": [] }),
    )?);
    let (room_state, sync, reconcile) =
        (world.room_state().await?, beating(&world, Role::VikaSync).await?, world.reconcile().await?);
    let today = world.sheets.today.clone();
    world.publish(&[says("r1", CHEN, world.past(0), "报价单发我一份")]).await?;
    let row = world.until_shows(&today, "r1", &[("等待状态", "等待中")]).await?;

    spend(&world, PLAN).await?;
    world.publish(&[says("r2", CHEN, world.past(1), "有人吗？")]).await?;
    let short = [(OutsideFailure::Allowance, None)];
    until_reported(&world, Role::VikaSync, &short, Duration::from_mins(11)).await?;
    world.edit(&today, &row[""], [(Today::Cancel, Cell::Tick(true))]).await?;
    let shown = [("等待状态", "已取消"), ("系统信息", "已消除未回覆记录"), ("消除未回覆记录", "")];
    world.until_shows(&today, "r1", &shown).await?;
    assert_eq!(world.until_logged(1).await?[0]["系统信息"], "已消除未回覆记录");
    world.publish(&[says("r1", WANG, world.past(2), "发了")]).await?;
    until("the reply is known", || async {
        let lines: i64 =
            store::sqlx::query_scalar("select count(*) from timeline").fetch_one(&world.stack.admin).await?;
        Ok(lines == 3)
    })
    .await?;
    assert_eq!(world.row(&today, "r2").await?, None, "there are no calls for it");

    spend(&world, -PLAN).await?;
    world.until_shows(&today, "r2", &[("等待状态", "等待中")]).await?;
    world.until_shows(&today, "r1", &[("最后一句话", "发了")]).await?;
    until_reported(&world, Role::VikaSync, &[], Duration::ZERO).await?;
    for service in [reconcile, sync, room_state] {
        service.stop().await?;
    }
    Ok(())
}

/// Calls that were made today for rows.
async fn spend(world: &World, calls: i64) -> Result<()> {
    let day = world.stack.clock.now().with_timezone(&chrono_tz::Asia::Shanghai).date_naive();
    let mut connection = world.stack.admin.acquire().await?;
    Ok(store::vika_calls::add(&mut connection, store::vika_calls::Ledger::Sync, day, &[("rows", calls)])
        .await?)
}

/// What is asked of Vika follows from what the plan has left.
#[tokio::test]
async fn with_few_calls_left_edits_are_looked_for_seldom() -> Result<()> {
    let mut world = World::start().await?;
    let looks = async |world: &World, seconds| -> Result<usize> {
        world.forget_calls().await?;
        let reconcile = world.reconcile().await?;
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        reconcile.stop().await?;
        let calls = world.calls().await?;
        let reads =
            |call: &&serde_json::Value| call["path"].as_str().is_some_and(|path| path.ends_with("/records"));
        Ok(calls.iter().filter(reads).count())
    };
    world.stack.config.vika.calls_per_month = PLAN.unsigned_abs();
    let often = looks(&world, 4).await?;
    assert!(often >= 5, "{often} looks in four seconds");
    world.stack.config.vika.calls_per_month = 1_000;
    assert_eq!(looks(&world, 4).await?, 2, "once in each sheet, at the start");
    Ok(())
}
