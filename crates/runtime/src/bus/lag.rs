//! How far behind a consumer is, as the server counts it for all replicas together.

use chrono::{DateTime, Utc};

use super::topology::{Consumer, open};
use super::{Bus, BusError};

/// What a consumer has still to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lag {
    /// Messages not delivered yet, or delivered and not acknowledged.
    pub pending: u64,
    /// Everything up to this sequence is handled.
    pub handled_seq: u64,
    /// When the oldest message that is not handled was published; `None` when there is none.
    pub oldest_unhandled_at: Option<DateTime<Utc>>,
}

impl Bus {
    pub async fn lag(&self, consumer: Consumer) -> Result<Lag, BusError> {
        let failed = |source| BusError::Declare { what: format!("consumer {}", consumer.name()), source };
        let opened = open(&self.jetstream, consumer).await?.ok_or(BusError::Undeclared(consumer.name()))?;
        let info = opened.cached_info();
        let pending = info.num_pending + info.num_ack_pending as u64;
        let handled_seq = info.ack_floor.stream_sequence;
        if pending == 0 {
            return Ok(Lag { pending, handled_seq, oldest_unhandled_at: None });
        }
        let stream = self.jetstream.get_stream_no_info(consumer.stream()).await;
        let stream = stream.map_err(|error| failed(error.into()))?;
        let oldest = stream.get_raw_message(handled_seq + 1).await.ok();
        let at = oldest
            .and_then(|message| message.time.timestamp_nanos_opt())
            .map_or(DateTime::UNIX_EPOCH, |nanos| self.clock.at(DateTime::from_timestamp_nanos(nanos)));
        Ok(Lag { pending, handled_seq, oldest_unhandled_at: Some(at) })
    }
}
