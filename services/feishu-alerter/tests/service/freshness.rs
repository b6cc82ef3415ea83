//! The freshness gate: no card goes out while capture or folding is not known to be up to date.

use anyhow::Result;
use runtime::config::Gateway;
use store::alerts::waiting::waiting;
use store::role::Role;
use store::sqlx;
use testkit::company::{LI, WANG, says};
use testkit::until;

use crate::support::{Scene, TO_LI, TO_WANG};

#[tokio::test]
async fn while_folding_is_behind_cards_wait() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.asks("r2", LI).await?;
    scene.rooms.take().unwrap().stop().await?;
    // Answered, but nobody has folded it.
    scene.publish(&says("r1", WANG, scene.now(), "开好了")).await?;
    scene.advance(5);
    scene.until_looked().await?;
    assert_eq!(scene.count("select count(*) from notifications").await?, 0);
    scene.rooms = Some(scene.stack.run(Role::RoomState, room_state::run).await?);
    scene.until_colours(TO_LI, &["turquoise"]).await?;
    scene.until_looked().await?;
    assert!(scene.cards(TO_WANG).await?.is_empty(), "answered in time, as is known by now");
    scene.stop(alerter).await
}

#[tokio::test]
async fn while_the_gateway_is_not_live_cards_wait() -> Result<()> {
    let mut scene = Scene::start().await?;
    scene.stack.config.ingest.gateway = Some(Gateway {
        name: "main".into(),
        endpoint: "127.0.0.1:9".into(),
        token: runtime::config::Secret::new("token"),
        tls_ca: None,
        tls_name: None,
    });
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.advance(5);
    scene.until_looked().await?;
    assert_eq!(scene.count("select count(*) from notifications").await?, 0, "a gateway never heard of");
    sqlx::query(
        "insert into gateways (gateway, source, state, state_since, last_live_at) values ('main', 'x', 'live', $1, $1)",
    )
    .bind(scene.now() - chrono::TimeDelta::minutes(1))
    .execute(&scene.stack.admin)
    .await?;
    scene.until_looked().await?;
    assert_eq!(scene.count("select count(*) from notifications").await?, 0, "silent for a minute");
    sqlx::query(
        "insert into capture_gaps (gateway, source, since, reason) values ('main', 'wechaty', $1, 'test')",
    )
    .bind(scene.now())
    .execute(&scene.stack.admin)
    .await?;
    // Live for as long as this test takes.
    sqlx::query("update gateways set last_live_at = $1")
        .bind(scene.now() + chrono::TimeDelta::hours(1))
        .execute(&scene.stack.admin)
        .await?;
    scene.until_looked().await?;
    assert_eq!(scene.count("select count(*) from notifications").await?, 0, "an open gap");
    sqlx::query("update capture_gaps set until = $1").bind(scene.now()).execute(&scene.stack.admin).await?;
    scene.until_colours(TO_WANG, &["turquoise"]).await?;
    scene.stop(alerter).await
}

/// A worker that has the chat already looks before every card.
#[tokio::test]
async fn a_chat_that_is_being_worked_on_is_held_too() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    let (reached, go_on) = alerter.faults.hold(feishu_alerter::point::BEFORE_RECORD);
    scene.asks("r1", WANG).await?;
    scene.asks("r2", WANG).await?;
    scene.advance(5);
    reached.await;
    scene.until_count("select count(*) from notifications where state = 'pending'", 1).await?;
    scene.rooms.take().unwrap().stop().await?;
    for room in ["r1", "r2"] {
        scene.publish(&says(room, WANG, scene.now(), "开好了")).await?;
    }
    scene.advance(1);
    go_on.send(()).ok();
    scene.until_count("select count(*) from notifications where state = 'sent'", 1).await?;
    scene.until_looked().await?;
    assert_eq!(scene.count("select count(*) from notifications where state = 'pending'").await?, 1);
    scene.rooms = Some(scene.stack.run(Role::RoomState, room_state::run).await?);
    scene.until_count("select count(*) from notifications where state = 'obsolete'", 1).await?;
    assert_eq!(scene.cards(TO_WANG).await?.len(), 1, "the customer was answered meanwhile");
    scene.stop(alerter).await
}

/// A card that was decided but not sent waits as well: nobody claims its chat.
#[tokio::test]
async fn a_decided_card_waits_until_the_truth_is_known_again() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.fault("send", TO_WANG, 1, serde_json::json!({ "kind": "rate_limited", "reset": 100 })).await?;
    scene.advance(5);
    scene
        .until_count("select count(*) from notifications where state = 'pending' and attempts = 1", 1)
        .await?;
    scene.rooms.take().unwrap().stop().await?;
    scene.publish(&says("r1", WANG, scene.now(), "开好了")).await?;
    scene.advance(2);
    scene.until_looked().await?;
    scene.rooms = Some(scene.stack.run(Role::RoomState, room_state::run).await?);
    scene.until_count("select count(*) from notifications where state = 'obsolete'", 1).await?;
    assert!(scene.cards(TO_WANG).await?.is_empty(), "the customer was answered meanwhile");
    scene.stop(alerter).await
}

/// Rooms that this release cannot read, as a later one might have left them.
async fn unreadable(scene: &Scene, from: i32, to: i32) -> Result<()> {
    sqlx::query(
        "insert into rooms (room, source, topic, state, last_active_at, version, created_at, updated_at)
         select 'webhook:a' || n, 'webhook', 'a', '\"x\"', $1, 1, $1, $1 from generate_series($2, $3) as n",
    )
    .bind(scene.now())
    .bind(from)
    .bind(to)
    .execute(&scene.stack.admin)
    .await?;
    scene.announce().await
}

#[tokio::test]
async fn rooms_that_cannot_be_read_hold_up_no_other() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.asks("r2", WANG).await?;
    scene.until_looked().await?;
    unreadable(&scene, 1, 1).await?;
    scene.advance(5);
    scene.until_colours(TO_WANG, &["turquoise"]).await?;
    unreadable(&scene, 2, 250).await?;
    scene.publish(&says("r2", WANG, scene.now(), "开好了")).await?;
    scene.until_titled(TO_WANG, "已回复").await?;

    let repaired = "update rooms set state = (select state from rooms where room = 'webhook:r2') where room = 'webhook:a1'";
    sqlx::query(repaired).execute(&scene.stack.admin).await?;
    // `room-state` may have written it meanwhile: it has never been judged by the rules in force.
    let known = "select count(*) from alert_rooms seen join rooms using (room)
                 where room = 'webhook:a1' and seen.version = rooms.version and retry_at is null";
    until("the repaired room is taken in", || async {
        // A look that read it before may put it off once more.
        scene.advance(1);
        Ok(scene.count(known).await? == 1)
    })
    .await?;
    scene.stop(alerter).await
}

/// What people watch.
#[tokio::test]
async fn who_waits_unseen_is_counted() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.until_looked().await?;
    let mut connection = scene.stack.admin.acquire().await?;
    let quiet = waiting(&mut connection, scene.now()).await?.remove(0);
    assert_eq!((quiet.threshold_seconds, quiet.waits, quiet.unseen), (None, 1, 0), "nothing is due yet");

    scene.rooms.take().unwrap().stop().await?;
    scene.publish(&says("r2", WANG, scene.now(), "在的")).await?;
    scene.advance(6);
    scene.until_looked().await?;
    let held = waiting(&mut connection, scene.now()).await?.remove(0);
    assert_eq!((held.threshold_seconds, held.unseen), (None, 1));
    assert_eq!(
        held.unseen_since,
        Some(held.oldest_at + chrono::TimeDelta::minutes(5)),
        "since the card was due"
    );

    scene.rooms = Some(scene.stack.run(Role::RoomState, room_state::run).await?);
    scene.until_colours(TO_WANG, &["turquoise"]).await?;
    scene.until_count("select count(*) from notifications where state = 'sent'", 1).await?;
    let shown = waiting(&mut connection, scene.now()).await?.remove(0);
    assert_eq!((shown.threshold_seconds, shown.waits, shown.unseen), (Some(300), 1, 0));
    drop(connection);
    scene.stop(alerter).await
}
