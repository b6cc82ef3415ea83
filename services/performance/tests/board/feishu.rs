//! Logging in by Feishu, which a simulator plays.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use domain::address::FeishuAccount;
use reqwest::header::{COOKIE, SET_COOKIE};
use reqwest::{Client, Response, StatusCode, Url};
use runtime::config::FeishuLogin;
use serde_json::{Value, json};
use simulators::feishu::{AppSpec, FeishuConfig, PersonSpec, Running};

use crate::support::{WANG, World, location};

const ACCOUNT: &str = "ou_wang";

struct Tenant {
    world: World,
    feishu: Running,
    http: Client,
}

fn person(open_id: &str, name: &str) -> Result<PersonSpec> {
    Ok(serde_json::from_value(json!({ "open_id": open_id, "name": name }))?)
}

impl Tenant {
    async fn start() -> Result<Self> {
        let mut stack = crate::support::stack().await?;
        let app = AppSpec { app_id: "cli_test".into(), app_secret: "secret".into() };
        let clock = stack.clock.clone();
        let feishu = simulators::feishu::start(FeishuConfig {
            people: vec![person(ACCOUNT, "小王")?, person("ou_stranger", WANG)?],
            ..FeishuConfig::new(Arc::new(move || clock.now()), app)
        })
        .await?;
        stack.config.feishu.base_url.clone_from(&feishu.url);
        let wang = stack.config.rules.roster[0].addresses.feishu.as_mut().context("an address")?;
        wang.open_id = Some(serde_json::from_value::<FeishuAccount>(json!(ACCOUNT))?);
        let login = FeishuLogin { accounts_url: feishu.url.clone() };
        let world = World::over(stack, false, Some(login)).await?;
        let tenant = Self { world, feishu, http: runtime::http::client()? };
        tenant.browser(ACCOUNT).await?;
        Ok(tenant)
    }

    /// Somebody is logged in to Feishu in the browser.
    async fn browser(&self, open_id: &str) -> Result<()> {
        let back = format!("{}/login/feishu/back", self.world.url);
        let browser: Value = json!({ "open_id": open_id, "redirect_uris": [back] });
        let url = format!("{}/_sim/browser", self.feishu.url);
        self.http.post(url).json(&browser).send().await?.error_for_status()?;
        Ok(())
    }

    /// Leaves for Feishu: where to, and what the browser keeps.
    async fn leave(&self) -> Result<(String, String)> {
        let sent = self.world.get("/login/feishu", None).await?;
        assert_eq!(sent.status(), StatusCode::SEE_OTHER);
        let cookie = sent.headers()[SET_COOKIE].to_str()?.split(';').next().unwrap_or_default().to_owned();
        Ok((location(&sent).context("to Feishu")?.to_owned(), cookie))
    }

    /// Consents there: where the browser comes back to.
    async fn consent(&self, at: &str) -> Result<String> {
        let consented = self.http.get(at).send().await?;
        assert_eq!(consented.status(), StatusCode::FOUND, "{}", consented.text().await?);
        Ok(location(&consented).context("back")?.to_owned())
    }

    async fn come_back(&self, to: &str, cookie: &str) -> Result<Response> {
        Ok(self.http.get(to).header(COOKIE, cookie).send().await?)
    }
}

fn session(answer: &Response) -> Option<String> {
    let cookies = answer.headers().get_all(SET_COOKIE).iter().filter_map(|cookie| cookie.to_str().ok());
    let mut named = cookies.filter_map(|cookie| cookie.split(';').next());
    named.find(|cookie| cookie.starts_with("huiyin_board=")).map(str::to_owned)
}

#[tokio::test]
async fn whoever_is_in_the_roster_logs_in_by_feishu() -> Result<()> {
    let tenant = Tenant::start().await?;
    let page = tenant.world.get("/", None).await?.text().await?;
    assert!(page.contains("用飞书登录"));
    let (there, kept) = tenant.leave().await?;
    let back = tenant.consent(&there).await?;
    let entered = tenant.come_back(&back, &kept).await?;
    assert_eq!((entered.status(), location(&entered)), (StatusCode::SEE_OTHER, Some("/")));
    let session = session(&entered).context("a session")?;
    let page = tenant.world.get("/", Some(&session)).await?.text().await?;
    assert!(page.contains(WANG), "as the roster calls them, not as Feishu does");
    let again = tenant.come_back(&back, &kept).await?;
    assert_eq!(again.status(), StatusCode::BAD_GATEWAY, "a code is good once");
    tenant.world.stop().await
}

#[tokio::test]
async fn nobody_is_let_in_with_another_s_errand_or_account() -> Result<()> {
    let tenant = Tenant::start().await?;
    let (there, kept) = tenant.leave().await?;
    let back = tenant.consent(&there).await?;
    let (_, other) = tenant.leave().await?;
    for cookie in ["", other.as_str(), "huiyin_board_login="] {
        let refused = tenant.come_back(&back, cookie).await?;
        assert_eq!(refused.status(), StatusCode::FORBIDDEN, "another browser: {cookie}");
        assert!(session(&refused).is_none());
    }
    let forged = Url::parse_with_params(
        &format!("{}/login/feishu/back", tenant.world.url),
        [("code", "x"), ("state", "x.y")],
    )?;
    assert_eq!(tenant.come_back(forged.as_str(), &kept).await?.status(), StatusCode::FORBIDDEN);
    tenant.browser("ou_stranger").await?;
    let (there, kept) = tenant.leave().await?;
    let back = tenant.consent(&there).await?;
    let stranger = tenant.come_back(&back, &kept).await?;
    assert_eq!(stranger.status(), StatusCode::FORBIDDEN, "the same name is not the same person");
    assert!(session(&stranger).is_none());
    tenant.browser(ACCOUNT).await?;
    let (there, kept) = tenant.leave().await?;
    let back = tenant.consent(&there).await?;
    tenant.world.stack.clock.advance(Duration::from_mins(11));
    assert_eq!(tenant.come_back(&back, &kept).await?.status(), StatusCode::FORBIDDEN, "too late");
    tenant.world.stop().await
}

#[tokio::test]
async fn while_feishu_is_away_links_go_on() -> Result<()> {
    let tenant = Tenant::start().await?;
    let (there, kept) = tenant.leave().await?;
    let back = tenant.consent(&there).await?;
    let fault = json!({ "route": "user_token", "fault": { "kind": "drop" } });
    let url = format!("{}/_sim/faults", tenant.feishu.url);
    tenant.http.post(url).json(&fault).send().await?.error_for_status()?;
    let failed = tenant.come_back(&back, &kept).await?;
    assert_eq!(failed.status(), StatusCode::BAD_GATEWAY);
    assert!(failed.text().await?.contains("飞书登录没有成功"));
    assert_eq!(tenant.world.visitor(WANG).await?.status("/").await?, 200);
    tenant.world.stop().await
}
