//! Streams and consumers, all of them, with explicit values. The only place that declares any.
//!
//! Limits retention everywhere: a work queue forgets which ids it has seen when the server restarts, and would store a
//! message twice. `backoff` nowhere: it overrides the acknowledgement wait, so that slow work is delivered twice.

use std::time::Duration;

use async_nats::jetstream::Context as JetStream;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use events::subject;

use super::BusError;

const DAY: Duration = Duration::from_hours(24);
/// Within this time the bus itself drops a repeated message id.
const DUPLICATE_WINDOW: Duration = Duration::from_mins(10);
/// How long the server waits for an acknowledgement before it delivers again.
pub(super) const ACK_WAIT: Duration = Duration::from_secs(30);
/// Most messages handled in one go.
pub(super) const BATCH: usize = 500;
/// Deliveries in flight for all replicas of a batch consumer together: a few batches each.
const BATCH_PENDING: i64 = 4_000;
/// The same for consumers of wake-ups.
const WAKE_PENDING: i64 = 1_024;

/// The durable consumers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consumer {
    /// `room-state` reading CHAT.
    RoomStateChat,
    /// `room-state` reading COMMAND.
    RoomStateCommand,
    /// `vika-sync` woken by ROOM.
    VikaSync,
    /// `feishu-alerter` woken by ROOM.
    FeishuAlerter,
}

impl Consumer {
    const ALL: [Self; 4] = [Self::RoomStateChat, Self::RoomStateCommand, Self::VikaSync, Self::FeishuAlerter];

    /// The durable's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RoomStateChat => "room-state-chat",
            Self::RoomStateCommand => "room-state-command",
            Self::VikaSync => "vika-sync",
            Self::FeishuAlerter => "feishu-alerter",
        }
    }

    /// The service that it belongs to, as in dead-letter subjects.
    pub const fn service(self) -> &'static str {
        match self {
            Self::RoomStateChat | Self::RoomStateCommand => "room-state",
            Self::VikaSync => "vika-sync",
            Self::FeishuAlerter => "feishu-alerter",
        }
    }

    /// The stream that it reads.
    pub const fn stream(self) -> &'static str {
        match self {
            Self::RoomStateChat => "CHAT",
            Self::RoomStateCommand => "COMMAND",
            Self::VikaSync | Self::FeishuAlerter => "ROOM",
        }
    }

    fn config(self) -> pull::Config {
        let wake = self.stream() == "ROOM";
        pull::Config {
            durable_name: Some(self.name().to_owned()),
            ack_policy: AckPolicy::Explicit,
            ack_wait: ACK_WAIT,
            // Facts are delivered until they are handled or set aside; a wake-up that keeps failing is the sweep's.
            max_deliver: if wake { 10 } else { -1 },
            max_ack_pending: if wake { WAKE_PENDING } else { BATCH_PENDING },
            deliver_policy: if wake { DeliverPolicy::LastPerSubject } else { DeliverPolicy::All },
            filter_subject: if wake { subject::ROOM_ALL.to_owned() } else { String::new() },
            ..Default::default()
        }
    }
}

fn streams() -> [Config; 4] {
    let limits = |name: &str, subject: &str| Config {
        name: name.to_owned(),
        subjects: vec![subject.to_owned()],
        retention: RetentionPolicy::Limits,
        storage: StorageType::File,
        discard: DiscardPolicy::Old,
        max_age: 14 * DAY,
        duplicate_window: DUPLICATE_WINDOW,
        num_replicas: 1,
        ..Default::default()
    };
    [
        Config { deny_delete: true, ..limits("CHAT", subject::CHAT_ALL) },
        limits("COMMAND", subject::COMMAND_ALL),
        Config {
            storage: StorageType::Memory,
            max_messages_per_subject: 1,
            max_age: DAY,
            ..limits("ROOM", subject::ROOM_ALL)
        },
        Config { max_age: 90 * DAY, ..limits("DEAD", subject::DEAD_ALL) },
    ]
}

/// Creates or updates every stream and durable consumer. Safe to run again and beside itself.
pub async fn declare(jetstream: &JetStream) -> Result<(), BusError> {
    for config in streams() {
        let what = format!("stream {}", config.name);
        jetstream
            .create_or_update_stream(config)
            .await
            .map_err(|source| BusError::Declare { what, source: source.into() })?;
    }
    for consumer in Consumer::ALL {
        open(jetstream, consumer).await?;
    }
    Ok(())
}

/// Deletes every stream with all that it holds. For a demo that starts afresh; nothing else calls it.
pub async fn clear(jetstream: &JetStream) -> Result<(), BusError> {
    use async_nats::jetstream::context::GetStreamErrorKind::JetStream as Refused;
    for config in streams() {
        match jetstream.delete_stream(&config.name).await {
            Ok(_) => {}
            // It was not there.
            Err(error) if matches!(error.kind(), Refused(_)) => {}
            Err(error) => {
                return Err(BusError::Declare {
                    what: format!("stream {}", config.name),
                    source: error.into(),
                });
            }
        }
    }
    Ok(())
}

/// Creates the durable if it is missing, updates it if it differs, and opens it.
pub(super) async fn open(
    jetstream: &JetStream,
    consumer: Consumer,
) -> Result<async_nats::jetstream::consumer::Consumer<pull::Config>, BusError> {
    jetstream.create_consumer_on_stream(consumer.config(), consumer.stream()).await.map_err(|source| {
        BusError::Declare { what: format!("consumer {}", consumer.name()), source: source.into() }
    })
}
