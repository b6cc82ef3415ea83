//! A lost login: the code to be scanned, urgent pushes to operators, again every quarter of an hour, until somebody has scanned.

use anyhow::{Context as _, Result};
use chrono::TimeDelta;
use events::beat::{Login, Verification, VerificationKind};
use runtime::beat::Beats;
use runtime::config::{Gateway, Secret};
use serde_json::{Value, json};
use store::role::Role;
use testkit::until;

use super::support::{TO_OPERATORS, beating, hooked, scene, stop, until_titles, until_watching};
use crate::support::{MANAGER, Scene};

const LOST: &str = "⚠️ W06 助手账号掉线，请扫码登录";
const REPEATED: &str = "已重新提醒，请看新的卡片：W06";
const OVER: &str = "✅ 已恢复：W06";

/// Configures a gateway, in this state.
pub async fn with_gateway(scene: &mut Scene, state: &str) -> Result<()> {
    scene.stack.config.ingest.gateway = Some(Gateway {
        name: "main".into(),
        endpoint: "127.0.0.1:9".into(),
        token: Secret::new("token"),
        tls_ca: None,
        tls_name: None,
    });
    gateway_is(scene, state, TimeDelta::zero()).await
}

/// What `ingest` would write.
pub async fn gateway_is(scene: &Scene, state: &str, live_ago: TimeDelta) -> Result<()> {
    store::sqlx::query(
        "insert into gateways (gateway, source, state, state_since, last_live_at) values ('main', 'x', $1, $2, $3)
         on conflict (gateway) do update set state = $1, state_since = $2, last_live_at = $3",
    )
    .bind(state)
    .bind(scene.now())
    .bind(scene.now() - live_ago)
    .execute(&scene.stack.admin)
    .await?;
    Ok(())
}

/// The messages of the operators' chat, as the fake keeps them.
async fn messages(scene: &Scene) -> Result<Vec<Value>> {
    let seen = scene.control("GET", &format!("messages?chat={TO_OPERATORS}"), &json!({})).await?;
    Ok(seen["messages"].as_array().context("messages")?.clone())
}

async fn until_pressed(scene: &Scene, message: usize) -> Result<()> {
    until(&format!("operators are pressed by message {message}"), || async move {
        Ok(messages(scene).await?.get(message).is_some_and(|shown| shown["urgent_to"] == json!([MANAGER])))
    })
    .await
}

/// The key of the picture in a card.
fn picture(message: &Value) -> Option<String> {
    let elements = message["card"]["body"]["elements"].as_array()?;
    let image = elements.iter().find(|element| element["tag"] == "img")?;
    Some(image["img_key"].as_str()?.to_owned())
}

async fn until_picture(scene: &Scene, message: usize) -> Result<String> {
    testkit::until_some("the card shows a code", || async move {
        Ok(messages(scene).await?.get(message).and_then(picture))
    })
    .await
}

#[tokio::test]
async fn the_code_is_shown_operators_are_pressed_and_again_until_somebody_scans() -> Result<()> {
    let mut scene = scene().await?;
    with_gateway(&mut scene, "live").await?;
    let service = beating(&scene, Role::RoomState).await?;
    let ingest = scene.stack.context(Role::Ingest).await?;
    let beats = Beats::new("ingest", &ingest);
    let capture = tokio::spawn(beats.run());
    let alerter = scene.alerter().await?;
    until_watching(&scene).await?;

    gateway_is(&scene, "waiting_login", TimeDelta::seconds(20)).await?;
    let code = |code: &str| Some(Login { gateway: "main".into(), code: code.into() });
    ingest.health.report_login(code("https://login.example/l/first"));
    let first = until_titles(&scene, &[LOST]).await?.remove(0);
    let key = until_picture(&scene, 0).await?;
    until_pressed(&scene, 0).await?;
    assert!(first.text.contains("https://huiyin.example/login"), "{}", first.text);
    let url = format!("{}/_sim/images/{key}", scene.feishu.url);
    let png = runtime::http::client()?.get(url).send().await?.bytes().await?;
    assert!(png.starts_with(b"\x89PNG"), "an image that a phone can scan");

    scene.advance(15);
    until_titles(&scene, &[REPEATED, LOST]).await?;
    until_pressed(&scene, 1).await?;
    assert_eq!(messages(&scene).await?[0]["urgent_to"], json!([MANAGER]), "not twice by the same card");
    assert_eq!(picture(&messages(&scene).await?[0]), None, "an old code helps nobody");
    until_picture(&scene, 1).await?;

    ingest.health.report_login(None);
    gateway_is(&scene, "live", TimeDelta::zero()).await?;
    let over = until_titles(&scene, &[OVER, OVER]).await?;
    assert_eq!(over[0].message_id, first.message_id);
    scene.advance(15);
    gateway_is(&scene, "live", TimeDelta::zero()).await?;
    scene.until_looked().await?;
    assert_eq!(messages(&scene).await?.len(), 2, "nobody is told any more");
    assert!(hooked(&scene).await?.is_empty());
    stop(scene, alerter, [service, capture]).await
}

#[tokio::test]
async fn a_verification_is_asked_for_in_words_and_never_drawn() -> Result<()> {
    let mut scene = scene().await?;
    with_gateway(&mut scene, "live").await?;
    let service = beating(&scene, Role::RoomState).await?;
    let ingest = scene.stack.context(Role::Ingest).await?;
    let capture = tokio::spawn(Beats::new("ingest", &ingest).run());
    let alerter = scene.alerter().await?;
    until_watching(&scene).await?;
    gateway_is(&scene, "waiting_login", TimeDelta::seconds(20)).await?;
    let code = "https://login.example/l/first".to_owned();
    ingest.health.report_login(Some(Login { gateway: "main".into(), code: code.clone() }));
    until_titles(&scene, &[LOST]).await?;
    until_picture(&scene, 0).await?;
    for (kind, title, words) in [
        (VerificationKind::Code, "⚠️ W06 助手账号登录需要验证码", "到网关的管理页面输入"),
        (VerificationKind::Slide, "⚠️ W06 助手账号登录需要滑块验证", "拖动滑块"),
    ] {
        ingest.health.report_verification(Some(Verification { gateway: "main".into(), kind }));
        let card = until_titles(&scene, &[title]).await?.remove(0);
        assert!(card.text.contains(words) && !card.text.contains("二维码"), "{}", card.text);
        assert_eq!(picture(&messages(&scene).await?[0]), None, "though a code is still told");
    }
    ingest.health.report_verification(None);
    until_titles(&scene, &[LOST]).await?;
    gateway_is(&scene, "live", TimeDelta::zero()).await?;
    until_titles(&scene, &[OVER]).await?;
    stop(scene, alerter, [service, capture]).await
}

/// An app that may neither upload nor push still sends, and the rest goes on.
#[tokio::test]
async fn without_the_rights_to_upload_and_press_the_card_is_there_all_the_same() -> Result<()> {
    let mut scene = scene().await?;
    with_gateway(&mut scene, "live").await?;
    scene.control("PATCH", "switches", &json!({ "no_image_scope": true, "no_urgent": true })).await?;
    let service = beating(&scene, Role::RoomState).await?;
    let ingest = scene.stack.context(Role::Ingest).await?;
    let capture = tokio::spawn(Beats::new("ingest", &ingest).run());
    let alerter = scene.alerter().await?;
    until_watching(&scene).await?;
    ingest
        .health
        .report_login(Some(Login { gateway: "main".into(), code: "https://login.example/l/x".into() }));
    gateway_is(&scene, "waiting_login", TimeDelta::seconds(20)).await?;
    let card = until_titles(&scene, &[LOST]).await?.remove(0);
    assert!(card.text.contains("二维码还没有拿到"), "{}", card.text);
    scene.until_count("select count(*) from notifications where urgent_attempts > 0", 1).await?;
    gateway_is(&scene, "live", TimeDelta::zero()).await?;
    until_titles(&scene, &[OVER]).await?;
    stop(scene, alerter, [service, capture]).await
}

#[tokio::test]
async fn what_could_not_be_said_for_long_is_said_once() -> Result<()> {
    let mut scene = scene().await?;
    with_gateway(&mut scene, "live").await?;
    let service = beating(&scene, Role::RoomState).await?;
    let ingest = scene.stack.context(Role::Ingest).await?;
    let capture = tokio::spawn(Beats::new("ingest", &ingest).run());
    let alerter = scene.alerter().await?;
    until_watching(&scene).await?;
    scene.control("PATCH", "switches", &json!({ "monthly_calls_left": 0 })).await?;
    gateway_is(&scene, "waiting_login", TimeDelta::seconds(20)).await?;
    for made in 1..=4 {
        until(&format!("{made} cards are made"), || async {
            Ok(scene
                .count("select count(*) from notifications where subject like 'watch:login_lost%'")
                .await?
                == made)
        })
        .await?;
        if made < 4 {
            scene.advance(15);
        }
    }
    scene.control("PATCH", "switches", &json!({ "monthly_calls_left": null })).await?;
    scene.advance(11);
    scene.until_count("select count(*) from notifications where urgent = 'done'", 1).await?;
    scene.until_count("select count(*) from notifications where state in ('pending', 'sending')", 0).await?;
    let told = messages(&scene).await?;
    let lost: Vec<&Value> = told.iter().filter(|message| message.to_string().contains("W06")).collect();
    assert_eq!(lost.len(), 1, "{told:?}");
    assert_eq!(lost[0]["urgent_to"], json!([MANAGER]));
    stop(scene, alerter, [service, capture]).await
}
