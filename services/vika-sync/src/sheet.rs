//! A sheet as this service works with it: its columns, what is still to be compared, and what is left alone for now.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use domain::Timestamp;
use vika::tables::Table;
use vika::{Guard, MAX_RECORDS, SheetId};

/// A sheet.
#[derive(Debug)]
pub struct Sheet<T: 'static> {
    /// Its columns.
    pub guard: Guard<T>,
    /// The column that tells its rows apart.
    pub key: T,
    /// Every row has to be compared, whatever is known of it.
    pub all: bool,
    /// Rooms whose row has to be compared.
    pub todo: BTreeSet<String>,
    /// Nothing is done with the sheet before this.
    pub paused_until: Option<Timestamp>,
    /// No rows are made before this: the sheet is full.
    pub full_until: Option<Timestamp>,
    /// Since when calls about it fail.
    pub failing_since: Option<Timestamp>,
    /// It is missing, or not visible to our user.
    pub hidden: bool,
    /// When its rows are to be listed.
    pub list_at: Option<Timestamp>,
    /// Rows written in one call: fewer after a call that the service failed at, so that a row at which it fails is
    /// found.
    pub at_once: usize,
    /// How often in a row the service failed at a room's row alone.
    pub failures: BTreeMap<String, u32>,
    /// Rooms whose rows it refuses.
    pub refused: BTreeSet<String>,
    /// Rooms of which what became of an edit cannot be shown in it, with when that was decided.
    pub unshown: BTreeMap<String, Timestamp>,
}

impl<T: Table> Sheet<T> {
    /// A sheet of which nothing is known yet.
    pub fn new(id: SheetId, key: T, needed: &'static [T]) -> Self {
        Self {
            guard: Guard::new(id, needed),
            key,
            all: true,
            todo: BTreeSet::new(),
            paused_until: None,
            full_until: None,
            failing_since: None,
            hidden: false,
            list_at: None,
            at_once: MAX_RECORDS,
            failures: BTreeMap::new(),
            refused: BTreeSet::new(),
            unshown: BTreeMap::new(),
        }
    }

    /// Its id, as the database holds it.
    pub fn id(&self) -> &str {
        self.guard.sheet.as_str()
    }

    /// Whether it is left alone at the moment.
    pub fn is_paused(&self, now: Timestamp) -> bool {
        self.paused_until.is_some_and(|until| now < until)
    }

    /// Whether rows can be written.
    pub fn is_ready(&self, now: Timestamp) -> bool {
        !self.is_paused(now) && self.guard.usable().is_some()
    }

    /// Calls about it succeed.
    pub fn works(&mut self) {
        (self.failing_since, self.hidden) = (None, false);
        self.at_once = MAX_RECORDS;
        self.failures.clear();
    }

    /// Whether rows can be made.
    pub fn takes_rows(&self, now: Timestamp) -> bool {
        self.full_until.is_none_or(|until| now >= until)
    }
}

/// A moment so much later.
pub fn after(now: Timestamp, pause: std::time::Duration) -> Timestamp {
    now + TimeDelta::from_std(pause).unwrap_or(TimeDelta::days(1))
}
