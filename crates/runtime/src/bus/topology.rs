//! Streams and consumers, all of them, with explicit values. The only place that declares any.
//!
//! Limits retention everywhere: a work queue forgets which ids it has seen when the server restarts, and would store a
//! message twice. `backoff` nowhere: it overrides the acknowledgement wait, so that slow work is delivered twice.

use std::time::{Duration, Instant};

use async_nats::jetstream::Context as JetStream;
use async_nats::jetstream::Error as JetStreamError;
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull};
use async_nats::jetstream::context::{CreateStreamErrorKind, GetStreamError, GetStreamErrorKind};
use async_nats::jetstream::stream::{
    Config, ConsumerError, ConsumerErrorKind, DiscardPolicy, PersistenceMode, RetentionPolicy, StorageType,
};
use events::subject;

use super::BusError;
use crate::services::{SERVICES, Service};

const DAY: Duration = Duration::from_hours(24);
/// How long a cluster may take to find its leader.
const LEADER_LIMIT: Duration = Duration::from_mins(1);
const DECLARE_AGAIN: Duration = Duration::from_millis(500);
/// Within this time the bus itself drops a repeated message id.
const DUPLICATE_WINDOW: Duration = Duration::from_mins(10);
/// How long the server waits for an acknowledgement, or a word that a message is in progress, before it delivers again.
const ACK_WAIT: Duration = Duration::from_secs(10);
/// Most messages handled in one go.
const BATCH: usize = 500;
/// The same where messages may be far behind: each room that a batch concerns is written once for it.
const CHAT_BATCH: usize = 8_000;
/// Deliveries in flight for all replicas of a batch consumer together: a few batches each.
const BATCH_PENDING: i64 = 4_000;
const CHAT_PENDING: i64 = 50_000;
/// The same for consumers of wake-ups, and of the few dead letters.
const WAKE_PENDING: i64 = 1_024;
/// Deliveries of a wake-up that keeps failing; then it is the sweep's.
const WAKE_DELIVERIES: i64 = 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consumer {
    RoomStateChat,
    RoomStateCommand,
    /// `vika-sync` woken by ROOM.
    VikaSync,
    /// `feishu-alerter` woken by ROOM.
    FeishuAlerter,
    /// `performance` woken by ROOM.
    Performance,
    /// `feishu-alerter`'s watchdog counting dead letters.
    WatchdogDead,
}

impl Consumer {
    /// Everything captured and asked for goes through these.
    pub const FACTS: [Self; 2] = [Self::RoomStateChat, Self::RoomStateCommand];
    pub const ALL: [Self; 6] = [
        Self::RoomStateChat,
        Self::RoomStateCommand,
        Self::VikaSync,
        Self::FeishuAlerter,
        Self::Performance,
        Self::WatchdogDead,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::RoomStateChat => "room-state-chat",
            Self::RoomStateCommand => "room-state-command",
            Self::VikaSync => "vika-sync",
            Self::FeishuAlerter => "feishu-alerter",
            Self::Performance => "performance",
            Self::WatchdogDead => "feishu-alerter-dead",
        }
    }

    /// The service that it belongs to: no other may pull from it.
    pub fn owner(self) -> Option<&'static Service> {
        SERVICES.iter().find(|service| service.consumers.contains(&self))
    }

    /// The stream that it reads.
    pub const fn stream(self) -> &'static str {
        match self {
            Self::RoomStateChat => "CHAT",
            Self::RoomStateCommand => "COMMAND",
            Self::VikaSync | Self::FeishuAlerter | Self::Performance => "ROOM",
            Self::WatchdogDead => "DEAD",
        }
    }

    /// Most messages handled in one go.
    pub(super) const fn batch(self) -> usize {
        match self {
            Self::RoomStateChat => CHAT_BATCH,
            _ => BATCH,
        }
    }

    pub(super) fn config(self) -> pull::Config {
        let batches = pull::Config {
            durable_name: Some(self.name().to_owned()),
            ack_policy: AckPolicy::Explicit,
            ack_wait: ACK_WAIT,
            // Facts are delivered until they are handled or stored as dead letters.
            max_deliver: -1,
            max_ack_pending: BATCH_PENDING,
            deliver_policy: DeliverPolicy::All,
            ..Default::default()
        };
        match self {
            Self::RoomStateChat => pull::Config { max_ack_pending: CHAT_PENDING, ..batches },
            Self::RoomStateCommand => batches,
            Self::VikaSync | Self::FeishuAlerter | Self::Performance => pull::Config {
                max_deliver: WAKE_DELIVERIES,
                max_ack_pending: WAKE_PENDING,
                deliver_policy: DeliverPolicy::LastPerSubject,
                filter_subject: subject::ROOM_ALL.to_owned(),
                ..batches
            },
            // Dead letters from before anybody watched are no alarm.
            Self::WatchdogDead => {
                pull::Config { max_ack_pending: WAKE_PENDING, deliver_policy: DeliverPolicy::New, ..batches }
            }
        }
    }
}

/// The names of all streams.
pub const STREAMS: [&str; 4] = ["CHAT", "COMMAND", "ROOM", "DEAD"];

/// All streams, each kept on so many servers.
pub(super) fn streams(replicas: usize) -> [Config; 4] {
    let limits = |name: &str, subject: &str| Config {
        name: name.to_owned(),
        subjects: vec![subject.to_owned()],
        retention: RetentionPolicy::Limits,
        storage: StorageType::File,
        discard: DiscardPolicy::Old,
        max_age: 14 * DAY,
        duplicate_window: DUPLICATE_WINDOW,
        num_replicas: replicas,
        ..Default::default()
    };
    [
        Config { deny_delete: true, ..limits("CHAT", subject::CHAT_ALL) },
        limits("COMMAND", subject::COMMAND_ALL),
        Config {
            // In a file, because a stream in memory goes with all its consumers when the server restarts, and nobody
            // would be woken by changes until the next `huiyin apply`. Wake-ups themselves may be lost.
            persist_mode: persist_mode_of_room(replicas),
            max_messages_per_subject: 1,
            max_age: DAY,
            ..limits("ROOM", subject::ROOM_ALL)
        },
        Config { max_age: 90 * DAY, ..limits("DEAD", subject::DEAD_ALL) },
    ]
}

/// The server acknowledges replicated messages in one way only.
fn persist_mode_of_room(replicas: usize) -> Option<PersistenceMode> {
    (replicas == 1).then_some(PersistenceMode::Async)
}

/// Creates or updates every stream and durable consumer, kept on so many servers of the bus. Safe to run again and beside
/// itself. Servers that have only just started have no leader yet, whom they all ask: it is tried again for
/// [`LEADER_LIMIT`].
///
/// # Errors
/// At once if the server refuses; if it cannot be asked, after that time.
pub async fn declare(jetstream: &JetStream, replicas: usize) -> Result<(), BusError> {
    let deadline = Instant::now() + LEADER_LIMIT;
    loop {
        match declare_once(jetstream, replicas).await {
            Ok(()) => return Ok(()),
            Err(failed) if failed.passes && Instant::now() < deadline => {
                tracing::warn!(error = %failed.error, "the bus is not ready for streams, trying again");
                tokio::time::sleep(DECLARE_AGAIN).await;
            }
            Err(failed) => return Err(failed.error),
        }
    }
}

/// Something could not be declared.
struct Failed {
    error: BusError,
    /// Whether it may go well a little later.
    passes: bool,
}

impl Failed {
    fn new(what: String, source: async_nats::Error, passes: bool) -> Self {
        Self { error: BusError::Declare { what, source }, passes }
    }
}

async fn declare_once(jetstream: &JetStream, replicas: usize) -> Result<(), Failed> {
    forget_unchangeable_room(jetstream, replicas).await?;
    for config in streams(replicas) {
        let what = format!("stream {}", config.name);
        jetstream.create_or_update_stream(config).await.map_err(|error| {
            let passes = match error.kind() {
                CreateStreamErrorKind::TimedOut
                | CreateStreamErrorKind::JetStreamUnavailable
                | CreateStreamErrorKind::Response => true,
                CreateStreamErrorKind::JetStream(refused) => refusal_passes(&refused),
                _ => false,
            };
            Failed::new(what, error.into(), passes)
        })?;
    }
    for consumer in Consumer::ALL {
        jetstream.create_consumer_on_stream(consumer.config(), consumer.stream()).await.map_err(|error| {
            let passes = match error.kind() {
                ConsumerErrorKind::TimedOut | ConsumerErrorKind::Request | ConsumerErrorKind::Other => true,
                ConsumerErrorKind::JetStream(refused) => refusal_passes(&refused),
                _ => false,
            };
            Failed::new(format!("consumer {}", consumer.name()), error.into(), passes)
        })?;
    }
    Ok(())
}

/// ROOM was once kept in memory, and the server changes neither where a stream is kept nor how it is written. It holds
/// nothing but wake-ups.
async fn forget_unchangeable_room(jetstream: &JetStream, replicas: usize) -> Result<(), Failed> {
    let failed = |error: GetStreamError| {
        let passes = match error.kind() {
            GetStreamErrorKind::Request => true,
            GetStreamErrorKind::JetStream(refused) => refusal_passes(&refused),
            _ => false,
        };
        Failed::new("stream ROOM".to_owned(), error.into(), passes)
    };
    let stream = match jetstream.get_stream("ROOM").await {
        Ok(stream) => stream,
        Err(error) if is_not_found(&error) => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    let config = &stream.cached_info().config;
    let mode = persist_mode_of_room(replicas).unwrap_or_default();
    if config.storage == StorageType::Memory || config.persist_mode.unwrap_or_default() != mode {
        jetstream.delete_stream("ROOM").await.map_err(failed)?;
    }
    Ok(())
}

fn is_not_found(error: &GetStreamError) -> bool {
    matches!(error.kind(), GetStreamErrorKind::JetStream(refused) if refused.error_code() == ErrorCode::STREAM_NOT_FOUND)
}

/// Whether a cluster says this only until it has found itself: it has no leader, knows too few of its servers yet, or
/// has not told all of them of a stream made a moment ago.
fn refusal_passes(refused: &JetStreamError) -> bool {
    const UNAVAILABLE: usize = 503;
    refused.code() == UNAVAILABLE
        || matches!(refused.error_code(), ErrorCode::CLUSTER_NO_PEERS | ErrorCode::STREAM_NOT_FOUND)
}

/// Deletes every stream with all that it holds. For a demo that starts afresh; nothing else calls it.
pub async fn clear(jetstream: &JetStream) -> Result<(), BusError> {
    use async_nats::jetstream::context::GetStreamErrorKind::JetStream as Refused;
    for name in STREAMS {
        match jetstream.delete_stream(name).await {
            Ok(_) => {}
            // It was not there.
            Err(error) if matches!(error.kind(), Refused(_)) => {}
            Err(error) => {
                return Err(BusError::Declare { what: format!("stream {name}"), source: error.into() });
            }
        }
    }
    Ok(())
}

/// Opens a durable that is declared; `None`: it is not. Services never declare any themselves.
pub(super) async fn open(
    jetstream: &JetStream,
    consumer: Consumer,
) -> Result<Option<PullConsumer>, BusError> {
    match jetstream.get_consumer_from_stream(consumer.name(), consumer.stream()).await {
        Ok(opened) => Ok(Some(opened)),
        Err(error) if is_missing(&error) => Ok(None),
        Err(source) => {
            Err(BusError::Declare { what: format!("consumer {}", consumer.name()), source: source.into() })
        }
    }
}

fn is_missing(error: &ConsumerError) -> bool {
    let ConsumerErrorKind::JetStream(refused) = error.kind() else { return false };
    matches!(refused.error_code(), ErrorCode::CONSUMER_NOT_FOUND | ErrorCode::STREAM_NOT_FOUND)
}
