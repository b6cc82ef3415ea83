//! When to connect, when to suspect, when to give up: the life of a connection as a pure state machine.
//!
//! ```text
//! Disconnected → Connecting → Subscribing → WaitingLogin ⇄ Live
//!       ↑ ↖ AuthFailed, Occupied                 ↘   ↕
//!       └──────────────────────────────────────── Suspect
//! ```
//!
//! It does nothing itself: it is told what happened and when, and answers what is to be done. It reads no clock.

use std::time::{Duration, Instant};

use runtime::Backoff;

use super::error::GatewayError;
use super::id::ContactId;

#[cfg(test)]
mod tests;

/// Number of a connection attempt, so that news of an earlier one is not taken for this one's.
pub type Epoch = u64;

/// Where the machine is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Not connected, waiting for the next attempt.
    Disconnected,
    /// An attempt is under way.
    Connecting,
    /// Connected, the event stream was asked for and has not spoken.
    Subscribing,
    /// The stream is up and nobody is logged in: nothing can come.
    WaitingLogin,
    /// The stream is up and the account is logged in.
    Live,
    /// Silent for too long: probing.
    Suspect,
    /// The gateway does not take our token.
    AuthFailed,
    /// Somebody else has the gateway's only stream.
    Occupied,
}

/// All waiting times. [`Timings::default`] has the values for production.
#[derive(Debug, Clone, Copy)]
pub struct Timings {
    pub connect: Duration,
    /// From asking for the stream to starting the puppet, if the stream has not opened by then.
    pub start_after: Duration,
    /// From asking for the stream to doubting it.
    pub first_event: Duration,
    /// Silence on a stream before probing.
    pub silence: Duration,
    /// For the answer to one probe; two unanswered ones end the connection.
    pub dong: Duration,
    /// First pause before connecting again; doubles from there.
    pub backoff_first: Duration,
    /// Longest such pause. Each second of it is lost messages.
    pub backoff_last: Duration,
    /// Pause after a refused token.
    pub auth_retry: Duration,
    /// Shortest and longest pause after an occupied stream.
    pub occupied_retry: (Duration, Duration),
    /// How long an occupied stream is normal (our own predecessor going away).
    pub occupied_alarm: Duration,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            start_after: Duration::from_secs(1),
            first_event: Duration::from_secs(6),
            silence: Duration::from_secs(15),
            dong: Duration::from_secs(10),
            backoff_first: Duration::from_millis(200),
            backoff_last: Duration::from_secs(5),
            auth_retry: Duration::from_mins(1),
            occupied_retry: (Duration::from_secs(2), Duration::from_secs(5)),
            occupied_alarm: Duration::from_secs(30),
        }
    }
}

/// Something that happened to the current connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// The connection is made.
    Connected,
    /// The gateway accepted the stream; some do so only with the first event.
    StreamOpened,
    Event(Signal),
    /// Connecting failed, the stream was refused, or it ended.
    Failed(GatewayError),
    /// The stream was ended by the gateway without an error.
    Ended,
}

/// What an event means to the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signal {
    /// The account is logged in.
    Login(ContactId),
    /// The account is logged out.
    Logout,
    /// Anything else: a sign of life.
    Activity,
}

/// What is to be done, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Connect, and report under this number.
    Connect(Epoch),
    /// Ask for the event stream and read it.
    Subscribe,
    /// Start the puppet; what comes of it is only logged. Always after [`Action::Subscribe`], so that what starting
    /// brings about is not lost.
    Start,
    Ding,
    /// Drop the connection with all that hangs on it.
    Drop,
    /// From now on messages come in.
    CaptureLive(ContactId),
    /// From the last event seen on, messages may be lost.
    CaptureLost(Loss),
    /// An operator is needed.
    Raise(Alarm),
    /// It is well again.
    Clear(Alarm),
}

/// Why messages may be lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The stream broke or was ended.
    StreamEnded,
    /// Two probes went unanswered.
    Silent,
    /// The account was logged out.
    LoggedOut,
    /// Another account logged in, without a logout before.
    AccountChanged,
}

/// What an operator has to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Alarm {
    /// The token is wrong.
    AuthFailed,
    /// The stream is somebody else's for longer than a restart takes.
    Occupied,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Resting { state: State, until: Instant },
    Connecting { until: Instant },
    Subscribing { start_at: Option<Instant>, until: Instant },
    Streaming { last_event: Instant },
    Suspect { probes: u32, until: Instant },
}

/// So many unanswered probes end a connection.
const MAX_PROBES: u32 = 2;

/// The machine. See the module.
#[derive(Debug)]
pub struct Machine {
    timings: Timings,
    phase: Phase,
    epoch: Epoch,
    account: Option<ContactId>,
    live: bool,
    failures: u32,
    occupied_since: Option<Instant>,
    alarm: Option<Alarm>,
    jitter: Jitter,
}

impl Machine {
    /// Begins disconnected and due at once. `epoch` is the last number used before; `seed` spreads the pauses.
    pub fn new(timings: Timings, epoch: Epoch, seed: u64, now: Instant) -> Self {
        Self {
            timings,
            phase: Phase::Resting { state: State::Disconnected, until: now },
            epoch,
            account: None,
            live: false,
            failures: 0,
            occupied_since: None,
            alarm: None,
            jitter: Jitter(seed),
        }
    }

    pub fn state(&self) -> State {
        match self.phase {
            Phase::Resting { state, .. } => state,
            Phase::Connecting { .. } => State::Connecting,
            Phase::Subscribing { .. } => State::Subscribing,
            Phase::Streaming { .. } if self.account.is_some() => State::Live,
            Phase::Streaming { .. } => State::WaitingLogin,
            Phase::Suspect { .. } => State::Suspect,
        }
    }

    /// Number of the current attempt.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The account that is logged in, as far as known.
    pub fn account(&self) -> Option<&ContactId> {
        self.account.as_ref()
    }

    /// When [`Machine::tick`] has something to do.
    pub fn wake_at(&self) -> Instant {
        match self.phase {
            Phase::Resting { until, .. } | Phase::Connecting { until } | Phase::Suspect { until, .. } => {
                until
            }
            Phase::Subscribing { start_at, until } => start_at.map_or(until, |at| at.min(until)),
            Phase::Streaming { last_event } => last_event + self.timings.silence,
        }
    }

    pub fn tick(&mut self, now: Instant) -> Vec<Action> {
        if now < self.wake_at() {
            return Vec::new();
        }
        match self.phase {
            Phase::Resting { .. } => {
                self.epoch += 1;
                self.phase = Phase::Connecting { until: now + self.timings.connect };
                vec![Action::Connect(self.epoch)]
            }
            Phase::Connecting { .. } => self.rest(Loss::StreamEnded, now),
            Phase::Subscribing { until, .. } if now < until => self.start_puppet(),
            Phase::Subscribing { .. } => {
                let mut actions = self.start_puppet();
                actions.extend(self.probe(1, now));
                actions
            }
            Phase::Streaming { .. } => self.probe(1, now),
            Phase::Suspect { probes, .. } if probes < MAX_PROBES => self.probe(probes + 1, now),
            Phase::Suspect { .. } => self.rest(Loss::Silent, now),
        }
    }

    /// Something happened to the connection with this number. News of another one is ignored.
    pub fn on(&mut self, epoch: Epoch, input: Input, now: Instant) -> Vec<Action> {
        if epoch != self.epoch || matches!(self.phase, Phase::Resting { .. }) {
            return Vec::new();
        }
        match input {
            Input::Connected => self.connected(now),
            Input::StreamOpened => self.start_puppet(),
            Input::Event(signal) => self.event(signal, now),
            Input::Failed(GatewayError::Unauthenticated) => self.auth_failed(now),
            Input::Failed(GatewayError::Occupied) => self.occupied(now),
            Input::Failed(_) | Input::Ended => self.rest(Loss::StreamEnded, now),
        }
    }

    fn connected(&mut self, now: Instant) -> Vec<Action> {
        if !matches!(self.phase, Phase::Connecting { .. }) {
            return Vec::new();
        }
        self.phase = Phase::Subscribing {
            start_at: Some(now + self.timings.start_after),
            until: now + self.timings.first_event,
        };
        vec![Action::Subscribe]
    }

    /// Once a connection: as soon as the stream is known to be open, or when waiting longer would be pointless.
    fn start_puppet(&mut self) -> Vec<Action> {
        match &mut self.phase {
            Phase::Subscribing { start_at, .. } => {
                start_at.take().map(|_| Action::Start).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    fn event(&mut self, signal: Signal, now: Instant) -> Vec<Action> {
        let mut actions = self.start_puppet();
        self.phase = Phase::Streaming { last_event: now };
        self.failures = 0;
        self.occupied_since = None;
        actions.extend(self.alarm.take().map(Action::Clear));
        match signal {
            Signal::Activity => {}
            Signal::Login(account) => actions.extend(self.login(account)),
            Signal::Logout => {
                self.account = None;
                actions.extend(self.lose(Loss::LoggedOut));
            }
        }
        actions
    }

    fn login(&mut self, account: ContactId) -> Vec<Action> {
        if self.live && self.account.as_ref() == Some(&account) {
            return Vec::new();
        }
        let mut actions: Vec<_> = self.lose(Loss::AccountChanged).into_iter().collect();
        self.account = Some(account.clone());
        self.live = true;
        actions.push(Action::CaptureLive(account));
        actions
    }

    fn lose(&mut self, loss: Loss) -> Option<Action> {
        std::mem::take(&mut self.live).then_some(Action::CaptureLost(loss))
    }

    fn probe(&mut self, probes: u32, now: Instant) -> Vec<Action> {
        self.phase = Phase::Suspect { probes, until: now + self.timings.dong };
        vec![Action::Ding]
    }

    fn auth_failed(&mut self, now: Instant) -> Vec<Action> {
        let mut actions = self.drop_connection(Loss::StreamEnded);
        self.phase = Phase::Resting { state: State::AuthFailed, until: now + self.timings.auth_retry };
        actions.extend(self.raise(Alarm::AuthFailed));
        actions
    }

    fn occupied(&mut self, now: Instant) -> Vec<Action> {
        let mut actions = self.drop_connection(Loss::StreamEnded);
        let (shortest, longest) = self.timings.occupied_retry;
        let pause = shortest + longest.saturating_sub(shortest).mul_f64(self.jitter.next());
        self.phase = Phase::Resting { state: State::Occupied, until: now + pause };
        let since = *self.occupied_since.get_or_insert(now);
        if now - since >= self.timings.occupied_alarm {
            actions.extend(self.raise(Alarm::Occupied));
        }
        actions
    }

    /// Disconnected until the next attempt: twice as long as the last time, and half of it at random.
    fn rest(&mut self, loss: Loss, now: Instant) -> Vec<Action> {
        let actions = self.drop_connection(loss);
        self.failures += 1;
        let backoff = Backoff::new(self.timings.backoff_first, self.timings.backoff_last);
        let longest = backoff.after(self.failures);
        let pause = longest.mul_f64(0.5 + 0.5 * self.jitter.next());
        self.phase = Phase::Resting { state: State::Disconnected, until: now + pause };
        actions
    }

    fn drop_connection(&mut self, loss: Loss) -> Vec<Action> {
        self.account = None;
        std::iter::once(Action::Drop).chain(self.lose(loss)).collect()
    }

    fn raise(&mut self, alarm: Alarm) -> Vec<Action> {
        if self.alarm == Some(alarm) {
            return Vec::new();
        }
        let cleared = self.alarm.replace(alarm).map(Action::Clear);
        cleared.into_iter().chain([Action::Raise(alarm)]).collect()
    }
}

/// Repeatable spread for pauses (the `SplitMix64` step); nothing secret hangs on it.
#[derive(Debug)]
struct Jitter(u64);

impl Jitter {
    /// From 0 to below 1.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let high = u32::try_from((mixed ^ (mixed >> 31)) >> 32).unwrap_or_default();
        f64::from(high) / (f64::from(u32::MAX) + 1.0)
    }
}
