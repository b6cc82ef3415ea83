//! Failures of Vika: lost answers, refusals, outages, swallowed writes, a used-up quota.

use anyhow::Result;
use serde_json::json;
use testkit::company::{CHEN, WANG, says};
use testkit::{until, until_some};
use vika::tables::Today;
use vika::{Cell, RecordId};

use crate::support::{BOT, World};

#[tokio::test]
async fn missing_answers_create_no_row_twice() -> Result<()> {
    let world = World::start().await?;
    let (room_state, sync) = (world.room_state().await?, world.sync().await?);
    for kind in ["drop_after", "html", "rate_limit"] {
        world.order("faults", json!({"kind": kind, "method": "POST", "route": "records"})).await?;
    }
    for kind in ["html", "rate_limit", "drop_after", "drop_before"] {
        world.order("faults", json!({"kind": kind, "method": "PATCH", "route": "records"})).await?;
    }
    let rooms = ["r1", "r2", "r3"];
    for room in rooms {
        world.publish(&[says(room, CHEN, world.past(0), "在吗？")]).await?;
    }
    for room in rooms {
        world.until_shows(&world.sheets.today, room, &[("等待状态", "等待中")]).await?;
        world.publish(&[says(room, WANG, world.past(20), "在的")]).await?;
    }
    for room in rooms {
        world.until_shows(&world.sheets.today, room, &[("等待状态", "已回复")]).await?;
        world.until_shows(&world.sheets.all_rooms, room, &[("群聊名", room)]).await?;
    }
    until("every fault was met", || async {
        Ok(world.calls().await?.iter().filter(|call| !call["fault"].is_null()).count() == 7)
    })
    .await?;
    // One more change of each row is written by its record: were there two rows, `row` would say so.
    for room in rooms {
        world.publish(&[says(room, CHEN, world.past(40), "谢谢，还有一个问题")]).await?;
        world.until_shows(&world.sheets.today, room, &[("等待状态", "等待中")]).await?;
    }
    sync.stop().await?;
    room_state.stop().await
}

#[tokio::test]
async fn a_row_that_is_refused_does_not_stop_the_others() -> Result<()> {
    let world = World::start().await?;
    let today = &world.sheets.today;
    let room_state = world.room_state().await?;
    let rooms = ["r1", "r2", "r3"];
    let sync = world.sync().await?;
    for room in rooms {
        world.publish(&[says(room, CHEN, world.past(0), "在吗？")]).await?;
    }
    for room in rooms {
        world.until_shows(today, room, &[("等待状态", "等待中")]).await?;
    }
    sync.stop().await?;
    for room in rooms {
        world.publish(&[says(room, WANG, world.past(20), "在的")]).await?;
    }
    until("all is folded", || async {
        let open: i64 = store::sqlx::query_scalar("select count(*) from waits where state = 'open'")
            .fetch_one(&world.stack.admin)
            .await?;
        Ok(open == 0)
    })
    .await?;
    // The batch of three, then the first row alone.
    let fault = json!({"kind": "status", "status": 400, "times": 2, "method": "PATCH", "sheet": today});
    world.order("faults", fault).await?;
    let sync = world.sync().await?;
    for room in ["r2", "r3"] {
        world.until_shows(today, room, &[("等待状态", "已回复")]).await?;
    }
    let refused = until_some("the refused row is deferred", || async {
        let refused: Option<(String, String)> =
            store::sqlx::query_as("select room, refused from vika_sync_rows where refused is not null")
                .fetch_optional(&world.stack.admin)
                .await?;
        Ok(refused)
    })
    .await?;
    assert_eq!(refused.0, "webhook:r1");
    assert!(refused.1.contains("code 400"), "{}", refused.1);
    assert_eq!(world.row(today, "r1").await?.expect("its row")["等待状态"], "等待中");
    // Later it is tried again.
    world.stack.clock.advance(std::time::Duration::from_secs(601));
    world.until_shows(today, "r1", &[("等待状态", "已回复")]).await?;
    sync.stop().await?;
    room_state.stop().await
}

/// A row that the server breaks at, as it does at some values that it should refuse.
#[tokio::test]
async fn a_row_that_the_server_breaks_at_does_not_stop_the_others() -> Result<()> {
    let world = World::start().await?;
    let today = &world.sheets.today;
    let room_state = world.room_state().await?;
    let rooms: Vec<String> = (0..12).map(|n| format!("r{n:02}")).collect();
    let waiting = [("等待状态", "等待中")];
    for method in ["POST", "PATCH"] {
        let fault =
            json!({"kind": "status", "status": 500, "times": 100_000, "method": method, "body": "弄坏它"});
        world.order("faults", fault).await?;
    }
    for room in &rooms {
        let text = if room == "r03" { "弄坏它可以吗？" } else { "在吗？" };
        world.publish(&[says(room, CHEN, world.past(0), text)]).await?;
    }
    until("all is folded", || async { Ok(count(&world, "select count(*) from waits").await? == 12) }).await?;
    let sync = world.sync().await?;
    until("every other row is there, and the one is deferred", || async {
        advance(&world, 5).await;
        let refused = count(
            &world,
            "select count(*) from vika_sync_rows where refused is not null and room = 'webhook:r03' and sheet = (select max(sheet) from vika_sync_rows where refused is not null)",
        )
        .await?;
        Ok(refused == 1 && world.rows(today).await?.len() == 11)
    })
    .await?;
    // Ten rows, five, two, and twice one alone; the client itself tries each three times.
    let broken = world.calls().await?.iter().filter(|call| !call["fault"].is_null()).count();
    assert!(broken <= 2 * 5 * 3, "operators would hear of a standstill first: {broken} calls");
    let others = "select count(*) from vika_sync_rows where refused is not null and room <> 'webhook:r03'";
    assert_eq!(count(&world, others).await?, 0);
    // Known by now, it delays nobody any more.
    world.stack.clock.advance(std::time::Duration::from_secs(601));
    world.publish(&[says("r99", CHEN, world.past(30), "在吗？")]).await?;
    world.until_shows(today, "r99", &waiting).await?;
    // Nor does one that has its row already.
    world.publish(&[says("r04", CHEN, world.past(40), "弄坏它")]).await?;
    until("the change is deferred too", || async {
        advance(&world, 5).await;
        Ok(count(
            &world,
            "select count(distinct room) from vika_sync_rows where refused is not null and room = 'webhook:r04'",
        )
        .await?
            == 1)
    })
    .await?;
    world.clear_faults().await?;
    for room in ["r03", "r04"] {
        until("it comes back by itself", || async {
            advance(&world, 600).await;
            let row = world.row(today, room).await?;
            Ok(row.is_some_and(|row| row["最后一句话"].contains("弄坏它")))
        })
        .await?;
    }
    sync.stop().await?;
    room_state.stop().await
}

/// Only rows at which the service fails are deferred, not those that it could not take while it was down.
#[tokio::test]
async fn an_outage_defers_no_row() -> Result<()> {
    let world = World::start().await?;
    let today = &world.sheets.today;
    let (room_state, sync) = (world.room_state().await?, world.sync().await?);
    world.publish(&[says("r1", CHEN, world.past(0), "在吗？")]).await?;
    world.until_shows(today, "r1", &[("等待状态", "等待中")]).await?;
    let unverified = "select count(*) from vika_sync_rows where audited_at is null";
    until("the rows were verified", || async { Ok(count(&world, unverified).await? == 0) }).await?;
    let outage =
        json!({"kind": "status", "status": 500, "times": 100_000, "route": "records", "sheet": today});
    world.order("faults", outage).await?;
    world.publish(&[says("r1", WANG, world.past(30), "在的")]).await?;
    let refused = "select count(*) from vika_sync_rows where refused is not null";
    until("it was tried again and again", || async {
        advance(&world, 10).await;
        assert_eq!(count(&world, refused).await?, 0);
        let calls = world.calls().await?;
        Ok(calls.iter().filter(|call| call["method"] == "PATCH" && !call["fault"].is_null()).count() >= 12)
    })
    .await?;
    world.clear_faults().await?;
    until("it goes on by itself", || async {
        advance(&world, 10).await;
        Ok(world.row(today, "r1").await?.is_some_and(|row| row["等待状态"] == "已回复"))
    })
    .await?;
    sync.stop().await?;
    room_state.stop().await
}

/// Such ids came in before they were checked.
#[tokio::test]
async fn a_room_whose_id_no_formula_can_express_stops_no_other() -> Result<()> {
    let world = World::start().await?;
    let today = &world.sheets.today;
    let room_state = world.room_state().await?;
    let odd = ["nl\nid", "cr\rid", "ls\u{2028}id", "a\\\"b", "q\"q'"];
    for n in 0..odd.len() {
        world.publish(&[says(&format!("odd{n}"), CHEN, world.past(0), "在吗？")]).await?;
    }
    until("all is folded", || async { Ok(count(&world, "select count(*) from waits").await? == 5) }).await?;
    room_state.stop().await?;
    for (n, id) in odd.iter().enumerate() {
        for table in ["rooms", "waits"] {
            let sql = format!("update {table} set room = $2 where room = $1");
            let keys = (format!("webhook:odd{n}"), format!("webhook:{id}"));
            store::sqlx::query(store::sqlx::AssertSqlSafe(sql))
                .bind(keys.0)
                .bind(keys.1)
                .execute(&world.stack.admin)
                .await?;
        }
    }
    let room_state = world.room_state().await?;
    world.publish(&[says("witness", CHEN, world.past(0), "在吗？")]).await?;
    // A creation without an answer makes the keys be looked up once more.
    world.order("faults", json!({"kind": "drop_after", "method": "POST", "sheet": today})).await?;
    let sync = world.sync().await?;
    world.until_shows(today, "witness", &[("等待状态", "等待中")]).await?;
    for id in odd {
        world.until_shows(today, id, &[("等待状态", "等待中")]).await?;
        world.until_shows(&world.sheets.all_rooms, id, &[("群ID", &format!("webhook:{id}"))]).await?;
    }
    sync.stop().await?;
    room_state.stop().await
}

/// Advances the clock, and lets the services act.
async fn advance(world: &World, seconds: u64) {
    world.stack.clock.advance(std::time::Duration::from_secs(seconds));
    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
}

async fn count(world: &World, sql: &'static str) -> Result<i64> {
    Ok(store::sqlx::query_scalar(sql).fetch_one(&world.stack.admin).await?)
}

#[tokio::test]
async fn a_deleted_row_is_made_again() -> Result<()> {
    let world = World::start().await?;
    let today = &world.sheets.today;
    let (room_state, sync) = (world.room_state().await?, world.sync().await?);
    for room in ["r1", "r2"] {
        world.publish(&[says(room, CHEN, world.past(0), "在吗？")]).await?;
        world.until_shows(today, room, &[("等待状态", "等待中")]).await?;
    }
    let row = world.row(today, "r1").await?.expect("a row");
    world.manager()?.delete(today, &[RecordId::try_from(row[""].clone())?]).await?;
    world
        .publish(&[says("r1", WANG, world.past(20), "在的"), says("r2", WANG, world.past(20), "在的")])
        .await?;
    let again = world.until_shows(today, "r1", &[("等待状态", "已回复"), ("总回复数", "2")]).await?;
    assert_ne!(again[""], row[""]);
    world.until_shows(today, "r2", &[("等待状态", "已回复")]).await?;
    sync.stop().await?;
    room_state.stop().await
}

#[tokio::test]
async fn a_success_that_stored_nothing_is_found_out() -> Result<()> {
    let world = World::start().await?;
    let today = &world.sheets.today;
    let (room_state, sync) = (world.room_state().await?, world.sync().await?);
    world.publish(&[says("r1", CHEN, world.past(0), "在吗？")]).await?;
    world.until_shows(today, "r1", &[("等待状态", "等待中")]).await?;
    world.order("faults", json!({"kind": "swallow", "method": "PATCH", "sheet": today})).await?;
    world.publish(&[says("r1", WANG, world.past(20), "在的")]).await?;
    until("the write was swallowed", || async {
        Ok(world.calls().await?.iter().any(|call| call["fault"] == "swallow"))
    })
    .await?;
    // Two cycles of a second, and no more.
    world.stack.clock.advance(std::time::Duration::from_secs(2));
    world.until_shows(today, "r1", &[("等待状态", "已回复")]).await?;
    sync.stop().await?;
    room_state.stop().await
}

#[tokio::test]
async fn a_row_deleted_or_copied_while_nothing_is_said_is_noticed() -> Result<()> {
    let world = World::start().await?;
    let (room_state, sync) = (world.room_state().await?, world.sync().await?);
    world.publish(&[says("r1", CHEN, world.past(0), "在吗？")]).await?;
    for sheet in [&world.sheets.today, &world.sheets.all_rooms] {
        let row = until_some("the row", || world.row(sheet, "r1")).await?;
        world.manager()?.delete(sheet, &[RecordId::try_from(row[""].clone())?]).await?;
        world.stack.clock.advance(std::time::Duration::from_secs(130));
        let again = until_some("the row, again", || async {
            Ok(world.row(sheet, "r1").await?.filter(|again| again[""] != row[""]))
        })
        .await?;
        let columns = world.manager()?.fields(sheet).await?;
        let key = columns.iter().find(|field| field.name == "群ID").expect("the key");
        let copy = [(key.id.clone(), Cell::text("webhook:r1"))].into_iter().collect();
        world.manager()?.create(sheet, &[copy]).await?;
        world.stack.clock.advance(std::time::Duration::from_secs(130));
        let text = format!("以自增 {} 的那一行为准", again["自增"]);
        until("the copy says so", || async {
            let rows = world.rows(sheet).await?;
            let marked: Vec<_> = rows.iter().filter(|row| row["系统信息"].starts_with("重复行")).collect();
            Ok(rows.len() == 2
                && marked.len() == 1
                && marked[0][""] != again[""]
                && marked[0]["系统信息"].contains(&text))
        })
        .await?;
    }
    sync.stop().await?;
    room_state.stop().await
}

#[tokio::test]
async fn an_outcome_that_vika_swallowed_is_shown_all_the_same() -> Result<()> {
    let world = World::start().await?;
    let (today, log) = (&world.sheets.today, &world.sheets.system_log);
    let (room_state, sync, reconcile) =
        (world.room_state().await?, world.sync().await?, world.reconcile().await?);
    world.publish(&[says("r1", CHEN, world.past(0), "报价单发我一份")]).await?;
    let row = world.until_shows(today, "r1", &[("等待状态", "等待中")]).await?;
    world.order("faults", json!({"kind": "swallow", "method": "POST", "sheet": log})).await?;
    let untick = json!({"kind": "swallow", "method": "PATCH", "sheet": today, "user": BOT, "times": 2});
    world.order("faults", untick).await?;
    world.edit(today, &row[""], [(Today::Cancel, Cell::Tick(true))]).await?;
    world.until_settled(1).await?;
    world.until_shows(today, "r1", &[("消除未回覆记录", "")]).await?;
    assert_eq!(world.rows(log).await?.len(), 1);
    for service in [reconcile, sync, room_state] {
        service.stop().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_used_up_month_stops_all_calls_until_it_is_over() -> Result<()> {
    let world = World::start().await?;
    let room_state = world.room_state().await?;
    world.order("faults", json!({"kind": "quota", "times": 1_000})).await?;
    let sync = world.sync().await?;
    world.publish(&[says("r1", CHEN, world.past(0), "在吗？")]).await?;
    until("the quota is met", || async { Ok(!world.calls().await?.is_empty()) }).await?;
    // Rounds go by in which it would call, if it did.
    let rounds = || async {
        let checked: i64 = store::sqlx::query_scalar(
            "select coalesce(sum(calls), 0)::bigint from pg_stat_database, lateral (select xact_commit as calls) c where datname = current_database()",
        )
        .fetch_one(&world.stack.admin)
        .await?;
        Ok::<i64, anyhow::Error>(checked)
    };
    let before = rounds().await?;
    until("the database was asked again and again", || async { Ok(rounds().await? > before + 40) }).await?;
    let called = world.calls().await?.len();
    assert!(called <= 3, "{called} calls against a used up month");
    world.clear_faults().await?;
    world.stack.clock.advance(std::time::Duration::from_secs(241));
    world.until_shows(&world.sheets.today, "r1", &[("等待状态", "等待中")]).await?;
    sync.stop().await?;
    room_state.stop().await
}
