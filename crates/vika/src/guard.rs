//! The schema guard: looks at a sheet's columns at start, every so often and when a call was refused, and keeps apart
//! what can be used from what somebody has to put right. What to do about it is said once, when it is found.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    client::Client, error::Error, ids::SheetId, present::Present, schema::ColumnProblem, tables::Table,
};

/// How often columns are looked at while nothing is wrong.
const LOOK_EVERY: TimeDelta = TimeDelta::minutes(10);
/// How often while something is wrong, so that putting it right shows within a minute.
const LOOK_AGAIN: TimeDelta = TimeDelta::seconds(30);
/// A refused call makes us look, but no more often than this.
const AFTER_REFUSAL: TimeDelta = TimeDelta::minutes(1);

/// What is known of a sheet's columns.
#[derive(Debug)]
pub struct Guard<T: 'static> {
    /// The sheet.
    pub sheet: SheetId,
    /// The columns without which nothing can be done with the sheet.
    needed: &'static [T],
    columns: Option<Present<T>>,
    problems: Vec<ColumnProblem>,
    looked_at: Option<DateTime<Utc>>,
    suspected: bool,
}

impl<T: Table> Guard<T> {
    /// A sheet not yet looked at, of no use without the `needed` columns.
    pub fn new(sheet: SheetId, needed: &'static [T]) -> Self {
        Self { sheet, needed, columns: None, problems: Vec::new(), looked_at: None, suspected: false }
    }

    /// The columns, if the sheet can be used at all.
    pub fn usable(&self) -> Option<&Present<T>> {
        self.columns.as_ref().filter(|columns| columns.has_all(self.needed))
    }

    /// What has to be put right.
    pub fn problems(&self) -> &[ColumnProblem] {
        &self.problems
    }

    /// Looks if it is time to. `true`: other columns can be used than before.
    pub async fn look_if_due(&mut self, client: &Client, now: DateTime<Utc>) -> Result<bool, Error> {
        let every = match (self.problems.is_empty(), self.suspected) {
            (false, _) => LOOK_AGAIN,
            (true, true) => AFTER_REFUSAL,
            (true, false) => LOOK_EVERY,
        };
        self.look_after(client, now, every).await
    }

    /// Looks because a call was refused, unless it looked just now. `true`: other columns can be used than before.
    pub async fn look_after_refusal(&mut self, client: &Client, now: DateTime<Utc>) -> Result<bool, Error> {
        self.look_after(client, now, AFTER_REFUSAL).await
    }

    /// A call was refused for no reason that is known: the next look comes soon.
    pub fn suspect(&mut self) {
        self.suspected = true;
    }

    async fn look_after(
        &mut self,
        client: &Client,
        now: DateTime<Utc>,
        pause: TimeDelta,
    ) -> Result<bool, Error> {
        if self.looked_at.is_some_and(|at| now - at < pause) {
            return Ok(false);
        }
        let fields = client.fields(&self.sheet).await?;
        let (columns, problems) = Present::look(&fields, self.columns.as_ref());
        self.looked_at = Some(now);
        self.suspected = false;
        self.tell(&problems, &columns);
        self.problems = problems;
        let changed = self.columns.as_ref() != Some(&columns);
        self.columns = Some(columns);
        Ok(changed)
    }

    fn tell(&self, problems: &[ColumnProblem], columns: &Present<T>) {
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
