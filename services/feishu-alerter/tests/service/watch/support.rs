//! A scene with a watchdog, and services that beat.

use anyhow::Result;
use events::beat::{Beat, BeatKind};
use runtime::beat::Beats;
use serde_json::{Value, json};
use store::role::Role;
use testkit::{Running, until};
use tokio::task::JoinHandle;

use crate::support::{MANAGER, Scene, Seen};

/// The chat of those who look after Huiyin.
pub const TO_OPERATORS: &str = "oc_operators";
/// The fallback's bot.
pub const HOOK: &str = "hook-token";

/// A scene whose watchdog expects `room-state` alone and is quick to notice.
pub async fn scene() -> Result<Scene> {
    scene_with(json!({})).await
}

/// The same with other settings.
pub async fn scene_with(settings: Value) -> Result<Scene> {
    // Boxed, or every test's future is as large as the whole start.
    let mut scene = Box::pin(Scene::start()).await?;
    let chat = json!({ "chat_id": TO_OPERATORS, "name": "运维群", "members": [MANAGER] });
    scene.control("POST", "chats", &chat).await?;
    scene.control("POST", "hooks", &json!({ "token": HOOK, "secret": "hook-secret" })).await?;
    let mut watchdog = json!({
        "operators_chat": TO_OPERATORS,
        "operators": [MANAGER],
        "expected": ["room-state"],
        "beat_every": "1s",
        "fallback": {
            "url": format!("{}/open-apis/bot/v2/hook/{HOOK}", scene.feishu.url),
            "secret": "hook-secret"
        },
        "login_page": "https://huiyin.example/login",
        // The disk of the machine that this runs on is nobody's business.
        "disks": [],
        // Tests start services again and again.
        "thresholds": { "silent_after": "3s", "login_lost_after": "1s", "restarts": 100 }
    });
    if let (Some(base), Value::Object(settings)) = (watchdog.as_object_mut(), settings) {
        base.extend(settings);
    }
    scene.stack.config.watchdog = Some(serde_json::from_value(watchdog)?);
    Ok(scene)
}

/// A service that does nothing but beat. Aborted it is as silent as a killed one.
pub async fn beating(scene: &Scene, role: Role) -> Result<JoinHandle<()>> {
    let ctx = scene.stack.context(role).await?;
    Ok(tokio::spawn(async move { Beats::new(role.service(), &ctx).run().await }))
}

/// A beat of `room-state`, to be changed.
pub fn beat(scene: &Scene, instance: &str) -> Beat {
    Beat::new("room-state", instance, BeatKind::Alive, scene.now(), scene.now())
}

pub async fn publish(scene: &Scene, beat: &Beat) -> Result<()> {
    let subject = events::subject::beat(&beat.service);
    scene.stack.bus.client().publish(subject, events::encode(beat)?.into()).await?;
    Ok(())
}

/// Waits until the watchdog listens and decides, so that what follows is not lost on it.
pub async fn until_watching(scene: &Scene) -> Result<()> {
    until("the watchdog listens", || async {
        let held: bool = store::sqlx::query_scalar(
            "select exists (select from pg_locks where locktype = 'advisory' and granted
                            and database = (select oid from pg_database where datname = current_database()))",
        )
        .fetch_one(&scene.stack.admin)
        .await?;
        Ok(held)
    })
    .await
}

/// Waits until the operators' chat holds cards with these titles, in order.
pub async fn until_titles(scene: &Scene, expected: &[&str]) -> Result<Vec<Seen>> {
    let matches = |cards: &[Seen]| {
        cards.len() == expected.len()
            && cards.iter().zip(expected).all(|(card, title)| card.title.starts_with(title))
    };
    let waited = until(&format!("the operators see {expected:?}"), || async move {
        Ok(matches(&scene.cards(TO_OPERATORS).await?))
    })
    .await;
    let cards = scene.cards(TO_OPERATORS).await?;
    waited.map_err(|error| {
        error.context(format!("{:?}", cards.iter().map(|card| &card.title).collect::<Vec<_>>()))
    })?;
    Ok(cards)
}

/// What the fallback was told.
pub async fn hooked(scene: &Scene) -> Result<Vec<String>> {
    let seen = scene.control("GET", "hooks", &json!({})).await?;
    let text = |message: &Value| message["body"]["content"]["text"].as_str().unwrap_or_default().to_owned();
    Ok(seen["messages"].as_array().into_iter().flatten().map(text).collect())
}

/// Stops the alerter and the scene, and whatever beats.
pub async fn stop(
    scene: Scene,
    alerter: Running,
    beating: impl IntoIterator<Item = JoinHandle<()>>,
) -> Result<()> {
    beating.into_iter().for_each(|task| task.abort());
    scene.stop(alerter).await
}
