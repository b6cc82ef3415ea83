//! No card goes out on a truth that may be stale.

use anyhow::Result;
use runtime::config::Gateway;
use store::alerts::waiting::waiting;
use store::role::Role;
use store::sqlx;
use testkit::company::{LI, WANG, says};

use crate::support::{Scene, TO_LI, TO_WANG};

/// Proven to fail: with `FoldBehind` never answered by `held`, both rooms' cards are there at the first look.
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
    assert_eq!(scene.count("select count(*) from alert_cards").await?, 0);
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
    assert_eq!(scene.count("select count(*) from alert_cards").await?, 0, "a gateway never heard of");
    sqlx::query(
        "insert into gateways (gateway, source, state, state_since, last_live_at) values ('main', 'x', 'live', $1, $1)",
    )
    .bind(scene.now() - chrono::TimeDelta::minutes(1))
    .execute(&scene.stack.admin)
    .await?;
    scene.until_looked().await?;
    assert_eq!(scene.count("select count(*) from alert_cards").await?, 0, "silent for a minute");
    sqlx::query("insert into capture_gaps (gateway, since, reason) values ('main', $1, 'test')")
        .bind(scene.now())
        .execute(&scene.stack.admin)
        .await?;
    // Live for as long as this test takes.
    sqlx::query("update gateways set last_live_at = $1")
        .bind(scene.now() + chrono::TimeDelta::hours(1))
        .execute(&scene.stack.admin)
        .await?;
    scene.until_looked().await?;
    assert_eq!(scene.count("select count(*) from alert_cards").await?, 0, "an open gap");
    sqlx::query("update capture_gaps set until = $1").bind(scene.now()).execute(&scene.stack.admin).await?;
    scene.until_colours(TO_WANG, &["turquoise"]).await?;
    scene.stop(alerter).await
}

/// A card that was decided but not sent waits as well.
#[tokio::test]
async fn a_decided_card_waits_until_the_truth_is_known_again() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.fault("send", TO_WANG, 1, serde_json::json!({ "kind": "rate_limited", "reset": 100 })).await?;
    scene.advance(5);
    scene.until_count("select count(*) from alert_cards where state = 'pending' and attempts = 1", 1).await?;
    scene.rooms.take().unwrap().stop().await?;
    scene.publish(&says("r1", WANG, scene.now(), "开好了")).await?;
    scene.advance(2);
    scene.until_looked().await?;
    scene.rooms = Some(scene.stack.run(Role::RoomState, room_state::run).await?);
    scene.until_count("select count(*) from alert_cards where state = 'obsolete'", 1).await?;
    assert!(scene.cards(TO_WANG).await?.is_empty(), "the customer was answered meanwhile");
    scene.stop(alerter).await
}

/// What people watch. Proven to fail: without the schedule in the query nobody is unseen while cards are held.
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
    scene.until_count("select count(*) from alert_cards where state = 'sent'", 1).await?;
    let shown = waiting(&mut connection, scene.now()).await?.remove(0);
    assert_eq!((shown.threshold_seconds, shown.waits, shown.unseen), (Some(300), 1, 0));
    drop(connection);
    scene.stop(alerter).await
}
