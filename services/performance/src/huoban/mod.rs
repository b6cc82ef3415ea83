//! The figures' rows in Huoban (伙伴云): whoever counts hands in rows with all of their values, and this makes the tables
//! say so.
//!
//! Rows are written one by one by their id there, whole and absolute, so that doing it again is harmless; only those that
//! changed, by a ledger of digests. A row without a known id is looked for by its 业务键 before it is created. What was
//! written is read back before it is believed. It must not decide what a row says, and it deletes nothing that is not a
//! copy of one of its own rows or one of its own that nobody counts any more.

mod compare;
mod failure;
mod feed;
mod problems;
mod read_back;
mod report;
mod run;
mod write;

use std::collections::BTreeMap;

use chrono::{DurationRound as _, NaiveDate, TimeDelta};
use domain::Timestamp;
use huoban::setup::TableRef;
use huoban::{Client, Codes, KeyForm, Pacing, Row, Settings, SpaceId, Table};
use runtime::Clock;
use runtime::config::{self, HuobanKeyForm};
use runtime::fault::Faults;
use runtime::lease::Lease;
use store::performance::huoban as ledger;
use store::sqlx::{self, PgPool};

pub use self::report::{Refused, Report, TableProblem};
pub use failure::Stopped;
pub use feed::run;
pub use run::known_fields;

use failure::Failure;
use run::TableRun;

/// One process at a time writes the tables: there is no compare-and-set on the service.
pub const LEASE: &str = "performance-huoban";
/// Points at which tests end the process.
pub mod points {
    /// The creation of a row is noted and not sent yet.
    pub const ATTEMPTED: &str = "huoban/attempted";
    /// A row was created or changed, and the ledger does not know it yet.
    pub const WRITTEN: &str = "huoban/written";
}
/// How long the ledger of calls is kept.
const KEEP_CALLS: TimeDelta = TimeDelta::days(40);

/// A client as the configuration says.
pub fn client(config: &config::Huoban, http: reqwest::Client, pacing: Pacing) -> Client {
    let form = match config.key_form {
        HuobanKeyForm::Bearer => KeyForm::Bearer,
        HuobanKeyForm::Bare => KeyForm::Bare,
    };
    let codes = Codes {
        key_refused: config.codes.key_refused.clone(),
        table_missing: config.codes.table_missing.clone(),
        throttled: config.codes.throttled.clone(),
        used_up: config.codes.used_up.clone(),
    };
    let page_size = usize::try_from(config.page_size).unwrap_or(huoban::MAX_PAGE_SIZE);
    let (base, key) = (config.base_url.clone(), config.api_key.clone());
    Client::new(http, Settings { base, key, form, pacing, codes, page_size })
}

/// Where a table is looked for, as the configuration says.
pub fn table_ref(config: &config::Huoban, table: Table) -> TableRef {
    let named = match table {
        Table::PersonDays => &config.tables.person_days,
        Table::RoomDays => &config.tables.room_days,
    };
    TableRef::read(named, table)
}

/// The space of the configuration; `None`: none is needed.
pub fn space(config: &config::Huoban) -> Option<SpaceId> {
    config.space.parse().ok()
}

/// Writes the figures' rows.
#[derive(Debug)]
pub struct Engine {
    client: Client,
    space: Option<SpaceId>,
    tables: BTreeMap<Table, TableRef>,
    per_hour: u64,
    per_day: u64,
    clock: Clock,
    faults: Faults,
    lease: Option<Lease>,
}

impl Engine {
    /// An engine for the tables of the configuration, which has been checked. Pauses between calls are in real time.
    pub fn new(config: &config::Huoban, http: reqwest::Client, clock: Clock, faults: Faults) -> Self {
        let pacing = Pacing::per_second(config.calls_per_second);
        let client = client(config, http, pacing);
        Self::with_client(config, client, clock, faults)
    }

    /// The same with a client of one's own.
    pub fn with_client(config: &config::Huoban, client: Client, clock: Clock, faults: Faults) -> Self {
        let tables = Table::ALL.into_iter().map(|table| (table, table_ref(config, table))).collect();
        Self {
            client,
            space: space(config),
            tables,
            per_hour: config.calls_per_hour.into(),
            per_day: config.calls_per_day.into(),
            clock,
            faults,
            lease: None,
        }
    }

    /// Makes these rows stand in the tables, and leaves all others alone. Rows that stand there already cost no call.
    pub async fn sync(&mut self, db: &PgPool, rows: Vec<Row>) -> Result<Report, sqlx::Error> {
        self.run(db, rows, None).await
    }

    /// Reads the days from `first` to `last` back and puts right what differs from `rows`, which must be **all** rows of
    /// these days: whatever else of ours stands there is taken away, copies of a row too.
    pub async fn compare(
        &mut self,
        db: &PgPool,
        first: NaiveDate,
        last: NaiveDate,
        rows: Vec<Row>,
    ) -> Result<Report, sqlx::Error> {
        self.run(db, rows, Some((first, last))).await
    }

    async fn run(
        &mut self,
        db: &PgPool,
        rows: Vec<Row>,
        days: Option<(NaiveDate, NaiveDate)>,
    ) -> Result<Report, sqlx::Error> {
        let mut report = Report::default();
        if !self.holds_lease(db).await? {
            report.stopped = Some(Stopped::AnotherWriter);
            return Ok(report);
        }
        let allowed = self.allowed(db).await?;
        self.client.allow(allowed);
        let mut by_table: BTreeMap<Table, Vec<Row>> = BTreeMap::new();
        for row in rows {
            by_table.entry(row.key.table()).or_default().push(row);
        }
        let outcome = self.all_tables(db, by_table, days, &mut report).await;
        let recorded = record_calls(&self.client, db, self.clock.now()).await;
        report.calls += recorded?;
        outcome?;
        report.count();
        Ok(report)
    }

    async fn all_tables(
        &mut self,
        db: &PgPool,
        mut rows: BTreeMap<Table, Vec<Row>>,
        days: Option<(NaiveDate, NaiveDate)>,
        report: &mut Report,
    ) -> Result<(), sqlx::Error> {
        for table in Table::ALL {
            let rows = rows.remove(&table).unwrap_or_default();
            if rows.is_empty() && days.is_none() {
                continue;
            }
            let done = self.one_table(db, table, rows, days, report).await;
            match done {
                Ok(()) => {}
                Err(Failure::Database(error)) => return Err(error),
                // Another table may well be there.
                Err(Failure::Call(error @ huoban::Error::Missing { .. })) => {
                    report.looked_at.insert(table);
                    report.tables.push((table, TableProblem::NotFound(error.into())));
                }
                Err(failure) => {
                    report.stopped = Some(failure.into());
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    async fn one_table(
        &mut self,
        db: &PgPool,
        table: Table,
        rows: Vec<Row>,
        days: Option<(NaiveDate, NaiveDate)>,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let (client, wanted) = (self.client.clone(), self.tables[&table].clone());
        let (space, clock, faults) = (self.space.clone(), self.clock.clone(), self.faults.clone());
        let lease = self.lease.as_mut().ok_or(Failure::LeaseLost)?;
        let mut run =
            TableRun { client, db, clock, faults, lease, table, wanted, space, report, target: None };
        if !run.look().await? {
            return Ok(());
        }
        match days {
            None => run.sync(rows).await,
            Some((first, last)) => run.compare(first, last, rows).await,
        }
    }

    /// Whether this is the one that writes.
    async fn holds_lease(&mut self, db: &PgPool) -> Result<bool, sqlx::Error> {
        if let Some(lease) = &mut self.lease {
            if lease.check().await.is_ok() {
                return Ok(true);
            }
            self.lease = None;
        }
        self.lease = Lease::try_acquire(db, LEASE).await?;
        Ok(self.lease.is_some())
    }

    /// The calls that may still be made in this hour, and in these 24.
    async fn allowed(&self, db: &PgPool) -> Result<u64, sqlx::Error> {
        let now = self.clock.now();
        let mut connection = db.acquire().await?;
        let hour = ledger::calls_since(&mut connection, hour_of(now)).await?;
        let day = ledger::calls_since(&mut connection, hour_of(now - TimeDelta::hours(23))).await?;
        let left = |limit: u64, used: i64| limit.saturating_sub(u64::try_from(used).unwrap_or_default());
        Ok(left(self.per_hour, hour).min(left(self.per_day, day)))
    }
}

/// The hour that a moment lies in.
fn hour_of(at: Timestamp) -> Timestamp {
    at.duration_trunc(TimeDelta::hours(1)).unwrap_or(at)
}

/// Enters the calls made since the last time, and gives their number.
async fn record_calls(client: &Client, db: &PgPool, now: Timestamp) -> Result<u64, sqlx::Error> {
    let made = client.take_made();
    if made == 0 {
        return Ok(0);
    }
    let entered = async {
        let calls = i64::try_from(made).unwrap_or(i64::MAX);
        ledger::add_calls(&mut *db.acquire().await?, calls, hour_of(now), now - KEEP_CALLS).await
    };
    if let Err(error) = entered.await {
        client.put_back_made(made);
        return Err(error);
    }
    metrics::counter!("huoban_calls_total").increment(made);
    Ok(made)
}
