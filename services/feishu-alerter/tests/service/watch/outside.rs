//! When our own app cannot speak, the fallback does; and whoever is outside hears a heartbeat until there is none.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Result;
use axum::Router;
use axum::routing::get;
use serde_json::json;
use store::role::Role;
use testkit::company::{LI, WANG, says};
use testkit::until;

use crate::support::{TO_LI, TO_WANG};

use super::support::{beating, hooked, scene, scene_with, stop, until_watching};

#[tokio::test]
async fn when_feishu_refuses_the_fallback_is_told_once_and_once_when_it_is_over() -> Result<()> {
    let mut scene = scene().await?;
    let service = beating(&scene, Role::RoomState).await?;
    let alerter = scene.alerter().await?;
    until_watching(&scene).await?;
    scene.control("PATCH", "switches", &json!({ "monthly_calls_left": 0 })).await?;
    scene.asks("r1", WANG).await?;
    scene.advance(5);
    scene.until_count("select count(*) from notifications where last_code = 99991403", 1).await?;
    scene.until_looked().await?;
    assert!(hooked(&scene).await?.is_empty(), "it may be over soon");
    scene.advance(5);
    until("the fallback is told", || async { Ok(!hooked(&scene).await?.is_empty()) }).await?;
    let told = hooked(&scene).await?;
    assert!(told[0].starts_with("【回音】W10 飞书卡片发不出去"), "{told:?}");
    scene.control("PATCH", "switches", &json!({ "monthly_calls_left": null })).await?;
    scene.advance(6);
    until("the fallback is told that it is over", || async { Ok(hooked(&scene).await?.len() == 2) }).await?;
    scene.until_looked().await?;
    let told = hooked(&scene).await?;
    assert_eq!(told.len(), 2);
    assert!(told[1].starts_with("【回音】W10 已恢复"), "{told:?}");
    stop(scene, alerter, [service]).await
}

/// Counts who comes by.
async fn outside() -> Result<(String, Arc<AtomicUsize>)> {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let router = Router::new().route(
        "/ping/secret",
        get(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            std::future::ready("ok")
        }),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/ping/secret", listener.local_addr()?);
    tokio::spawn(axum::serve(listener, router).into_future());
    Ok((url, calls))
}

#[tokio::test]
async fn the_heartbeat_lasts_as_long_as_people_can_be_told() -> Result<()> {
    let (url, calls) = outside().await?;
    let thresholds = json!({ "silent_after": "3s", "heartbeat_every": "1s", "restarts": 100 });
    let mut scene = scene_with(json!({ "heartbeat_url": url, "thresholds": thresholds })).await?;
    let service = beating(&scene, Role::RoomState).await?;
    let alerter = scene.alerter().await?;
    let count = || calls.load(Ordering::Relaxed);
    let until_beyond =
        async |before: usize| until("the heartbeat goes on", || async { Ok(count() > before + 1) }).await;
    until_beyond(0).await?;
    // Something is wrong, and people are told of it: that is no reason to be silent.
    service.abort();
    scene.until_count("select count(*) from notifications where state = 'sent'", 1).await?;
    until_beyond(count()).await?;
    scene
        .control(
            "POST",
            "chats",
            &json!({ "chat_id": super::support::TO_OPERATORS, "name": "x", "bot_in": false }),
        )
        .await?;
    let lonely = beating(&scene, Role::RoomState).await?;
    scene.until_count("select count(*) from alert_watch_alarms where over_at is not null", 1).await?;
    scene.advance(11);
    lonely.abort();
    scene.until_count("select count(*) from notifications where state = 'failed'", 1).await?;
    scene.until_count("select count(*) from alert_watch_alarms where key = 'feishu_refuses'", 1).await?;
    assert_silent(&calls).await;
    let service = beating(&scene, Role::RoomState).await?;
    until_beyond(count()).await?;
    alerter.kill().await;
    assert_silent(&calls).await;
    service.abort();
    drop(scene);
    Ok(())
}

/// Nobody comes by for longer than three heartbeats.
async fn assert_silent(calls: &AtomicUsize) {
    // One may be on its way.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let before = calls.load(Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(calls.load(Ordering::Relaxed), before);
}

/// The alarm's own card is all that is tried.
#[tokio::test]
async fn an_alarm_that_alone_does_not_get_out_is_told_to_the_fallback() -> Result<()> {
    let mut scene = scene().await?;
    let service = beating(&scene, Role::RoomState).await?;
    let alerter = scene.alerter().await?;
    until_watching(&scene).await?;
    let refused = json!({ "kind": "status", "status": 502 });
    scene.fault("send", super::support::TO_OPERATORS, 10_000, refused).await?;
    service.abort();
    scene.until_count("select count(*) from notifications where failing_since is not null", 1).await?;
    for _ in 0..6 {
        let tried = scene.count("select sum(attempts)::bigint from notifications").await?;
        scene.advance(1);
        until("it is tried again", || async {
            Ok(scene.count("select sum(attempts)::bigint from notifications").await? > tried)
        })
        .await?;
    }
    until("the fallback is told", || async { Ok(!hooked(&scene).await?.is_empty()) }).await?;
    let told = hooked(&scene).await?;
    assert!(told[0].starts_with("【回音】W10 飞书卡片发不出去"), "{told:?}");
    stop(scene, alerter, []).await
}

#[tokio::test]
async fn a_quota_that_is_used_up_is_told_once() -> Result<()> {
    let mut scene = scene().await?;
    let service = beating(&scene, Role::RoomState).await?;
    let alerter = scene.alerter().await?;
    until_watching(&scene).await?;
    // A room, to see the alerter look at.
    scene.publish(&says("r1", WANG, scene.now(), "您好")).await?;
    scene.until_count("select count(*) from timeline", 1).await?;
    scene.control("PATCH", "switches", &json!({ "monthly_calls_left": 0 })).await?;
    service.abort();
    scene.until_count("select count(*) from notifications where last_code = 99991403", 1).await?;
    for _ in 0..6 {
        scene.advance(5);
        scene.until_looked().await?;
        until("the fallback is told", || async { Ok(!hooked(&scene).await?.is_empty()) }).await?;
    }
    let told = hooked(&scene).await?;
    assert_eq!(told.len(), 1, "{told:?}");
    scene.control("PATCH", "switches", &json!({ "monthly_calls_left": null })).await?;
    scene.advance(11);
    until("the fallback is told that it is over", || async { Ok(hooked(&scene).await?.len() == 2) }).await?;
    stop(scene, alerter, []).await
}

/// As if whoever has the chat had forgotten it.
#[tokio::test]
async fn a_card_that_nobody_tries_is_told_to_the_fallback() -> Result<()> {
    let mut scene = scene().await?;
    let service = beating(&scene, Role::RoomState).await?;
    let alerter = scene.alerter().await?;
    until_watching(&scene).await?;
    store::sqlx::query("insert into alert_claims (channel, address, holder, until) values ('feishu', 'oc_wang', 'nobody', $1)")
        .bind(scene.now() + chrono::TimeDelta::days(1))
        .execute(&scene.stack.admin)
        .await?;
    scene.asks("r1", WANG).await?;
    scene.advance(5);
    scene.until_count("select count(*) from notifications where state = 'pending'", 1).await?;
    scene.until_looked().await?;
    assert!(hooked(&scene).await?.is_empty(), "its time has only come");
    scene.advance(5);
    // It gives way to the next rung, whose time has only come either.
    scene
        .until_count("select count(*) from notifications where state = 'pending' and step = '600'", 1)
        .await?;
    scene.until_looked().await?;
    assert!(hooked(&scene).await?.is_empty());
    scene.advance(6);
    until("the fallback is told", || async { Ok(!hooked(&scene).await?.is_empty()) }).await?;
    store::sqlx::query("delete from alert_claims").execute(&scene.stack.admin).await?;
    until("the fallback is told that it is over", || async { Ok(hooked(&scene).await?.len() == 2) }).await?;
    stop(scene, alerter, [service]).await
}

/// Feishu is well, one chat is not.
#[tokio::test]
async fn a_chat_that_alone_takes_nothing_is_not_blamed_on_feishu() -> Result<()> {
    let mut scene = scene().await?;
    let service = beating(&scene, Role::RoomState).await?;
    let alerter = scene.alerter().await?;
    until_watching(&scene).await?;
    let refused = json!({ "kind": "status", "status": 502 });
    scene.fault("send", TO_WANG, 10_000, refused).await?;
    scene.asks("r1", WANG).await?;
    scene.advance(5);
    scene.until_count("select count(*) from notifications where failing_since is not null", 1).await?;
    scene.asks("r2", LI).await?;
    scene.advance(5);
    scene.until_count("select count(*) from notifications where state = 'sent'", 1).await?;
    scene.publish(&says("r2", LI, scene.now(), "开好了")).await?;
    scene.until_titled(TO_LI, "已回复").await?;
    for _ in 0..8 {
        let tried = scene.count("select sum(attempts)::bigint from notifications").await?;
        scene.advance(1);
        until("it is tried again", || async {
            Ok(scene.count("select sum(attempts)::bigint from notifications").await? > tried)
        })
        .await?;
        scene.until_looked().await?;
    }
    // As long as an alarm takes to be believed.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(hooked(&scene).await?, [""; 0]);
    stop(scene, alerter, [service]).await
}
