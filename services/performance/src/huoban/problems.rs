//! What operators are told of Huoban: runs come one after the other, each knows of its own rows alone, and what is wrong
//! is wrong until a run finds it put right.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{NaiveDate, TimeDelta};
use domain::Timestamp;
use events::beat::{OutsideFailure, OutsideProblem};
use huoban::{BusinessKey, Table};

use super::failure::Stopped;
use super::report::{Report, TableProblem};

/// Nothing was written for so long before operators hear of it: what lasts for less is over by itself.
const PATIENCE: TimeDelta = TimeDelta::minutes(30);
/// The same while our own allowance is used up, which by design may take until the next hour.
const ALLOWANCE_PATIENCE: TimeDelta = TimeDelta::hours(2);
/// No comparison came to its end for so long: people are told on the second day.
const COMPARISON_PATIENCE: TimeDelta = TimeDelta::hours(20);
/// Rows named in one problem.
const NAMED: usize = 5;

/// What is wrong, as far as the runs up to now have shown.
#[derive(Debug, Default)]
pub(super) struct Problems {
    /// Of each table that was looked for last what is wrong with it and its columns.
    tables: BTreeMap<Table, Vec<OutsideProblem>>,
    /// Rows that are not taken.
    refused: BTreeSet<BusinessKey>,
    /// The last comparison left rows that nobody counts any more.
    strays: bool,
    /// What keeps runs from their end.
    failing: Option<Failing>,
    /// Since when comparisons have not come to their end, though rows are written.
    uncompared_since: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy)]
struct Failing {
    what: OutsideFailure,
    /// Since when no run came to its end, for whatever reason.
    since: Timestamp,
    /// How long that may take; none is left for what only people put right.
    patience: TimeDelta,
}

impl Problems {
    /// Takes in what came of a run over all rows from `first` on. `compared`: it also read back what stands there.
    pub fn note(&mut self, report: &Report, first: NaiveDate, compared: bool, now: Timestamp) {
        match &report.stopped {
            Some(Stopped::AnotherWriter | Stopped::LeaseLost) => {
                // Whoever writes knows what is wrong.
                *self = Self::default();
                return;
            }
            Some(Stopped::KeyRefused { .. }) => self.fails(OutsideFailure::Access, TimeDelta::zero(), now),
            Some(Stopped::PlanUsedUp { .. }) => self.fails(OutsideFailure::Quota, TimeDelta::zero(), now),
            Some(Stopped::Unusable { .. }) => self.fails(OutsideFailure::Stalled, PATIENCE, now),
            Some(Stopped::Allowance) => self.fails(OutsideFailure::Allowance, ALLOWANCE_PATIENCE, now),
            None => self.failing = None,
        }
        for table in &report.looked_at {
            self.tables.insert(*table, of_table(report, *table, now));
        }
        if report.stopped.is_none() {
            self.refused.retain(|key| key.day() < first && !compared);
            self.strays = if compared { report.strays_left > 0 } else { self.strays };
        }
        self.refused.extend(report.refused.iter().map(|refused| refused.key.clone()));
        self.refused.extend(report.left_alone.iter().cloned());
    }

    /// A comparison came to its end, or did not.
    pub fn note_comparison(&mut self, is_complete: bool, now: Timestamp) {
        let since = self.uncompared_since.unwrap_or(now);
        self.uncompared_since = (!is_complete).then_some(since);
    }

    /// There were no rows to be had.
    pub fn note_failed(&mut self, now: Timestamp) {
        self.fails(OutsideFailure::Stalled, PATIENCE, now);
    }

    fn fails(&mut self, what: OutsideFailure, patience: TimeDelta, now: Timestamp) {
        let since = self.failing.map_or(now, |failing| failing.since);
        self.failing = Some(Failing { what, since, patience });
    }

    /// What is told of it. While everything is refused that is all that needs to be known.
    pub fn told(&self, now: Timestamp) -> Vec<OutsideProblem> {
        let uncompared = self.uncompared_since.map(|since| Failing {
            what: OutsideFailure::Stalled,
            since,
            patience: COMPARISON_PATIENCE,
        });
        let lasts = |failing: &Failing| now - failing.since >= failing.patience;
        let failing = self.failing.filter(lasts).or_else(|| uncompared.filter(lasts));
        let stopped = failing.map(|failing| OutsideProblem::new(failing.what, None, failing.since));
        if failing.is_some_and(|failing| failing.patience.is_zero()) {
            return stopped.into_iter().collect();
        }
        let tables = self.tables.values().flatten().cloned();
        let rows = Table::ALL.into_iter().filter_map(|table| self.rows_of(table, now));
        let strays = self.strays.then(|| OutsideProblem::new(OutsideFailure::Strays, None, now));
        stopped.into_iter().chain(tables).chain(rows).chain(strays).collect()
    }

    fn rows_of(&self, table: Table, now: Timestamp) -> Option<OutsideProblem> {
        let of = self.refused.iter().filter(|key| key.table() == table);
        let rows: Vec<String> = of.take(NAMED).map(BusinessKey::to_string).collect();
        let told = OutsideProblem::new(OutsideFailure::Rows, Some(table.title()), now);
        (!rows.is_empty()).then_some(OutsideProblem { rows, ..told })
    }
}

fn of_table(report: &Report, table: Table, now: Timestamp) -> Vec<OutsideProblem> {
    let problem = |what| OutsideProblem::new(what, Some(table.title()), now);
    let wrong = report.tables.iter().find(|(of, _)| *of == table).map(|(_, problem)| problem);
    if let Some(TableProblem::NotFound(_)) = wrong {
        return vec![problem(OutsideFailure::Access)];
    }
    let left_out = report.columns.iter().filter(|(of, problem)| *of == table && problem.leaves_it_out());
    let mut columns: Vec<String> = left_out.map(|(_, problem)| problem.column().name().to_owned()).collect();
    if columns.is_empty() && wrong.is_some() {
        let needed = table.columns().filter(|column| column.is_needed());
        columns = needed.map(|column| column.name().to_owned()).collect();
    }
    let told = problem(OutsideFailure::Columns);
    if columns.is_empty() { Vec::new() } else { vec![OutsideProblem { columns, ..told }] }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stopped(why: Option<Stopped>) -> Report {
        Report { stopped: why, ..Report::default() }
    }

    #[test]
    fn what_stops_runs_is_told_by_its_kind_once_it_lasts_too_long() {
        let (began, day) = (Timestamp::UNIX_EPOCH, NaiveDate::default());
        let key_refused = || Stopped::KeyRefused { message: String::new() };
        let used_up = || Stopped::PlanUsedUp { message: String::new() };
        let unusable = || Stopped::Unusable { cause: String::new() };
        for (why, what, minutes) in [
            (key_refused(), OutsideFailure::Access, 0),
            (used_up(), OutsideFailure::Quota, 0),
            (unusable(), OutsideFailure::Stalled, 30),
            (Stopped::Allowance, OutsideFailure::Allowance, 120),
        ] {
            let mut problems = Problems::default();
            problems.note(&stopped(Some(why)), day, false, began);
            let told = |after| problems.told(began + TimeDelta::minutes(after));
            assert_eq!(told(minutes), [OutsideProblem::new(what, None, began)]);
            assert!(minutes == 0 || told(minutes - 1).is_empty(), "{what:?}");
            problems.note(&stopped(None), day, false, began);
            assert_eq!(problems.told(began + TimeDelta::days(1)), []);
        }
    }

    #[test]
    fn a_comparison_that_never_comes_to_its_end_is_told_though_rows_are_written() {
        let (began, day) = (Timestamp::UNIX_EPOCH, NaiveDate::default());
        let mut problems = Problems::default();
        for hour in 0..20 {
            let now = began + TimeDelta::hours(hour);
            problems.note_comparison(false, now);
            problems.note(&stopped(None), day, false, now);
            assert_eq!(problems.told(now), []);
        }
        let now = began + TimeDelta::hours(20);
        assert_eq!(problems.told(now), [OutsideProblem::new(OutsideFailure::Stalled, None, began)]);
        problems.note_comparison(true, now);
        assert_eq!(problems.told(now), []);
    }
}
