//! Which rooms have to be looked at: those that wake-ups name, and those that a scan of all finds.
//!
//! Looking costs what has changed, not what there is. All rooms are read at the start, once a minute, since a wake-up may
//! be lost, and when something changes that concerns many at once: the rules in force, or a capture gap that was found.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::TimeDelta;
use domain::Timestamp;
use events::room::RoomChanged;
use tokio::sync::Notify;

/// How often all rooms are read without any cause.
const SCAN_EVERY: TimeDelta = TimeDelta::seconds(60);
/// Rooms remembered by name, at most; beyond that all are read.
const NAMED: usize = 50_000;
/// In the place of a version: to be looked at whatever was taken in before.
const ANY_VERSION: i64 = i64::MAX;

/// What is to be looked at.
#[derive(Debug, Default)]
pub struct Changes(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// By the room's key in text form: the version that was announced.
    named: BTreeMap<String, i64>,
    /// Not to be looked at before.
    defer: Vec<(Timestamp, String)>,
    scan: Scan,
}

#[derive(Debug, Default)]
struct Scan {
    /// Rooms changed whose names nobody knows.
    wanted: bool,
    /// The last complete one, and what it was made for.
    last: Option<(Timestamp, Causes)>,
}

/// What concerns many rooms at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Causes {
    /// The rules in force.
    pub rules: i64,
    /// The newest capture gap.
    pub gap: i64,
}

/// Has the planner look at a room.
#[derive(Debug, Clone)]
pub struct Wake {
    pub pending: Arc<Changes>,
    pub changed: Arc<Notify>,
}

impl Wake {
    /// At once; the room's key in text form.
    pub fn look_at(&self, room: String) {
        self.pending.add([room]);
        self.changed.notify_one();
    }
}

impl Changes {
    /// Notes a wake-up; `None`: one that cannot be read.
    pub fn note(&self, changed: Option<RoomChanged>) {
        self.with(|state| match changed {
            Some(changed) => state.name(changed.room.to_string(), changed.version),
            None => state.scan.wanted = true,
        });
    }

    /// Notes rooms that must be looked at, whatever was taken in before.
    pub fn add(&self, rooms: impl IntoIterator<Item = String>) {
        self.with(|state| rooms.into_iter().for_each(|room| state.name(room, ANY_VERSION)));
    }

    /// Notes again what was taken and not looked at.
    pub fn give_back(&self, rooms: impl IntoIterator<Item = (String, i64)>) {
        self.with(|state| rooms.into_iter().for_each(|(room, version)| state.name(room, version)));
    }

    /// Leaves a room alone until then.
    pub fn defer(&self, room: String, until: Timestamp) {
        self.with(|state| {
            state.named.remove(&room);
            state.defer.push((until, room));
        });
    }

    /// The rooms to be looked at now; they are not known here any more.
    pub fn take(&self, now: Timestamp) -> Vec<(String, i64)> {
        self.with(|state| {
            let (due, later): (Vec<_>, Vec<_>) = state.defer.drain(..).partition(|(until, _)| *until <= now);
            state.defer = later;
            for (_, room) in due {
                state.name(room, ANY_VERSION);
            }
            std::mem::take(&mut state.named).into_iter().collect()
        })
    }

    /// Whether all rooms have to be read now.
    pub fn needs_scan(&self, causes: Causes, now: Timestamp) -> bool {
        self.with(|state| {
            let is_fresh = |(at, made_for): (Timestamp, Causes)| {
                made_for == causes && (TimeDelta::zero()..SCAN_EVERY).contains(&(now - at))
            };
            state.scan.wanted || !state.scan.last.is_some_and(is_fresh)
        })
    }

    /// A scan begins: what is noted from now on may need another.
    pub fn scan_begins(&self) {
        self.with(|state| state.scan.wanted = false);
    }

    /// A scan found everything that there was.
    pub fn scanned(&self, causes: Causes, now: Timestamp) {
        self.with(|state| state.scan.last = Some((now, causes)));
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn name(&mut self, room: String, version: i64) {
        if self.named.len() >= NAMED && !self.named.contains_key(&room) {
            self.scan.wanted = true;
            return;
        }
        let known = self.named.entry(room).or_insert(version);
        *known = version.max(*known);
    }
}

#[cfg(test)]
mod tests {
    use domain::id::RoomKey;

    use super::*;

    const CAUSES: Causes = Causes { rules: 1, gap: 0 };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(1_795_052_800 + seconds, 0).unwrap()
    }

    fn changed(room: &str, version: i64) -> RoomChanged {
        RoomChanged { room: RoomKey { source: "webhook".into(), id: room.into() }, version }
    }

    #[test]
    fn all_rooms_are_read_at_the_start_once_a_minute_and_for_a_cause() {
        let changes = Changes::default();
        assert!(changes.needs_scan(CAUSES, at(0)), "nothing is known yet");
        changes.scan_begins();
        changes.scanned(CAUSES, at(0));
        for (seconds, causes, expected) in [
            (1, CAUSES, false),
            (59, CAUSES, false),
            (60, CAUSES, true),
            (1, Causes { rules: 2, ..CAUSES }, true),
            (1, Causes { gap: 7, ..CAUSES }, true),
            (-1, CAUSES, true),
        ] {
            assert_eq!(changes.needs_scan(causes, at(seconds)), expected, "{seconds} {causes:?}");
        }
        changes.note(None);
        assert!(changes.needs_scan(CAUSES, at(1)), "some room, nobody knows which");
    }

    #[test]
    fn a_room_is_named_once_by_its_newest_version_and_not_while_it_is_deferredred() {
        let changes = Changes::default();
        for version in [2, 5, 3] {
            changes.note(Some(changed("r1", version)));
        }
        assert_eq!(changes.take(at(0)), [("webhook:r1".to_owned(), 5)]);
        assert_eq!(changes.take(at(0)), []);
        changes.defer("webhook:r1".to_owned(), at(30));
        assert_eq!(changes.take(at(29)), []);
        assert_eq!(changes.take(at(30)), [("webhook:r1".to_owned(), ANY_VERSION)]);
    }

    #[test]
    fn more_names_than_can_be_kept_are_found_by_a_scan() {
        let changes = Changes::default();
        changes.add((0..=NAMED).map(|n| n.to_string()));
        changes.scanned(CAUSES, at(0));
        assert!(changes.needs_scan(CAUSES, at(1)));
        assert_eq!(changes.take(at(1)).len(), NAMED);
    }
}
