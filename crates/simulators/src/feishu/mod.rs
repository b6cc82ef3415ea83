//! A fake Feishu: the message API, cards and card callbacks as one HTTP server on loopback.
//!
//! It exists so that delivery ("never twice, never lost") can be proven against the rules of the real service, and
//! so that the demo has chats to show. It refuses what the documentation says is refused, with the same codes. Where
//! the documentation is silent it takes the choice that is worse for the client and says so at the place.
//! It must not share code with the client that it judges, and it must never be reachable from outside loopback, or
//! outside the private network of a demo in containers.
//!
//! Beside the real routes under `/open-apis/` there are control routes under `/_sim/` (see `control`): chats and
//! people, faults, switches, clicks, and inspection.

mod answer;
mod callback;
mod card;
mod card_tags;
mod chats;
mod control;
mod crypto;
mod dispatch;
mod faults;
mod history;
mod hook;
mod images;
mod limits;
mod login;
mod people;
mod send;
mod token;
mod update;
mod urgent;
mod world;

#[cfg(test)]
mod tests;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

pub use hook::HookSpec;
pub use login::Browser;
pub use world::{AppSpec, ChatSpec, PersonSpec};

use world::Sim;

use crate::server;
pub use crate::server::Running;

/// The clock a simulator reads. Tests hand in one that they can move.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// Where card callbacks go, and the secrets they are made with.
#[derive(Clone, Default)]
pub struct CallbackSpec {
    /// The bot's callback address; `None` until `/_sim/callback` sets one. A click then fails with 200340.
    pub url: Option<String>,
    /// The app's "Encrypt Key"; `None` sends plaintext, unsigned callbacks as an app without a key does.
    pub encrypt_key: Option<String>,
    /// The app's "Verification Token".
    pub verification_token: String,
}

/// Everything that a fake Feishu starts with.
#[derive(Clone)]
pub struct FeishuConfig {
    /// Loopback address; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Any other address is meant: that of a private network between containers.
    pub beyond_loopback: bool,
    /// Time of messages, tokens, uuid windows and callback timestamps.
    pub clock: Clock,
    /// Time of the rate windows; `None` uses `clock`. A test that freezes `clock` but sends much hands in another.
    pub rate_clock: Option<Clock>,
    /// The bots. The first one receives the callbacks of its cards; more are strangers in the same chats.
    pub apps: Vec<AppSpec>,
    /// The tenant's key as it stands in messages and events.
    pub tenant_key: String,
    pub callback: CallbackSpec,
    /// Group chats that exist from the start.
    pub chats: Vec<ChatSpec>,
    /// People that exist from the start.
    pub people: Vec<PersonSpec>,
    /// Custom bots that exist from the start.
    pub hooks: Vec<HookSpec>,
}

impl FeishuConfig {
    /// One app on a free loopback port, without chats, people or callback address.
    pub fn new(clock: Clock, app: AppSpec) -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            beyond_loopback: false,
            clock,
            rate_clock: None,
            apps: vec![app],
            tenant_key: "sim-tenant".to_owned(),
            callback: CallbackSpec::default(),
            chats: Vec::new(),
            people: Vec::new(),
            hooks: Vec::new(),
        }
    }
}

/// Starts a fake Feishu and returns as soon as it accepts connections.
///
/// # Errors
/// If the address cannot be bound, or there is no HTTP client for callbacks to be had.
pub async fn start(config: FeishuConfig) -> io::Result<Running> {
    let (address, beyond_loopback) = (config.listen, config.beyond_loopback);
    let client = callback::client().map_err(io::Error::other)?;
    let closing = CancellationToken::new();
    let sim = Arc::new(Sim::new(config, client, closing.clone()));
    server::start("feishu_simulator", (address, beyond_loopback), dispatch::router(sim), closing).await
}
