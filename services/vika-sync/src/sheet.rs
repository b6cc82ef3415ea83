//! The working state of a sheet: its columns and pauses, the rows to compare, and the rows that were refused.

use std::collections::{BTreeMap, BTreeSet};

use domain::Timestamp;
use vika::tables::Table;
use vika::{MAX_RECORDS, SheetId, SheetState};

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

/// The working state of a sheet.
#[derive(Debug)]
pub struct Sheet<T: 'static> {
    /// Its columns and pauses.
    pub state: SheetState<T>,
    /// The column that identifies its rows.
    pub key: T,
    /// Which rooms the next round looks for.
    pub compare: Compare,
    /// While it was full rooms without a row were passed over.
    pub lacks_rows: bool,
    /// Rooms whose row has to be compared.
    pub pending: BTreeSet<String>,
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
            key,
            compare: Compare::All,
            lacks_rows: false,
            pending: BTreeSet::new(),
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
