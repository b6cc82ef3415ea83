//! Managers at work in 群聊总表: approvals, marks, and several of them at once.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use testkit::Running;
use testkit::company::{CHEN, says};
use testkit::until;
use vika::tables::{AllRooms, Today};
use vika::{Cell, ColumnIds, MAX_RECORDS, RecordId};

use crate::support::{MANAGER, OTHER, Shown, World};

const AWAITS: &str = "等待管理员核准";
const APPROVED: &str = "已成功更新至售后阶段";

/// 负责人 and 群聊阶段 of a row.
fn owned(owner: &str, stage: &str) -> [(AllRooms, Cell); 2] {
    [(AllRooms::Owner, Cell::text(owner)), (AllRooms::Stage, Cell::text(stage))]
}

fn tick(column: AllRooms) -> [(AllRooms, Cell); 1] {
    [(column, Cell::Tick(true))]
}

/// A room with a row in both sheets, in which a customer waits, and the three services.
async fn at_work(world: &World) -> Result<(Shown, [Running; 3])> {
    let services = [world.room_state().await?, world.sync().await?, world.reconcile().await?];
    world.publish(&[says("r1", CHEN, world.past(0), "报价单发我一份")]).await?;
    world.until_shows(&world.sheets.today, "r1", &[("等待状态", "等待中")]).await?;
    let row = world.until_shows(&world.sheets.all_rooms, "r1", &[("群聊阶段", "pre-sales")]).await?;
    Ok((row, services))
}

/// Waits until both sheets were read for edits once more, from beginning to end.
async fn until_polled(world: &World) -> Result<()> {
    world.forget_calls().await?;
    until("edits are looked for", || async {
        let calls = world.calls().await?;
        let reads = calls.iter().filter(|call| call["token"] == "uskRead" && call["route"] == "records");
        Ok(reads.count() >= 4)
    })
    .await
}

async fn stop(services: [Running; 3]) -> Result<()> {
    for service in services {
        service.stop().await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_approval_counts_once() -> Result<()> {
    let world = World::start().await?;
    let (row, services) = at_work(&world).await?;
    let all = &world.sheets.all_rooms;
    let shows = async |message: &str, owner: &str| {
        let cells = [("系统信息", message), ("生效负责人", owner), ("核准进入售后阶段", "")];
        world.until_shows(all, "r1", &cells).await.map(drop)
    };
    world.edit(all, &row[""], owned("李小后", "after-sales")).await?;
    shows(AWAITS, "").await?;
    world.edit(all, &row[""], tick(AllRooms::Approved)).await?;
    shows(APPROVED, "李小后").await?;
    world.edit(all, &row[""], owned("王小售", "pre-sales")).await?;
    shows("合法", "王小售").await?;
    world.edit(all, &row[""], owned("李小后", "after-sales")).await?;
    shows(AWAITS, "王小售").await?;
    assert_eq!(world.until_logged(4).await?[1]["操作人"], MANAGER);
    stop(services).await
}

#[tokio::test]
async fn only_approvers_approve_and_it_stays_known_who_did() -> Result<()> {
    let mut world = World::start().await?;
    world.stack.config.rules.approvers = vec![OTHER.into()];
    world.stack.apply_rules(chrono::TimeDelta::zero()).await?;
    let (row, services) = at_work(&world).await?;
    let all = &world.sheets.all_rooms;
    world.edit(all, &row[""], owned("李小后", "after-sales")).await?;
    world.until_shows(all, "r1", &[("系统信息", AWAITS)]).await?;
    world.edit(all, &row[""], tick(AllRooms::Approved)).await?;
    let refused = [("系统信息", "无权核准"), ("生效负责人", ""), ("核准进入售后阶段", "")];
    world.until_shows(all, "r1", &refused).await?;
    // Whoever changes something else right after the approval is not taken for who approved.
    world.edit_as(OTHER, all, &row[""], tick(AllRooms::Approved)).await?;
    world.edit(all, &row[""], [(AllRooms::CustomerGrade, Cell::text("A"))]).await?;
    world.until_shows(all, "r1", &[("系统信息", APPROVED), ("生效负责人", "李小后")]).await?;
    let logged = world.until_logged(4).await?;
    let of = |message: &str| {
        let found = logged.iter().find(|row| row["系统信息"] == message).expect("it is logged");
        found["操作人"].clone()
    };
    assert_eq!((of(APPROVED).as_str(), of("客户等级改为「A」").as_str()), (OTHER, MANAGER));
    stop(services).await
}

#[tokio::test]
async fn cells_that_are_changed_shortly_after_one_another_are_one_edit() -> Result<()> {
    let world = World::start().await?;
    let (row, services) = at_work(&world).await?;
    let (all, clock) = (&world.sheets.all_rooms, &world.stack.clock);
    let [owner, stage] = owned("李小后", "after-sales");
    // By two people.
    world.edit_as(OTHER, all, &row[""], [owner]).await?;
    clock.advance(Duration::from_secs(3));
    until_polled(&world).await?;
    world.edit_as(MANAGER, all, &row[""], [stage]).await?;
    clock.advance(Duration::from_secs(3));
    until_polled(&world).await?;
    assert_eq!(world.row(all, "r1").await?.expect("its row")["系统信息"], "", "still being edited");
    world.edit(all, &row[""], tick(AllRooms::Approved)).await?;
    world.until_shows(all, "r1", &[("系统信息", APPROVED), ("生效负责人", "李小后")]).await?;
    assert_eq!(world.until_logged(1).await?.len(), 1, "nothing was refused meanwhile");
    stop(services).await
}

#[tokio::test]
async fn a_room_without_a_clock_is_shown_and_nobody_waits_there() -> Result<()> {
    let world = World::start().await?;
    let (row, services) = at_work(&world).await?;
    let (all, today) = (&world.sheets.all_rooms, &world.sheets.today);
    world.edit(all, &row[""], tick(AllRooms::NotTimed)).await?;
    let not_timed = [
        ("等待状态", "不计时"),
        ("等待开始时间", ""),
        ("当前级别", ""),
        ("系统信息", "已设为不计时，不再提醒"),
    ];
    world.until_shows(today, "r1", &not_timed).await?;
    world.publish(&[says("r1", CHEN, world.stack.clock.now(), "还在吗？")]).await?;
    world.until_shows(today, "r1", &[("最后一句话", "还在吗？"), ("等待状态", "不计时")]).await?;
    let shown = world.until_shows(all, "r1", &[("不计时", "1")]).await?;
    world.edit(all, &shown[""], [(AllRooms::NotTimed, Cell::Tick(false))]).await?;
    world.until_shows(all, "r1", &[("系统信息", "已恢复计时，从客户的下一条消息算起")]).await?;
    world.publish(&[says("r1", CHEN, world.stack.clock.now(), "喂？")]).await?;
    world.until_shows(today, "r1", &[("等待状态", "等待中")]).await?;
    let states: Vec<String> = store::sqlx::query_scalar("select state from waits order by opened_at")
        .fetch_all(&world.stack.admin)
        .await?;
    assert_eq!(states, ["cancelled", "open"], "what was asked without a clock is no wait");
    stop(services).await
}

#[tokio::test]
async fn a_grade_counts_for_priority_and_one_that_is_none_is_refused() -> Result<()> {
    let world = World::start().await?;
    let (row, services) = at_work(&world).await?;
    let (all, today) = (&world.sheets.all_rooms, &world.sheets.today);
    let points = || async {
        let row = world.row(today, "r1").await?.expect("its row");
        anyhow::Ok(row["优先级"].parse::<i32>()?)
    };
    let before = points().await?;
    world.edit(all, &row[""], [(AllRooms::CustomerGrade, Cell::text(" A"))]).await?;
    world.until_shows(all, "r1", &[("系统信息", "客户等级改为「A」")]).await?;
    until("the grade is in the priority", || async { Ok(points().await? == before + 20) }).await?;
    let long = [
        (AllRooms::CustomerGrade, Cell::text("很长".repeat(20))),
        (AllRooms::NotFollowedUp, Cell::Tick(true)),
    ];
    world.edit(all, &row[""], long).await?;
    let both = "已设为不再跟进，不再列入沉默名单；客户等级未采用：最多 20 个字，写在一行";
    world.until_shows(all, "r1", &[("系统信息", both)]).await?;
    stop(services).await
}

/// A tick and another owner in one save, by one call.
#[tokio::test]
async fn a_tick_and_an_owner_in_one_save_are_one_decision() -> Result<()> {
    let world = World::start().await?;
    let (row, services) = at_work(&world).await?;
    let all = &world.sheets.all_rooms;
    let [owner, stage] = owned("李小后", "after-sales");
    world.edit(all, &row[""], [owner, stage, (AllRooms::Approved, Cell::Tick(true))]).await?;
    let done = [("系统信息", APPROVED), ("生效负责人", "李小后"), ("核准进入售后阶段", "")];
    world.until_shows(all, "r1", &done).await?;
    world.until_settled(1).await?;
    assert_eq!(world.until_logged(1).await?[0]["系统信息"], APPROVED);
    stop(services).await
}

/// Two managers tick and hand over at the same time: each cell keeps what was written last, and both read what came of it.
#[tokio::test]
async fn two_managers_at_once_lose_nothing() -> Result<()> {
    let world = World::start().await?;
    let (row, services) = at_work(&world).await?;
    let (all, today) = (&world.sheets.all_rooms, &world.sheets.today);
    let today_row = world.row(today, "r1").await?.expect("its row");
    let cancels = world.edit_as(OTHER, today, &today_row[""], [(Today::Cancel, Cell::Tick(true))]);
    let hands_over = world.edit(all, &row[""], owned("王小售", "pre-sales"));
    let grades = world.edit_as(OTHER, all, &row[""], [(AllRooms::CustomerGrade, Cell::text("B"))]);
    let (one, two, three) = tokio::join!(cancels, hands_over, grades);
    one.and(two).and(three)?;
    world.stack.clock.advance(Duration::from_secs(11));
    world
        .until_shows(today, "r1", &[("等待状态", "已取消"), ("消除未回覆记录", ""), ("负责人", "王小售")])
        .await?;
    let logged = world.until_logged(3).await?;
    let mut told: Vec<(&str, &str)> =
        logged.iter().map(|row| (row["操作人"].as_str(), row["系统信息"].as_str())).collect();
    told.sort_unstable();
    assert_eq!(told, [(MANAGER, "合法"), (OTHER, "客户等级改为「B」"), (OTHER, "已消除未回覆记录")]);
    stop(services).await
}

/// A manager edits a row while it is being written: neither loses a cell.
#[tokio::test]
async fn an_edit_during_a_write_stands() -> Result<()> {
    let world = World::start().await?;
    let (row, services) = at_work(&world).await?;
    let all = &world.sheets.all_rooms;
    // Each of our writes is answered late, so that the edit falls into it.
    world
        .order(
            "faults",
            json!({ "kind": "delay", "method": "PATCH", "route": "records", "ms": 1_500, "times": 2 }),
        )
        .await?;
    let mut renamed = says("r1", CHEN, world.past(20), "还在吗？");
    renamed.room.topic = "示例公司-新名字".into();
    world.publish(&[renamed]).await?;
    tokio::time::sleep(Duration::from_millis(700)).await;
    world.edit(all, &row[""], owned("王小售", "pre-sales")).await?;
    world
        .until_shows(
            all,
            "r1",
            &[("群聊名", "新名字"), ("负责人", "王小售"), ("生效负责人", "王小售"), ("负责人来源", "人工")],
        )
        .await?;
    stop(services).await
}

/// A manager pastes an owner over five hundred rows: ten a call, as the page sends them.
#[tokio::test]
async fn a_paste_over_five_hundred_rows_hands_all_of_them_over() -> Result<()> {
    const ROOMS: usize = 500;
    let world = World::start().await?;
    let services = [world.room_state().await?, world.sync().await?, world.reconcile().await?];
    let all = &world.sheets.all_rooms;
    let said: Vec<_> = (0..ROOMS).map(|n| says(&format!("r{n}"), CHEN, world.past(0), "在吗？")).collect();
    world.publish(&said).await?;
    let with_row = "select count(*) from vika_sync_rows where sheet = $1 and record is not null";
    until("every room has its row", || async {
        let rows: i64 =
            store::sqlx::query_scalar(with_row).bind(all.as_str()).fetch_one(&world.stack.admin).await?;
        Ok(usize::try_from(rows)? == ROOMS)
    })
    .await?;
    let manager = world.manager()?;
    let columns = ColumnIds::<AllRooms>::resolve(&manager.fields(all).await?)?;
    let rows = world.rows(all).await?;
    for batch in rows.chunks(MAX_RECORDS) {
        let change = |row: &Shown| {
            anyhow::Ok((RecordId::try_from(row[""].clone())?, columns.fields(owned("王小售", "pre-sales"))))
        };
        manager.update(all, &batch.iter().map(change).collect::<Result<Vec<_>>>()?).await?;
    }
    world.stack.clock.advance(Duration::from_secs(11));
    world.until_settled(i64::try_from(ROOMS)?).await?;
    let rows = world.rows(all).await?;
    assert!(rows.iter().all(|row| row["生效负责人"] == "王小售" && row["系统信息"] == "合法"), "{rows:?}");
    let logged: i64 = store::sqlx::query_scalar("select count(*) from commands where decision = 'applied'")
        .fetch_one(&world.stack.admin)
        .await?;
    assert_eq!(usize::try_from(logged)?, ROOMS, "each once");
    stop(services).await
}
