//! Rows that managers made before their rooms were known.

use anyhow::Result;
use store::sqlx;
use testkit::company::{CHEN, says};
use testkit::until;
use vika::tables::AllRooms;
use vika::{Cell, ColumnIds};

use crate::support::World;

/// Rows that managers type into 群聊总表: room, owner and stage.
async fn typed(world: &World, rows: &[(&str, &str, &str)]) -> Result<()> {
    let (all, manager) = (&world.sheets.all_rooms, world.manager()?);
    let columns = ColumnIds::<AllRooms>::resolve(&manager.fields(all).await?)?;
    let row = |(name, owner, stage): &(&str, &str, &str)| {
        let cells = [
            (AllRooms::FullTopic, Cell::text(format!("示例公司-{name}"))),
            (AllRooms::Owner, Cell::text(*owner)),
            (AllRooms::Stage, Cell::text(*stage)),
        ];
        columns.fields(cells.into_iter().filter(|(_, cell)| !cell.is_empty()))
    };
    manager.create(all, &rows.iter().map(row).collect::<Vec<_>>()).await?;
    Ok(())
}

#[tokio::test]
async fn a_row_with_a_rooms_name_becomes_its_row_and_what_stands_there_counts() -> Result<()> {
    let world = World::start().await?;
    let all = &world.sheets.all_rooms;
    typed(
        &world,
        &[
            ("r1", "王小售", "pre-sales"),
            ("r2", "", ""),
            ("r3", "王小售", "pre-sales"),
            ("r3", "王小售", "pre-sales"),
            ("r4", "没有这个人", "pre-sales"),
        ],
    )
    .await?;
    let (room_state, sync, reconcile) =
        (world.room_state().await?, world.sync().await?, world.reconcile().await?);
    for room in ["r1", "r2", "r3", "r4"] {
        world.publish(&[says(room, CHEN, world.past(0), "在吗？")]).await?;
    }
    world.until_shows(all, "r1", &[("生效负责人", "王小售"), ("负责人", "王小售")]).await?;
    world
        .until_shows(all, "r2", &[("生效负责人", ""), ("群聊阶段", "pre-sales"), ("生效阶段", "pre-sales")])
        .await?;
    world
        .until_shows(all, "r4", &[("负责人", "没有这个人"), ("系统信息", "负责人非售前"), ("生效负责人", "")])
        .await?;
    // Of two rows of one name neither is taken: the room has a row of its own.
    world.until_shows(all, "r3", &[("生效负责人", ""), ("负责人", "")]).await?;
    let rows = world.rows(all).await?;
    let without_key = rows.iter().filter(|row| row["群ID"].is_empty()).map(|row| row["完整群聊名"].as_str());
    assert_eq!(without_key.collect::<Vec<_>>(), ["示例公司-r3", "示例公司-r3"], "managers' rows stay");
    assert_eq!(rows.len(), 6);
    for service in [reconcile, sync, room_state] {
        service.stop().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_service_that_ends_between_claim_and_write_goes_on_with_the_same_row() -> Result<()> {
    let world = World::start().await?;
    let all = &world.sheets.all_rooms;
    typed(&world, &[("r1", "王小售", "")]).await?;
    let room_state = world.room_state().await?;
    world
        .order(
            "faults",
            serde_json::json!({"kind": "status", "status": 503, "times": 100_000, "method": "PATCH"}),
        )
        .await?;
    let sync = world.sync().await?;
    world.publish(&[says("r1", CHEN, world.past(0), "在吗？")]).await?;
    until("the row is claimed", || async {
        world.stack.clock.advance(std::time::Duration::from_secs(5));
        let claimed: i64 =
            sqlx::query_scalar("select count(*) from vika_sync_rows where claimed_at is not null")
                .fetch_one(&world.stack.admin)
                .await?;
        Ok(claimed == 1)
    })
    .await?;
    sync.stop().await?;
    world.clear_faults().await?;
    let (sync, reconcile) = (world.sync().await?, world.reconcile().await?);
    world.until_shows(all, "r1", &[("生效负责人", "王小售"), ("负责人", "王小售")]).await?;
    assert_eq!(world.rows(all).await?.len(), 1);
    for service in [reconcile, sync, room_state] {
        service.stop().await?;
    }
    Ok(())
}
