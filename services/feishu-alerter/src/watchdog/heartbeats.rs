//! The heartbeat tracker: what the beats of all services say together. In real time: a beat arrives now or not at all.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use events::beat::{Beat, BeatKind, Login, Panic, VerificationKind};

/// An instance first heard of when it is older than this has not just started: it was we who did.
const JUST_STARTED: TimeDelta = TimeDelta::seconds(30);
/// An instance not heard of for so many beats has ended, however it did.
const GONE_AFTER_BEATS: u32 = 3;

/// The heartbeats of all services since we listen.
#[derive(Debug)]
pub struct HeartbeatTracker {
    since: Instant,
    /// Up to when it is known whether heartbeats could arrive.
    listened_to: Instant,
    beat_every: Duration,
    services: BTreeMap<String, Service>,
}

/// One service, all its instances together.
#[derive(Debug, Default)]
struct Service {
    instances: BTreeMap<String, Instance>,
    /// Starts of instances that were not asked to stop since.
    starts: Vec<(String, Instant)>,
    last: Option<Instant>,
    panic: Option<Panic>,
}

#[derive(Debug)]
struct Instance {
    last: Instant,
    beat: Beat,
}

impl HeartbeatTracker {
    /// Nothing yet; listening from `now` on.
    pub fn new(now: Instant, beat_every: Duration) -> Self {
        Self { since: now, listened_to: now, beat_every, services: BTreeMap::new() }
    }

    /// Takes in a beat.
    pub fn record(&mut self, beat: Beat, now: Instant) {
        let service = self.services.entry(beat.service.clone()).or_default();
        if beat.panicked.is_some() {
            service.panic.clone_from(&beat.panicked);
        }
        match beat.kind {
            BeatKind::Panicked => {}
            BeatKind::Stopping => {
                service.instances.remove(&beat.instance);
                service.starts.retain(|(instance, _)| *instance != beat.instance);
            }
            BeatKind::Alive => {
                // Whoever stands by does no work: if nobody else is there, nobody does.
                if !beat.standby {
                    service.last = Some(now);
                }
                let known = service.instances.contains_key(&beat.instance);
                if !known && beat.at - beat.started_at <= JUST_STARTED {
                    service.starts.push((beat.instance.clone(), now));
                }
                service.instances.insert(beat.instance.clone(), Instance { last: now, beat });
            }
        }
    }

    /// Notes whether heartbeats could arrive since the last call. Time in which none could is nobody's silence: it is as
    /// if it had not passed.
    pub fn note_connection(&mut self, connected: bool, now: Instant) {
        let passed = now.saturating_duration_since(self.listened_to);
        self.listened_to = now;
        if connected {
            return;
        }
        let later = |moment: &mut Instant| *moment = (*moment + passed).min(now);
        later(&mut self.since);
        for service in self.services.values_mut() {
            service.last.as_mut().map(later);
            service.instances.values_mut().for_each(|instance| later(&mut instance.last));
        }
    }

    /// Forgets what is too old to matter: instances that ended, and starts before the window.
    pub fn forget(&mut self, restart_window: Duration, now: Instant) {
        let gone_after = self.beat_every * GONE_AFTER_BEATS;
        for service in self.services.values_mut() {
            service.instances.retain(|_, instance| now - instance.last <= gone_after);
            service.starts.retain(|(_, at)| now - *at <= restart_window);
        }
    }

    /// For how long a service has not been heard of; for at most as long as we listen.
    pub fn silence(&self, service: &str, now: Instant) -> Duration {
        let last = self.services.get(service).and_then(|service| service.last).unwrap_or(self.since);
        now.saturating_duration_since(last)
    }

    /// Starts of a service within the window that did not last, and the last of all: (starts, since that).
    ///
    /// Several replicas that start together are no loop: only starts whose instance has ended count, and the present
    /// one.
    pub fn restarts(&self, now: Instant) -> Vec<(&str, usize, Duration)> {
        let looping = |(name, service): (&String, &Service)| -> Option<(&str, usize, Duration)> {
            let ended =
                service.starts.iter().filter(|(start, _)| !service.instances.contains_key(start)).count();
            let last = service.starts.last()?.1;
            let present = usize::from(ended < service.starts.len());
            Some((self.services.get_key_value(name)?.0.as_str(), ended + present, now - last))
        };
        self.services.iter().filter_map(looping).collect()
    }

    /// Every service's last panic.
    pub fn panics(&self) -> impl Iterator<Item = (&str, &Panic)> {
        self.services.iter().filter_map(|(name, service)| Some((name.as_str(), service.panic.as_ref()?)))
    }

    /// The last beat of every instance that lives.
    pub fn alive(&self) -> impl Iterator<Item = &Beat> {
        self.services.values().flat_map(|service| service.instances.values()).map(|instance| &instance.beat)
    }

    /// What a gateway asks for before its account is logged in.
    pub fn verification(&self, gateway: &str) -> Option<VerificationKind> {
        let asked = self.alive().filter_map(|beat| beat.verification.as_ref());
        asked.filter(|asked| asked.gateway == gateway).map(|asked| asked.kind).next()
    }

    /// What has to be scanned before a gateway's account is logged in.
    pub fn login(&self, gateway: &str) -> Option<&Login> {
        self.alive().filter_map(|beat| beat.login.as_ref()).find(|login| login.gateway == gateway)
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    const BEAT: Duration = Duration::from_secs(10);
    const WINDOW: Duration = Duration::from_mins(5);

    fn beat(kind: BeatKind, instance: &str, age: i64) -> Beat {
        let at = DateTime::from_timestamp(1_795_052_800, 0).unwrap();
        Beat::new("room-state", instance, kind, at - TimeDelta::seconds(age), at)
    }

    fn restarts(tracker: &mut HeartbeatTracker, now: Instant) -> usize {
        tracker.forget(WINDOW, now);
        tracker.restarts(now).iter().map(|(_, starts, _)| *starts).max().unwrap_or(0)
    }

    #[test]
    fn silence_counts_from_the_last_beat_or_from_when_we_listen() {
        let start = Instant::now();
        let mut tracker = HeartbeatTracker::new(start, BEAT);
        let after = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(tracker.silence("room-state", after(40)).as_secs(), 40);
        tracker.record(beat(BeatKind::Alive, "a", 0), after(40));
        tracker.record(beat(BeatKind::Panicked, "", 0), after(60));
        assert_eq!(tracker.silence("room-state", after(100)).as_secs(), 60, "a panic is no sign of life");
        tracker.record(beat(BeatKind::Alive, "b", 0), after(95));
        assert_eq!(tracker.silence("room-state", after(100)).as_secs(), 5, "any replica will do");
        tracker.record(Beat { standby: true, ..beat(BeatKind::Alive, "c", 0) }, after(120));
        assert_eq!(
            tracker.silence("room-state", after(125)).as_secs(),
            30,
            "one that stands by does no work"
        );
    }

    #[test]
    fn while_nothing_can_be_heard_nobody_grows_silent() {
        let start = Instant::now();
        let mut tracker = HeartbeatTracker::new(start, BEAT);
        let after = |seconds| start + Duration::from_secs(seconds);
        tracker.record(beat(BeatKind::Alive, "a", 600), after(10));
        tracker.note_connection(true, after(20));
        for seconds in 21..=320 {
            tracker.note_connection(false, after(seconds));
        }
        tracker.forget(WINDOW, after(320));
        assert_eq!(tracker.silence("room-state", after(320)).as_secs(), 10, "as before the bus was lost");
        assert_eq!(tracker.silence("ingest", after(320)).as_secs(), 20, "the same for one never heard of");
        assert_eq!(tracker.alive().count(), 1, "nor has it ended");
        tracker.note_connection(true, after(325));
        assert_eq!(tracker.silence("room-state", after(325)).as_secs(), 15);
    }

    #[test]
    fn a_loop_is_starts_that_do_not_last() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut looping = HeartbeatTracker::new(start, BEAT);
        for n in 0..4_u64 {
            looping.record(beat(BeatKind::Alive, &format!("i{n}"), 0), after(n * 35));
        }
        assert_eq!(restarts(&mut looping, after(110)), 4, "three that ended and the present one");
        assert_eq!(restarts(&mut looping, after(110 + 300)), 0, "long ago");

        let mut scaled = HeartbeatTracker::new(start, BEAT);
        for name in ["a", "b", "c"] {
            scaled.record(beat(BeatKind::Alive, name, 0), start);
        }
        assert_eq!(restarts(&mut scaled, after(5)), 1, "three replicas started together");

        let mut deployed = HeartbeatTracker::new(start, BEAT);
        for n in 0..4_u64 {
            deployed.record(beat(BeatKind::Alive, &format!("i{n}"), 0), after(n * 35));
            deployed.record(beat(BeatKind::Stopping, &format!("i{n}"), 0), after(n * 35 + 20));
        }
        assert_eq!(restarts(&mut deployed, after(140)), 0, "asked to stop each time");

        let mut late = HeartbeatTracker::new(start, BEAT);
        for name in ["a", "b", "c"] {
            late.record(beat(BeatKind::Alive, name, 600), start);
        }
        assert_eq!(restarts(&mut late, after(60)), 0, "they had long been there when we came");
    }
}
