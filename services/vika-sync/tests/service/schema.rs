//! What managers do to columns costs those columns and nothing else.

use anyhow::Result;
use serde_json::json;
use testkit::company::{CHEN, WANG, says};
use testkit::until;
use vika::tables::{AllRooms, Today};
use vika::{Cell, ColumnIds, RecordId};

use crate::support::{Shown, World};

#[tokio::test]
async fn a_renamed_and_a_deleted_column_are_left_out() -> Result<()> {
    let world = World::start().await?;
    let today = &world.sheets.today;
    let column = |column: &str, action: serde_json::Value| {
        let mut order = json!({"sheet": today, "column": column});
        order.as_object_mut().expect("an object").extend(action.as_object().expect("an object").clone());
        world.order("columns", order)
    };
    column("最后一句话", json!({"action": "rename", "to": "老板看这里"})).await?;
    column("判定原因", json!({"action": "delete"})).await?;
    column("总回复数", json!({"action": "retype", "to": "SingleText"})).await?;
    let (room_state, sync) = (world.room_state().await?, world.sync().await?);
    world.publish(&[says("r1", CHEN, world.past(0), "在吗？")]).await?;
    let row = world.until_shows(today, "r1", &[("等待状态", "等待中"), ("顾客总回复数", "1")]).await?;
    assert_eq!((row["老板看这里"].as_str(), row["总回复数"].as_str()), ("", ""));
    world.until_shows(&world.sheets.all_rooms, "r1", &[("群聊名", "r1")]).await?;

    // Put right, the column is filled without a restart.
    column("老板看这里", json!({"action": "rename", "to": "最后一句话"})).await?;
    world.stack.clock.advance(std::time::Duration::from_mins(1));
    world.until_shows(today, "r1", &[("最后一句话", "在吗？")]).await?;
    sync.stop().await?;
    room_state.stop().await
}

#[tokio::test]
async fn a_column_renamed_while_running_stops_being_written_and_the_rest_goes_on() -> Result<()> {
    let world = World::start().await?;
    let today = &world.sheets.today;
    let (room_state, sync) = (world.room_state().await?, world.sync().await?);
    world.publish(&[says("r1", CHEN, world.past(0), "在吗？")]).await?;
    world.until_shows(today, "r1", &[("最后一句话", "在吗？")]).await?;
    world
        .order(
            "columns",
            json!({"sheet": today, "column": "总回复数", "action": "retype", "to": "SingleText"}),
        )
        .await?;
    world.stack.clock.advance(std::time::Duration::from_secs(61));
    // The number is refused now, the refusal makes the service look, and the row goes on without the column.
    world.publish(&[says("r1", WANG, world.past(30), "在的")]).await?;
    world.until_shows(today, "r1", &[("等待状态", "已回复"), ("总回复数", "1")]).await?;
    let refused: i64 =
        store::sqlx::query_scalar("select count(*) from vika_sync_rows where refused is not null")
            .fetch_one(&world.stack.admin)
            .await?;
    assert_eq!(refused, 0, "it was the column, not the row");
    sync.stop().await?;
    room_state.stop().await
}

#[tokio::test]
async fn without_its_key_column_a_sheet_waits_and_the_others_go_on() -> Result<()> {
    let world = World::start().await?;
    let today = &world.sheets.today;
    world
        .order("columns", json!({"sheet": today, "column": "群ID", "action": "rename", "to": "编号"}))
        .await?;
    let (room_state, sync, reconcile) =
        (world.room_state().await?, world.sync().await?, world.reconcile().await?);
    world.publish(&[says("r1", CHEN, world.past(0), "在吗？")]).await?;
    let all = &world.sheets.all_rooms;
    let row = world.until_shows(all, "r1", &[("群聊名", "r1")]).await?;
    world.edit(all, &row[""], [(AllRooms::Owner, Cell::text("李小后"))]).await?;
    world.until_shows(all, "r1", &[("系统信息", "负责人非售前")]).await?;
    assert_eq!(world.until_logged(1).await?[0]["系统信息"], "负责人非售前");
    assert_eq!(world.rows(today).await?.len(), 0);
    world
        .order("columns", json!({"sheet": today, "column": "编号", "action": "rename", "to": "群ID"}))
        .await?;
    world.stack.clock.advance(std::time::Duration::from_mins(1));
    world.until_shows(today, "r1", &[("等待状态", "等待中")]).await?;
    until("the outcome is fully shown", || async {
        world.stack.clock.advance(std::time::Duration::from_secs(31));
        let open: i64 =
            store::sqlx::query_scalar("select count(*) from vika_sync_outcomes where settled_at is null")
                .fetch_one(&world.stack.admin)
                .await?;
        Ok(open == 0)
    })
    .await?;
    for service in [reconcile, sync, room_state] {
        service.stop().await?;
    }
    Ok(())
}

#[tokio::test]
async fn edits_made_while_columns_were_wrong_are_read_within_a_minute_of_their_repair() -> Result<()> {
    let world = World::start().await?;
    let (today, all) = (&world.sheets.today, &world.sheets.all_rooms);
    let (room_state, sync, reconcile) =
        (world.room_state().await?, world.sync().await?, world.reconcile().await?);
    world.publish(&[says("r1", CHEN, world.past(0), "报价单发我一份")]).await?;
    let row = world.until_shows(today, "r1", &[("等待状态", "等待中")]).await?;
    let owned = world.until_shows(all, "r1", &[("负责人", "")]).await?;
    let manager = world.manager()?;
    let (today_ids, all_ids) = (
        ColumnIds::<Today>::resolve(&manager.fields(today).await?)?,
        ColumnIds::<AllRooms>::resolve(&manager.fields(all).await?)?,
    );
    for sheet in [today, all] {
        let order = json!({"sheet": sheet, "column": "经理修改时间", "action": "rename", "to": "改{于}"});
        world.order("columns", order).await?;
    }
    world.stack.clock.advance(std::time::Duration::from_secs(61));
    until("the poller knows that its columns are gone", || async {
        world.stack.clock.advance(std::time::Duration::from_secs(5));
        world.forget_calls().await?;
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        let calls = world.calls().await?;
        Ok(calls.iter().all(|call| {
            let path = call["path"].as_str().unwrap_or_default();
            !(path.contains("/records") && call["query"].to_string().contains("经理修改时间"))
        }))
    })
    .await?;
    let record = |row: &Shown| RecordId::try_from(row[""].clone());
    let tick = today_ids.fields([(Today::Cancel, Cell::Tick(true))]);
    manager.update(today, &[(record(&row)?, tick)]).await?;
    let chosen = all_ids.fields([(AllRooms::Owner, Cell::text("王小售"))]);
    manager.update(all, &[(record(&owned)?, chosen)]).await?;
    world.stack.clock.advance(std::time::Duration::from_mins(20));
    for sheet in [today, all] {
        let order = json!({"sheet": sheet, "column": "改{于}", "action": "rename", "to": "经理修改时间"});
        world.order("columns", order).await?;
    }
    world.stack.clock.advance(std::time::Duration::from_mins(1));
    world.until_shows(today, "r1", &[("等待状态", "已取消"), ("消除未回覆记录", "")]).await?;
    world.until_shows(all, "r1", &[("生效负责人", "王小售")]).await?;
    for row in world.until_logged(2).await? {
        let told = &row["系统信息"];
        assert!(
            told.contains("这次改动过了 2") && told.contains("分钟才读到；急的话用卡片上的按钮"),
            "{told}"
        );
    }
    for service in [reconcile, sync, room_state] {
        service.stop().await?;
    }
    Ok(())
}

#[tokio::test]
async fn columns_that_managers_rename_are_followed_both_ways() -> Result<()> {
    let world = World::start().await?;
    let (today, all) = (&world.sheets.today, &world.sheets.all_rooms);
    let (room_state, sync, reconcile) =
        (world.room_state().await?, world.sync().await?, world.reconcile().await?);
    world.publish(&[says("r1", CHEN, world.past(0), "报价单发我一份")]).await?;
    world.until_shows(today, "r1", &[("等待状态", "等待中")]).await?;
    let row = world.until_shows(all, "r1", &[("负责人", "")]).await?;
    let manager = world.manager()?;
    let owner = ColumnIds::<AllRooms>::resolve(&manager.fields(all).await?)?.id(AllRooms::Owner).clone();
    let columns = [
        (today, "群ID", "编号"),
        (today, "等待状态", "客户在等吗"),
        (today, "消除未回覆记录", "不用回"),
        (today, "经理修改时间", "改于"),
        (today, "经理修改人", "谁改的"),
        (all, "群ID", "编号"),
        (all, "负责人", "归谁"),
        (all, "生效负责人", "负责人"),
        (all, "负责人修改时间", "归谁改于"),
        (all, "系统信息", "机器人说"),
    ];
    for (sheet, column, to) in columns {
        let order = json!({"sheet": sheet, "column": column, "action": "rename", "to": to});
        world.order("columns", order).await?;
    }
    // Those who knew the names are gone, and whoever comes knows the ids.
    for service in [reconcile, sync] {
        service.stop().await?;
    }
    let (sync, reconcile) = (world.sync().await?, world.reconcile().await?);
    let chosen = vika::Fields::from([(owner, Cell::text("王小售"))]);
    manager.update(all, &[(RecordId::try_from(row[""].clone())?, chosen)]).await?;
    world.publish(&[says("r2", CHEN, world.past(1), "在吗？")]).await?;
    let shows = |sheet, room: &'static str, column: &'static str, text: &'static str| {
        let world = &world;
        async move {
            until(&format!("{room} shows {text}"), || async {
                world.stack.clock.advance(std::time::Duration::from_secs(11));
                let rows = world.rows(sheet).await?;
                let is_it = |row: &&Shown| row["编号"] == format!("webhook:{room}") && row[column] == text;
                Ok(rows.iter().filter(is_it).count() == 1)
            })
            .await
        }
    };
    shows(today, "r2", "客户在等吗", "等待中").await?;
    shows(all, "r1", "负责人", "王小售").await?;
    let rows = world.rows(today).await?;
    let ticked = rows.iter().find(|row| row["编号"] == "webhook:r1").expect("its row");
    let fields = manager.fields(today).await?;
    let tick = fields.iter().find(|field| field.name == "不用回").expect("the box");
    let ticked = RecordId::try_from(ticked[""].clone())?;
    manager.update(today, &[(ticked, vika::Fields::from([(tick.id.clone(), Cell::Tick(true))]))]).await?;
    shows(today, "r1", "客户在等吗", "已取消").await?;
    shows(today, "r1", "不用回", "").await?;
    assert_eq!((world.rows(today).await?.len(), world.rows(all).await?.len()), (2, 2), "no room twice");
    for service in [reconcile, sync, room_state] {
        service.stop().await?;
    }
    Ok(())
}
