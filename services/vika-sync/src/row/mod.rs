//! What rows should say, computed from what is known of a room. Pure: no clock, no store, no service.

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
use store::vika_sync::{Cells, unknown_cell};
use vika::tables::Table;
use vika::{Cell, Fields, Present};

use crate::wording as words;

pub use all_rooms::all_rooms;
pub use day::{OLDEST_FIGURES, day_begins, today_is};
pub use refresh::Refresh;
pub use today::today;

/// Everything that the rows of one room are made of.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The room.
    pub room: &'a Room,
    /// Its live waits, open or closed since its row's day began, in order of opening.
    pub waits: &'a [StoredWait],
    /// The rules in force.
    pub rules: &'a Rules,
    /// When messages in it may have been lost.
    pub unseen: &'a CoverageGaps,
    /// What became of the last command about it: 系统信息.
    pub message: &'a str,
    /// Cards are sent; before go-live they are not.
    pub live: bool,
    /// The present.
    pub now: Timestamp,
}

/// What a row should say. Columns that are not named are left alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Desired<T> {
    /// Our cells, and when each is worth a call.
    pub cells: Vec<(T, Cell, Refresh)>,
    /// Cells that managers own, filled when the row is made and never again.
    pub once: Vec<(T, Cell)>,
    /// Make the row if there is none.
    pub create: bool,
    /// When cells change by the mere passing of time.
    pub due_at: Option<Timestamp>,
}

impl<T: Table> Desired<T> {
    /// The cells to send to a row that holds `confirmed`; none if no difference is worth a call.
    pub fn changes(&self, columns: &Present<T>, confirmed: &Cells) -> Fields {
        let differing: Vec<(T, &Cell, bool)> = self
            .cells
            .iter()
            .filter_map(|(column, cell, refresh)| {
                let held = confirmed.get(columns.writable(*column)?.as_str()).unwrap_or(&Value::Null);
                let wanted = cell.canonical();
                let due = || *held == unknown_cell() || refresh.is_due(held, &wanted);
                (*held != wanted).then(|| (*column, cell, due()))
            })
            .collect();
        if differing.iter().all(|(_, _, due)| !due) {
            return Fields::new();
        }
        columns.fields(differing.into_iter().map(|(column, cell, _)| (column, cell.clone())))
    }

    /// All cells that are ours, empty ones too: for a row of which nothing is known.
    pub fn ours(&self, columns: &Present<T>) -> Fields {
        columns.fields(self.cells.iter().map(|(column, cell, _)| (*column, cell.clone())))
    }

    /// The cells that a new row is made with and that managers own from then on, as they are kept.
    pub fn theirs(&self, columns: &Present<T>) -> Cells {
        let cell = |(column, cell): &(T, Cell)| Some((columns.id(*column)?.to_string(), cell.canonical()));
        self.once.iter().filter_map(cell).filter(|(_, value)| !value.is_null()).collect()
    }

    /// The cells of a new row. Empty ones need not be said.
    pub fn complete(&self, columns: &Present<T>) -> Fields {
        let ours = self.cells.iter().map(|(column, cell, _)| (*column, cell.clone()));
        let cells = ours.chain(self.once.iter().cloned());
        columns.fields(cells.filter(|(_, cell)| !cell.is_empty()))
    }
}

impl Facts<'_> {
    /// 系统信息: what became of the last command, unless nothing else about the row matters.
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
