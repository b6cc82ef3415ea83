//! The bus: JetStream, with every default that bites set to an explicit value.

mod cluster;
mod compare;
mod consume;
mod dead_letter;
mod delivered;
mod lag;
mod login;
mod publish;
mod replay;
mod retention;
pub mod rights;
mod topology;
mod wake;

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::{self, Context as JetStream};
use bytes::Bytes;
use chrono::{DateTime, Utc};

use crate::Clock;

use cluster::Moves;

pub use compare::{Difference, differences};
pub use consume::{Delivery, Handler, Outcome, consume};
pub use dead_letter::{DeadLetter, DeadLetterReason};
pub use lag::Lag;
pub use login::Login;
pub use publish::Outgoing;
pub use replay::StreamEnd;
pub use retention::limit_ages;
pub use rights::User;
pub use topology::{Consumer, STREAMS, clear, declare};
pub use wake::note_room_changes;

/// How often the connection proves that it lives.
const PING_INTERVAL: Duration = Duration::from_secs(15);
/// How long connecting may take before it is tried again.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a publish waits for its acknowledgement, and an API request for its answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection to the bus. Clones share it.
#[derive(Debug, Clone)]
pub struct Bus {
    client: async_nats::Client,
    jetstream: JetStream,
    clock: Clock,
    login: Arc<Login>,
    /// How many servers the configuration names.
    servers: usize,
    moves: Moves,
}

/// Why something could not be done on the bus. All but [`BusError::Unpublishable`] pass: the caller tries again later.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// The address is no `nats://host:port`.
    #[error("the bus's address is not of the form nats://host:port, or several of them separated by commas")]
    Url,
    /// The configuration has no password for this user.
    #[error("bus.passwords.{0}: expected the password of the bus's user `{0}`")]
    Password(User),
    #[error("the bus cannot be reached")]
    Connect(#[source] async_nats::ConnectError),
    /// A publish was not acknowledged; it may have arrived all the same, so only the same id may be sent again.
    #[error("a publish to {subject} was not acknowledged")]
    Publish {
        subject: String,
        #[source]
        source: jetstream::context::PublishError,
    },
    /// This message can never be published. Others can.
    #[error("a message for {subject} can never be published: {why}")]
    Unpublishable {
        subject: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A consumer is not there. The one-shot declares all of them.
    #[error("the consumer {0} is not declared on the bus: run `huiyin apply`")]
    Undeclared(&'static str),
    /// A stream or consumer could not be declared or opened.
    #[error("{what} could not be declared or opened")]
    Declare {
        what: String,
        #[source]
        source: async_nats::Error,
    },
}

impl Bus {
    /// Connects. Waits no longer than [`CONNECT_TIMEOUT`] for the first connection, later ones are made by themselves
    /// for ever. `name` is what the server's own pages call the connection.
    pub async fn connect(login: &Login, name: &str) -> Result<Self, BusError> {
        let service = name.to_owned();
        let servers = cluster::servers(&login.url)?;
        let (moves, count) = (Moves::default(), servers.len());
        let chooser = moves.clone();
        let client = async_nats::ConnectOptions::with_user_and_password(
            login.user.clone(),
            login.password.expose().to_owned(),
        )
        .name(name)
        .custom_inbox_prefix(rights::inbox(&login.user))
        .ping_interval(PING_INTERVAL)
        .connection_timeout(CONNECT_TIMEOUT)
        .event_callback(move |event| {
            log_event(&event, &service);
            std::future::ready(())
        })
        .reconnect_to_server_callback(move |servers, _| std::future::ready(chooser.choose(&servers)))
        .connect(servers)
        .await
        .map_err(BusError::Connect)?;
        let jetstream = jetstream::ContextBuilder::new().timeout(REQUEST_TIMEOUT).build(client.clone());
        Ok(Self {
            client,
            jetstream,
            clock: Clock::system(),
            login: Arc::new(login.clone()),
            servers: count,
            moves,
        })
    }

    /// The same connection; moments that the server tells are taken for moments of this clock.
    #[must_use]
    pub fn by(self, clock: &Clock) -> Self {
        Self { clock: clock.clone(), ..self }
    }

    /// What time it is where the server runs. Needs the right to look at streams.
    ///
    /// # Errors
    /// If the server does not answer, or does not say.
    pub async fn server_time(&self) -> Result<DateTime<Utc>, BusError> {
        let request =
            self.client.request(format!("$JS.API.STREAM.INFO.{}", topology::STREAMS[0]), Bytes::new());
        let failed = |source| BusError::Declare { what: "the server's time".into(), source };
        let answer =
            tokio::time::timeout(REQUEST_TIMEOUT, request).await.map_err(|late| failed(late.into()))?;
        let answer = answer.map_err(|error| failed(error.into()))?;
        let parsed: ServerTime =
            serde_json::from_slice(&answer.payload).map_err(|error| failed(error.into()))?;
        Ok(parsed.ts)
    }

    /// The JetStream context, for what has no function here.
    pub fn jetstream(&self) -> &JetStream {
        &self.jetstream
    }

    /// Whether there is a connection at this moment. One is made by itself as soon as the bus is back.
    pub fn is_connected(&self) -> bool {
        self.client.connection_state() == async_nats::connection::State::Connected
    }

    /// Who is logged in, for a second connection of the same.
    pub(crate) fn login(&self) -> &Login {
        &self.login
    }

    /// The plain connection, for beats and for draining.
    pub fn client(&self) -> &async_nats::Client {
        &self.client
    }
}

/// Every answer about a stream says when it was made.
#[derive(serde::Deserialize)]
struct ServerTime {
    ts: DateTime<Utc>,
}

fn log_event(event: &async_nats::Event, service: &str) {
    let name = event_name(event);
    metrics::counter!("bus_connection_events_total", "service" => service.to_owned(), "event" => name)
        .increment(1);
    if let async_nats::Event::ServerError(error) = event {
        // It names the subject: either the rights are too narrow or somebody tries what is not his.
        tracing::warn!(event = name, %error, "bus connection");
    } else {
        tracing::info!(event = name, "bus connection");
    }
}

fn event_name(event: &async_nats::Event) -> &'static str {
    use async_nats::Event;
    match event {
        Event::Connected => "connected",
        Event::Disconnected => "disconnected",
        Event::LameDuckMode => "lame_duck",
        Event::SlowConsumer(_) => "slow_consumer",
        Event::ServerError(_) => "server_error",
        Event::ClientError(_) => "client_error",
        _ => "other",
    }
}
