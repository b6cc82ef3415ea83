//! A session with everything that it tells, to wait for.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use ingest::gateway::payload::{self, Message};
use ingest::gateway::reader::{ARRIVAL_QUEUE, Now};
use ingest::gateway::session::{Begin, NOTICE_QUEUE};
use ingest::gateway::*;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::PATIENCE;

pub const TOKEN: &str = "sample_0123456789";

pub struct Harness {
    pub arrivals: mpsc::Receiver<Arrival>,
    pub notices: mpsc::Receiver<Notice>,
    pub status: watch::Receiver<Status>,
    pub client: watch::Receiver<Option<GatewayClient>>,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

#[expect(clippy::disallowed_methods, reason = "the one place where these tests read the clock")]
pub fn now() -> DateTime<Utc> {
    Utc::now()
}

pub fn settings(address: &str, token: &str) -> Settings {
    Settings {
        address: address.to_owned(),
        token: Token::parse(token).unwrap(),
        security: Security::Plain,
        token_as_authority: false,
    }
}

impl Harness {
    pub fn start(address: &str, timings: Timings) -> Self {
        Self::start_with(settings(address, TOKEN), timings, Resume::default())
    }

    pub fn start_with(settings: Settings, timings: Timings, resume: Resume) -> Self {
        let (arrivals, arrivals_rx) = mpsc::channel(ARRIVAL_QUEUE);
        let (notices, notices_rx) = mpsc::channel(NOTICE_QUEUE);
        let (status, status_rx) = watch::channel(Status::initial());
        let (client, client_rx) = watch::channel(None);
        let now: Now = Arc::new(now);
        let begin = Begin { settings, timings, resume, epoch: 0, seed: 7, now };
        let shutdown = CancellationToken::new();
        let outlets = Outlets { arrivals, notices, status, client };
        let task = tokio::spawn(Session::run(begin, outlets, shutdown.clone()));
        Self {
            arrivals: arrivals_rx,
            notices: notices_rx,
            status: status_rx,
            client: client_rx,
            shutdown,
            task,
        }
    }

    pub async fn until(&self, state: State) -> Status {
        let mut status = self.status.clone();
        let found = tokio::time::timeout(PATIENCE, status.wait_for(|status| status.state == state)).await;
        found.unwrap_or_else(|_| panic!("never {state:?}, but {:?}", self.status.borrow())).unwrap().clone()
    }

    /// The next event of which this is true; the ones before it are passed over.
    pub async fn event(&mut self, wanted: impl Fn(&Event) -> bool) -> Arrival {
        let found = async {
            loop {
                let arrival = self.arrivals.recv().await.expect("the session has ended");
                if wanted(&arrival.event) {
                    return arrival;
                }
            }
        };
        tokio::time::timeout(PATIENCE, found).await.expect("the event never came")
    }

    pub async fn notice(&mut self, wanted: impl Fn(&Notice) -> bool) -> Notice {
        let found = async {
            loop {
                let notice = self.notices.recv().await.expect("the session has ended");
                if wanted(&notice) {
                    return notice;
                }
            }
        };
        tokio::time::timeout(PATIENCE, found).await.expect("the notice never came")
    }

    pub async fn lost(&mut self, why: Loss) -> Notice {
        self.notice(|notice| matches!(notice, Notice::Lost { reason, .. } if *reason == why)).await
    }

    pub fn client(&self) -> GatewayClient {
        self.client.borrow().clone().expect("not connected")
    }

    /// The next message event, fetched and brought into shape.
    pub async fn message(&mut self) -> Message {
        let arrival = self.event(|event| matches!(event, Event::Message(_))).await;
        let Event::Message(id) = arrival.event else { unreachable!() };
        let wire = self.client().message(&id).await.unwrap();
        payload::message(&id, wire, arrival.arrived_at).unwrap()
    }

    pub async fn stop(self) {
        self.shutdown.cancel();
        tokio::time::timeout(PATIENCE, self.task).await.expect("the session does not end").unwrap();
    }
}
