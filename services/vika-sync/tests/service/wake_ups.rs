//! Rooms are written because a wake-up names them; a scan of all makes up for those that are lost.

use std::time::Duration;

use anyhow::Result;
use domain::span::Span;
use runtime::changes::SCAN_EVERY;
use testkit::company::{CHEN, WANG, says};
use testkit::{Running, until};
use vika_sync::point;

use crate::support::World;

/// From here on a scan never ends, and nothing that it would find is written.
async fn without_scans(world: &World, sync: &Running) -> Result<()> {
    world.publish(&[says("r0", CHEN, world.past(0), "在吗？")]).await?;
    for sheet in [&world.sheets.today, &world.sheets.all_rooms] {
        world.until_shows(sheet, "r0", &[("群聊名", "r0")]).await?;
    }
    drop(sync.faults.arm(point::BEFORE_SCAN));
    Ok(())
}

/// The room's customer is answered, and the process that folds dies before it says so.
async fn answered_without_wake_up(world: &World, room_state: Running) -> Result<()> {
    let reached = room_state.faults.arm(room_state::point::BEFORE_PUBLISH);
    world.publish(&[says("r1", WANG, world.past(20), "在的")]).await?;
    reached.await;
    until("the reply is folded", || async {
        let open: i64 = store::sqlx::query_scalar("select count(*) from waits where state = 'open'")
            .fetch_one(&world.stack.admin)
            .await?;
        Ok(open == 0)
    })
    .await?;
    room_state.kill().await;
    Ok(())
}

#[tokio::test]
async fn a_change_is_written_without_a_scan() -> Result<()> {
    let world = World::start().await?;
    let (room_state, sync) = (world.room_state().await?, world.sync().await?);
    without_scans(&world, &sync).await?;
    world.publish(&[says("r1", CHEN, world.past(5), "有人吗？")]).await?;
    world.until_shows(&world.sheets.today, "r1", &[("等待状态", "等待中")]).await?;
    world.until_shows(&world.sheets.all_rooms, "r1", &[("群聊名", "r1")]).await?;
    sync.stop().await?;
    room_state.stop().await
}

#[tokio::test]
async fn cells_that_change_with_time_are_written_without_a_scan() -> Result<()> {
    let world = World::start().await?;
    let (room_state, sync) = (world.room_state().await?, world.sync().await?);
    without_scans(&world, &sync).await?;
    // Half a minute past ten: the first minute of the wait is over just before the full one of the clock.
    let asked = world.stack.started - chrono::TimeDelta::seconds(31);
    world.publish(&[says("r1", CHEN, asked, "在吗？")]).await?;
    world.until_shows(&world.sheets.today, "r1", &[("负责人未回覆时间（分钟）", "0")]).await?;
    // Shorter than until the next scan, and past the full minute of the clock at which minutes are written.
    world.stack.clock.advance(Duration::from_secs(30));
    world.until_shows(&world.sheets.today, "r1", &[("负责人未回覆时间（分钟）", "1")]).await?;
    sync.stop().await?;
    room_state.stop().await
}

#[tokio::test]
async fn a_change_whose_wake_up_was_lost_is_found_by_a_scan() -> Result<()> {
    let world = World::start().await?;
    let (room_state, sync) = (world.room_state().await?, world.sync().await?);
    let today = &world.sheets.today;
    world.publish(&[says("r1", CHEN, world.past(0), "在吗？")]).await?;
    world.until_shows(today, "r1", &[("等待状态", "等待中")]).await?;
    answered_without_wake_up(&world, room_state).await?;
    world.stack.clock.advance(SCAN_EVERY.to_std()?);
    world.until_shows(today, "r1", &[("等待状态", "已回复")]).await?;
    sync.stop().await
}

#[tokio::test]
async fn after_the_bus_was_away_all_rooms_are_read() -> Result<()> {
    let world = World::start().await?;
    let (room_state, sync) = (world.room_state().await?, world.sync().await?);
    let today = &world.sheets.today;
    world.publish(&[says("r1", CHEN, world.past(0), "在吗？")]).await?;
    world.until_shows(today, "r1", &[("等待状态", "等待中")]).await?;
    answered_without_wake_up(&world, room_state).await?;
    // With all that it held, and its consumers.
    world.stack.bus.jetstream().delete_stream("ROOM").await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    runtime::bus::declare(world.stack.bus.jetstream(), 1).await?;
    world.until_shows(today, "r1", &[("等待状态", "已回复")]).await?;
    sync.stop().await
}

#[tokio::test]
async fn a_burst_is_written_as_one() -> Result<()> {
    let mut world = World::start().await?;
    world.stack.config.vika.sync_every = Span::seconds(5);
    let (room_state, sync) = (world.room_state().await?, world.sync().await?);
    let today = &world.sheets.today;
    world.publish(&[says("r1", CHEN, world.past(0), "在吗？")]).await?;
    world.until_shows(today, "r1", &[("等待状态", "等待中"), ("总回复数", "1")]).await?;
    world.forget_calls().await?;
    let lines = 20;
    for n in 0..lines {
        world.publish(&[says("r1", CHEN, world.past(n + 1), "请问")]).await?;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    world.until_shows(today, "r1", &[("总回复数", &(lines + 1).to_string())]).await?;
    let written = world.writes().await?.into_iter().filter(|call| call["sheet"] == today.as_str()).count();
    assert!((1..=2).contains(&written), "{written} calls for {lines} lines");
    sync.stop().await?;
    room_state.stop().await
}

#[tokio::test]
async fn rooms_that_a_full_sheet_did_not_take_get_their_rows_once_it_does() -> Result<()> {
    let world = World::start().await?;
    let (room_state, sync) = (world.room_state().await?, world.sync().await?);
    let (today, all) = (&world.sheets.today, &world.sheets.all_rooms);
    world.publish(&[says("r1", CHEN, world.past(0), "在吗？")]).await?;
    world.until_shows(today, "r1", &[("等待状态", "等待中")]).await?;
    world.until_shows(all, "r1", &[("群聊名", "r1")]).await?;
    world.order("settings", serde_json::json!({"row_limit": 1})).await?;
    world.forget_calls().await?;
    world.publish(&[says("r2", CHEN, world.past(5), "在吗？")]).await?;
    until("both sheets are found full", || async {
        let refused = world.writes().await?.iter().filter(|call| call["method"] == "POST").count();
        Ok(refused >= 2)
    })
    .await?;
    // Rows that are there go on, also of a room that was named meanwhile.
    world
        .publish(&[says("r1", WANG, world.past(20), "在的"), says("r3", CHEN, world.past(20), "在吗？")])
        .await?;
    world.until_shows(today, "r1", &[("等待状态", "已回复")]).await?;
    world.order("settings", serde_json::json!({"row_limit": 50_000})).await?;
    until("the rows are there", || async {
        world.stack.clock.advance(Duration::from_secs(61));
        Ok(world.row(today, "r2").await?.is_some()
            && world.row(today, "r3").await?.is_some()
            && world.row(all, "r2").await?.is_some()
            && world.row(all, "r3").await?.is_some())
    })
    .await?;
    sync.stop().await?;
    room_state.stop().await
}
