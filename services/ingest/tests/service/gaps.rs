//! When messages may have been lost, and who may say so.

use std::time::Duration;

use anyhow::Result;
use chrono::TimeDelta;
use serde_json::json;
use testkit::until;

use crate::support::*;

fn port(endpoint: &str) -> u16 {
    endpoint.rsplit_once(':').unwrap().1.parse().unwrap()
}

#[tokio::test]
async fn a_killed_gateway_leaves_a_gap_until_it_is_back() -> Result<()> {
    let Some(scene) = scene().await? else { return Ok(()) };
    let Scene { stack, gateway, control } = scene;
    let service = start(&stack).await?;
    until_state(&stack, "live").await?;
    assert!(gaps(&stack).await?.is_empty(), "the first start ever is no gap");
    control.say(MORNING, "蓝先生", "在吗").await;
    until("the message is there", || async { Ok(!messages(&stack).await?.is_empty()) }).await?;
    let (before, port) = (stack.clock.now(), port(gateway.endpoint()));
    gateway.kill().await?;
    let (since, _, reason) = until_gap(&stack, 1, true).await?;
    assert_eq!(reason, "stream_ended");
    assert!(since <= stack.clock.now() && since > before - TimeDelta::seconds(20), "{since} {before}");
    let dead = row(&stack).await?.unwrap();
    assert_ne!(dead.state, "live");

    let gateway = node(port).await.unwrap();
    let (_, closed, _) = until_gap(&stack, 1, false).await?;
    let live = until_state(&stack, "live").await?;
    assert!(closed.unwrap() > since && closed.unwrap() <= stack.clock.now());
    assert!(live.epoch > 1 && live.account.as_deref() == Some(SELF));
    gateway.stop().await?;
    service.stop().await
}

#[tokio::test]
async fn a_frozen_gateway_leaves_a_gap_from_its_last_word() -> Result<()> {
    let Some(scene) = scene().await? else { return Ok(()) };
    let service = scene.live().await?;
    scene.control.say(MORNING, "蓝先生", "最后一句").await;
    until("the message is there", || async { Ok(!messages(&scene.stack).await?.is_empty()) }).await?;
    scene.gateway.freeze()?;
    let frozen = scene.stack.clock.now();
    let (since, _, _) = until_gap(&scene.stack, 1, true).await?;
    assert!(since <= frozen, "it began before anybody noticed: {since} {frozen}");
    scene.gateway.thaw()?;
    until_gap(&scene.stack, 1, false).await?;
    until_state(&scene.stack, "live").await?;
    service.stop().await
}

#[tokio::test]
async fn a_logout_is_a_gap_until_the_login() -> Result<()> {
    let Some(scene) = scene().await? else { return Ok(()) };
    let service = scene.live().await?;
    scene.control.post("/logout", json!({})).await;
    let (_, _, reason) = until_gap(&scene.stack, 1, true).await?;
    assert_eq!(reason, "logged_out");
    let whose: (String, Option<String>) = store::sqlx::query_as("select source, account from capture_gaps")
        .fetch_one(&scene.stack.admin)
        .await?;
    assert_eq!(whose, ("wechaty".into(), Some(SELF.into())), "it concerns the rooms of this account");
    let waiting = until_state(&scene.stack, "waiting_login").await?;
    scene.control.say(MORNING, "蓝先生", "没人看见").await;
    scene.control.post("/login", json!({})).await;
    until_gap(&scene.stack, 1, false).await?;
    let live = until_state(&scene.stack, "live").await?;
    assert!(live.state_since >= waiting.state_since);
    let seen = scene.control.say(MORNING, "蓝先生", "看见了").await;
    scene.message(&seen).await?;
    assert_eq!(messages(&scene.stack).await?.len(), 1);
    service.stop().await
}

#[tokio::test]
async fn a_killed_ingest_leaves_a_gap_from_when_it_was_last_live() -> Result<()> {
    let Some(scene) = scene().await? else { return Ok(()) };
    let service = scene.live().await?;
    // Moved, and known to be live all the same a moment later.
    scene.stack.clock.advance(Duration::from_hours(1));
    let moved = scene.stack.clock.now();
    until("it is live by the moved clock", || async {
        Ok(row(&scene.stack).await?.and_then(|row| row.last_live_at).is_some_and(|at| at >= moved))
    })
    .await?;
    service.kill().await;
    let last_live = row(&scene.stack).await?.unwrap().last_live_at.unwrap();
    scene.stack.clock.advance(Duration::from_mins(10));
    let service = scene.start().await?;
    let (since, until, reason) = until_gap(&scene.stack, 1, false).await?;
    assert_eq!((since, reason.as_str()), (last_live, "restart"));
    assert!(until.unwrap() - since >= TimeDelta::minutes(10));
    service.stop().await
}

#[tokio::test]
async fn a_restart_of_a_moment_is_no_gap() -> Result<()> {
    let Some(scene) = scene().await? else { return Ok(()) };
    let mut service = scene.live().await?;
    // A busy machine may take longer than that now and then, and then it is one.
    for _ in 0..10 {
        service.stop().await?;
        let before = row(&scene.stack).await?.unwrap().last_live_at.unwrap();
        let known = gaps(&scene.stack).await?.len();
        service = scene.live().await?;
        let took = row(&scene.stack).await?.unwrap().last_live_at.unwrap() - before;
        if took < TimeDelta::milliseconds(2_900) {
            assert_eq!(gaps(&scene.stack).await?.len(), known, "{took}");
            return service.stop().await;
        }
    }
    anyhow::bail!("no restart took less than three seconds");
}

#[tokio::test]
async fn a_wrong_token_is_told_and_opens_no_way_in() -> Result<()> {
    let Some(mut scene) = scene().await? else { return Ok(()) };
    scene.stack.config.ingest.gateway = Some(settings(scene.gateway.endpoint(), "not_the_token"));
    let service = scene.start().await?;
    let row = until_state(&scene.stack, "auth_failed").await?;
    assert_eq!((row.last_live_at, row.account), (None, None));
    assert!(!service.ended(), "the webhook goes on");
    service.stop().await
}

#[tokio::test]
async fn a_standby_waits_its_turn_and_writes_nothing_meanwhile() -> Result<()> {
    let Some(scene) = scene().await? else { return Ok(()) };
    let active = scene.live().await?;
    let mut standby_stack_config = scene.stack.config.clone();
    standby_stack_config.ingest.listen = testkit::free_address()?;
    let context = scene.stack.context(store::role::Role::Ingest).await?;
    let context = runtime::Context { config: standby_stack_config.into(), ..context };
    let (shutdown, url) =
        (context.shutdown.clone(), format!("http://{}/status", context.config.ingest.listen));
    let standby = tokio::spawn(ingest::run(context));
    let client = runtime::http::client()?;
    until("the standby finds the gateway occupied", || async {
        let Ok(answer) = client.get(&url).send().await else { return Ok(false) };
        Ok(answer.json::<serde_json::Value>().await?["state"] == "occupied")
    })
    .await?;
    let before = row(&scene.stack).await?.unwrap();
    until("the active one has reported again", || async {
        Ok(row(&scene.stack).await?.unwrap().last_live_at > before.last_live_at)
    })
    .await?;
    assert_eq!(row(&scene.stack).await?.unwrap().state, "live");
    assert!(gaps(&scene.stack).await?.is_empty(), "a standby's start is no gap");

    active.stop().await?;
    until("the standby is live", || async {
        let status: serde_json::Value = client.get(&url).send().await?.json().await?;
        Ok(status["state"] == "live")
    })
    .await?;
    let id = scene.control.say(MORNING, "蓝先生", "换班了").await;
    scene.message(&id).await?;
    shutdown.request();
    standby.await?
}

#[tokio::test]
async fn a_gateway_held_by_somebody_else_is_occupied() -> Result<()> {
    let Some(scene) = scene().await? else { return Ok(()) };
    let other = ingest::gateway::GatewayClient::connect(&ingest::gateway::Settings {
        address: scene.gateway.endpoint().to_owned(),
        token: ingest::gateway::Token::parse(TOKEN)?,
        security: ingest::gateway::Security::Plain,
        token_as_authority: false,
    })
    .await?;
    let stream = other.events(&ingest::gateway::Resume::default()).await?;
    let service = scene.start().await?;
    until_state(&scene.stack, "occupied").await?;
    drop((stream, other));
    until_state(&scene.stack, "live").await?;
    service.stop().await
}
