//! The outside world of the demo: simulators and the gateway.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result};
use local_stack::free_address;
use local_stack::gateway::{self, KeptGateway};
use runtime::Clock;
use serde_json::Value;

use super::outside::{Addresses, Keys, Outside};
use super::{Options, Progress, history};
use crate::local::Secrets;

/// The file in the home with the mock account's people and rooms.
const WORLD: &str = "world.json";
/// How long services may take to listen.
const LISTENING_PATIENCE: Duration = Duration::from_mins(1);
/// The pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Everything outside Huiyin that it talks to.
pub struct World {
    /// The fake Vika and the fake Feishu.
    pub outside: Outside,
    /// The real gateway over a mock account; `None` on a machine without Node.
    pub gateway: Option<KeptGateway>,
    /// Who is there, as the gateway's `state` shows it.
    pub people: Value,
    /// Where the webhook will listen.
    pub ingest: SocketAddr,
    /// Where card callbacks will arrive.
    pub callbacks: SocketAddr,
    /// Where the board of figures will be.
    pub board: SocketAddr,
    /// What the company shares with Vika and Feishu.
    pub keys: Keys,
    /// All secrets in use.
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
        progress("Starting the simulators of Vika and Feishu, and making the managers' sheets in Vika");
        let (ingest, callbacks, board) = (free_address()?, free_address()?, free_address()?);
        let keys = Keys::made_up(secrets);
        let addresses = Addresses::on_loopback(callbacks);
        let making = || "making the managers' sheets".to_owned();
        let outside = local_stack::telling(progress, making, Outside::start(&keys, addresses, clock)).await?;
        let people = if options.without_history {
            serde_json::from_str(gateway::SAMPLE_WORLD).context("the sample world")?
        } else {
            history::world()?
        };
        let gateway = start_gateway(options, secrets, &people, progress).await?;
        Ok(Self { outside, gateway, people, ingest, callbacks, board, keys, secrets: secrets.clone() })
    }

    /// Waits until the webhook, the callback endpoint and the board take connections, so that whoever reads the addresses finds
    /// somebody there.
    pub async fn until_listening(&self) -> Result<()> {
        let end = tokio::time::Instant::now() + LISTENING_PATIENCE;
        for address in [self.ingest, self.callbacks, self.board] {
            while let Err(error) = tokio::net::TcpStream::connect(address).await {
                if tokio::time::Instant::now() > end {
                    return Err(error).with_context(|| format!("nobody listens on {address}"));
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
        Ok(())
    }

    pub async fn stop(self) {
        if let Some(gateway) = self.gateway
            && let Err(error) = gateway.stop().await
        {
            tracing::warn!(%error, "the gateway did not stop cleanly");
        }
        self.outside.stop().await;
    }
}

/// Without Node the demo runs on the webhook, and says so.
async fn start_gateway(
    options: &Options,
    secrets: &Secrets,
    people: &Value,
    progress: Progress<'_>,
) -> Result<Option<KeptGateway>> {
    if options.without_gateway {
        progress("Doing without the Wechaty gateway, as asked: messages come by the webhook");
        return Ok(None);
    }
    let world = std::path::absolute(options.home.join(WORLD)).context("the folder that one is in")?;
    std::fs::write(&world, people.to_string()).with_context(|| format!("writing {}", world.display()))?;
    progress("Starting the Wechaty gateway over a mock account");
    let settings = gateway::Settings {
        work_dir: options.tools.clone().unwrap_or_else(|| options.home.clone()),
        token: gateway_token(secrets),
        world: Some(world),
        port: 0,
        control_port: 0,
    };
    match KeptGateway::start(&settings, progress).await {
        Ok(gateway) => Ok(Some(gateway)),
        Err(error) => {
            progress(&format!("No Wechaty gateway ({error}): messages come by the webhook instead"));
            Ok(None)
        }
    }
}

/// A gateway token is `name_secret`.
pub fn gateway_token(secrets: &Secrets) -> String {
    format!("demo_{}", secrets.get("gateway"))
}
