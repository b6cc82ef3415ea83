//! Vika and Feishu as the invented company has them: two simulators, the keys they know, the sheets of the managers.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use ::vika::setup::{KnownSheets, SheetIds};
use anyhow::{Context as _, Result};
use runtime::{Clock, Config};
use simulators::{feishu, vika};

use super::company::{self, SPACE};
use crate::local::Secrets;

/// What the company shares with Vika and Feishu.
#[derive(Clone)]
pub struct Keys {
    /// The Vika token that `vika-sync` writes with.
    pub sync: String,
    /// The one that `vika-reconcile` reads with.
    pub reconcile: String,
    /// The one that a manager works with.
    pub manager: String,
    /// The Feishu app's secret.
    pub app_secret: String,
    /// What its callbacks are encrypted with.
    pub encrypt_key: String,
    /// What its callbacks carry.
    pub verification_token: String,
    /// What messages of the fallback bot are signed with; `None`: they are not.
    pub fallback_secret: Option<String>,
}

impl Keys {
    /// Those that a home keeps for itself.
    pub fn made_up(secrets: &Secrets) -> Self {
        let token = |user: &str| format!("usk{}", secrets.get(&format!("vika.{user}")));
        Self {
            sync: token("sync"),
            reconcile: token("reconcile"),
            manager: token("manager"),
            app_secret: secrets.get("feishu.secret"),
            encrypt_key: secrets.get("feishu.encrypt"),
            verification_token: secrets.get("feishu.verify"),
            fallback_secret: Some(secrets.get("feishu.fallback")),
        }
    }

    /// Those of a configuration, which knows no manager.
    pub fn configured(config: &Config, manager: String) -> Self {
        let (vika, feishu) = (&config.vika, &config.feishu);
        let fallback = config.watchdog.as_ref().and_then(|watchdog| watchdog.fallback.as_ref());
        let fallback_secret = fallback.and_then(|bot| bot.secret.as_ref());
        Self {
            sync: vika.sync_token.expose().to_owned(),
            reconcile: vika.reconcile_token.expose().to_owned(),
            manager,
            app_secret: feishu.app_secret.expose().to_owned(),
            encrypt_key: feishu.encrypt_key.expose().to_owned(),
            verification_token: feishu.verification_token.expose().to_owned(),
            fallback_secret: fallback_secret.map(|secret| secret.expose().to_owned()),
        }
    }
}

/// Where the simulators are, and where Feishu finds us.
pub struct Addresses {
    pub vika: SocketAddr,
    pub feishu: SocketAddr,
    /// The address that buttons are reported to.
    pub callbacks: String,
}

impl Addresses {
    /// On loopback, on free ports.
    pub fn on_loopback(callbacks: SocketAddr) -> Self {
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self { vika: free, feishu: free, callbacks: format!("http://{callbacks}/feishu/callback") }
    }
}

pub struct Outside {
    pub vika: vika::Running,
    pub feishu: feishu::Running,
    pub sheets: SheetIds,
}

impl Outside {
    /// Starts both, and creates the sheets through the API as an operator would.
    pub async fn start(keys: &Keys, addresses: Addresses, clock: &Clock) -> Result<Self> {
        let vika =
            vika::start(vika_config(keys, clock, addresses.vika)).await.context("the simulator of Vika")?;
        let feishu = feishu::start(company::feishu_config(keys, clock, addresses)?)
            .await
            .context("the simulator of Feishu")?;
        // Its own address may be "every address", which nobody can call.
        let url = format!("http://127.0.0.1:{}", port_of(&vika.url)?);
        let sheets = crate::init_vika::create(&url, &keys.sync, SPACE, KnownSheets::default())
            .await
            .context("creating the Vika sheets")?;
        Ok(Self { vika, feishu, sheets })
    }

    pub async fn stop(self) {
        self.vika.stop().await;
        self.feishu.stop().await;
    }
}

fn port_of(url: &str) -> Result<u16> {
    let port = url.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
    port.with_context(|| format!("the simulator's address {url} has no port"))
}

fn vika_config(keys: &Keys, clock: &Clock, bind: SocketAddr) -> vika::VikaConfig {
    let clock = clock.clone();
    let users = [(&keys.sync, "回音写表"), (&keys.reconcile, "回音读表"), (&keys.manager, "顾样山")];
    vika::VikaConfig {
        clock: Arc::new(move || clock.now()),
        tokens: users
            .iter()
            .map(|(token, user)| vika::VikaToken { token: (*token).clone(), user: (*user).into() })
            .collect(),
        spaces: vec![vika::VikaSpace {
            id: SPACE.into(),
            name: "示例公司".into(),
            members: users.iter().map(|(_, user)| vika::VikaMember::named(*user)).collect(),
        }],
        rate_limit: Some(vika::DEFAULT_RATE_LIMIT),
        bind,
        beyond_loopback: !bind.ip().is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The services' containers are configured before the simulator has made anything.
    #[tokio::test]
    async fn the_company_knows_the_sheets_that_the_simulator_makes() {
        let keys = Keys {
            sync: "uskSync".to_owned(),
            reconcile: "uskReconcile".to_owned(),
            manager: "uskManager".to_owned(),
            app_secret: "secret".to_owned(),
            encrypt_key: "key".to_owned(),
            verification_token: "token".to_owned(),
            fallback_secret: None,
        };
        let addresses = Addresses::on_loopback(SocketAddr::from((Ipv4Addr::LOCALHOST, 1)));
        let outside = Outside::start(&keys, addresses, &Clock::system()).await.unwrap();
        let known: serde_json::Value = serde_json::from_str(company::COMPANY).unwrap();
        let made = serde_json::json!({
            "today": outside.sheets.today.as_str(),
            "all_rooms": outside.sheets.all_rooms.as_str(),
            "system_log": outside.sheets.system_log.as_str()
        });
        assert_eq!(known["vika"]["sheets"], made);
        outside.stop().await;
    }
}
