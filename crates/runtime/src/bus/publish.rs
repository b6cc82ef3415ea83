//! Publishing: in the order given, acknowledged, and safe to repeat.

use std::fmt::Write as _;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::header::{HeaderValue, NATS_MESSAGE_ID};
use async_nats::jetstream::context::{PublishAckFuture, PublishError, PublishErrorKind};
use bytes::Bytes;
use futures::future::join_all;

use super::{Bus, BusError};
use crate::Backoff;
use crate::trace::{self, Trace};

/// How often a publish whose outcome is unknown is tried again, always with the same message id.
const ATTEMPTS: u32 = 4;
/// The pauses between attempts.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(1));
/// Publishes that wait for their acknowledgement at the same time; the client allows 5,000.
const IN_FLIGHT: usize = 1_000;
/// Bytes of the server's largest message that stay free: a dead letter carries its original whole, and says why.
const RESERVED_FOR_DEAD: usize = 16 * 1024;
/// Bytes of a header's value.
const MAX_HEADER: usize = 4 * 1024;

#[derive(Debug, Clone)]
pub struct Outgoing {
    pub subject: String,
    /// Its natural key: the bus drops what it has already seen under it (within ten minutes).
    pub id: String,
    pub payload: Vec<u8>,
}

type Sent = Result<PublishAckFuture, PublishError>;

impl Bus {
    /// Publishes and waits for the acknowledgement. `Ok(true)`: the bus had it already.
    pub async fn publish(&self, outgoing: &Outgoing) -> Result<bool, BusError> {
        self.check(outgoing)?;
        let trace = Trace::current();
        let sent = self.send(outgoing, trace.as_ref()).await;
        self.settled(outgoing, trace.as_ref(), Ok(sent)).await
    }

    /// Publishes in order without waiting in between, and waits for all acknowledgements. The answers are in the order of
    /// `outgoing`. What the server did not answer for is published again behind the others.
    pub async fn publish_all(&self, outgoing: &[Outgoing]) -> Vec<Result<bool, BusError>> {
        let trace = Trace::current();
        let together: Vec<(&Outgoing, Option<&Trace>)> =
            outgoing.iter().map(|one| (one, trace.as_ref())).collect();
        self.publish_traced(&together).await
    }

    /// The same where each has a trace of its own.
    pub async fn publish_traced(
        &self,
        outgoing: &[(&Outgoing, Option<&Trace>)],
    ) -> Vec<Result<bool, BusError>> {
        let mut answers = Vec::with_capacity(outgoing.len());
        for together in outgoing.chunks(IN_FLIGHT) {
            let mut in_flight = Vec::with_capacity(together.len());
            for (one, trace) in together {
                // Only the client's channel is waited for: whoever is first in it is first on the wire.
                let sent = match self.check(one) {
                    Ok(()) => Ok(self.send(one, *trace).await),
                    Err(error) => Err(error),
                };
                in_flight.push(sent);
            }
            let settled =
                together.iter().zip(in_flight).map(|((one, trace), sent)| self.settled(one, *trace, sent));
            answers.extend(join_all(settled).await);
        }
        answers
    }

    /// Tries again while nobody knows what became of it.
    async fn settled(
        &self,
        outgoing: &Outgoing,
        trace: Option<&Trace>,
        sent: Result<Sent, BusError>,
    ) -> Result<bool, BusError> {
        let mut outcome = acknowledged(sent?).await;
        for failures in 1..ATTEMPTS {
            if outcome.is_ok() {
                break;
            }
            tokio::time::sleep(BACKOFF.after(failures)).await;
            outcome = acknowledged(self.send(outgoing, trace).await).await;
        }
        if outcome.is_err() {
            self.try_another_server().await;
        }
        outcome.map_err(|source| failed(&outgoing.subject, source))
    }

    /// What the client or the server would refuse however often it is tried.
    fn check(&self, outgoing: &Outgoing) -> Result<(), BusError> {
        let most = self.client.server_info().max_payload.saturating_sub(RESERVED_FOR_DEAD);
        if most > 0 && outgoing.payload.len() > most {
            return Err(unpublishable(&outgoing.subject, "it is larger than the bus takes"));
        }
        let is_token = |token: &str| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        if !outgoing.subject.split('.').all(is_token) || outgoing.subject.contains(['*', '>']) {
            return Err(unpublishable("?", "its subject is none"));
        }
        Ok(())
    }

    /// Gives a publish to the client, which keeps the order in which it gets them.
    async fn send(&self, outgoing: &Outgoing, trace: Option<&Trace>) -> Sent {
        let mut headers = HeaderMap::new();
        headers.insert(NATS_MESSAGE_ID, header_value(&outgoing.id));
        if let Some(trace) = trace {
            headers.insert(trace::HEADER, header_value(&trace.to_string()));
        }
        let payload = Bytes::from(outgoing.payload.clone());
        self.jetstream.publish_with_headers(outgoing.subject.clone(), headers, payload).await
    }

    /// Publishes with headers of the caller's, once.
    pub(super) async fn publish_raw(
        &self,
        subject: String,
        headers: HeaderMap,
        payload: Bytes,
    ) -> Result<(), BusError> {
        let pending = self.jetstream.publish_with_headers(subject.clone(), headers, payload).await;
        acknowledged(pending).await.map(drop).map_err(|source| failed(&subject, source))
    }
}

async fn acknowledged(sent: Sent) -> Result<bool, PublishError> {
    Ok(sent?.await?.duplicate)
}

fn failed(subject: &str, source: PublishError) -> BusError {
    match source.kind() {
        PublishErrorKind::MaxPayloadExceeded => unpublishable(subject, "it is larger than the bus takes"),
        _ => BusError::Publish { subject: subject.to_owned(), source },
    }
}

fn unpublishable(subject: &str, why: &'static str) -> BusError {
    BusError::Unpublishable { subject: subject.to_owned(), why }
}

/// Any text as a header's value. A line feed would end the header, and the client panics at one; a space at the end would
/// be lost. So everything but visible ASCII is percent-encoded; of a text that is too long the beginning stays.
pub(super) fn header_value(text: &str) -> HeaderValue {
    let mut value = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() {
            value.push(char::from(byte));
        } else {
            // Writing to a string never fails.
            let _ = write!(value, "%{byte:02X}");
        }
        if value.len() >= MAX_HEADER {
            break;
        }
    }
    value.parse().unwrap_or_default()
}

/// A sentence for people as a header's value: one line, spaces kept.
pub(super) fn header_text(text: &str) -> HeaderValue {
    let line: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_HEADER / 4).collect();
    line.trim().parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_is_a_header_value() {
        let cases = [
            ("webhook:main:m-1", "webhook:main:m-1"),
            ("nl\nid\r", "nl%0Aid%0D"),
            ("a ", "a%20"),
            ("群", "%E7%BE%A4"),
        ];
        for (text, value) in cases {
            assert_eq!(header_value(text).as_str(), value);
        }
        assert!(header_value(&"字".repeat(100_000)).as_str().len() < MAX_HEADER + 3);
        assert_eq!(header_text(" 一句\r\n话\u{7f} ").as_str(), "一句  话");
    }
}
