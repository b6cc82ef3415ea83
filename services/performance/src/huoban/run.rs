//! A run over one table: where it is, and which of its rows are to be written.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use huoban::setup::{self, NotFound, TableRef};
use huoban::{Client, Column, Columns, Error, FieldId, Row, SpaceId, Table, TableId};
use runtime::Clock;
use runtime::fault::Faults;
use runtime::lease::Lease;
use store::performance::huoban::{self as ledger, LedgerRow};
use store::sqlx::{self, PgConnection, PgPool};

use super::failure::Failure;
use super::report::{Refused, Report, TableProblem};
use super::write::Written;

/// Calls are entered into the ledger after so many rows: a crash loses the count of no more.
const RECORD_EVERY: usize = 20;
/// A row that was refused is tried again after this, doubled with each refusal, up to a day.
const FIRST_RETRY: TimeDelta = TimeDelta::minutes(10);
const MOST_DOUBLINGS: i32 = 7;

/// A table and its columns, as last looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub id: TableId,
    pub columns: Columns,
}

pub(super) struct TableRun<'a> {
    pub client: Client,
    pub db: &'a PgPool,
    pub clock: Clock,
    pub faults: Faults,
    pub lease: &'a mut Lease,
    pub table: Table,
    pub wanted: TableRef,
    pub space: Option<SpaceId>,
    pub report: &'a mut Report,
    pub target: Option<Target>,
}

/// What is known of rows, by their key's text.
pub(super) type Known = BTreeMap<String, LedgerRow>;

impl TableRun<'_> {
    /// Finds the table and its columns. `false`: it cannot be worked with, which is reported.
    pub async fn look(&mut self) -> Result<bool, Failure> {
        let found = match setup::look(&self.client, self.space.as_ref(), &self.wanted).await {
            Ok(found) => found,
            Err(NotFound::Call(error)) => return Err(error.into()),
            Err(not_found) => {
                self.report.looked_at.insert(self.table);
                self.report.tables.push((self.table, not_found.into()));
                return Ok(false);
            }
        };
        self.report.looked_at.insert(self.table);
        let known = known_fields(&mut *self.db.acquire().await?, &found.id).await?;
        let (columns, problems) = Columns::find(self.table, &found.fields, &known);
        self.report.columns.retain(|(table, _)| *table != self.table);
        self.report.columns.extend(problems.into_iter().map(|problem| (self.table, problem)));
        if columns.needed().is_none() {
            self.report.tables.push((self.table, TableProblem::Unusable));
            return Ok(false);
        }
        self.remember_fields(&found.id, &columns).await?;
        self.target = Some(Target { id: found.id, columns });
        Ok(true)
    }

    async fn remember_fields(&self, table: &TableId, columns: &Columns) -> Result<(), sqlx::Error> {
        let (names, fields): (Vec<String>, Vec<String>) =
            columns.iter().map(|(column, id)| (column.name().to_owned(), id.to_string())).unzip();
        ledger::remember_fields(&mut *self.db.acquire().await?, table.as_str(), &names, &fields).await
    }

    /// The table that was looked at before.
    pub fn target(&self) -> Result<Target, Failure> {
        self.target.clone().ok_or(Failure::Call(Error::Unreadable("a table that was not looked at")))
    }

    /// Writes the rows that changed, and reads back what was written.
    pub async fn sync(&mut self, rows: Vec<Row>) -> Result<(), Failure> {
        let known = self.known(&rows).await?;
        let mut to_read_back = Vec::new();
        // What was written before something ended the run is read back by the next one.
        self.write_changed(rows, &known, &mut to_read_back).await?;
        self.read_back(to_read_back).await
    }

    async fn write_changed(
        &mut self,
        rows: Vec<Row>,
        known: &Known,
        to_read_back: &mut Vec<Row>,
    ) -> Result<(), Failure> {
        let now = self.clock.now();
        let mut tried = 0;
        for row in rows {
            let digest = row.digest(&self.target()?.columns);
            let held = known.get(&row.key.to_string());
            if held.is_some_and(|held| held.digest == digest && held.item.is_some()) {
                self.report.unchanged += 1;
                if held.is_some_and(|held| held.verified_at.is_none()) {
                    to_read_back.push(row);
                }
                continue;
            }
            if held.is_some_and(|held| is_left_alone(held, &digest, now)) {
                self.report.deferred += 1;
                self.report.left_alone.push(row.key);
                continue;
            }
            if self.write_or_refuse(&row, held).await? {
                to_read_back.push(row);
            }
            tried += 1;
            if tried % RECORD_EVERY == 0 {
                self.report.calls += super::record_calls(&self.client, self.db, self.clock.now()).await?;
            }
        }
        Ok(())
    }

    /// Writes a row. `true`: it is to be read back. What is wrong with the row alone is noted and reported.
    pub async fn write_or_refuse(&mut self, row: &Row, held: Option<&LedgerRow>) -> Result<bool, Failure> {
        if self.lease.check().await.is_err() {
            return Err(Failure::LeaseLost);
        }
        let before = self.target()?;
        let mut outcome = self.write(row, held).await;
        if matches!(outcome, Err(Failure::Call(Error::Rejected { .. }))) {
            // Perhaps somebody took a column away since the run began.
            if !self.look().await? {
                return Err(Failure::Call(Error::Unreadable("a table that cannot be worked with any more")));
            }
            if self.target()? != before {
                outcome = self.write(row, held).await;
            }
        }
        match outcome {
            Ok(Written::Done) => {
                self.report.written += 1;
                Ok(true)
            }
            Ok(Written::Doubtful) => {
                self.report.deferred += 1;
                Ok(false)
            }
            Err(Failure::Call(error)) if !error.ends_the_run() => {
                self.refuse(row, held, error.to_string()).await?;
                Ok(false)
            }
            Err(failure) => Err(failure),
        }
    }

    /// Leaves a row alone for a while, and reports it.
    pub async fn refuse(
        &mut self,
        row: &Row,
        held: Option<&LedgerRow>,
        reason: String,
    ) -> Result<(), Failure> {
        let target = self.target()?;
        let refusals = held.map_or(0, |held| held.refusals).min(MOST_DOUBLINGS);
        let retry_at = self.clock.now() + FIRST_RETRY * (1 << refusals.max(0));
        let key = row.key.to_string();
        tracing::warn!(table = %self.table, row.key = key, reason, %retry_at, "Huoban did not take a row");
        let (table, day, digest) = (target.id.as_str(), row.key.day(), row.digest(&target.columns));
        let mut connection = self.db.acquire().await.map_err(Failure::Database)?;
        ledger::note_refused(&mut connection, table, &key, day, &digest, &reason, retry_at).await?;
        self.report.refused.push(Refused { key: row.key.clone(), reason });
        Ok(())
    }

    /// What the ledger says of rows.
    pub async fn known(&self, rows: &[Row]) -> Result<Known, Failure> {
        let keys: Vec<String> = rows.iter().map(|row| row.key.to_string()).collect();
        let table = self.target()?.id;
        let rows = ledger::rows(&mut *self.db.acquire().await?, table.as_str(), &keys).await?;
        Ok(rows.into_iter().map(|row| (row.key.clone(), row)).collect())
    }
}

/// The columns of a table by the ids that they were seen with before.
pub async fn known_fields(
    connection: &mut PgConnection,
    table: &TableId,
) -> Result<BTreeMap<Column, FieldId>, sqlx::Error> {
    let read = |(name, field): (String, String)| {
        let column = Column::ALL.iter().find(|column| column.name() == name)?;
        Some((*column, field.parse().ok()?))
    };
    Ok(ledger::fields(connection, table.as_str()).await?.into_iter().filter_map(read).collect())
}

/// Refused with this content a short while ago.
fn is_left_alone(held: &LedgerRow, digest: &str, now: domain::Timestamp) -> bool {
    held.refused_digest.as_deref() == Some(digest) && held.retry_at.is_some_and(|at| now < at)
}
