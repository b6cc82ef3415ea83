//! The cells that rows should have, computed from what is known of a room. Pure: no clock, no store, no service.

mod all_rooms;
mod capture;
mod day;
mod excluded;
mod refresh;
#[cfg(test)]
mod tests;
mod today;

use domain::Timestamp;
use domain::gap::CoverageGaps;
use domain::rules::Rules;
use serde_json::Value;
use store::rooms::Room;
use store::rooms::waits::StoredWait;
use store::vika_sync::{Cells, unconfirmed_cell};
use vika::tables::Table;
use vika::{Cell, Fields, UsableColumns};

use crate::wording as words;

pub use all_rooms::all_rooms;
pub use day::{OLDEST_FIGURES, today_is};
pub use refresh::Refresh;
pub use today::today;

/// Everything that the rows of one room are computed from.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The room.
    pub room: &'a Room,
    /// Its live waits, open or closed since its row's day began, and its last, in order of opening.
    pub waits: &'a [StoredWait],
    /// The rules in force.
    pub rules: &'a Rules,
    /// The capture gaps that affect it.
    pub unseen: &'a CoverageGaps,
    /// The message of the last command about it: 系统信息.
    pub message: &'a str,
    /// Cards are sent; before go-live they are not.
    pub live: bool,
    /// The time of the snapshot.
    pub now: Timestamp,
}

/// The cells that a row should have. Columns that are not named are left as they are.
#[derive(Debug, Clone, PartialEq)]
pub struct Desired<T> {
    /// Cells of Huiyin's columns, and when each is worth a call.
    pub cells: Vec<(T, Cell, Refresh)>,
    /// Initial values of manager columns, written when the row is created and never again.
    pub initial: Vec<(T, Cell)>,
    /// Create the row if there is none.
    pub create: bool,
    /// When cells change by the mere passing of time.
    pub due_at: Option<Timestamp>,
}

impl<T: Table> Desired<T> {
    /// The cells to send to a row that holds `confirmed`; none if no difference is worth a call.
    pub fn changes(&self, columns: &UsableColumns<T>, confirmed: &Cells) -> Fields {
        let differing: Vec<(T, &Cell, bool)> = self
            .cells
            .iter()
            .filter_map(|(column, cell, refresh)| {
                let current = confirmed.get(columns.writable(*column)?.as_str()).unwrap_or(&Value::Null);
                let wanted = cell.canonical();
                let due = || *current == unconfirmed_cell() || refresh.is_due(current, &wanted);
                (*current != wanted).then(|| (*column, cell, due()))
            })
            .collect();
        if differing.iter().all(|(_, _, due)| !due) {
            return Fields::new();
        }
        columns.fields(differing.into_iter().map(|(column, cell, _)| (column, cell.clone())))
    }

    /// All cells of Huiyin's columns, empty ones too: for a row whose cells are not known.
    pub fn huiyin_cells(&self, columns: &UsableColumns<T>) -> Fields {
        columns.fields(self.cells.iter().map(|(column, cell, _)| (*column, cell.clone())))
    }

    /// Initial values of the manager columns, in the form of the mirror.
    pub fn manager_cells(&self, columns: &UsableColumns<T>) -> Cells {
        let cell = |(column, cell): &(T, Cell)| Some((columns.id(*column)?.to_string(), cell.canonical()));
        self.initial.iter().filter_map(cell).filter(|(_, value)| !value.is_null()).collect()
    }

    /// The cells of a new row, without empty ones.
    pub fn new_row(&self, columns: &UsableColumns<T>) -> Fields {
        let huiyin = self.cells.iter().map(|(column, cell, _)| (*column, cell.clone()));
        let cells = huiyin.chain(self.initial.iter().cloned());
        columns.fields(cells.filter(|(_, cell)| !cell.is_empty()))
    }
}

impl Facts<'_> {
    /// 系统信息: the message of the last command; an excluded room says only that.
    fn system_info(&self) -> &str {
        if self.room.excluded { words::EXCLUDED } else { self.message }
    }
}

/// 群聊名: what stands after the one `-` of the topic, else the whole topic; the room's id while it has no topic.
fn short_topic(room: &Room) -> String {
    short_name(&room.topic).map_or_else(|| room.room.id.clone(), str::to_owned)
}

/// The short form of a topic; `None` for an empty one.
pub fn short_name(topic: &str) -> Option<&str> {
    let topic = topic.trim();
    let short = match topic.split('-').collect::<Vec<_>>().as_slice() {
        [_, second] if !second.trim().is_empty() => second.trim(),
        _ => topic,
    };
    (!short.is_empty()).then_some(short)
}
