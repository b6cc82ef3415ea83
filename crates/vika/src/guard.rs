//! The schema guard: checks a sheet's columns at start, periodically and after a refused call, and keeps apart the
//! columns that can be used from those that somebody has to repair. A problem is logged once, when it is found.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    client::Client,
    error::Error,
    ids::SheetId,
    schema::ColumnProblem,
    tables::Table,
    usable_columns::{KnownColumns, UsableColumns},
};

/// How often columns are checked while nothing is wrong, where calls need not be saved.
pub const CHECK_EVERY: TimeDelta = TimeDelta::minutes(10);
/// How often while something is wrong, so that a repair shows within a minute.
const CHECK_AGAIN: TimeDelta = TimeDelta::seconds(30);
/// Where calls are saved: so many times as often as while nothing is wrong.
const CHECKS_WHILE_WRONG: i32 = 5;
/// A refused call triggers a check, but no more often than this.
const AFTER_REFUSAL: TimeDelta = TimeDelta::minutes(1);

/// What is known of a sheet's columns.
#[derive(Debug)]
pub struct SchemaGuard<T: 'static> {
    /// The id of the sheet.
    pub sheet: SheetId,
    /// The columns without which the sheet cannot be used at all.
    needed: &'static [T],
    columns: Option<UsableColumns<T>>,
    /// The ids of columns as they were once found.
    known: KnownColumns,
    problems: Vec<ColumnProblem>,
    checked_at: Option<DateTime<Utc>>,
    is_suspect: bool,
}

impl<T: Table> SchemaGuard<T> {
    /// A sheet that was not checked yet and cannot be used without the `needed` columns.
    pub fn new(sheet: SheetId, needed: &'static [T]) -> Self {
        let (known, problems) = (KnownColumns::new(), Vec::new());
        Self { sheet, needed, columns: None, known, problems, checked_at: None, is_suspect: false }
    }

    /// These ids were found before: such a column is followed when it is renamed.
    pub fn remember(&mut self, known: KnownColumns) {
        self.known.extend(known);
    }

    /// The ids of columns as they were once found.
    pub fn known(&self) -> &KnownColumns {
        &self.known
    }

    /// The columns, if the sheet can be used at all.
    pub fn usable(&self) -> Option<&UsableColumns<T>> {
        self.columns.as_ref().filter(|columns| columns.has_all(self.needed))
    }

    /// What has to be repaired.
    pub fn problems(&self) -> &[ColumnProblem] {
        &self.problems
    }

    /// Checks the columns if it is time to; while nothing is wrong every `pause`. `true`: other columns can be used than
    /// before.
    pub async fn check_if_due(
        &mut self,
        client: &Client,
        pause: TimeDelta,
        now: DateTime<Utc>,
    ) -> Result<bool, Error> {
        let every = match (self.problems.is_empty(), self.is_suspect) {
            (false, _) if pause > CHECK_EVERY => pause / CHECKS_WHILE_WRONG,
            (false, _) => CHECK_AGAIN,
            (true, true) => AFTER_REFUSAL,
            (true, false) => pause,
        };
        self.check_unless_checked_within(client, now, every).await
    }

    /// Checks the columns after a refused call, unless that was done just now. `true`: other columns can be used than before.
    pub async fn check_after_refusal(&mut self, client: &Client, now: DateTime<Utc>) -> Result<bool, Error> {
        self.check_unless_checked_within(client, now, AFTER_REFUSAL).await
    }

    /// A call was refused for no known reason: the next check comes soon.
    pub fn check_soon(&mut self) {
        self.is_suspect = true;
    }

    async fn check_unless_checked_within(
        &mut self,
        client: &Client,
        now: DateTime<Utc>,
        pause: TimeDelta,
    ) -> Result<bool, Error> {
        if self.checked_at.is_some_and(|at| now - at < pause) {
            return Ok(false);
        }
        let fields = client.fields(&self.sheet).await?;
        let (columns, problems) = UsableColumns::find(&fields, &self.known);
        self.known.extend(columns.known());
        self.checked_at = Some(now);
        self.is_suspect = false;
        self.log_changes(&problems, &columns);
        self.problems = problems;
        let changed = self.columns.as_ref() != Some(&columns);
        self.columns = Some(columns);
        Ok(changed)
    }

    fn log_changes(&self, problems: &[ColumnProblem], columns: &UsableColumns<T>) {
        let before = self.columns.as_ref().map(UsableColumns::renamed).unwrap_or_default();
        for (column, now) in columns.renamed().iter().filter(|renamed| !before.contains(renamed)) {
            tracing::info!(sheet = T::TITLE, column, now, "a Vika column was renamed; it is followed");
        }
        for solved in self.problems.iter().filter(|old| problems.iter().all(|p| p.column() != old.column())) {
            gauge::<T>(solved, 0.0);
            tracing::info!(sheet = T::TITLE, column = solved.column(), "a Vika column can be used again");
        }
        for problem in problems {
            gauge::<T>(problem, 1.0);
            if !self.problems.contains(problem) {
                tracing::error!(
                    sheet = T::TITLE, sheet.id = %self.sheet, column = problem.column(), %problem,
                    "a Vika column cannot be used; the others go on"
                );
            }
        }
        if !columns.has_all(self.needed) && (self.usable().is_some() || self.columns.is_none()) {
            let needed: Vec<&str> = self.needed.iter().map(|column| column.name()).collect();
            tracing::error!(sheet = T::TITLE, sheet.id = %self.sheet, ?needed, "a Vika sheet cannot be used at all");
        }
    }
}

fn gauge<T: Table>(problem: &ColumnProblem, value: f64) {
    metrics::gauge!("vika_schema_problem", "sheet" => T::TITLE, "column" => problem.column()).set(value);
}
