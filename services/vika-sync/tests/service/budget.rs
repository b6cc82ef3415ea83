//! The plan's calls of a month: rows wait for them, edits do not.

use std::time::Duration;

use anyhow::Result;
use chrono::{DateTime, Datelike as _, TimeDelta, Utc};
use domain::span::Span;
use events::beat::OutsideFailure;
use serde_json::json;
use store::role::Role;
use testkit::company::{CHEN, WANG, says};
use testkit::until;
use vika::Cell;
use vika::tables::{AllRooms, Today};

use crate::alarms::{beating, until_reported};
use crate::support::{MANAGER, World};

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
        let lines: i64 = store::sqlx::query_scalar("select count(*) from timeline where kind = 'message'")
            .fetch_one(&world.stack.admin)
            .await?;
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
    spend_at(world, world.stack.clock.now(), calls).await
}

/// The same on the day of a moment.
async fn spend_at(world: &World, at: DateTime<Utc>, calls: i64) -> Result<()> {
    let day = world.stack.config.rules.day_of(at);
    let mut connection = world.stack.admin.acquire().await?;
    Ok(store::vika_calls::add(&mut connection, store::vika_calls::Ledger::Sync, day, &[("rows", calls)])
        .await?)
}

/// What is asked of Vika follows from what the plan has left, while the service runs.
#[tokio::test]
async fn with_no_calls_left_edits_are_not_looked_for_until_there_are_some_again() -> Result<()> {
    let mut world = World::start().await?;
    world.stack.config.vika.calls_per_month = PLAN.unsigned_abs();
    // Its month has begun before today.
    if world.stack.config.rules.day_of(world.stack.clock.now()).day() == 1 {
        world.stack.clock.advance(Duration::from_hours(24));
    }
    let reconcile = world.reconcile().await?;
    let looks = async || -> Result<usize> {
        let is_look = |call: &&serde_json::Value| call["route"] == "records";
        Ok(world.calls().await?.iter().filter(is_look).count())
    };
    until("edits are looked for again and again", || async { Ok(looks().await? >= 6) }).await?;
    let yesterday = world.stack.clock.now() - TimeDelta::days(1);
    spend_at(&world, yesterday, PLAN).await?;
    // A poll may be under way. The absence of the next ones has no sign but time: they are a second apart otherwise.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = looks().await?;
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(looks().await?, before);
    spend_at(&world, yesterday, -PLAN).await?;
    until("edits are looked for again", || async { Ok(looks().await? > before) }).await?;
    reconcile.stop().await
}

/// A row that managers are at work on is left alone for a moment, and looked at again long before the next poll is due.
#[tokio::test]
async fn an_edit_is_read_once_it_has_settled_however_far_polls_are_apart() -> Result<()> {
    let mut world = World::start().await?;
    world.stack.config.vika.poll_all_rooms_every = Span::seconds(3_600);
    let all = world.sheets.all_rooms.clone();
    let (room_state, sync) = (world.room_state().await?, world.sync().await?);
    world.publish(&[says("r1", WANG, world.past(0), "您好")]).await?;
    let row = world.until_shows(&all, "r1", &[("负责人", "王小售")]).await?;
    world.edit_as(MANAGER, &all, &row[""], [(AllRooms::NotTimed, Cell::Tick(true))]).await?;
    let reconcile = world.reconcile().await?;
    until("the edit was seen", || async {
        let of_all = |call: &serde_json::Value| {
            call["sheet"] == all.as_str() && call["token"] == "uskRead" && call["route"] == "records"
        };
        Ok(world.calls().await?.iter().any(of_all))
    })
    .await?;
    world.stack.clock.advance(Duration::from_secs(11));
    world.until_shows(&all, "r1", &[("系统信息", "已设为不计时，不再提醒")]).await?;
    for service in [reconcile, sync, room_state] {
        service.stop().await?;
    }
    Ok(())
}
