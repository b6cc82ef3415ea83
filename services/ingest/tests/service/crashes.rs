//! Killed at the worst moments, and without a bus: nothing lost, nothing twice.

use anyhow::Result;
use ingest::point;
use testkit::until;

use crate::support::*;

/// Proven to fail: with the ids deleted from the inbox as soon as a fetcher has read them (`inbox::done` called in
/// `Fetchers::fill`), none waits after the crash, and without that assertion the message never arrives.
#[tokio::test]
async fn killed_between_event_and_payload() -> Result<()> {
    let Some(scene) = scene().await? else { return Ok(()) };
    let service = scene.live().await?;
    let reached = service.faults.arm(point::BEFORE_FETCH);
    let id = scene.control.say(MORNING, "蓝先生", "有人吗").await;
    reached.await;
    service.kill().await;
    assert!(messages(&scene.stack).await?.is_empty(), "its payload was not asked for");
    assert_eq!(waiting(&scene.stack).await?.0, 1);

    let service = scene.live().await?;
    assert_eq!(scene.message(&id).await?.text, "有人吗");
    until("the inbox is empty", || async { Ok(waiting(&scene.stack).await? == (0, 0)) }).await?;
    assert_eq!(messages(&scene.stack).await?.len(), 1);
    service.stop().await
}

#[tokio::test]
async fn the_bus_gone_for_a_while_costs_nothing() -> Result<()> {
    let Some(scene) = scene().await? else { return Ok(()) };
    let service = scene.live().await?;
    let before = scene.control.say(MORNING, "蓝先生", "之前").await;
    scene.message(&before).await?;
    scene.stack.nats.stop().await;
    let mut ids = Vec::new();
    for n in 0..20 {
        ids.push(scene.control.say(MORNING, "蓝先生", &format!("期间{n}")).await);
    }
    scene.control.post("/topic", serde_json::json!({ "room": STARS, "topic": "期间改名" })).await;
    until("all of it waits, payloads and all", || async { Ok(waiting(&scene.stack).await? == (0, 21)) })
        .await?;
    // Not even a crash loses what the gateway might not give again.
    service.kill().await;
    scene.stack.nats.boot().await?;
    let service = scene.start().await?;
    for id in ids {
        scene.message(&id).await?;
    }
    scene.room("R:10000000000002@chatroom", |fact| fact.room.topic == "期间改名").await?;
    until("nothing waits", || async { Ok(waiting(&scene.stack).await? == (0, 0)) }).await?;
    assert_eq!(messages(&scene.stack).await?.len(), 21, "and nothing is there twice");
    service.stop().await
}

#[tokio::test]
async fn a_payload_that_the_gateway_does_not_have_is_marked_and_stops_nobody() -> Result<()> {
    let Some(scene) = scene().await? else { return Ok(()) };
    let service = scene.live().await?;
    let ghost = serde_json::json!({ "event": "message", "payload": { "messageId": "ghost" } });
    scene.control.post("/emit", ghost).await;
    let id = scene.control.say(MORNING, "蓝先生", "我是真的").await;
    scene.message(&id).await?;
    until("it is given up", || async {
        // The pauses between attempts are the clock's.
        scene.stack.clock.advance(std::time::Duration::from_secs(31));
        let missing: Vec<(String, i32)> = store::sqlx::query_as(
            "select missing, attempts from ingest_inbox where message = 'ghost' and missing is not null",
        )
        .fetch_all(&scene.stack.admin)
        .await?;
        Ok(missing.first().is_some_and(|(reason, attempts)| reason.contains("Unknown") && *attempts == 5))
    })
    .await?;
    service.stop().await
}

#[tokio::test]
async fn the_database_gone_for_a_moment_costs_nothing() -> Result<()> {
    let Some(scene) = scene().await? else { return Ok(()) };
    let service = scene.live().await?;
    // The id is about to be committed when every connection is cut.
    let mut locked = scene.stack.admin.begin().await?;
    store::sqlx::query("lock table ingest_inbox in exclusive mode").execute(&mut *locked).await?;
    let id = scene.control.say(MORNING, "蓝先生", "还在吗").await;
    until("the id waits to be committed", || async {
        Ok(store::sqlx::query_scalar(
            "select exists (select from pg_stat_activity where usename = 'ingest' and wait_event_type = 'Lock'
                            and datname = current_database() and query like '%insert into ingest_inbox%')",
        )
        .fetch_one(&scene.stack.admin)
        .await?)
    })
    .await?;
    store::sqlx::query("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'ingest' and datname = current_database()")
        .execute(&scene.stack.admin)
        .await?;
    locked.rollback().await?;
    scene.message(&id).await?;
    assert!(!service.ended());
    service.stop().await
}
