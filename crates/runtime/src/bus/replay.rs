//! Having everything that a stream still holds handled once more, for a store that was brought back to an earlier state.

use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::stream::ConsumerErrorKind;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::topology::Consumer;
use super::{Bus, BusError};

/// How far a stream reaches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamEnd {
    pub stream: String,
    /// When it was made: another stream of the same name counts anew.
    pub created_at: DateTime<Utc>,
    /// Its oldest message's sequence.
    pub first_seq: u64,
    /// Its newest message's sequence.
    pub last_seq: u64,
}

impl Bus {
    /// How far a consumer's stream reaches; `None`: there is no such stream.
    pub async fn stream_end(&self, consumer: Consumer) -> Result<Option<StreamEnd>, BusError> {
        let name = consumer.stream();
        let stream = match self.jetstream.get_stream(name).await {
            Ok(stream) => stream,
            Err(error) if matches!(error.kind(), GetStreamErrorKind::JetStream(_)) => return Ok(None),
            Err(source) => {
                return Err(BusError::Declare { what: format!("stream {name}"), source: source.into() });
            }
        };
        let info = stream.cached_info();
        let created = info.created.timestamp_nanos_opt().unwrap_or_default();
        Ok(Some(StreamEnd {
            stream: name.to_owned(),
            created_at: DateTime::from_timestamp_nanos(created),
            first_seq: info.state.first_sequence,
            last_seq: info.state.last_sequence,
        }))
    }

    /// Forgets how far a durable consumer has come: declared again, it begins with the oldest message that its stream
    /// holds. What was handled already is recognised by the store.
    pub async fn forget_progress(&self, consumer: Consumer) -> Result<(), BusError> {
        let gone = self.jetstream.delete_consumer_from_stream(consumer.name(), consumer.stream()).await;
        match gone {
            Ok(_) => Ok(()),
            // It was not there.
            Err(error) if matches!(error.kind(), ConsumerErrorKind::JetStream(_)) => Ok(()),
            Err(source) => Err(BusError::Declare {
                what: format!("consumer {}", consumer.name()),
                source: source.into(),
            }),
        }
    }
}
