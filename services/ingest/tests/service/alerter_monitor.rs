//! The watchdog's own death is told to the fallback.

use std::sync::Arc;

use anyhow::Result;
use runtime::beat::Beats;
use serde_json::{Value, json};
use simulators::feishu::{AppSpec, FeishuConfig, HookSpec};
use store::role::Role;
use testkit::{Stack, until};
use tokio::task::JoinHandle;

use crate::support::{stack, start};

/// An alerter that does nothing but beat.
async fn alerter(stack: &Stack) -> Result<JoinHandle<()>> {
    let ctx = stack.context(Role::FeishuAlerter).await?;
    Ok(tokio::spawn(async move { Beats::new("feishu-alerter", &ctx).run().await }))
}

#[tokio::test]
async fn the_fallback_hears_of_the_alerters_death_once_and_of_its_return_once() -> Result<()> {
    let mut stack = stack().await?;
    let clock = stack.clock.clone();
    let app = AppSpec { app_id: "cli_test".into(), app_secret: "secret".into() };
    let mut feishu = FeishuConfig::new(Arc::new(move || clock.now()), app);
    feishu.hooks = vec![HookSpec { token: "t-1".into(), secret: Some("hook-secret".into()) }];
    let feishu = simulators::feishu::start(feishu).await?;
    let root = feishu.url.clone();
    stack.config.watchdog = Some(serde_json::from_value(json!({
        "operators_chat": "oc_operators",
        "beat_every": "1s",
        "fallback": { "url": format!("{root}/open-apis/bot/v2/hook/t-1"), "secret": "hook-secret" },
        "thresholds": { "silent_after": "3s" }
    }))?);
    let client = runtime::http::client()?;
    let told = async || -> Result<Vec<String>> {
        let seen: Value = client.get(format!("{root}/_sim/hooks")).send().await?.json().await?;
        let text =
            |message: &Value| message["body"]["content"]["text"].as_str().unwrap_or_default().to_owned();
        Ok(seen["messages"].as_array().into_iter().flatten().map(text).collect())
    };
    let beating = alerter(&stack).await?;
    // Two of them: one speaks.
    let (service, standby) = (start(&stack).await?, {
        stack.config.ingest.listen = "127.0.0.1:0".parse()?;
        start(&stack).await?
    });
    tokio::time::sleep(std::time::Duration::from_secs(4)).await;
    assert!(told().await?.is_empty(), "it beats");
    beating.abort();
    until("the fallback is told", || async { Ok(!told().await?.is_empty()) }).await?;
    assert!(told().await?[0].starts_with("【回音】W13 提醒服务没有心跳"), "{:?}", told().await?);
    let beating = alerter(&stack).await?;
    until("the fallback is told that it is over", || async { Ok(told().await?.len() > 1) }).await?;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    let told = told().await?;
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[1].starts_with("【回音】W13 已恢复"), "{told:?}");
    beating.abort();
    service.stop().await?;
    standby.stop().await
}
