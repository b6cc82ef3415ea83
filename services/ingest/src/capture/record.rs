//! Writes down how the gateway stands and in which stretches of time messages may have been lost.
//!
//! Of several processes on one gateway only the one that is live speaks for it; a standby takes over once that one has
//! fallen silent. Others hold cards while this row is not fresh, so it is written every second of real time, also when
//! a test moves the clock.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use events::beat::{Login, Verification};
use runtime::telemetry::chain;
use store::ingest::gateways::{self, Report};
use store::ingest::inbox;
use tokio::sync::mpsc;

use super::{Capture, SOURCE};
use crate::gateway::{Alarm, Loss, Notice, State};

/// How often the row is written, in real time.
const EVERY: Duration = Duration::from_secs(1);
/// A report older than this is a dead process's.
const STALE: TimeDelta = TimeDelta::seconds(5);
/// A restart shorter than this, from the last report to being live again, is no gap.
const RESTART_TOLERANCE: TimeDelta = TimeDelta::seconds(3);

/// A change of the gaps that is not written yet.
#[derive(Debug)]
enum GapChange {
    Open { since: DateTime<Utc>, reason: &'static str },
    Close { until: DateTime<Utc> },
}

struct Recorder {
    capture: Arc<Capture>,
    /// Tells this process's reports from others'.
    holder: String,
    /// Messages come in, by the notices: unlike the status, these are in order with what they record.
    live: bool,
    /// This process was live once and that is written, so that gaps are its own business.
    was_live: bool,
    unwritten: VecDeque<GapChange>,
}

/// What a process leaves behind that was asked to stop, so that cards wait at once.
const STOPPED: &str = "stopped";

/// Runs until the shutdown is requested. A shutdown is no gap yet: the next start knows how long it took.
pub async fn run(capture: Arc<Capture>, mut notices: mpsc::Receiver<Notice>) {
    let mut status = capture.status.clone();
    let shutdown = capture.ctx.shutdown.clone();
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let holder = runtime::random::token();
    let mut recorder = Recorder { capture, holder, live: false, was_live: false, unwritten: VecDeque::new() };
    while !shutdown.requested() {
        tokio::select! {
            biased;
            () = shutdown.wait() => break,
            Some(notice) = notices.recv() => recorder.notice(&notice),
            // The session has ended, which the shutdown explains.
            Ok(()) = status.changed() => {}
            _ = tick.tick() => recorder.measure().await,
        }
        let state = state_name(recorder.capture.status().state);
        recorder.write(state).await;
        recorder.capture.ctx.health.beat("record");
    }
    recorder.live = false;
    recorder.write(STOPPED).await;
}

impl Recorder {
    fn notice(&mut self, notice: &Notice) {
        match notice {
            Notice::Live { at, .. } => {
                self.live = true;
                self.unwritten.push_back(GapChange::Close { until: *at });
            }
            Notice::Lost { since, reason, .. } => {
                self.live = false;
                self.unwritten.push_back(GapChange::Open { since: *since, reason: loss_name(*reason) });
            }
            Notice::Alarm { alarm, raised, .. } => report_alarm(*alarm, *raised),
        }
    }

    /// What fails is tried again with the next report.
    async fn write(&mut self, state: &'static str) {
        match self.try_write(state).await {
            Ok(true) => {
                self.unwritten.clear();
                self.was_live |= self.live;
            }
            // Another process is live: what it records stands.
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(error = chain(&error), "the gateway's state could not be recorded");
            }
        }
    }

    async fn try_write(&self, state: &'static str) -> Result<bool, store::sqlx::Error> {
        let (capture, now) = (&self.capture, self.capture.now());
        let status = capture.status();
        let live = self.live && status.state == State::Live;
        let account = status.account.map(|account| account.to_string());
        let report = Report {
            gateway: &capture.name,
            source: SOURCE,
            holder: &self.holder,
            state,
            live,
            account: account.as_deref(),
            epoch: i64::try_from(status.epoch).unwrap_or(i64::MAX),
            last_event_at: capture.last_event_at(),
        };
        let mut tx = capture.ctx.db.begin().await?;
        if !self.was_live {
            let before = now - RESTART_TOLERANCE;
            gateways::open_gap_since_last_live(&mut tx, &capture.name, "restart", before).await?;
        }
        for change in &self.unwritten {
            match change {
                GapChange::Open { since, reason } => {
                    gateways::open_gap(&mut tx, &capture.name, *since, reason).await?;
                }
                GapChange::Close { until } => {
                    gateways::close_gaps(&mut tx, &capture.name, *until).await?;
                }
            }
        }
        if live {
            // What a standby took for the end of this process.
            gateways::close_gaps(&mut tx, &capture.name, now).await?;
        }
        let written = gateways::report(&mut tx, &report, now - STALE, now).await?;
        if written {
            tx.commit().await?;
        } else {
            tx.rollback().await?;
        }
        Ok(written)
    }

    async fn measure(&self) {
        let state = self.capture.status().state;
        let code = self.capture.login_code();
        let login = code.map(|code| Login { gateway: self.capture.name.clone(), code });
        self.capture.ctx.health.report_login(login);
        let verification = self.capture.verification();
        let verification = verification.map(|kind| Verification { gateway: self.capture.name.clone(), kind });
        self.capture.ctx.health.report_verification(verification);
        metrics::gauge!("ingest_gateway_live").set(f64::from(u8::from(state == State::Live)));
        let counted = async {
            let mut connection = self.capture.ctx.db.acquire().await?;
            inbox::counts(&mut connection, &self.capture.name).await
        };
        let Ok(counts) = counted.await else { return };
        #[expect(clippy::cast_precision_loss, reason = "counts of rows stay far below 2^52")]
        for (name, count) in [
            ("ingest_inbox_waiting", counts.waiting),
            ("ingest_inbox_payloads_missing", counts.missing),
            ("ingest_outbox_waiting", counts.outbox),
        ] {
            metrics::gauge!(name).set(count as f64);
        }
    }
}

fn report_alarm(alarm: Alarm, raised: bool) {
    let (name, what) = match alarm {
        Alarm::AuthFailed => {
            ("auth_failed", "the gateway refuses our token: correct ingest.gateway.token and start again")
        }
        Alarm::Occupied => {
            ("occupied", "another client, or a half-open connection, holds the gateway's stream")
        }
    };
    metrics::gauge!("ingest_gateway_alarm", "alarm" => name).set(f64::from(u8::from(raised)));
    if raised {
        tracing::error!(alarm = name, "{what}");
    }
}

/// A state as others read it.
pub fn state_name(state: State) -> &'static str {
    match state {
        State::Disconnected => "disconnected",
        State::Connecting => "connecting",
        State::Subscribing => "subscribing",
        State::WaitingLogin => "waiting_login",
        State::Live => "live",
        State::Suspect => "suspect",
        State::AuthFailed => "auth_failed",
        State::Occupied => "occupied",
    }
}

fn loss_name(loss: Loss) -> &'static str {
    match loss {
        Loss::StreamEnded => "stream_ended",
        Loss::Silent => "silent",
        Loss::LoggedOut => "logged_out",
        Loss::AccountChanged => "account_changed",
    }
}
