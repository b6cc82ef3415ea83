//! Rooms become rows, and only what changed is written.

use std::collections::BTreeSet;

use anyhow::Result;
use chrono::TimeDelta;
use events::chat::{ChatRoom, RoomEvent, RoomRef};
use runtime::bus::Outgoing;
use testkit::company::{CHEN, LI, WANG, says};
use testkit::until;

use crate::support::World;

/// A room that is seen and in which nobody speaks.
fn silent_room(world: &World) -> Result<Outgoing> {
    let silent = ChatRoom {
        source: "webhook".into(),
        account: "main".into(),
        id: "seen-r3".into(),
        room: RoomRef { id: "r3".into(), topic: "示例公司-远山".into() },
        at: world.past(0),
        event: RoomEvent::Seen { owner: None, members: vec!["li".into()], inviter: None },
        by: None,
        captured: None,
    };
    Ok(Outgoing {
        subject: events::subject::chat_room(&silent.room_key()),
        id: "seen-r3".into(),
        payload: events::encode(&silent)?,
    })
}

#[tokio::test]
async fn messages_become_rows_in_both_sheets() -> Result<()> {
    let world = World::start().await?;
    let (room_state, sync) = (world.room_state().await?, world.sync().await?);
    world.stack.bus.publish(&silent_room(&world)?).await?;
    world
        .publish(&[
            says("r1", CHEN, world.past(0), "在吗？"),
            says("r1", WANG, world.past(30), "在的，请讲"),
            says("r1", CHEN, world.past(40), "什么时候发货？"),
            says("r2", CHEN, world.past(0), "有人吗？"),
            says("r2", LI, world.past(20), "您好"),
        ])
        .await?;
    let today = &world.sheets.today;
    let waiting = world.until_shows(today, "r1", &[("最后一句话", "什么时候发货？")]).await?;
    for (column, text) in [
        ("负责人", "王小售"),
        ("群聊名", "r1"),
        ("完整群聊名", "示例公司-r1"),
        ("群聊阶段", "pre-sales"),
        ("等待状态", "等待中"),
        ("当前级别", ""),
        ("最后说话者", "客户:陈小样"),
        ("最近三句", "陈小样：在吗？\n王小售：在的，请讲\n陈小样：什么时候发货？"),
        ("判定原因", "客户发来文字，等待回复"),
        ("采集状态", "正常"),
        ("最后回复人类别", "客户"),
        ("负责人未回覆时间（分钟）", "0"),
        ("回复超过2分钟次数", "0"),
        ("平均回复时间（分钟）", "0.5"),
        ("总回复数", "3"),
        ("负责人总回复数", "1"),
        ("售前总回复数", "1"),
        ("售后总回复数", "0"),
        ("其他员工总回复数", "0"),
        ("顾客总回复数", "2"),
        ("系统信息", ""),
        ("消除未回覆记录", ""),
    ] {
        assert_eq!(waiting[column], text, "{column}");
    }
    let shanghai = chrono_tz::Asia::Shanghai;
    let day = world.stack.clock.now().with_timezone(&shanghai).format("%Y-%m-%d").to_string();
    assert!(waiting["日期"].starts_with(&day), "{}", waiting["日期"]);
    let answered = [
        ("等待状态", "已回复"),
        ("最后说话者", "员工:李小后"),
        ("最后回复人类别", "售后"),
        ("等待开始时间", ""),
    ];
    world.until_shows(today, "r2", &answered).await?;

    let all = &world.sheets.all_rooms;
    let known =
        [("负责人", "王小售"), ("群聊阶段", "pre-sales"), ("生效负责人", "王小售"), ("负责人来源", "自动")];
    world.until_shows(all, "r1", &known).await?;
    world.until_shows(all, "r2", &[("生效负责人", "李小后"), ("生效阶段", "after-sales")]).await?;
    let quiet = [("群聊名", "远山"), ("群内员工", "李小后"), ("静默工作日", ""), ("最后活跃时间", "")];
    world.until_shows(all, "r3", &quiet).await?;
    assert_eq!(world.row(today, "r3").await?, None, "a room that never spoke is not on today's page");
    until("calls are in the ledger", || async {
        let purposes: Vec<String> = store::sqlx::query_scalar(
            "select purpose from vika_sync_daily_calls where calls > 0 order by purpose",
        )
        .fetch_all(&world.stack.admin)
        .await?;
        Ok(purposes == ["columns", "read_back", "rows"])
    })
    .await?;
    sync.stop().await?;
    room_state.stop().await
}

#[tokio::test]
async fn only_changed_cells_are_written() -> Result<()> {
    let world = World::start().await?;
    let (room_state, sync) = (world.room_state().await?, world.sync().await?);
    let today = &world.sheets.today;
    world.publish(&[says("r1", CHEN, world.past(0), "在吗？")]).await?;
    world.until_shows(today, "r1", &[("最后一句话", "在吗？")]).await?;
    world.until_shows(&world.sheets.all_rooms, "r1", &[("群聊名", "r1")]).await?;
    world.forget_calls().await?;
    world.publish(&[says("r1", CHEN, world.past(10), "我想问问尺寸")]).await?;
    world.until_shows(today, "r1", &[("最后一句话", "我想问问尺寸")]).await?;
    let written = world.cells_written(today).await?;
    let columns: BTreeSet<&str> = written.iter().map(|(_, column, _)| column.as_str()).collect();
    let may: BTreeSet<&str> = [
        "最后一句话",
        "最近三句",
        "总回复数",
        "顾客总回复数",
        "上次更新时间",
        // A minute may have passed.
        "负责人未回覆时间（分钟）",
    ]
    .into();
    assert!(columns.contains("最后一句话") && columns.is_subset(&may), "{columns:?}");
    assert!(world.writes().await?.iter().all(|call| call["method"] == "PATCH"), "no row is made twice");
    assert_eq!(
        world.cells_written(&world.sheets.all_rooms).await?,
        [],
        "one more message is no news for the table of all rooms"
    );
    sync.stop().await?;
    room_state.stop().await
}

#[tokio::test]
async fn minutes_are_written_at_their_steps_and_levels_when_they_change() -> Result<()> {
    let world = World::start().await?;
    let (room_state, sync) = (world.room_state().await?, world.sync().await?);
    let today = &world.sheets.today;
    world.publish(&[says("r1", CHEN, world.past(0), "在吗？")]).await?;
    let row = world.until_shows(today, "r1", &[("等待状态", "等待中")]).await?;
    let minutes = "负责人未回覆时间（分钟）";
    world.stack.clock.advance(std::time::Duration::from_mins(11));
    world.until_shows(today, "r1", &[(minutes, "12"), ("当前级别", "黄 10 分钟")]).await?;
    world.forget_calls().await?;
    world.stack.clock.advance(std::time::Duration::from_mins(3));
    // A new gap of capture makes every row be compared, and a change elsewhere shows that they were.
    store::sqlx::query(
        "insert into capture_gaps (gateway, source, since, reason) values ('g', 'wechaty', $1, 'cut')",
    )
    .bind(world.stack.clock.now())
    .execute(&world.stack.admin)
    .await?;
    world.publish(&[says("r2", CHEN, world.stack.clock.now(), "有人吗？")]).await?;
    world.until_shows(today, "r2", &[("等待状态", "等待中")]).await?;
    let touched: Vec<_> =
        world.cells_written(today).await?.into_iter().filter(|(record, _, _)| *record == row[""]).collect();
    assert_eq!(touched, [], "15 minutes are no step");
    world.stack.clock.advance(std::time::Duration::from_mins(6));
    world.until_shows(today, "r1", &[(minutes, "21"), ("当前级别", "橙 20 分钟")]).await?;
    sync.stop().await?;
    room_state.stop().await
}

#[tokio::test]
async fn a_wait_over_midnight_stays_on_todays_page() -> Result<()> {
    let world = World::start().await?;
    let (room_state, sync) = (world.room_state().await?, world.sync().await?);
    let today = &world.sheets.today;
    world
        .publish(&[
            says("r1", CHEN, world.past(0), "在吗？"),
            says("r2", CHEN, world.past(0), "有人吗？"),
            says("r2", WANG, world.past(5), "您好"),
        ])
        .await?;
    let before = world.until_shows(today, "r1", &[("等待状态", "等待中")]).await?;
    let answered = world.until_shows(today, "r2", &[("等待状态", "已回复")]).await?;
    world.stack.clock.advance(std::time::Duration::from_hours(24));
    let tomorrow = world.stack.clock.now() + TimeDelta::hours(8);
    let row = world.until_shows(today, "r1", &[("总回复数", "0")]).await?;
    assert!(row["日期"].starts_with(&tomorrow.format("%Y-%m-%d").to_string()), "{}", row["日期"]);
    assert_ne!(row["日期"], before["日期"]);
    assert_eq!((row["等待状态"].as_str(), row[""].as_str()), ("等待中", before[""].as_str()));
    world.until_shows(&world.sheets.all_rooms, "r2", &[("静默工作日", "1")]).await?;
    let left = world.row(today, "r2").await?.expect("the row stays");
    assert_eq!((&left["日期"], &left["总回复数"]), (&answered["日期"], &answered["总回复数"]));
    // Nobody was asked anything since: the state is that of the last wait, whichever rooms are written with it.
    world.publish(&[says("r2", CHEN, world.stack.clock.now(), "谢谢")]).await?;
    let thanked = world.until_shows(today, "r2", &[("最后一句话", "谢谢")]).await?;
    assert_eq!((&thanked["日期"], thanked["等待状态"].as_str()), (&row["日期"], "已回复"));
    sync.stop().await?;
    room_state.stop().await
}
