//! Takes events off the stream, stamps them, and hands them on.
//!
//! It only reads. A stream that is not read makes the HTTP/2 library end the whole connection after some thousand
//! events, so nothing here may wait for a fetch or a database.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tonic::Streaming;

use super::client::{GatewayClient, Resume};
use super::error::GatewayError;
use super::event::Event;
use super::machine::{Epoch, Input, Signal};
use super::wire::EventResponse;

/// Reads the time. The service hands in its clock; tests hand in one that they move.
pub type Now = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// How many events may wait for the inbox: some minutes of the fastest burst, about 100 MB at worst.
pub const ARRIVAL_QUEUE: usize = 262_144;

/// Ordinary events are reported to the state machine at most this often; it needs a sign of life, not each one.
const ACTIVITY_EVERY: Duration = Duration::from_secs(1);

/// An event with the circumstances of its coming.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// Which connection it came by.
    pub epoch: Epoch,
    /// Its place on that connection, from 1. (epoch, sequence) is the order of arrival.
    pub sequence: u64,
    pub arrived_at: DateTime<Utc>,
    /// The gateway's own number; 0 from gateways that have none. A jump is evidence of loss.
    pub wire_sequence: i32,
    pub event: Event,
}

/// Last arrival over all connections, in milliseconds of the epoch, shared with the session. 0 for none yet.
pub(super) type LastArrival = Arc<AtomicI64>;

pub(super) struct Reader {
    pub epoch: Epoch,
    pub now: Now,
    pub arrivals: mpsc::Sender<Arrival>,
    pub inputs: mpsc::UnboundedSender<(Epoch, Input)>,
    pub last_arrival: LastArrival,
}

impl Reader {
    /// Asks for the stream and reads it to its end, which is reported like everything else.
    pub async fn run(self, client: GatewayClient, resume: Resume) {
        let end = match client.events(&resume).await {
            Ok(stream) => {
                self.report(Input::StreamOpened);
                self.read(stream).await
            }
            Err(error) => Input::Failed(error),
        };
        self.report(end);
    }

    async fn read(&self, mut stream: Streaming<EventResponse>) -> Input {
        let mut reported_at: Option<Instant> = None;
        for sequence in 1.. {
            let response = match stream.message().await {
                Ok(Some(response)) => response,
                Ok(None) => break,
                Err(status) => return Input::Failed(GatewayError::from_status(&status)),
            };
            let arrival = self.stamp(sequence, &response);
            self.signal(&arrival.event, &mut reported_at);
            if self.forward(arrival).await.is_err() {
                break;
            }
        }
        Input::Ended
    }

    fn stamp(&self, sequence: u64, response: &EventResponse) -> Arrival {
        let arrived_at = (self.now)();
        let event = Event::parse(response, arrived_at);
        self.last_arrival.store(arrived_at.timestamp_millis(), Ordering::Relaxed);
        metrics::counter!("ingest_gateway_events_total", "kind" => event.name()).increment(1);
        if let Event::Other { number } | Event::Malformed { number } = event {
            tracing::debug!(event.kind = event.name(), event.number = number, "event kept without effect");
        }
        Arrival { epoch: self.epoch, sequence, arrived_at, wire_sequence: response.seq, event }
    }

    fn signal(&self, event: &Event, reported_at: &mut Option<Instant>) {
        let signal = match event {
            Event::Login(account) => Signal::Login(account.clone()),
            Event::Logout => Signal::Logout,
            _ if reported_at.is_some_and(|at| at.elapsed() < ACTIVITY_EVERY) => return,
            _ => Signal::Activity,
        };
        *reported_at = Some(Instant::now());
        self.report(Input::Event(signal));
    }

    /// A full queue means that the inbox has stood still for minutes. Waiting then costs the connection, which is at
    /// least recorded as a gap; dropping would not be.
    async fn forward(&self, arrival: Arrival) -> Result<(), mpsc::error::SendError<Arrival>> {
        match self.arrivals.try_send(arrival) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(arrival)) => {
                metrics::counter!("ingest_gateway_queue_full_total").increment(1);
                self.arrivals.send(arrival).await
            }
            Err(TrySendError::Closed(arrival)) => Err(mpsc::error::SendError(arrival)),
        }
    }

    fn report(&self, input: Input) {
        // The session is gone only when it shuts down, and then nobody needs the report.
        let _ = self.inputs.send((self.epoch, input));
    }
}
