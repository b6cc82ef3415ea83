//! What ends a stretch of work early.

use runtime::lease::LeaseLost;
use store::rules::RulesError;
use store::sqlx;

/// Why a stretch of work ended early. All of it is found again: nothing is remembered as done that was not confirmed.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// A call failed; the error says what to leave alone.
    #[error("a call to Vika failed")]
    Vika(#[from] vika::Error),
    /// The database failed.
    #[error("the database failed")]
    Store(#[from] sqlx::Error),
    /// The rules cannot be had.
    #[error("the rules cannot be had")]
    Rules(#[from] RulesError),
    /// Somebody else may be writing by now.
    #[error(transparent)]
    Lease(#[from] LeaseLost),
    /// The sheet has other columns than thought: everything has to be compared anew.
    #[error("the sheet's columns changed")]
    Columns,
    /// The sheet is left alone for now, or has not the columns it takes to use it.
    #[error("the sheet cannot be used now")]
    NotReady,
    /// The shutdown was requested.
    #[error("asked to stop")]
    Stopping,
}
