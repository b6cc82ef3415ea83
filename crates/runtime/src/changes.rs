//! Which rooms whoever mirrors them has to look at: those that wake-ups name, and those that a scan of all finds.
//!
//! Looking costs what has changed, not what there is. All rooms are read at the start, once a minute, since a wake-up may
//! be lost, after the bus was away, and when something changes that concerns many at once (a `C`, such as the rules in
//! force).

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use chrono::TimeDelta;
use domain::Timestamp;
use events::room::RoomChanged;

/// How often all rooms are read without any cause.
pub const SCAN_EVERY: TimeDelta = TimeDelta::seconds(60);
/// Rooms remembered by name, at most; beyond that all are read.
const NAMED: usize = 50_000;
/// In the place of a version: to be looked at whatever was taken in before.
const ANY_VERSION: i64 = i64::MAX;

/// What is to be looked at.
#[derive(Debug)]
pub struct Changes<C>(Mutex<State<C>>);

impl<C> Default for Changes<C> {
    fn default() -> Self {
        Self(Mutex::new(State {
            named: BTreeMap::new(),
            defer: Vec::new(),
            scan: Scan { wanted: false, last: None },
        }))
    }
}

#[derive(Debug)]
struct State<C> {
    /// By the room's key in text form: the version that was announced.
    named: BTreeMap<String, i64>,
    /// Not to be looked at before.
    defer: Vec<(Timestamp, String)>,
    scan: Scan<C>,
}

#[derive(Debug)]
struct Scan<C> {
    /// Rooms may have changed whose names nobody knows.
    wanted: bool,
    /// The last complete one, and what it was made for.
    last: Option<(Timestamp, C)>,
}

impl<C: Copy + PartialEq> Changes<C> {
    /// Notes a wake-up.
    pub fn note(&self, changed: &RoomChanged) {
        self.with(|state| state.name(changed.room.to_string(), changed.version));
    }

    /// Rooms may have changed, and nobody knows which.
    pub fn want_scan(&self) {
        self.with(|state| state.scan.wanted = true);
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
    pub fn needs_scan(&self, causes: C, now: Timestamp) -> bool {
        self.with(|state| {
            let is_fresh = |(at, made_for): (Timestamp, C)| {
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
    pub fn scanned(&self, causes: C, now: Timestamp) {
        self.with(|state| state.scan.last = Some((now, causes)));
    }

    fn with<T>(&self, act: impl FnOnce(&mut State<C>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<C> State<C> {
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

    const CAUSE: i64 = 1;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(1_795_052_800 + seconds, 0).unwrap()
    }

    fn changed(room: &str, version: i64) -> RoomChanged {
        RoomChanged { room: RoomKey { source: "webhook".into(), id: room.into() }, version }
    }

    #[test]
    fn all_rooms_are_read_at_the_start_once_a_minute_and_for_a_cause() {
        let changes = Changes::default();
        assert!(changes.needs_scan(CAUSE, at(0)), "nothing is known yet");
        changes.scan_begins();
        changes.scanned(CAUSE, at(0));
        for (seconds, cause, expected) in
            [(1, CAUSE, false), (59, CAUSE, false), (60, CAUSE, true), (1, 2, true), (-1, CAUSE, true)]
        {
            assert_eq!(changes.needs_scan(cause, at(seconds)), expected, "{seconds} {cause:?}");
        }
        changes.want_scan();
        assert!(changes.needs_scan(CAUSE, at(1)), "some room, nobody knows which");
    }

    #[test]
    fn a_room_is_named_once_by_its_newest_version_and_not_while_it_is_deferred() {
        let changes = Changes::<i64>::default();
        for version in [2, 5, 3] {
            changes.note(&changed("r1", version));
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
        changes.scanned(CAUSE, at(0));
        assert!(changes.needs_scan(CAUSE, at(1)));
        assert_eq!(changes.take(at(1)).len(), NAMED);
    }
}
