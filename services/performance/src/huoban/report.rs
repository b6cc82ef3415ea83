//! What came of a run: for logs, metrics, and whoever raises alarms.

use std::collections::BTreeSet;

use huoban::setup::NotFound;
use huoban::{BusinessKey, ColumnProblem, Table};

use super::failure::Stopped;

/// What came of a run.
#[derive(Debug, Default)]
pub struct Report {
    /// Rows created or changed.
    pub written: usize,
    /// Rows that stood there as they should.
    pub unchanged: usize,
    /// Rows whose creation may still come, or that were refused a short while ago: left for a later run.
    pub deferred: usize,
    /// Rows that the service refuses, or that do not hold what is written.
    pub refused: Vec<Refused>,
    /// Those of the rows left for later that were refused before.
    pub left_alone: Vec<BusinessKey>,
    /// Rows found to differ from what was written, as after somebody's edit; they are written again.
    pub differed: usize,
    /// Copies of rows that were found.
    pub doubles: usize,
    /// Copies and rows that nobody counts any more, taken away.
    pub deleted: usize,
    /// Rows that nobody counts any more and that were left, since there were too many to be believed.
    pub strays_left: usize,
    /// Tables that were looked for, so that it is known what is wrong with them.
    pub looked_at: BTreeSet<Table>,
    /// Columns that people changed.
    pub columns: Vec<(Table, ColumnProblem)>,
    /// Tables that cannot be worked with.
    pub tables: Vec<(Table, TableProblem)>,
    /// Why the run ended early.
    pub stopped: Option<Stopped>,
    /// Calls made.
    pub calls: u64,
}

/// A row that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// What it is about.
    pub key: BusinessKey,
    /// Why: what the service said, or which columns hold something else.
    pub reason: String,
}

/// Why a table cannot be worked with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableProblem {
    /// It was not found.
    #[error(transparent)]
    NotFound(#[from] NotFound),
    /// 业务键 or 日期 is missing or of another type: no row could be found again.
    #[error("its columns 业务键 and 日期 are not both there")]
    Unusable,
}

impl Report {
    /// Says it in metrics and, if anything is worth it, in the log.
    pub(super) fn count(&self) {
        let add = |name: &'static str, number: usize| {
            metrics::counter!("huoban_rows_total", "became" => name).increment(number as u64);
        };
        add("written", self.written);
        add("unchanged", self.unchanged);
        add("deferred", self.deferred);
        add("refused", self.refused.len());
        add("deleted", self.deleted);
        if let Some(stopped) = &self.stopped {
            tracing::warn!(?stopped, "the figures' rows in Huoban are not all written");
        }
        for (table, problem) in &self.tables {
            tracing::error!(%table, error = %problem, "a table in Huoban cannot be worked with");
        }
        for (table, problem) in &self.columns {
            tracing::warn!(%table, %problem, "a column in Huoban is not as it should be");
        }
    }
}
