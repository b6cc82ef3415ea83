//! The views that managers work in. The API makes none, so they are set up by hand, by what stands here; whether they keep the
//! right rows is found by reading through them.

use std::ops::Range;

use chrono::{DateTime, Utc};

use crate::{
    cell::Cell,
    records::Record,
    tables::{AFTER_SALES, AllRooms, Table, Today},
    usable_columns::UsableColumns,
};

/// A view of a sheet: the rows that fulfil all conditions.
#[derive(Debug)]
pub struct View<T: 'static> {
    /// Its name.
    pub title: &'static str,
    /// What it filters by.
    pub conditions: &'static [Condition<T>],
    /// What it sorts by, the greatest first.
    pub falling: &'static [T],
}

/// What must be so of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition<T: 'static> {
    /// The cell says this.
    Is(T, &'static str),
    /// The cell says something else, or nothing.
    IsNot(T, &'static str),
    /// The cell says one of these.
    IsOneOf(T, &'static [&'static str]),
    /// The cell is empty.
    IsEmpty(T),
    /// The box is not ticked.
    IsUnticked(T),
    /// The number is at least this.
    AtLeast(T, u32),
    /// The day is today.
    IsToday(T),
}

/// The views of a sheet.
pub trait Viewed: Table {
    /// In the order in which managers are told of them.
    const VIEWS: &'static [View<Self>];
}

/// 待核准列表: asked to enter after-sales, and not there yet.
pub const TO_APPROVE: View<AllRooms> = View {
    title: "待核准列表",
    conditions: &[
        Condition::Is(AllRooms::Stage, AFTER_SALES),
        Condition::IsNot(AllRooms::EffectiveStage, AFTER_SALES),
    ],
    falling: &[],
};

/// 无负责人群聊列表.
pub const WITHOUT_OWNER: View<AllRooms> = View {
    title: "无负责人群聊列表",
    conditions: &[Condition::IsEmpty(AllRooms::EffectiveOwner)],
    falling: &[],
};

/// 需跟进列表: silent for a while, and to be followed up.
pub const TO_FOLLOW_UP: View<AllRooms> = View {
    title: "需跟进列表",
    conditions: &[
        Condition::AtLeast(AllRooms::QuietWorkdays, 7),
        Condition::IsUnticked(AllRooms::NotFollowedUp),
    ],
    falling: &[AllRooms::QuietWorkdays],
};

/// 今日: active today, or waiting.
pub const OF_TODAY: View<Today> =
    View { title: "今日", conditions: &[Condition::IsToday(Today::Date)], falling: &[] };

/// 正在等待: who waits for a reply, most important first.
pub const WAITING: View<Today> = View {
    title: "正在等待",
    conditions: &[Condition::IsOneOf(Today::WaitState, &["等待中", "待核实"])],
    falling: &[Today::Priority, Today::UnansweredMinutes],
};

impl Viewed for AllRooms {
    const VIEWS: &'static [View<Self>] = &[TO_APPROVE, WITHOUT_OWNER, TO_FOLLOW_UP];
}

impl Viewed for Today {
    const VIEWS: &'static [View<Self>] = &[OF_TODAY, WAITING];
}

impl<T: Table> View<T> {
    /// The columns that its conditions look at.
    pub fn columns(&self) -> Vec<T> {
        self.conditions.iter().map(Condition::column).collect()
    }

    /// Whether it keeps a row. `today`: from when to when today is.
    pub fn keeps(&self, columns: &UsableColumns<T>, row: &Record, today: &Range<DateTime<Utc>>) -> bool {
        self.conditions.iter().all(|condition| condition.holds(columns.cell(row, condition.column()), today))
    }
}

impl<T: Copy> Condition<T> {
    /// The column that it looks at.
    pub const fn column(&self) -> T {
        match self {
            Self::Is(column, _)
            | Self::IsNot(column, _)
            | Self::IsOneOf(column, _)
            | Self::IsEmpty(column)
            | Self::IsUnticked(column)
            | Self::AtLeast(column, _)
            | Self::IsToday(column) => *column,
        }
    }

    fn holds(&self, cell: &Cell, today: &Range<DateTime<Utc>>) -> bool {
        match self {
            Self::Is(_, text) => cell.as_text() == *text,
            Self::IsNot(_, text) => cell.as_text() != *text,
            Self::IsOneOf(_, texts) => texts.contains(&cell.as_text()),
            Self::IsEmpty(_) => cell.is_empty(),
            Self::IsUnticked(_) => !cell.is_ticked(),
            Self::AtLeast(_, least) => cell.as_number().is_some_and(|number| number >= f64::from(*least)),
            Self::IsToday(_) => cell.as_time().is_some_and(|time| today.contains(&time)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_condition_is_what_it_says() {
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        let today = at(1_000)..at(2_000);
        let column = AllRooms::Owner;
        for (condition, value, holds) in [
            (Condition::Is(column, "a"), json!("a"), true),
            (Condition::Is(column, "a"), json!("b"), false),
            (Condition::IsNot(column, "a"), json!(null), true),
            (Condition::IsNot(column, "a"), json!("a"), false),
            (Condition::IsOneOf(column, &["a", "b"]), json!("b"), true),
            (Condition::IsOneOf(column, &["a", "b"]), json!(null), false),
            (Condition::IsEmpty(column), json!(null), true),
            (Condition::IsEmpty(column), json!("a"), false),
            (Condition::IsUnticked(column), json!(null), true),
            (Condition::IsUnticked(column), json!(true), false),
            (Condition::AtLeast(column, 7), json!(7), true),
            (Condition::AtLeast(column, 7), json!(6.9), false),
            (Condition::AtLeast(column, 0), json!(null), false),
            (Condition::IsToday(column), json!(1_000_000), true),
            (Condition::IsToday(column), json!(2_000_000), false),
            (Condition::IsToday(column), json!(null), false),
        ] {
            assert_eq!(condition.holds(&Cell::read(&value), &today), holds, "{condition:?} {value}");
        }
    }
}
