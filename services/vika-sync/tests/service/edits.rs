//! Managers' edits: read, decided, and their outcomes shown.

use anyhow::Result;
use chrono::DateTime;
use domain::id::{CommandId, RoomKey};
use domain::wait::Ending;
use events::command::{Command, CommandKind, Via};
use runtime::bus::Outgoing;
use store::rooms::waits::{StoredWait, Which, list};
use testkit::company::{CHEN, says};
use testkit::{until, until_some};
use vika::tables::{AllRooms, Today};
use vika::{Cell, NewField, SpaceId};

use crate::support::{MANAGER, OTHER, World};

async fn waits(world: &World, room: &str) -> Result<Vec<StoredWait>> {
    let keys = [format!("webhook:{room}")];
    let mut connection = world.stack.admin.acquire().await?;
    Ok(list(&mut connection, Which::OfRooms(&keys, DateTime::UNIX_EPOCH)).await?)
}

#[tokio::test]
async fn a_tick_cancels_is_taken_back_and_answered() -> Result<()> {
    let world = World::start().await?;
    let (room_state, sync, reconcile) =
        (world.room_state().await?, world.sync().await?, world.reconcile().await?);
    let today = &world.sheets.today;
    world.publish(&[says("r1", CHEN, world.past(0), "报价单发我一份")]).await?;
    let row = world.until_shows(today, "r1", &[("等待状态", "等待中")]).await?;
    world.edit(today, &row[""], [(Today::Cancel, Cell::Tick(true))]).await?;
    let cancelled = [
        ("等待状态", "已取消"),
        ("系统信息", "已消除未回覆记录"),
        ("消除未回覆记录", ""),
        ("等待开始时间", ""),
    ];
    world.until_shows(today, "r1", &cancelled).await?;
    let logged = world.until_logged(1).await?;
    assert_eq!(logged[0]["系统信息"], "已消除未回覆记录");
    assert_eq!((logged[0]["群聊名"].as_str(), logged[0]["操作人"].as_str()), ("r1", MANAGER));
    let waits = waits(&world, "r1").await?;
    let outcome = waits[0].wait.outcome.as_ref().expect("it ended");
    assert!(
        matches!(&outcome.how, Ending::Cancelled { by, reason, .. } if by == MANAGER && reason == "消除未回覆记录"),
        "{outcome:?}"
    );
    world.until_settled(1).await?;

    // Nobody waits: the tick is taken back all the same, and the manager is told.
    world.edit(today, &row[""], [(Today::Cancel, Cell::Tick(true))]).await?;
    let refused = [("系统信息", "当前没有等待中的客户"), ("消除未回覆记录", "")];
    world.until_shows(today, "r1", &refused).await?;
    world.until_settled(2).await?;
    assert_eq!(world.rows(&world.sheets.system_log).await?.len(), 1, "nothing was applied or refused");
    for service in [reconcile, sync, room_state] {
        service.stop().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_cancel_is_taken_back_by_a_tick_once() -> Result<()> {
    let world = World::start().await?;
    let (room_state, sync, reconcile) =
        (world.room_state().await?, world.sync().await?, world.reconcile().await?);
    let today = &world.sheets.today;
    let undo = |row: &str| {
        let row = row.to_owned();
        let world = &world;
        async move { world.edit_as(OTHER, today, &row, [(Today::UndoCancel, Cell::Tick(true))]).await }
    };
    world.publish(&[says("r1", CHEN, world.past(0), "报价单发我一份")]).await?;
    let row = world.until_shows(today, "r1", &[("等待状态", "等待中")]).await?;
    undo(&row[""]).await?;
    let nothing = [("系统信息", "没有可撤销的「消除未回覆记录」"), ("撤销消除", "")];
    world.until_shows(today, "r1", &nothing).await?;

    world.edit(today, &row[""], [(Today::Cancel, Cell::Tick(true))]).await?;
    world.until_shows(today, "r1", &[("等待状态", "已取消"), ("消除未回覆记录", "")]).await?;
    undo(&row[""]).await?;
    let undone = [("系统信息", "已撤销消除，继续计时"), ("等待状态", "等待中"), ("撤销消除", "")];
    world.until_shows(today, "r1", &undone).await?;
    let logged = world.until_logged(3).await?;
    assert_eq!(
        (logged[2]["系统信息"].as_str(), logged[2]["操作人"].as_str()),
        ("已撤销消除，继续计时", OTHER)
    );
    let waits = waits(&world, "r1").await?;
    assert!(waits.len() == 1 && waits[0].wait.outcome.is_none(), "{waits:?}");
    world.until_settled(3).await?;

    // The cancel before it is not what this tick means.
    undo(&row[""]).await?;
    world.until_shows(today, "r1", &nothing).await?;
    for service in [reconcile, sync, room_state] {
        service.stop().await?;
    }
    Ok(())
}

#[tokio::test]
async fn what_came_between_tick_and_poll_is_not_cancelled() -> Result<()> {
    let world = World::start().await?;
    let (room_state, sync) = (world.room_state().await?, world.sync().await?);
    let today = &world.sheets.today;
    world.publish(&[says("r1", CHEN, world.past(0), "报价单发我一份")]).await?;
    let row = world.until_shows(today, "r1", &[("等待状态", "等待中")]).await?;
    until("the row's showing is recorded", || async {
        let seen: Option<serde_json::Value> =
            store::sqlx::query_scalar("select seen from vika_sync_rows where sheet = $1")
                .bind(today.as_str())
                .fetch_optional(&world.stack.admin)
                .await?;
        Ok(seen.is_some_and(|seen| seen.as_array().is_some_and(|seen| seen.len() == 1)))
    })
    .await?;
    world.edit(today, &row[""], [(Today::Cancel, Cell::Tick(true))]).await?;
    world.stack.clock.advance(std::time::Duration::from_secs(5));
    let later = says("r1", CHEN, world.past(30), "等等，发票怎么开？");
    world.publish(std::slice::from_ref(&later)).await?;
    world.until_shows(today, "r1", &[("最后一句话", "等等，发票怎么开？")]).await?;
    let reconcile = world.reconcile().await?;
    let told = "已消除未回覆记录；客户 10:00 又发来消息，从那时起继续计时";
    world.until_shows(today, "r1", &[("系统信息", told), ("等待状态", "等待中")]).await?;
    let waits = waits(&world, "r1").await?;
    assert_eq!(waits.len(), 2, "{waits:?}");
    assert!(matches!(waits[0].wait.outcome.as_ref().unwrap().how, Ending::Cancelled { .. }));
    assert_eq!(waits[1].wait.id.as_str(), later.key().to_string());
    assert!(waits[1].wait.outcome.is_none());
    for service in [reconcile, sync, room_state] {
        service.stop().await?;
    }
    Ok(())
}

#[tokio::test]
async fn every_outcome_of_an_assignment_is_shown() -> Result<()> {
    let world = World::start().await?;
    let (room_state, sync, reconcile) =
        (world.room_state().await?, world.sync().await?, world.reconcile().await?);
    let all = &world.sheets.all_rooms;
    world.publish(&[says("r1", CHEN, world.past(0), "在吗？")]).await?;
    let row = world.until_shows(all, "r1", &[("负责人", ""), ("群聊阶段", "pre-sales")]).await?;
    let edits = [
        ("王小售", "pre-sales", false, "合法"),
        ("李小后", "pre-sales", false, "负责人非售前"),
        ("王小售", "after-sales", false, "负责人非售后"),
        ("李小后", "after-sales", false, "等待管理员核准"),
        ("李小后", "after-sales", true, "已成功更新至售后阶段"),
        ("李小后", "签约", true, "群聊阶段不存在"),
        ("王小售", "pre-sales", true, "合法"),
        ("李小后", "after-sales", false, "等待管理员核准"),
        ("王小售", "pre-sales", true, "没有等待核准的更改，核准的勾已去掉"),
    ];
    for (n, (owner, stage, approved, message)) in edits.into_iter().enumerate() {
        world.stack.clock.advance(std::time::Duration::from_mins(1));
        let cells = [
            (AllRooms::Owner, Cell::text(owner)),
            (AllRooms::Stage, Cell::text(stage)),
            (AllRooms::Approved, Cell::Tick(approved)),
        ];
        world.edit(all, &row[""], cells).await?;
        let logged = world.until_logged(n + 1).await?;
        assert_eq!((logged[n]["系统信息"].as_str(), logged[n]["操作人"].as_str()), (message, MANAGER));
        world
            .until_shows(all, "r1", &[("系统信息", message), ("负责人", owner), ("群聊阶段", stage)])
            .await?;
        world.until_shows(&world.sheets.today, "r1", &[("系统信息", message)]).await?;
        world.until_shows(all, "r1", &[("核准进入售后阶段", "")]).await?;
    }
    let manual = [("生效负责人", "王小售"), ("生效阶段", "pre-sales"), ("负责人来源", "人工")];
    world.until_shows(all, "r1", &manual).await?;

    // A command about a room that nobody knows.
    let command = Command {
        id: CommandId("cli:1".into()),
        room: RoomKey { source: "webhook".into(), id: "nowhere".into() },
        at: world.stack.clock.now(),
        by: "运维".into(),
        via: Via::Cli,
        kind: CommandKind::Assign {
            owner: "王小售".into(),
            stage: "pre-sales".into(),
            approved: false,
            approved_by: None,
        },
    };
    let outgoing = Outgoing {
        subject: events::subject::command("assign", &command.room),
        id: "cli:1".into(),
        payload: events::encode(&command)?,
    };
    world.stack.bus.publish(&outgoing).await?;
    let logged = world.until_logged(edits.len() + 1).await?;
    let last = &logged[edits.len()];
    assert_eq!((last["群聊名"].as_str(), last["系统信息"].as_str()), ("nowhere", "房间不存在"));
    for service in [reconcile, sync, room_state] {
        service.stop().await?;
    }
    Ok(())
}

#[tokio::test]
async fn what_managers_own_is_never_overwritten() -> Result<()> {
    let world = World::start().await?;
    let manager = world.manager()?;
    let all = &world.sheets.all_rooms;
    let field = NewField { name: "经理备注".into(), kind: "Text", property: None };
    let space = SpaceId::try_from("spcTest".to_owned())?;
    let note = manager.add_field(&space, all, &field).await?;
    let (room_state, sync, reconcile) =
        (world.room_state().await?, world.sync().await?, world.reconcile().await?);
    world.publish(&[says("r1", CHEN, world.past(0), "在吗？")]).await?;
    let row = world.until_shows(all, "r1", &[("群聊阶段", "pre-sales")]).await?;
    let record = vika::RecordId::try_from(row[""].clone())?;
    let cells = vika::Fields::from([(note, Cell::text("重点客户"))]);
    manager.update(all, &[(record, cells)]).await?;
    world
        .edit(
            all,
            &row[""],
            [(AllRooms::Owner, Cell::text("没有这个人")), (AllRooms::CustomerGrade, Cell::text("A"))],
        )
        .await?;
    world.until_shows(all, "r1", &[("系统信息", "负责人非售前")]).await?;
    world.until_logged(2).await?;
    world.forget_calls().await?;
    let renamed = {
        let mut message = says("r1", CHEN, world.past(20), "还在吗？");
        message.room.topic = "示例公司-新名字".into();
        message
    };
    world.publish(&[renamed]).await?;
    let kept = [("群聊名", "新名字"), ("负责人", "没有这个人"), ("客户等级", "A"), ("经理备注", "重点客户")];
    world.until_shows(all, "r1", &kept).await?;
    let manager_columns =
        ["负责人", "群聊阶段", "核准进入售后阶段", "客户等级", "不计时", "不再跟进", "经理备注"];
    for (_, column, value) in world.cells_written(all).await? {
        assert!(!manager_columns.contains(&column.as_str()), "{column} = {value}");
    }

    // An edit that changes nothing in the end is processed and sends no command.
    world.stack.clock.advance(std::time::Duration::from_mins(1));
    world.edit(all, &row[""], [(AllRooms::CustomerGrade, Cell::text("A "))]).await?;
    world.edit(all, &row[""], [(AllRooms::CustomerGrade, Cell::text("A"))]).await?;
    until_some("the edit was read", || async {
        let nothing: i64 =
            store::sqlx::query_scalar("select count(*) from vika_reconcile_edits where became = 'nothing'")
                .fetch_one(&world.stack.admin)
                .await?;
        Ok((nothing == 1).then_some(()))
    })
    .await?;
    let commands: i64 =
        store::sqlx::query_scalar("select count(*) from commands").fetch_one(&world.stack.admin).await?;
    assert_eq!(commands, 2);
    for service in [reconcile, sync, room_state] {
        service.stop().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_row_that_a_manager_created_is_left_alone() -> Result<()> {
    let world = World::start().await?;
    let (room_state, sync, reconcile) =
        (world.room_state().await?, world.sync().await?, world.reconcile().await?);
    let today = &world.sheets.today;
    world.publish(&[says("r1", CHEN, world.past(0), "在吗？")]).await?;
    world.until_shows(today, "r1", &[("等待状态", "等待中")]).await?;
    let manager = world.manager()?;
    let columns = vika::ColumnIds::<Today>::resolve(&manager.fields(today).await?)?;
    let by_hand = columns.fields([(Today::Topic, Cell::text("手工")), (Today::Cancel, Cell::Tick(true))]);
    let made = manager.create(today, &[by_hand]).await?;
    until("the edit was read", || async {
        let became: Option<String> =
            store::sqlx::query_scalar("select became from vika_reconcile_edits where record = $1")
                .bind(made[0].id.as_str())
                .fetch_optional(&world.stack.admin)
                .await?;
        Ok(became.as_deref() == Some("unknown_row"))
    })
    .await?;
    let rows = world.rows(today).await?;
    let row = rows.iter().find(|row| row[""] == made[0].id.as_str()).expect("it is still there");
    assert_eq!((row["群聊名"].as_str(), row["消除未回覆记录"].as_str()), ("手工", "1"));
    for service in [reconcile, sync, room_state] {
        service.stop().await?;
    }
    Ok(())
}

/// The database is lost and nothing of it was saved; the sheets are still there.
#[tokio::test]
async fn after_a_lost_database_managers_are_asked_to_confirm_what_is_in_the_sheets() -> Result<()> {
    let world = World::start().await?;
    let (today, all) = (&world.sheets.today, &world.sheets.all_rooms);
    let (room_state, sync) = (world.room_state().await?, world.sync().await?);
    let mut rows = Vec::new();
    for room in ["differs", "same", "ticked"] {
        world.publish(&[says(room, CHEN, world.past(0), "报价单发我一份")]).await?;
        rows.push((
            world.until_shows(all, room, &[("群聊名", room)]).await?,
            world.until_shows(today, room, &[("等待状态", "等待中")]).await?,
        ));
    }
    for service in [sync, room_state] {
        service.stop().await?;
    }
    let owner = [
        (AllRooms::Owner, Cell::text("李小后")),
        (AllRooms::Stage, Cell::text("after-sales")),
        (AllRooms::Approved, Cell::Tick(true)),
    ];
    // Shortly after one another: all of them are remembered when they were met.
    world.edit_as(MANAGER, all, &rows[0].0[""], owner).await?;
    world.edit_as(MANAGER, all, &rows[1].0[""], [(AllRooms::CustomerGrade, Cell::text("A"))]).await?;
    world.edit_as(MANAGER, today, &rows[2].1[""], [(Today::Cancel, Cell::Tick(true))]).await?;
    lose_the_database(&world).await?;

    world.stack.clock.advance(std::time::Duration::from_hours(1));
    // The edits are read before anything is known of their rooms, as on a first day without history.
    let (room_state, sync, reconcile) =
        (world.room_state().await?, world.sync().await?, world.reconcile().await?);
    until("the edits were met", || async {
        let met: i64 = store::sqlx::query_scalar("select count(distinct record) from vika_reconcile_edits")
            .fetch_one(&world.stack.admin)
            .await?;
        Ok(met == 3)
    })
    .await?;
    for room in ["differs", "same", "ticked"] {
        world.publish(&[says(room, CHEN, world.past(3_600), "合同也发我一份")]).await?;
    }
    let asked = world
        .until_shows(all, "differs", &[("生效负责人", ""), ("负责人", "李小后"), ("群聊阶段", "after-sales")])
        .await?;
    let question = "数据曾重建，请确认：表中是「李小后 / after-sales」，现按「空 / pre-sales」执行。要用表中的，请勾选「核准进入售后阶段」；否则请把表中改回";
    world.until_shows(all, "differs", &[("系统信息", question)]).await?;
    // What nobody but managers says stands as it is in the sheet.
    world.until_shows(today, "same", &[("系统信息", "客户等级改为「A」"), ("等待状态", "等待中")]).await?;
    let message = "无法确定勾选时看到的消息，没有消除；仍不用回复的话，请再勾选一次";
    world
        .until_shows(
            today,
            "ticked",
            &[("系统信息", message), ("等待状态", "等待中"), ("消除未回覆记录", "")],
        )
        .await?;
    world.until_logged(3).await?;

    // The manager answers. The tick that was standing was taken back with the question.
    world.until_shows(all, "differs", &[("核准进入售后阶段", "")]).await?;
    world.stack.clock.advance(std::time::Duration::from_mins(1));
    world.edit(all, &asked[""], [(AllRooms::Approved, Cell::Tick(true))]).await?;
    let confirmed = [
        ("生效负责人", "李小后"),
        ("负责人", "李小后"),
        ("系统信息", "已成功更新至售后阶段"),
        ("核准进入售后阶段", ""),
    ];
    world.until_shows(all, "differs", &confirmed).await?;
    let row = world.row(today, "ticked").await?.expect("its row");
    world.edit(today, &row[""], [(Today::Cancel, Cell::Tick(true))]).await?;
    world.until_shows(today, "ticked", &[("系统信息", "已消除未回覆记录"), ("等待状态", "已取消")]).await?;
    for service in [reconcile, sync, room_state] {
        service.stop().await?;
    }
    Ok(())
}

async fn lose_the_database(world: &World) -> Result<()> {
    let mut connection = world.stack.admin.acquire().await?;
    let tables: Vec<String> = store::sqlx::query_scalar(
        "select tablename::text from pg_tables where schemaname = 'public' and tablename !~ 'migrations|rules|golive'",
    )
    .fetch_all(&mut *connection)
    .await?;
    let sql = format!("truncate {} restart identity cascade", tables.join(", "));
    store::sqlx::query(store::sqlx::AssertSqlSafe(sql)).execute(&mut *connection).await?;
    Ok(())
}
