//! Killed between a call and its confirmation: nothing is lost and nothing is done twice.

use anyhow::Result;
use domain::message::MessageKind;
use testkit::company::{CHEN, WANG, says};
use testkit::until;
use vika::Cell;
use vika::tables::{AllRooms, Today};
use vika_sync::point;

use crate::support::World;

#[tokio::test]
async fn killed_between_creating_rows_and_confirming_them() -> Result<()> {
    let world = World::start().await?;
    let (room_state, sync) = (world.room_state().await?, world.sync().await?);
    let reached = sync.faults.arm(point::CREATED);
    world
        .publish(&[says("r1", CHEN, world.past(0), "在吗？"), says("r2", CHEN, world.past(0), "有人吗")])
        .await?;
    reached.await;
    sync.kill().await;
    let made = world.rows(&world.sheets.today).await?.len();
    assert!(made > 0, "a row was made before the crash");
    let sync = world.sync().await?;
    for room in ["r1", "r2"] {
        world.until_shows(&world.sheets.today, room, &[("等待状态", "等待中")]).await?;
        world.until_shows(&world.sheets.all_rooms, room, &[("群聊名", room)]).await?;
        world.publish(&[says(room, WANG, world.past(20), "在的")]).await?;
        world.until_shows(&world.sheets.today, room, &[("等待状态", "已回复")]).await?;
    }
    sync.stop().await?;
    room_state.stop().await
}

#[tokio::test]
async fn killed_between_changing_cells_and_confirming_them() -> Result<()> {
    let world = World::start().await?;
    let (room_state, sync) = (world.room_state().await?, world.sync().await?);
    let today = &world.sheets.today;
    world.publish(&[says("r1", CHEN, world.past(0), "在吗？")]).await?;
    world.until_shows(today, "r1", &[("等待状态", "等待中")]).await?;
    let reached = sync.faults.arm(point::CHANGED);
    world.publish(&[says("r1", WANG, world.past(20), "在的")]).await?;
    reached.await;
    sync.kill().await;
    world.publish(&[says("r1", CHEN, world.past(30), "请问价格")]).await?;
    let sync = world.sync().await?;
    world.until_shows(today, "r1", &[("最后一句话", "请问价格"), ("总回复数", "3")]).await?;
    sync.stop().await?;
    room_state.stop().await
}

#[tokio::test]
async fn killed_between_changing_cells_and_confirming_them_before_they_change_back() -> Result<()> {
    let world = World::start().await?;
    let (room_state, sync) = (world.room_state().await?, world.sync().await?);
    let today = &world.sheets.today;
    world.publish(&[says("r1", CHEN, world.past(0), "在吗？")]).await?;
    world.until_shows(today, "r1", &[("等待状态", "等待中"), ("总回复数", "1")]).await?;
    let reached = sync.faults.arm(point::CHANGED);
    let reply = says("r1", WANG, world.past(20), "在的");
    world.publish(std::slice::from_ref(&reply)).await?;
    reached.await;
    sync.kill().await;
    world.until_shows(today, "r1", &[("等待状态", "已回复")]).await?;
    let mut recall = says("r1", WANG, world.past(30), &reply.id);
    recall.kind = MessageKind::Recalled;
    world.publish(&[recall]).await?;
    until("the reply is taken back", || async {
        let open: i64 = store::sqlx::query_scalar("select count(*) from waits where state = 'open'")
            .fetch_one(&world.stack.admin)
            .await?;
        Ok(open == 1)
    })
    .await?;
    let sync = world.sync().await?;
    world.until_shows(today, "r1", &[("等待状态", "等待中"), ("总回复数", "1")]).await?;
    sync.stop().await?;
    room_state.stop().await
}

#[tokio::test]
async fn killed_while_showing_an_outcome() -> Result<()> {
    for at in [point::LOGGED, point::BEFORE_UNTICK] {
        let world = World::start().await?;
        let (room_state, sync, reconcile) =
            (world.room_state().await?, world.sync().await?, world.reconcile().await?);
        let today = &world.sheets.today;
        world.publish(&[says("r1", CHEN, world.past(0), "报价单发我一份")]).await?;
        let row = world.until_shows(today, "r1", &[("等待状态", "等待中")]).await?;
        let reached = sync.faults.arm(at);
        world.edit(today, &row[""], [(Today::Cancel, Cell::Tick(true))]).await?;
        reached.await;
        sync.kill().await;
        let sync = world.sync().await?;
        let shown = [("等待状态", "已取消"), ("系统信息", "已消除未回覆记录"), ("消除未回覆记录", "")];
        world.until_shows(today, "r1", &shown).await?;
        world.until_settled(1).await?;
        assert_eq!(world.rows(&world.sheets.system_log).await?.len(), 1, "{at}");
        for service in [reconcile, sync, room_state] {
            service.stop().await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn killed_between_publishing_commands_and_recording_their_edits() -> Result<()> {
    let world = World::start().await?;
    let (room_state, sync, reconcile) =
        (world.room_state().await?, world.sync().await?, world.reconcile().await?);
    let today = &world.sheets.today;
    world.publish(&[says("r1", CHEN, world.past(0), "报价单发我一份")]).await?;
    let row = world.until_shows(today, "r1", &[("等待状态", "等待中")]).await?;
    let reached = reconcile.faults.arm(vika_reconcile::point::PUBLISHED);
    world.edit(today, &row[""], [(Today::Cancel, Cell::Tick(true))]).await?;
    reached.await;
    // Dealt with before the reader comes back, so that it meets the row unticked, or ticked: both must do.
    reconcile.kill().await;
    sync.kill().await;
    let reconcile = world.reconcile().await?;
    until("the edit is recorded", || async {
        let edits: i64 = store::sqlx::query_scalar("select count(*) from vika_reconcile_edits")
            .fetch_one(&world.stack.admin)
            .await?;
        let commands: i64 =
            store::sqlx::query_scalar("select count(*) from commands").fetch_one(&world.stack.admin).await?;
        // The tick may have been taken back before the kill: then there is nothing left to read.
        let unticked = world.row(today, "r1").await?.is_some_and(|row| row["消除未回覆记录"].is_empty());
        Ok((edits == 1 || unticked) && commands == 1)
    })
    .await?;
    let sync = world.sync().await?;
    world.until_shows(today, "r1", &[("系统信息", "已消除未回覆记录"), ("消除未回覆记录", "")]).await?;
    world.until_settled(1).await?;
    assert_eq!(world.rows(&world.sheets.system_log).await?.len(), 1);

    // Started once more, it looks back over the edit and sends nothing.
    reconcile.stop().await?;
    world.forget_calls().await?;
    let reconcile = world.reconcile().await?;
    until("it has polled twice", || async {
        let calls = world.calls().await?;
        Ok(calls.iter().filter(|call| call["token"] == "uskRead" && call["route"] == "records").count() >= 4)
    })
    .await?;
    let commands = world.stack.bus.jetstream().get_stream("COMMAND").await?.get_info().await?.state.messages;
    assert_eq!(commands, 1);
    for service in [reconcile, sync, room_state] {
        service.stop().await?;
    }
    Ok(())
}

/// Waits until so many rows of 群聊总表 are known and as they should be.
async fn until_known(world: &World, rows: i64) -> Result<()> {
    until("the rows are known", || async {
        let known: i64 = store::sqlx::query_scalar(
            "select count(*) from vika_sync_rows where sheet = $1 and record is not null and version > 0",
        )
        .bind(world.sheets.all_rooms.as_str())
        .fetch_one(&world.stack.admin)
        .await?;
        Ok(known == rows)
    })
    .await
}

/// Waits until so many commands came of edits, and so many of them assign somebody.
async fn until_commands(world: &World, commands: i64, assignments: i64) -> Result<()> {
    until(&format!("{commands} commands, {assignments} of them assignments"), || async {
        let found: (i64, i64) =
            store::sqlx::query_as("select count(*), count(*) filter (where kind = 'assign') from commands")
                .fetch_one(&world.stack.admin)
                .await?;
        Ok(found == (commands, assignments))
    })
    .await
}

#[tokio::test]
async fn killed_between_creating_a_row_and_confirming_it_no_tick_becomes_an_assignment() -> Result<()> {
    let world = World::start().await?;
    let all = &world.sheets.all_rooms;
    let room_state = world.room_state().await?;
    world.publish(&[says("r1", WANG, world.past(0), "您好")]).await?;
    loop {
        let sync = world.sync().await?;
        sync.faults.arm(point::CREATED).await;
        sync.kill().await;
        if !world.rows(all).await?.is_empty() {
            break;
        }
    }
    let row = world.until_shows(all, "r1", &[("负责人", "王小售"), ("生效负责人", "王小售")]).await?;
    world.edit(all, &row[""], [(AllRooms::Owner, Cell::text("没有这个人"))]).await?;
    let (sync, reconcile) = (world.sync().await?, world.reconcile().await?);
    until_known(&world, 1).await?;
    until_commands(&world, 1, 1).await?;
    world.stack.clock.advance(std::time::Duration::from_mins(1));
    world.edit(all, &row[""], [(AllRooms::NotTimed, Cell::Tick(true))]).await?;
    until_commands(&world, 2, 1).await?;
    for service in [reconcile, sync, room_state] {
        service.stop().await?;
    }
    Ok(())
}

#[tokio::test]
async fn after_a_restore_no_tick_becomes_an_assignment_and_all_of_our_columns_are_written() -> Result<()> {
    let world = World::start().await?;
    let all = &world.sheets.all_rooms;
    let (room_state, sync) = (world.room_state().await?, world.sync().await?);
    let mut rows = Vec::new();
    for room in ["r1", "r2"] {
        world.publish(&[says(room, WANG, world.past(0), "您好")]).await?;
        rows.push(world.until_shows(all, room, &[("负责人", "王小售")]).await?);
    }
    until_known(&world, 2).await?;
    sync.stop().await?;
    store::restored::put_right(&mut *world.stack.admin.acquire().await?).await?;
    // As if it had been made after the backup.
    store::sqlx::query("delete from vika_sync_rows where room = 'webhook:r2'")
        .execute(&world.stack.admin)
        .await?;
    for row in &rows {
        world.edit(all, &row[""], [(AllRooms::SystemInfo, Cell::text("不在备份里"))]).await?;
    }
    let sync = world.sync().await?;
    for room in ["r1", "r2"] {
        world.until_shows(all, room, &[("系统信息", ""), ("负责人", "王小售")]).await?;
    }
    until_known(&world, 2).await?;
    let reconcile = world.reconcile().await?;
    until("the row that the backup does not know was compared", || async {
        let compared: i64 = store::sqlx::query_scalar("select count(*) from vika_reconcile_compared")
            .fetch_one(&world.stack.admin)
            .await?;
        Ok(compared == 1)
    })
    .await?;
    for row in &rows {
        world.edit(all, &row[""], [(AllRooms::NotTimed, Cell::Tick(true))]).await?;
    }
    until_commands(&world, 2, 0).await?;
    for service in [reconcile, sync, room_state] {
        service.stop().await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_outcome_of_which_a_restored_database_does_not_know_that_it_was_shown_is_shown_once() -> Result<()>
{
    let world = World::start().await?;
    let (room_state, sync, reconcile) =
        (world.room_state().await?, world.sync().await?, world.reconcile().await?);
    let today = &world.sheets.today;
    world.publish(&[says("r1", CHEN, world.past(0), "报价单发我一份")]).await?;
    let row = world.until_shows(today, "r1", &[("等待状态", "等待中")]).await?;
    world.edit(today, &row[""], [(Today::Cancel, Cell::Tick(true))]).await?;
    world.until_settled(1).await?;
    for service in [reconcile, sync, room_state] {
        service.stop().await?;
    }
    // The backup was taken between the decision and its row.
    for forgotten in
        ["update commands set decided_at = at + interval '1 second'", "delete from vika_sync_outcomes"]
    {
        store::sqlx::query(forgotten).execute(&world.stack.admin).await?;
    }
    store::restored::put_right(&mut *world.stack.admin.acquire().await?).await?;
    let sync = world.sync().await?;
    world.until_settled(1).await?;
    assert_eq!(world.rows(&world.sheets.system_log).await?.len(), 1);
    sync.stop().await
}
