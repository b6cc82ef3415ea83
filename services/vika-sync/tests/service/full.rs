//! Sheets that take no more rows.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use store::sqlx;
use testkit::company::{CHEN, WANG, says};
use testkit::{Running, until};
use vika::tables::AllRooms;
use vika::{Cell, SheetId};
use vika_sync::point;

use crate::support::World;

const DAY: Duration = Duration::from_hours(24);

async fn services(world: &World) -> Result<[Running; 3]> {
    Ok([world.reconcile().await?, world.sync().await?, world.room_state().await?])
}

async fn stop(services: [Running; 3]) -> Result<()> {
    for service in services {
        service.stop().await?;
    }
    Ok(())
}

/// The rooms that have a row.
async fn rooms(world: &World, sheet: &SheetId) -> Result<Vec<String>> {
    let rows = world.rows(sheet).await?;
    let mut rooms: Vec<String> =
        rows.iter().map(|row| row["群ID"].trim_start_matches("webhook:").to_owned()).collect();
    rooms.sort();
    Ok(rooms)
}

async fn until_rooms(world: &World, sheet: &SheetId, wanted: &[&str]) -> Result<()> {
    until(&format!("{wanted:?} have rows"), || async {
        world.stack.clock.advance(Duration::from_secs(61));
        Ok(rooms(world, sheet).await? == wanted)
    })
    .await
}

/// A customer asks in each of these rooms, a minute apart, and is answered.
async fn spoken(world: &World, rooms: &[&str]) -> Result<()> {
    for room in rooms {
        world.stack.clock.advance(Duration::from_mins(1));
        let now = world.stack.clock.now();
        world.publish(&[says(room, CHEN, now, "在吗？"), says(room, WANG, now, "在的")]).await?;
    }
    Ok(())
}

/// The room has this grade, whatever its row says.
async fn until_graded(world: &World, room: &str, grade: &str) -> Result<()> {
    until(&format!("{room} has the grade {grade}"), || async {
        world.stack.clock.advance(Duration::from_secs(11));
        let found: Option<String> =
            sqlx::query_scalar("select state::jsonb -> 'marks' ->> 'grade' from rooms where room = $1")
                .bind(format!("webhook:{room}"))
                .fetch_one(&world.stack.admin)
                .await?;
        Ok(found.as_deref() == Some(grade))
    })
    .await
}

#[tokio::test]
async fn the_quietest_rooms_leave_a_full_sheet_and_come_back_when_they_speak() -> Result<()> {
    let world = World::start().await?;
    let all = &world.sheets.all_rooms;
    let running = services(&world).await?;
    spoken(&world, &["r1", "r2", "r3"]).await?;
    until_rooms(&world, all, &["r1", "r2", "r3"]).await?;
    let row = world.until_shows(all, "r1", &[("群聊名", "r1")]).await?;
    world.edit(all, &row[""], [(AllRooms::CustomerGrade, Cell::text("A"))]).await?;
    until_graded(&world, "r1", "A").await?;
    // Somebody waits in the quietest room but one: whatever happens, that is seen.
    world.publish(&[says("r2", CHEN, world.stack.clock.now(), "报价单发我一份")]).await?;
    spoken(&world, &["r3"]).await?;
    world.until_shows(all, "r3", &[("群聊名", "r3")]).await?;
    world.order("settings", json!({"row_limit": 3})).await?;
    world.stack.clock.advance(2 * DAY);

    spoken(&world, &["r4"]).await?;
    until_rooms(&world, all, &["r2", "r3", "r4"]).await?;
    world.until_shows(&world.sheets.today, "r4", &[("等待状态", "已回复")]).await?;
    world.stack.clock.advance(2 * DAY);
    // It comes back as it was, in the place of the quietest in which nobody waits.
    spoken(&world, &["r1"]).await?;
    until_rooms(&world, all, &["r1", "r2", "r4"]).await?;
    world
        .until_shows(all, "r1", &[("负责人", "王小售"), ("生效负责人", "王小售"), ("客户等级", "A")])
        .await?;
    // More room: whoever is out comes back within a day.
    world.order("settings", json!({"row_limit": 50_000})).await?;
    world.stack.clock.advance(DAY);
    until_rooms(&world, all, &["r1", "r2", "r3", "r4"]).await?;
    stop(running).await
}

/// However many rooms are too quiet for a row: they are not tried ten by ten, call after call.
#[tokio::test]
async fn one_refused_call_is_enough_for_all_that_are_too_quiet() -> Result<()> {
    const QUIET: i64 = 35;
    let world = World::start().await?;
    let all = &world.sheets.all_rooms;
    let running = services(&world).await?;
    spoken(&world, &["r1", "r2"]).await?;
    until_rooms(&world, all, &["r1", "r2"]).await?;
    world.order("settings", json!({"row_limit": 2})).await?;
    let long_ago = world.stack.clock.now() - chrono::TimeDelta::days(3);
    for n in 0..QUIET {
        let room = format!("quiet{n}");
        world.publish(&[says(&room, CHEN, long_ago, "在吗？"), says(&room, WANG, long_ago, "在的")]).await?;
    }
    let without =
        "select count(*) from vika_sync_rows where sheet = $1 and left_at is not null and record is null";
    until("all quiet rooms are without a row", || async {
        world.stack.clock.advance(Duration::from_secs(61));
        let left: i64 = sqlx::query_scalar(without).bind(all.as_str()).fetch_one(&world.stack.admin).await?;
        Ok(left == QUIET)
    })
    .await?;
    let refused = async || {
        let calls = world.writes().await?;
        let is_one = |call: &&serde_json::Value| call["method"] == "POST" && call["sheet"] == all.as_str();
        anyhow::Ok(calls.iter().filter(is_one).count())
    };
    world.forget_calls().await?;
    let asked_at = world.stack.clock.now() + chrono::TimeDelta::days(1);
    world.stack.clock.advance(DAY + Duration::from_mins(1));
    until("all of them were tried once more", || async {
        world.stack.clock.advance(Duration::from_secs(61));
        let again: i64 =
            sqlx::query_scalar("select count(*) from vika_sync_rows where sheet = $1 and left_at > $2")
                .bind(all.as_str())
                .bind(asked_at)
                .fetch_one(&world.stack.admin)
                .await?;
        Ok(again == QUIET)
    })
    .await?;
    assert_eq!(refused().await?, 1, "by one call for all of them");
    assert_eq!(rooms(&world, all).await?, ["r1", "r2"]);
    stop(running).await
}

#[tokio::test]
async fn killed_between_a_rows_leaving_and_its_record() -> Result<()> {
    let world = World::start().await?;
    let all = &world.sheets.all_rooms;
    let [reconcile, sync, room_state] = services(&world).await?;
    spoken(&world, &["r1", "r2"]).await?;
    until_rooms(&world, all, &["r1", "r2"]).await?;
    world.order("settings", json!({"row_limit": 2})).await?;
    world.stack.clock.advance(2 * DAY);
    let reached = sync.faults.arm(point::LEFT);
    spoken(&world, &["r3"]).await?;
    reached.await;
    sync.kill().await;
    let sync = world.sync().await?;
    for sheet in [all, &world.sheets.today] {
        until_rooms(&world, sheet, &["r2", "r3"]).await?;
    }
    stop([reconcile, sync, room_state]).await
}

#[tokio::test]
async fn a_row_with_an_edit_that_was_not_read_yet_stays() -> Result<()> {
    let world = World::start().await?;
    let all = &world.sheets.all_rooms;
    let [reconcile, sync, room_state] = services(&world).await?;
    spoken(&world, &["r1", "r2"]).await?;
    until_rooms(&world, all, &["r1", "r2"]).await?;
    reconcile.stop().await?;
    world.order("settings", json!({"row_limit": 2})).await?;
    world.stack.clock.advance(2 * DAY);
    let row = world.row(all, "r1").await?.expect("a row");
    world.edit(all, &row[""], [(AllRooms::CustomerGrade, Cell::text("B"))]).await?;
    spoken(&world, &["r3"]).await?;
    until_rooms(&world, all, &["r1", "r3"]).await?;
    let reconcile = world.reconcile().await?;
    until_graded(&world, "r1", "B").await?;
    stop([reconcile, sync, room_state]).await
}

#[tokio::test]
async fn the_oldest_rows_leave_a_full_log() -> Result<()> {
    let world = World::start().await?;
    let (all, log) = (&world.sheets.all_rooms, &world.sheets.system_log);
    let running = services(&world).await?;
    spoken(&world, &["r1"]).await?;
    let row = world.until_shows(all, "r1", &[("群聊名", "r1")]).await?;
    world.edit(all, &row[""], [(AllRooms::Owner, Cell::text("没有这个人"))]).await?;
    let first = world.until_logged(1).await?;
    world.until_settled(1).await?;
    world.order("settings", json!({"row_limit": 1})).await?;
    world.stack.clock.advance(8 * DAY);
    world.edit(all, &row[""], [(AllRooms::Owner, Cell::text("李小后"))]).await?;
    until("the new outcome has taken the place of the old one", || async {
        world.stack.clock.advance(Duration::from_secs(31));
        let rows = world.rows(log).await?;
        Ok(rows.len() == 1 && rows[0]["事件ID"] != first[0]["事件ID"])
    })
    .await?;
    stop(running).await
}
