//! A gateway that can be started again where it was: on the same ports, with the same token, so that who works with it
//! finds it. Its mock account begins with its first world again.

use tokio::sync::Mutex;

use super::{GatewayError, NodeGateway, Prepared, Settings, prepare};
use crate::process;
use crate::supervise::{Child, Refusal};

/// A [`NodeGateway`] with what it takes to start it again.
pub struct KeptGateway {
    prepared: Prepared,
    settings: Settings,
    endpoint: String,
    control_url: String,
    pub(super) process: Mutex<Option<NodeGateway>>,
}

impl KeptGateway {
    /// Installs the gateway where needed and starts it. `progress` gets a line for each long step.
    pub async fn start(settings: &Settings, progress: impl Fn(&str)) -> Result<Self, GatewayError> {
        let prepared = prepare(&settings.work_dir, progress).await?;
        let gateway = NodeGateway::launch(&prepared, settings).await?;
        let (endpoint, control_url) = (gateway.endpoint().to_owned(), gateway.control_url().to_owned());
        let settings =
            Settings { port: port_of(&endpoint)?, control_port: port_of(&control_url)?, ..settings.clone() };
        Ok(Self { prepared, settings, endpoint, control_url, process: Mutex::new(Some(gateway)) })
    }

    /// `host:port` of gRPC.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// `http://host:port` of the port that moves the mock account's world.
    pub fn control_url(&self) -> &str {
        &self.control_url
    }

    /// Its process id while it runs.
    pub async fn pid(&self) -> Option<u32> {
        self.process.lock().await.as_ref().map(NodeGateway::pid)
    }

    /// Asks it to end, and kills it when it does not. One that is dead is stopped.
    pub async fn stop(self) -> Result<(), GatewayError> {
        let Some(mut gateway) = self.process.into_inner() else { return Ok(()) };
        if gateway.end_by_itself().is_some() {
            return Ok(());
        }
        gateway.stop().await.map(drop)
    }
}

impl Child for KeptGateway {
    fn name(&self) -> &'static str {
        "Wechaty gateway"
    }

    async fn death(&self) -> String {
        process::death(&self.process, NodeGateway::end_by_itself).await
    }

    async fn revive(&self) -> Result<(), Refusal> {
        let mut slot = self.process.lock().await;
        *slot = Some(NodeGateway::launch(&self.prepared, &self.settings).await?);
        Ok(())
    }
}

/// Of `host:port`, with whatever before it.
fn port_of(address: &str) -> Result<u16, GatewayError> {
    let port = address.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
    port.ok_or_else(|| GatewayError::Start { last_words: format!("its address has no port: {address}") })
}
