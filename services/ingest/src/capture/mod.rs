//! From a gateway's events to facts on CHAT.
//!
//! A message's event carries only its id. The id is committed to the inbox before anything is asked for, and deleted
//! once the message is on the bus (or in the outbox, while the bus is down), so that a crash at any line loses nothing
//! that the gateway still has. Rooms are announced when they are first seen and whenever they change.
//!
//! Nothing here may make the reader wait, and nothing judges what was said.

mod arrivals;
mod change;
mod fetch;
mod message;
mod missing;
mod ordered;
mod outbox;
mod people;
mod record;
mod room_sync;
mod rooms;
mod setup;
mod unlisted;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, Utc};
use events::beat::VerificationKind;
use runtime::Context;
use tokio::sync::{Notify, watch};

pub use record::state_name;
pub use setup::start;

use self::outbox::Outbox;
use self::people::People;
use self::rooms::Rooms;
use crate::contacts::Contacts;
use crate::content;
use crate::gateway::{ContactId, Epoch, GatewayClient, GatewayError, State, Status};
use crate::order::CaptureOrder;

/// The source of everything that comes from a Wechaty gateway.
pub const SOURCE: &str = "wechaty";

/// Where tests can end the service; see [`runtime::fault`].
pub mod point {
    /// A message's id is committed, its payload is not asked for yet.
    pub const BEFORE_FETCH: &str = "ingest.before-fetch";
}

/// What the parts of the capture share.
pub struct Capture {
    ctx: Context,
    name: String,
    /// Who is logged in, in the order of events; kept over a logout, since what is fetched later was theirs.
    account: RwLock<Option<ContactId>>,
    last_login_ms: AtomicI64,
    last_event_ms: AtomicI64,
    client: watch::Receiver<Option<GatewayClient>>,
    status: watch::Receiver<Status>,
    login_code: watch::Sender<Option<String>>,
    /// What the gateway asks for before it logs the account in.
    verification: watch::Sender<Option<VerificationKind>>,
    arrived: Notify,
    people: People,
    contacts: Contacts,
    rooms: Rooms,
    outbox: Outbox,
    order: Arc<CaptureOrder>,
}

/// A connection that is live now, to fetch by.
#[derive(Clone)]
pub struct Link {
    client: GatewayClient,
    account: ContactId,
    epoch: Epoch,
}

/// Why something could not be fetched or kept.
#[derive(Debug, thiserror::Error)]
enum CaptureError {
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// What it answered is no message.
    #[error(transparent)]
    Payload(#[from] crate::gateway::payload::PayloadError),
    /// The payload cannot be put on the bus.
    #[error("the message cannot be encoded")]
    Encode(#[from] serde_json::Error),
    /// Our own database: it passes, and is nobody's fault.
    #[error("the database did not answer")]
    Database(#[from] store::sqlx::Error),
}

impl Capture {
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How the connection stands.
    pub fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// What a login code must contain, while one is to be shown.
    pub fn login_code(&self) -> Option<String> {
        let waiting = self.status.borrow().state == State::WaitingLogin;
        self.login_code.borrow().clone().filter(|_| waiting)
    }

    /// What somebody has to do at the gateway before the account is logged in, if anything.
    pub fn verification(&self) -> Option<VerificationKind> {
        let waiting = self.status.borrow().state == State::WaitingLogin;
        self.verification.borrow().filter(|_| waiting)
    }

    /// A code that may still be shown leads nowhere now.
    fn verification_asked(&self, kind: VerificationKind) {
        tracing::warn!(?kind, "the gateway asks for a verification before it logs the account in");
        self.login_code.send_replace(None);
        self.verification.send_replace(Some(kind));
    }

    /// The connection, while the account is logged in. In any other state a payload is refused, hangs, or is another
    /// account's.
    fn link(&self) -> Option<Link> {
        let status = self.status.borrow().clone();
        let client = self.client.borrow().clone();
        match (status.state, client, status.account) {
            (State::Live, Some(client), Some(account)) => Some(Link { client, account, epoch: status.epoch }),
            _ => None,
        }
    }

    /// Whether a failure on this link says something about what was asked for, and not about the link.
    fn is_current(&self, link: &Link) -> bool {
        let status = self.status.borrow();
        status.state == State::Live && status.epoch == link.epoch
    }

    fn account(&self) -> Option<ContactId> {
        self.account.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn logged_in(&self, account: ContactId, at: DateTime<Utc>) {
        *self.account.write().unwrap_or_else(PoisonError::into_inner) = Some(account);
        self.last_login_ms.store(at.timestamp_millis(), Ordering::Relaxed);
        self.login_code.send_replace(None);
        self.verification.send_replace(None);
    }

    fn last_login_at(&self) -> Option<DateTime<Utc>> {
        moment(&self.last_login_ms)
    }

    fn last_event_at(&self) -> Option<DateTime<Utc>> {
        moment(&self.last_event_ms)
    }

    fn now(&self) -> DateTime<Utc> {
        self.ctx.clock.now()
    }
}

fn moment(milliseconds: &AtomicI64) -> Option<DateTime<Utc>> {
    let value = milliseconds.load(Ordering::Relaxed);
    DateTime::from_timestamp_millis(value).filter(|_| value > 0)
}

/// A name or a topic without markup. NUL cannot be stored; they are shown, so that a mark in its place is better than
/// refusing them.
fn storable(text: &str) -> String {
    content::name(text).replace('\0', "\u{fffd}")
}
