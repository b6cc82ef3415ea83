//! The machine by tables: a script of what happens when, with what is to be done and where that leads.

use super::*;

fn me() -> ContactId {
    ContactId::parse("me").unwrap()
}

fn other() -> ContactId {
    ContactId::parse("other").unwrap()
}

/// A script: at so many milliseconds this happens; these actions and this state are expected.
struct Script {
    machine: Machine,
    begin: Instant,
}

impl Script {
    fn new() -> Self {
        let begin = Instant::now();
        Self { machine: Machine::new(Timings::default(), 0, 7, begin), begin }
    }

    fn at(&self, ms: u64) -> Instant {
        self.begin + Duration::from_millis(ms)
    }

    #[track_caller]
    fn input(&mut self, ms: u64, input: Input, actions: &[Action], state: State) {
        let now = self.at(ms);
        let done = self.machine.on(self.machine.epoch(), input, now);
        assert_eq!((done.as_slice(), self.machine.state()), (actions, state), "at {ms} ms");
    }

    #[track_caller]
    fn tick(&mut self, ms: u64, actions: &[Action], state: State) {
        let done = self.machine.tick(self.at(ms));
        assert_eq!((done.as_slice(), self.machine.state()), (actions, state), "at {ms} ms");
    }

    /// Milliseconds from the begin until it wants to be woken.
    fn wakes(&self) -> u64 {
        u64::try_from((self.machine.wake_at() - self.begin).as_millis()).unwrap()
    }

    /// Up to `Live` within the first 100 ms.
    fn live() -> Self {
        let mut script = Self::new();
        script.tick(0, &[Action::Connect(1)], State::Connecting);
        script.input(10, Input::Connected, &[Action::Subscribe], State::Subscribing);
        script.input(20, Input::StreamOpened, &[Action::Start], State::Subscribing);
        script.input(30, activity(), &[], State::WaitingLogin);
        script.input(40, login(), &[Action::CaptureLive(me())], State::Live);
        script
    }

    /// Fails the attempt that is due now and returns when the next one is.
    fn fail_next(&mut self, error: GatewayError) -> u64 {
        let due = self.wakes() + 1;
        self.machine.tick(self.at(due));
        self.machine.on(self.machine.epoch(), Input::Failed(error), self.at(due));
        self.wakes()
    }
}

fn activity() -> Input {
    Input::Event(Signal::Activity)
}

fn login() -> Input {
    Input::Event(Signal::Login(me()))
}

const BROKEN: Input = Input::Failed(GatewayError::Refused { code: tonic::Code::Unknown });

#[test]
fn the_stream_is_asked_for_before_the_puppet_is_started() {
    Script::live();
}

#[test]
fn a_gateway_that_opens_late_is_started_all_the_same() {
    let mut script = Script::new();
    script.tick(0, &[Action::Connect(1)], State::Connecting);
    script.input(0, Input::Connected, &[Action::Subscribe], State::Subscribing);
    assert_eq!(script.wakes(), 1_000);
    script.tick(1_000, &[Action::Start], State::Subscribing);
    script.input(1_100, Input::StreamOpened, &[], State::Subscribing);
    script.input(1_200, login(), &[Action::CaptureLive(me())], State::Live);
}

#[test]
fn a_gateway_without_heartbeat_is_probed_not_dropped() {
    let mut script = Script::new();
    script.tick(0, &[Action::Connect(1)], State::Connecting);
    script.input(0, Input::Connected, &[Action::Subscribe], State::Subscribing);
    script.tick(1_000, &[Action::Start], State::Subscribing);
    script.tick(6_000, &[Action::Ding], State::Suspect);
    script.input(7_000, activity(), &[], State::WaitingLogin);
}

#[test]
fn a_connection_that_takes_too_long_is_given_up() {
    let mut script = Script::new();
    script.tick(0, &[Action::Connect(1)], State::Connecting);
    script.tick(4_999, &[], State::Connecting);
    script.tick(5_000, &[Action::Drop], State::Disconnected);
}

#[test]
fn silence_is_probed_and_two_unanswered_probes_end_it() {
    let mut script = Script::live();
    assert_eq!(script.wakes(), 15_040);
    script.tick(15_039, &[], State::Live);
    script.tick(15_040, &[Action::Ding], State::Suspect);
    script.tick(25_040, &[Action::Ding], State::Suspect);
    script.tick(35_040, &[Action::Drop, Action::CaptureLost(Loss::Silent)], State::Disconnected);
}

#[test]
fn any_event_ends_the_suspicion() {
    let mut script = Script::live();
    script.tick(15_040, &[Action::Ding], State::Suspect);
    script.input(16_000, activity(), &[], State::Live);
    assert_eq!(script.wakes(), 31_000);
}

#[test]
fn logout_loses_capture_and_keeps_the_stream() {
    let mut script = Script::live();
    script.input(
        50,
        Input::Event(Signal::Logout),
        &[Action::CaptureLost(Loss::LoggedOut)],
        State::WaitingLogin,
    );
    script.input(60, Input::Event(Signal::Logout), &[], State::WaitingLogin);
    script.input(70, login(), &[Action::CaptureLive(me())], State::Live);
    script.input(80, login(), &[], State::Live);
}

#[test]
fn another_account_is_a_loss_between_two_lives() {
    let mut script = Script::live();
    let actions = [Action::CaptureLost(Loss::AccountChanged), Action::CaptureLive(other())];
    script.input(50, Input::Event(Signal::Login(other())), &actions, State::Live);
}

#[test]
fn a_broken_stream_is_connected_again_and_late_news_of_it_ignored() {
    let mut script = Script::live();
    let lost = [Action::Drop, Action::CaptureLost(Loss::StreamEnded)];
    script.input(50, BROKEN, &lost, State::Disconnected);
    script.input(51, Input::Ended, &[], State::Disconnected);
    let due = script.wakes() + 1;
    assert!((151..=251).contains(&due), "half to all of 200 ms after 50: {due}");
    script.tick(due, &[Action::Connect(2)], State::Connecting);
    assert_eq!(script.machine.on(1, Input::Connected, script.at(due)), []);
    assert_eq!(script.machine.state(), State::Connecting);
    assert_eq!(script.machine.account(), None);
}

#[test]
fn pauses_double_up_to_a_limit_and_only_an_event_resets_them() {
    let mut script = Script::new();
    let mut last = 0;
    let mut pauses = Vec::new();
    for _ in 0..8 {
        let next = script.fail_next(GatewayError::Unreachable { kind: None });
        pauses.push(next - last);
        last = next;
    }
    for (pause, longest) in pauses.iter().zip([200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000]) {
        assert!((longest / 2..=longest + 2).contains(pause), "{pauses:?}");
    }
    script.tick(last + 1, &[Action::Connect(9)], State::Connecting);
    script.input(last + 2, Input::Connected, &[Action::Subscribe], State::Subscribing);
    script.input(last + 3, activity(), &[Action::Start], State::WaitingLogin);
    script.input(last + 4, BROKEN, &[Action::Drop], State::Disconnected);
    assert!(script.wakes() - last <= 204);
}

#[test]
fn a_refused_token_alarms_once_and_is_tried_every_minute() {
    let mut script = Script::new();
    script.tick(0, &[Action::Connect(1)], State::Connecting);
    script.input(0, Input::Connected, &[Action::Subscribe], State::Subscribing);
    let refused = || Input::Failed(GatewayError::Unauthenticated);
    script.input(10, refused(), &[Action::Drop, Action::Raise(Alarm::AuthFailed)], State::AuthFailed);
    assert_eq!(script.wakes(), 60_010);
    script.tick(60_010, &[Action::Connect(2)], State::Connecting);
    script.input(60_020, Input::Connected, &[Action::Subscribe], State::Subscribing);
    script.input(60_030, refused(), &[Action::Drop], State::AuthFailed);
    script.tick(120_030, &[Action::Connect(3)], State::Connecting);
    script.input(120_040, Input::Connected, &[Action::Subscribe], State::Subscribing);
    let well = [Action::Start, Action::Clear(Alarm::AuthFailed), Action::CaptureLive(me())];
    script.input(120_050, login(), &well, State::Live);
}

#[test]
fn an_occupied_stream_is_asked_for_every_few_seconds_and_alarms_after_half_a_minute() {
    let mut script = Script::new();
    let mut last = script.fail_next(GatewayError::Occupied);
    let first = last;
    let mut alarmed_after = None;
    while alarmed_after.is_none() && last < 60_000 {
        assert_eq!(script.machine.state(), State::Occupied);
        let now = last + 1;
        script.machine.tick(script.at(now));
        let actions =
            script.machine.on(script.machine.epoch(), Input::Failed(GatewayError::Occupied), script.at(now));
        if actions.contains(&Action::Raise(Alarm::Occupied)) {
            alarmed_after = Some(now);
        }
        let next = script.wakes();
        assert!((2_000..=5_001).contains(&(next - now)), "{now} → {next}");
        last = next;
    }
    let after = alarmed_after.unwrap();
    assert!((30_000..=36_000).contains(&after), "first at {first}, alarm at {after}");
}
