//! Keeps one gateway connected for as long as the service runs: does what [`super::machine`] says.
//!
//! It must not end the puppet or its login, at shutdown neither: the stream is simply dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use chrono::{DateTime, Utc};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::client::{GatewayClient, Resume, Settings};
use super::error::GatewayError;
use super::id::ContactId;
use super::machine::{Action, Alarm, Epoch, Input, Loss, Machine, State, Timings};
use super::reader::{Arrival, LastArrival, Now, Reader};

/// Notices are rare; this many unread ones mean that the reader of notices is dead.
pub const NOTICE_QUEUE: usize = 1_024;

/// What our probes carry, so that their answers can be told from others'.
pub const DING_DATA: &str = "huiyin";

/// A change worth recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// From `at` on, messages of this account come in.
    Live {
        epoch: Epoch,
        account: ContactId,
        /// When the login was seen.
        at: DateTime<Utc>,
    },
    /// From `since` on, messages may be missing, until the next [`Notice::Live`].
    Lost {
        epoch: Epoch,
        /// The last event seen.
        since: DateTime<Utc>,
        /// When it was noticed.
        noticed_at: DateTime<Utc>,
        reason: Loss,
    },
    /// An operator is needed, or no longer.
    Alarm {
        alarm: Alarm,
        /// Needed, or no longer.
        raised: bool,
        at: DateTime<Utc>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Where the state machine is.
    pub state: State,
    /// Number of the current connection attempt.
    pub epoch: Epoch,
    /// Who is logged in, as far as known.
    pub account: Option<ContactId>,
    /// What last went wrong, until the stream is up again.
    pub last_error: Option<GatewayError>,
}

/// Where a session puts what it learns.
pub struct Outlets {
    /// All events, in order.
    pub arrivals: mpsc::Sender<Arrival>,
    pub notices: mpsc::Sender<Notice>,
    /// How things stand now.
    pub status: watch::Sender<Status>,
    /// The connection to fetch by, while there is one.
    pub client: watch::Sender<Option<GatewayClient>>,
}

impl Status {
    /// How things stand before the first attempt.
    pub fn initial() -> Self {
        Self { state: State::Disconnected, epoch: 0, account: None, last_error: None }
    }
}

/// Keeps one gateway connected. See the module.
pub struct Session {
    settings: Settings,
    resume: Resume,
    machine: Machine,
    now: Now,
    outlets: Outlets,
    tasks: JoinSet<()>,
    inputs: mpsc::UnboundedSender<(Epoch, Input)>,
    connections: mpsc::UnboundedSender<(Epoch, GatewayClient)>,
    last_arrival: LastArrival,
    last_error: Option<GatewayError>,
}

/// What a session starts from.
pub struct Begin {
    /// Where the gateway is.
    pub settings: Settings,
    pub timings: Timings,
    /// Where the last stream was left.
    pub resume: Resume,
    /// Last epoch used by an earlier process, so that (epoch, sequence) stays unique.
    pub epoch: Epoch,
    /// Spreads the pauses between attempts.
    pub seed: u64,
    pub now: Now,
}

impl Session {
    /// Runs until `shutdown`. Comes back only then.
    pub async fn run(begin: Begin, outlets: Outlets, shutdown: CancellationToken) {
        let (inputs, mut reports) = mpsc::unbounded_channel();
        let (connections, mut connected) = mpsc::unbounded_channel();
        let mut session = Self {
            settings: begin.settings,
            resume: begin.resume,
            machine: Machine::new(begin.timings, begin.epoch, begin.seed, Instant::now()),
            now: begin.now,
            outlets,
            tasks: JoinSet::new(),
            inputs,
            connections,
            last_arrival: Arc::new(AtomicI64::new(0)),
            last_error: None,
        };
        loop {
            let wake = tokio::time::Instant::from_std(session.machine.wake_at());
            let actions = tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                Some((epoch, client)) = connected.recv() => session.connected(epoch, client),
                Some((epoch, input)) = reports.recv() => session.report(epoch, input),
                Some(_) = session.tasks.join_next() => continue,
                () = tokio::time::sleep_until(wake) => session.machine.tick(Instant::now()),
            };
            session.perform_all(actions).await;
        }
        session.disconnect();
    }

    fn connected(&mut self, epoch: Epoch, client: GatewayClient) -> Vec<Action> {
        if epoch != self.machine.epoch() {
            return Vec::new();
        }
        let actions = self.machine.on(epoch, Input::Connected, Instant::now());
        if !actions.is_empty() {
            self.outlets.client.send_replace(Some(client));
        }
        actions
    }

    fn report(&mut self, epoch: Epoch, input: Input) -> Vec<Action> {
        if epoch == self.machine.epoch() {
            match &input {
                Input::Failed(error) => self.last_error = Some(*error),
                Input::Event(_) => self.last_error = None,
                Input::Connected | Input::StreamOpened | Input::Ended => {}
            }
        }
        self.machine.on(epoch, input, Instant::now())
    }

    async fn perform_all(&mut self, actions: Vec<Action>) {
        for action in actions {
            if let Some(notice) = self.perform(action) {
                // Nobody listens only while shutting down.
                let _ = self.outlets.notices.send(notice).await;
            }
        }
        self.publish();
    }

    fn perform(&mut self, action: Action) -> Option<Notice> {
        match action {
            Action::Connect(epoch) => self.connect(epoch),
            Action::Subscribe => self.subscribe(),
            Action::Start => self.call("start", |client| async move { client.start().await }),
            Action::Ding => self.call("ding", |client| async move { client.ding(DING_DATA).await }),
            Action::Drop => self.disconnect(),
            Action::CaptureLive(account) => return Some(self.live(account)),
            Action::CaptureLost(reason) => return Some(self.lost(reason)),
            Action::Raise(alarm) => return Some(self.alarm(alarm, true)),
            Action::Clear(alarm) => return Some(self.alarm(alarm, false)),
        }
        None
    }

    fn connect(&mut self, epoch: Epoch) {
        let (settings, inputs, connections) =
            (self.settings.clone(), self.inputs.clone(), self.connections.clone());
        self.tasks.spawn(async move {
            // The session is gone only when it shuts down.
            let _ = match GatewayClient::connect(&settings).await {
                Ok(client) => connections.send((epoch, client)).map_err(drop),
                Err(error) => inputs.send((epoch, Input::Failed(error))).map_err(drop),
            };
        });
    }

    fn subscribe(&mut self) {
        let Some(client) = self.client() else { return };
        let reader = Reader {
            epoch: self.machine.epoch(),
            now: Arc::clone(&self.now),
            arrivals: self.outlets.arrivals.clone(),
            inputs: self.inputs.clone(),
            last_arrival: Arc::clone(&self.last_arrival),
        };
        self.tasks.spawn(reader.run(client, self.resume.clone()));
    }

    /// Calls without waiting. A failure is only logged: what counts is whether events come.
    fn call<F>(&mut self, name: &'static str, call: impl FnOnce(GatewayClient) -> F)
    where
        F: Future<Output = Result<(), GatewayError>> + Send + 'static,
    {
        let Some(client) = self.client() else { return };
        let call = call(client);
        self.tasks.spawn(async move {
            if let Err(error) = call.await {
                tracing::warn!(gateway.call = name, %error, "gateway call failed");
            }
        });
    }

    fn client(&self) -> Option<GatewayClient> {
        self.outlets.client.borrow().clone()
    }

    /// Drops the stream and everything under way. The account stays logged in.
    fn disconnect(&mut self) {
        self.tasks.abort_all();
        self.outlets.client.send_replace(None);
    }

    fn live(&self, account: ContactId) -> Notice {
        tracing::info!(gateway.epoch = self.machine.epoch(), account.id = %account, "capture is live");
        Notice::Live { epoch: self.machine.epoch(), account, at: (self.now)() }
    }

    fn lost(&self, reason: Loss) -> Notice {
        let noticed_at = (self.now)();
        let last = Some(self.last_arrival.load(Ordering::Relaxed)).filter(|millis| *millis > 0);
        let since =
            last.and_then(DateTime::from_timestamp_millis).map_or(noticed_at, |last| last.min(noticed_at));
        tracing::warn!(gateway.epoch = self.machine.epoch(), ?reason, %since, "capture is lost");
        Notice::Lost { epoch: self.machine.epoch(), since, noticed_at, reason }
    }

    fn alarm(&self, alarm: Alarm, raised: bool) -> Notice {
        if raised {
            tracing::error!(?alarm, "the gateway needs an operator");
        } else {
            tracing::info!(?alarm, "the gateway needs no operator any more");
        }
        Notice::Alarm { alarm, raised, at: (self.now)() }
    }

    fn publish(&self) {
        let status = Status {
            state: self.machine.state(),
            epoch: self.machine.epoch(),
            account: self.machine.account().cloned(),
            last_error: self.last_error,
        };
        self.outlets.status.send_if_modified(|old| {
            let changed = *old != status;
            if changed {
                tracing::debug!(gateway.state = ?status.state, gateway.epoch = status.epoch, "gateway state");
                *old = status;
            }
            changed
        });
    }
}
