//! Errors that end a round early, and the problems that are reported to operators.

use std::collections::BTreeSet;

use domain::Timestamp;
use events::beat::{OutsideFailure, OutsideProblem};
use runtime::lease::LeaseLost;
use store::rules::RulesError;
use store::sqlx;
use vika::SheetProblem;
use vika::tables::Table;

use crate::outcome::HORIZON;
use crate::sheet::Sheet;

/// Rooms named in one problem.
const NAMED: usize = 5;

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
    #[error("the rules could not be read")]
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
    #[error("the shutdown was requested")]
    Stopping,
}

/// What operators have to repair in a sheet.
pub fn of_sheet<T: Table>(sheet: &Sheet<T>, now: Timestamp) -> Vec<OutsideProblem> {
    let title = Some(T::TITLE);
    let reported = |problem| match problem {
        SheetProblem::Inaccessible => OutsideProblem::new(OutsideFailure::Access, title, now),
        SheetProblem::Columns(names) => {
            let columns = names.into_iter().map(str::to_owned).collect();
            OutsideProblem { columns, ..OutsideProblem::new(OutsideFailure::Columns, title, now) }
        }
        SheetProblem::Full => OutsideProblem::new(OutsideFailure::SheetFull, title, now),
        SheetProblem::Stalled => OutsideProblem::new(OutsideFailure::Stalled, title, now),
    };
    let mut problems = sheet.state.problems(now);
    if sheet.without_row > 0 && !problems.contains(&SheetProblem::Full) {
        problems.push(SheetProblem::Full);
    }
    let mut found: Vec<OutsideProblem> = problems.into_iter().map(reported).collect();
    let unshown = sheet.unshown.iter().filter(|(_, decided_at)| now - **decided_at < HORIZON);
    let rooms: BTreeSet<&String> = sheet.refused.iter().chain(unshown.map(|(room, _)| room)).collect();
    let rooms: Vec<String> = rooms.into_iter().take(NAMED).cloned().collect();
    if !rooms.is_empty() {
        found.push(OutsideProblem { rows: rooms, ..OutsideProblem::new(OutsideFailure::Rows, title, now) });
    }
    found
}
