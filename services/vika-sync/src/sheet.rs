//! The working state of a sheet: columns, rows to compare, pauses and failures.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use domain::Timestamp;
use vika::tables::Table;
use vika::{MAX_RECORDS, SchemaGuard, SheetId};

/// The working state of a sheet.
#[derive(Debug)]
pub struct Sheet<T: 'static> {
    /// Its columns as last checked.
    pub guard: SchemaGuard<T>,
    /// The column that identifies its rows.
    pub key: T,
    /// Every row has to be compared.
    pub compare_all: bool,
    /// Rooms whose row has to be compared.
    pub pending: BTreeSet<String>,
    /// No calls are made before this.
    pub paused_until: Option<Timestamp>,
    /// No rows are created before this: the sheet is full.
    pub full_until: Option<Timestamp>,
    /// Since when calls about it fail.
    pub failing_since: Option<Timestamp>,
    /// It is missing, or not visible to our user.
    pub inaccessible: bool,
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
            guard: SchemaGuard::new(id, needed),
            key,
            compare_all: true,
            pending: BTreeSet::new(),
            paused_until: None,
            full_until: None,
            failing_since: None,
            inaccessible: false,
            list_at: None,
            batch_size: MAX_RECORDS,
            failures: BTreeMap::new(),
            refused: BTreeSet::new(),
            unshown: BTreeMap::new(),
        }
    }

    /// Its id, as the database holds it.
    pub fn id(&self) -> &str {
        self.guard.sheet.as_str()
    }

    /// Whether calls are paused.
    pub fn is_paused(&self, now: Timestamp) -> bool {
        self.paused_until.is_some_and(|until| now < until)
    }

    /// Whether existing rows can be written.
    pub fn is_ready(&self, now: Timestamp) -> bool {
        !self.is_paused(now) && self.guard.usable().is_some()
    }

    /// Ends the effects of earlier failures.
    pub fn record_success(&mut self) {
        (self.failing_since, self.inaccessible) = (None, false);
        self.batch_size = MAX_RECORDS;
        self.failures.clear();
    }

    /// Whether rows can be created.
    pub fn accepts_rows(&self, now: Timestamp) -> bool {
        self.full_until.is_none_or(|until| now >= until)
    }
}

/// A moment so much later.
pub fn after(now: Timestamp, pause: std::time::Duration) -> Timestamp {
    now + TimeDelta::from_std(pause).unwrap_or(TimeDelta::days(1))
}
