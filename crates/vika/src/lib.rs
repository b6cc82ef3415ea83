//! The client of the Vika Fusion API, and the tables that Huiyin keeps there.
//!
//! It exists so that the traps of that API are handled once: errors under HTTP 200, success that stored nothing,
//! columns ignored because somebody renamed them, a rate window that punishes bursts, calls that are never answered.
//! It knows columns and cells, not rooms or waits, and it must not decide what is written: the services do.

#![warn(missing_docs)]

mod answer;
mod batches;
pub mod cell;
mod client;
mod edit;
pub mod error;
pub mod formula;
pub mod guard;
mod ids;
pub mod ledger;
mod pacing;
mod records;
pub mod schema;
pub mod session;
pub mod setup;
mod sheets;
pub mod tables;
mod unclaimed;
mod usable_columns;
pub mod views;

pub use batches::Batches;
pub use cell::{Cell, Fields};
pub use client::{CallDone, Client, Token};
pub use edit::{EditId, EditPart};
pub use error::{Error, Pause};
pub use guard::{CHECK_EVERY, SchemaGuard};
pub use ids::{FieldId, InvalidId, RecordId, SheetId, SpaceId, ViewId};
pub use ledger::{CallCount, Purpose};
pub use pacing::Pacing;
pub use records::{Key, Record, RecordQuery};
pub use schema::{ColumnIds, SchemaProblem};
pub use session::{Refusal, Session, SheetProblem, SheetState};
pub use setup::{KnownSheets, Prepared, SheetIds, Unwatched};
pub use sheets::{FieldInfo, NamedView, NewField, NewSheet, Node};
pub use unclaimed::{ROOM_NAMES, UnclaimedRow, unclaimed_rows};
pub use usable_columns::{KnownColumns, UsableColumns, known_columns};

/// What the client makes of an answer, without a server: for fuzzing only.
#[doc(hidden)]
pub mod fuzzing {
    pub use crate::answer::{Outcome, read};

    /// Reads `data` as the answer of every call there is, and gives the rows if there are any.
    pub fn read_as_every_answer(data: &serde_json::Value) -> Vec<crate::Record> {
        drop(crate::sheets::nodes(data.clone()));
        drop(crate::sheets::columns(data.clone()).map(|fields| {
            crate::UsableColumns::<crate::tables::Today>::find(&fields, &crate::KnownColumns::new());
        }));
        crate::records::read_rows(data.clone()).unwrap_or_default()
    }
}

/// Records that one call may create, change or delete.
pub const MAX_RECORDS: usize = 10;
/// Rows that one page may hold.
pub const MAX_PAGE_SIZE: usize = 1_000;
