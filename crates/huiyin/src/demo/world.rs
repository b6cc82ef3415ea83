//! The outside world of the demo: simulators and the gateway.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use ::vika as client;
use ::vika::setup::KnownSheets;
use anyhow::{Context as _, Result};
use local_stack::gateway::{self, NodeGateway};
use runtime::Clock;
use serde_json::Value;
use simulators::{feishu, vika};

use super::company::{self, SPACE};
use super::{Options, Progress};
use crate::local::Secrets;

/// How long services may take to listen.
const LISTENING_PATIENCE: Duration = Duration::from_mins(1);
/// The pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Everything outside Huiyin that it talks to.
pub struct World {
    /// The fake Vika.
    pub vika: vika::Running,
    /// The fake Feishu.
    pub feishu: feishu::Running,
    /// The real gateway over a mock account; `None` on a machine without Node.
    pub gateway: Option<NodeGateway>,
    /// Who is there, as the gateway's `state` shows it.
    pub people: Value,
    /// The managers' sheets.
    pub sheets: client::setup::SheetIds,
    /// Where the webhook will listen.
    pub ingest: SocketAddr,
    /// Where card callbacks will arrive.
    pub callbacks: SocketAddr,
    /// The secrets in use.
    pub secrets: Secrets,
}

impl World {
    /// Starts it, and creates the sheets through the API as an operator would.
    pub async fn start(
        options: &Options,
        secrets: &Secrets,
        clock: &Clock,
        progress: Progress<'_>,
    ) -> Result<Self> {
        progress("Starting the simulators of Vika and Feishu");
        let (ingest, callbacks) = (free_port()?, free_port()?);
        let vika = vika::start(vika_config(secrets, clock)).await.context("the simulator of Vika")?;
        let feishu = feishu::start(company::feishu_config(secrets, clock, callbacks)?)
            .await
            .context("the simulator of Feishu")?;
        progress("Creating the Vika sheets through the API");
        let sheets = create_sheets(&vika.url, secrets).await?;
        let gateway = start_gateway(options, secrets, progress).await;
        let people = serde_json::from_str(gateway::SAMPLE_WORLD).context("the sample world")?;
        Ok(Self { vika, feishu, gateway, people, sheets, ingest, callbacks, secrets: secrets.clone() })
    }

    /// Waits until the webhook and the callback endpoint take connections, so that whoever reads the addresses finds
    /// somebody there.
    pub async fn until_listening(&self) -> Result<()> {
        let end = tokio::time::Instant::now() + LISTENING_PATIENCE;
        for address in [self.ingest, self.callbacks] {
            while let Err(error) = tokio::net::TcpStream::connect(address).await {
                if tokio::time::Instant::now() > end {
                    return Err(error).with_context(|| format!("nobody listens on {address}"));
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
        Ok(())
    }

    /// Stops it.
    pub async fn stop(self) {
        if let Some(gateway) = self.gateway
            && let Err(error) = gateway.stop().await
        {
            tracing::warn!(%error, "the gateway did not stop cleanly");
        }
        self.vika.stop().await;
        self.feishu.stop().await;
    }
}

/// Without Node the demo runs on the webhook, and says so.
async fn start_gateway(options: &Options, secrets: &Secrets, progress: Progress<'_>) -> Option<NodeGateway> {
    if options.without_gateway {
        progress("Doing without the Wechaty gateway, as asked: messages come by the webhook");
        return None;
    }
    let settings = gateway::Settings {
        work_dir: options.tools.clone().unwrap_or_else(|| options.home.clone()),
        token: gateway_token(secrets),
        world: None,
        port: 0,
        control_port: 0,
    };
    match NodeGateway::start(&settings, progress).await {
        Ok(gateway) => Some(gateway),
        Err(error) => {
            progress(&format!("No Wechaty gateway ({error}): messages come by the webhook instead"));
            None
        }
    }
}

/// A gateway token is `name_secret`.
pub fn gateway_token(secrets: &Secrets) -> String {
    format!("demo_{}", secrets.get("gateway"))
}

fn vika_config(secrets: &Secrets, clock: &Clock) -> vika::VikaConfig {
    let clock = clock.clone();
    let users = [("sync", "回音写表"), ("reconcile", "回音读表"), ("manager", "顾样山")];
    vika::VikaConfig {
        clock: Arc::new(move || clock.now()),
        tokens: users
            .iter()
            .map(|(name, user)| vika::VikaToken { token: vika_token(secrets, name), user: (*user).into() })
            .collect(),
        spaces: vec![vika::VikaSpace {
            id: SPACE.into(),
            name: "示例公司".into(),
            members: users.iter().map(|(_, user)| vika::VikaMember::named(*user)).collect(),
        }],
        rate_limit: Some(vika::DEFAULT_RATE_LIMIT),
        bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        beyond_loopback: false,
    }
}

/// The Vika token of `sync`, `reconcile` or `manager`.
pub fn vika_token(secrets: &Secrets, name: &str) -> String {
    format!("usk{}", secrets.get(&format!("vika.{name}")))
}

async fn create_sheets(url: &str, secrets: &Secrets) -> Result<client::setup::SheetIds> {
    crate::init_vika::create(url, &vika_token(secrets, "sync"), SPACE, KnownSheets::default())
        .await
        .context("creating the Vika sheets")
}

/// A port that is free now. Somebody could take it before the service does; then the service says so.
fn free_port() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("finding a free port")?;
    Ok(listener.local_addr()?)
}
