//! Errors that end a round early, and the problems that are reported to operators.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use domain::Timestamp;
use events::beat::{VikaFailure, VikaProblem};
use runtime::lease::LeaseLost;
use store::rules::RulesError;
use store::sqlx;
use vika::tables::Table;

use crate::outcome::HORIZON;
use crate::sheet::Sheet;

/// Rooms named in one problem.
const NAMED: usize = 5;
/// Failures are reported to operators as a standstill after this.
const STALLED_AFTER: TimeDelta = TimeDelta::minutes(5);

/// Why a round ended early. The next one finds the same work: only what was confirmed is recorded as done.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// A call failed; the error says what to pause.
    #[error("a call to Vika failed")]
    Vika(#[from] vika::Error),
    /// The database failed.
    #[error("the database failed")]
    Store(#[from] sqlx::Error),
    /// The rules could not be read.
    #[error("the rules cannot be had")]
    Rules(#[from] RulesError),
    /// The lease is lost: another replica may be writing by now.
    #[error(transparent)]
    Lease(#[from] LeaseLost),
    /// The sheet's columns have changed: every row has to be compared again.
    #[error("the sheet's columns changed")]
    Columns,
    /// Calls for the sheet are paused, or it lacks a needed column.
    #[error("the sheet cannot be used now")]
    NotReady,
    /// The shutdown was requested.
    #[error("asked to stop")]
    Stopping,
}

/// A problem without columns or rooms. `Health` keeps the beginning of one that was reported before.
pub fn problem(what: VikaFailure, sheet: Option<&str>, now: Timestamp) -> VikaProblem {
    let (columns, rooms) = (Vec::new(), Vec::new());
    VikaProblem { what, sheet: sheet.map(str::to_owned), columns, rooms, since: now }
}

/// What operators have to repair in a sheet.
pub fn of_sheet<T: Table>(sheet: &Sheet<T>, now: Timestamp) -> Vec<VikaProblem> {
    let columns: Vec<String> =
        sheet.guard.problems().iter().map(|problem| problem.column().to_owned()).collect();
    let mut found = Vec::new();
    if sheet.inaccessible {
        found.push(problem(VikaFailure::Access, Some(T::TITLE), now));
    }
    if !columns.is_empty() {
        found.push(VikaProblem { columns, ..problem(VikaFailure::Columns, Some(T::TITLE), now) });
    }
    if sheet.full_until.is_some() {
        found.push(problem(VikaFailure::SheetFull, Some(T::TITLE), now));
    }
    let unshown = sheet.unshown.iter().filter(|(_, decided_at)| now - **decided_at < HORIZON);
    let rooms: BTreeSet<&String> = sheet.refused.iter().chain(unshown.map(|(room, _)| room)).collect();
    let rooms: Vec<String> = rooms.into_iter().take(NAMED).cloned().collect();
    if !rooms.is_empty() {
        found.push(VikaProblem { rooms, ..problem(VikaFailure::Rows, Some(T::TITLE), now) });
    }
    let is_explained = found.iter().any(|problem| problem.what != VikaFailure::Rows);
    if !is_explained && sheet.failing_since.is_some_and(|since| now - since >= STALLED_AFTER) {
        found.push(problem(VikaFailure::Stalled, Some(T::TITLE), now));
    }
    found
}
