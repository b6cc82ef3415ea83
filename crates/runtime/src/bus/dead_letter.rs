//! Dead letters: what can never be handled, kept whole with its reason so that it can be read and replayed.

use std::ops::RangeInclusive;
use std::str::FromStr;

use async_nats::HeaderMap;
use async_nats::header::NATS_MESSAGE_ID;
use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::consume::Delivery;
use super::publish::{header_text, header_value};
use super::topology::Consumer;
use super::{Bus, BusError};
use crate::services::Service;
use crate::trace;

const REASON: &str = "Huiyin-Reason";
const EXPLANATION: &str = "Huiyin-Explanation";
const SUBJECT: &str = "Huiyin-Subject";
const CONSUMER: &str = "Huiyin-Consumer";
const REPLAY: &str = "Huiyin-Replay";

/// Why a message became a dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterReason {
    /// A short word of ours, part of the subject: `undecodable`, `refused`, `contradicts`, `panicked`.
    pub reason: &'static str,
    /// What exactly, for people. Never contains the message.
    pub explanation: String,
}

/// A dead letter as it is stored.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    /// Its sequence in DEAD: its name for `show` and `replay`.
    pub seq: u64,
    /// When it was stored here.
    pub at: DateTime<Utc>,
    /// Where it was published at first.
    pub subject: String,
    /// Who could not handle it.
    pub consumer: String,
    /// Why, in a word.
    pub reason: String,
    /// Why, in a sentence.
    pub explanation: String,
    pub payload: Bytes,
    headers: HeaderMap,
}

impl Bus {
    /// Copies a delivery into DEAD and waits until it is stored. Doing it twice stores one copy.
    pub(super) async fn store_dead_letter(
        &self,
        consumer: Consumer,
        delivery: &Delivery,
        cause: &DeadLetterReason,
    ) -> Result<(), BusError> {
        metrics::counter!("dead_letters_total", "consumer" => consumer.name(), "reason" => cause.reason)
            .increment(1);
        tracing::warn!(
            consumer = consumer.name(),
            reason = cause.reason,
            explanation = cause.explanation,
            nats.stream_seq = delivery.stream_seq,
            "message stored as a dead letter"
        );
        let mut headers = delivery.headers().cloned().unwrap_or_default();
        headers
            .insert(NATS_MESSAGE_ID, header_value(&format!("{}:{}", consumer.name(), delivery.stream_seq)));
        headers.insert(REASON, header_value(cause.reason));
        headers.insert(EXPLANATION, header_text(&cause.explanation));
        headers.insert(SUBJECT, header_value(delivery.subject()));
        headers.insert(CONSUMER, header_value(consumer.name()));
        let service = consumer.owner().map_or(consumer.name(), Service::program);
        let subject = events::subject::dead(service, cause.reason);
        self.publish_raw(subject, headers, Bytes::copy_from_slice(delivery.payload())).await
    }

    async fn dead_stream(&self) -> Result<Stream, BusError> {
        self.jetstream
            .get_stream("DEAD")
            .await
            .map_err(|source| BusError::Declare { what: "stream DEAD".into(), source: source.into() })
    }

    /// One dead letter; `None` if there is none of that sequence (any more).
    pub async fn dead_letter(&self, seq: u64) -> Result<Option<DeadLetter>, BusError> {
        read_letter(&self.dead_stream().await?, seq).await
    }

    /// The sequences between which all dead letters lie now. Many in between may be gone.
    pub async fn dead_letter_range(&self) -> Result<RangeInclusive<u64>, BusError> {
        let mut stream = self.dead_stream().await?;
        let info = stream
            .info()
            .await
            .map_err(|source| BusError::Declare { what: "stream DEAD".into(), source: source.into() })?;
        Ok(info.state.first_sequence.max(1)..=info.state.last_sequence)
    }

    /// The newest dead letters, at most `most`, newest first.
    pub async fn dead_letters(&self, most: usize) -> Result<Vec<DeadLetter>, BusError> {
        let stream = self.dead_stream().await?;
        let mut letters = Vec::new();
        for seq in self.dead_letter_range().await?.rev() {
            if letters.len() >= most {
                break;
            }
            letters.extend(read_letter(&stream, seq).await?);
        }
        Ok(letters)
    }

    /// Publishes a dead letter's original again, under a new message id since the bus would drop the old one, and
    /// then removes the letter. The store recognises what was handled in the meantime.
    pub async fn replay(&self, letter: &DeadLetter) -> Result<(), BusError> {
        let mut headers = HeaderMap::new();
        let round =
            letter.headers.get(REPLAY).and_then(|round| u64::from_str(round.as_str()).ok()).unwrap_or(0) + 1;
        headers.insert(NATS_MESSAGE_ID, format!("replay:{}:{round}", letter.seq));
        headers.insert(REPLAY, round.to_string());
        if let Some(trace) = letter.headers.get(trace::HEADER) {
            headers.insert(trace::HEADER, trace.clone());
        }
        self.publish_raw(letter.subject.clone(), headers, letter.payload.clone()).await?;
        let stream = self.dead_stream().await?;
        stream.delete_message(letter.seq).await.map_err(|source| BusError::Declare {
            what: format!("dead letter {}", letter.seq),
            source: source.into(),
        })?;
        Ok(())
    }
}

impl DeadLetter {
    /// All its headers: ours, and those of the original.
    pub fn headers(&self) -> impl Iterator<Item = (String, String)> + '_ {
        self.headers
            .iter()
            .flat_map(|(name, values)| values.iter().map(move |value| (name.to_string(), value.to_string())))
    }
}

async fn read_letter(stream: &Stream, seq: u64) -> Result<Option<DeadLetter>, BusError> {
    let message = match stream.get_raw_message(seq).await {
        Ok(message) => message,
        Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => return Ok(None),
        Err(source) => {
            return Err(BusError::Declare { what: format!("dead letter {seq}"), source: source.into() });
        }
    };
    let header = |name: &str| message.headers.get(name).map(ToString::to_string).unwrap_or_default();
    Ok(Some(DeadLetter {
        seq: message.sequence,
        at: DateTime::from_timestamp_nanos(message.time.timestamp_nanos_opt().unwrap_or_default()),
        subject: header(SUBJECT),
        consumer: header(CONSUMER),
        reason: header(REASON),
        explanation: header(EXPLANATION),
        payload: message.payload.clone(),
        headers: message.headers,
    }))
}
