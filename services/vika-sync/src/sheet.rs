//! The working state of a sheet: its columns and pauses, the rows to compare, and the rows that were refused.

use std::collections::{BTreeMap, BTreeSet};

use domain::Timestamp;
use vika::tables::Table;
use vika::{KnownColumns, MAX_RECORDS, SheetId, SheetState};

/// Which rooms are to be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Compare {
    /// Those that wake-ups name, or whose row asks for it.
    Named,
    /// Whichever have changed: all versions are read.
    Changed,
    /// Every room.
    All,
}

/// Rooms whose row has to be compared, each once, and in which order. A room that a wake-up named or whose row asked for it
/// goes before those that a scan found; of either kind, whichever is behind for the longest time.
#[derive(Debug, Default)]
pub struct Pending {
    places: BTreeMap<String, Place>,
    order: BTreeSet<(Place, String)>,
}

/// A scan found it; since when it is behind.
type Place = (bool, Timestamp);

impl Pending {
    /// Adds rooms that were named, with since when each is behind.
    pub fn add_named(&mut self, rooms: impl IntoIterator<Item = (String, Timestamp)>) {
        rooms.into_iter().for_each(|(room, since)| self.add(room, (false, since)));
    }

    /// Adds rooms that a scan found.
    pub fn add_scanned(&mut self, rooms: impl IntoIterator<Item = String>, now: Timestamp) {
        rooms.into_iter().for_each(|room| self.add(room, (true, now)));
    }

    fn add(&mut self, room: String, place: Place) {
        if self.places.get(&room).is_some_and(|held| *held <= place) {
            return;
        }
        if let Some(held) = self.places.insert(room.clone(), place) {
            self.order.remove(&(held, room.clone()));
        }
        self.order.insert((place, room));
    }

    /// The first of them.
    pub fn first(&self, most: usize) -> impl Iterator<Item = &String> {
        self.order.iter().take(most).map(|(_, room)| room)
    }

    /// Takes rooms out.
    pub fn remove<'r>(&mut self, rooms: impl IntoIterator<Item = &'r String>) {
        for room in rooms {
            if let Some(place) = self.places.remove(room) {
                self.order.remove(&(place, room.clone()));
            }
        }
    }

    /// Takes all rooms out but these.
    pub fn keep(&mut self, rooms: &BTreeSet<String>) {
        self.places.retain(|room, _| rooms.contains(room));
        self.order.retain(|(_, room)| rooms.contains(room));
    }

    /// All of them, in no order.
    pub fn rooms(&self) -> impl Iterator<Item = &String> {
        self.places.keys()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}

/// The working state of a sheet.
#[derive(Debug)]
pub struct Sheet<T: 'static> {
    /// Its columns and pauses.
    pub state: SheetState<T>,
    /// The ids of its columns as the database has them; `None`: not read yet.
    pub stored_columns: Option<KnownColumns>,
    /// The column that identifies its rows.
    pub key: T,
    /// The columns that name a room, where a row that bears its name and no key may become its row.
    pub names: Option<[T; 2]>,
    /// Which rooms the next round looks for.
    pub compare: Compare,
    /// While it was full rooms without a row were passed over.
    pub lacks_rows: bool,
    /// So many rooms have no row because it is full.
    pub without_row: u32,
    /// Rooms whose row has to be compared.
    pub pending: Pending,
    /// When its rows are to be listed.
    pub list_at: Option<Timestamp>,
    /// Rows written in one call. Reduced after a call at which the service failed, to find the row that it fails at.
    pub batch_size: usize,
    /// Consecutive failures of calls that wrote the row of one room alone.
    pub failures: BTreeMap<String, u32>,
    /// Rooms whose rows were refused.
    pub refused: BTreeSet<String>,
    /// Rooms with an outcome that cannot be shown in it, with the time of the decision.
    pub unshown: BTreeMap<String, Timestamp>,
}

impl<T: Table> Sheet<T> {
    /// A sheet that was not checked yet.
    pub fn new(id: SheetId, key: T, needed: &'static [T]) -> Self {
        Self {
            state: SheetState::new(id, needed),
            stored_columns: None,
            key,
            names: None,
            compare: Compare::All,
            lacks_rows: false,
            without_row: 0,
            pending: Pending::default(),
            list_at: None,
            batch_size: MAX_RECORDS,
            failures: BTreeMap::new(),
            refused: BTreeSet::new(),
            unshown: BTreeMap::new(),
        }
    }

    /// Its id, as the database holds it.
    pub fn id(&self) -> &str {
        self.state.id().as_str()
    }

    /// The next round looks for these rooms, or for more.
    pub fn compare(&mut self, which: Compare) {
        self.compare = self.compare.max(which);
    }

    /// Whether existing rows can be written.
    pub fn is_ready(&self, now: Timestamp) -> bool {
        self.state.columns(now).is_some()
    }

    /// Ends the effects of earlier failures.
    pub fn record_success(&mut self) {
        self.state.mark_success();
        self.batch_size = MAX_RECORDS;
        self.failures.clear();
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn the_most_overdue_goes_first_and_a_scan_never_holds_up_what_was_named() {
        let at = |seconds| Timestamp::UNIX_EPOCH + TimeDelta::seconds(seconds);
        let mut pending = Pending::default();
        pending.add_scanned(["a", "b", "c"].map(String::from), at(10));
        pending.add_named([("d".into(), at(30)), ("c".into(), at(20))]);
        let order = |pending: &Pending| pending.first(9).cloned().collect::<Vec<_>>().concat();
        assert_eq!(order(&pending), "cdab");
        pending.add_named([("d".into(), at(40)), ("b".into(), at(25))]);
        assert_eq!(order(&pending), "cbda", "behind since 30 all the same");
        pending.add_scanned(["c".into()], at(5));
        assert_eq!(order(&pending), "cbda");
        pending.remove(&["b".to_owned(), "x".to_owned()]);
        pending.keep(&["a", "d"].map(String::from).into());
        assert_eq!((order(&pending), pending.rooms().count()), ("da".into(), 2));
        pending.remove(&["a".to_owned(), "d".to_owned()]);
        assert!(pending.is_empty() && pending.first(1).next().is_none());
    }
}
