//! The ledgers of the calls of Vika that count against the space's month: one of each service that makes any.

use chrono::{Datelike as _, NaiveDate};
use domain::Timestamp;
use domain::call_budget::{CallBudget, Polling, Spent};
use domain::rules::Rules;
use sqlx::PgConnection;

/// Whose calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ledger {
    /// `vika-sync`, which writes.
    Sync,
    /// `vika-reconcile`, which reads managers' edits.
    Reconcile,
}

/// Calls of a month for one purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonthCalls {
    /// Whose.
    pub ledger: Ledger,
    /// What for.
    pub purpose: String,
    /// Before the day that was asked for.
    pub earlier: i64,
    /// On that day.
    pub today: i64,
}

/// Adds calls by purpose to a day (by the company's clock) of a ledger.
pub async fn add(
    connection: &mut PgConnection,
    ledger: Ledger,
    day: NaiveDate,
    calls: &[(&str, i64)],
) -> Result<(), sqlx::Error> {
    let (purposes, calls): (Vec<&str>, Vec<i64>) = calls.iter().copied().unzip();
    let added = match ledger {
        Ledger::Sync => sqlx::query!(
            r#"
            insert into vika_sync_daily_calls as ledger (day, purpose, calls)
            select $1, purpose, calls from unnest($2::text[], $3::bigint[]) as new (purpose, calls)
            on conflict (day, purpose) do update set calls = ledger.calls + excluded.calls
            "#,
            day,
            &purposes as _,
            &calls,
        ),
        Ledger::Reconcile => sqlx::query!(
            r#"
            insert into vika_reconcile_daily_calls as ledger (day, purpose, calls)
            select $1, purpose, calls from unnest($2::text[], $3::bigint[]) as new (purpose, calls)
            on conflict (day, purpose) do update set calls = ledger.calls + excluded.calls
            "#,
            day,
            &purposes as _,
            &calls,
        ),
    };
    added.execute(connection).await?;
    Ok(())
}

/// Calls from the first of a day's month to that day.
pub async fn of_month(connection: &mut PgConnection, day: NaiveDate) -> Result<Vec<MonthCalls>, sqlx::Error> {
    let first = day.with_day(1).unwrap_or(day);
    let rows = sqlx::query!(
        r#"
        select is_sync as "is_sync!", purpose as "purpose!",
               coalesce(sum(calls) filter (where day < $2), 0)::bigint as "earlier!",
               coalesce(sum(calls) filter (where day = $2), 0)::bigint as "today!"
        from (select true as is_sync, day, purpose, calls from vika_sync_daily_calls
              union all select false, day, purpose, calls from vika_reconcile_daily_calls) as ledgers
        where day between $1 and $2
        group by is_sync, purpose
        order by is_sync, purpose
        "#,
        first,
        day,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| MonthCalls {
            ledger: if row.is_sync { Ledger::Sync } else { Ledger::Reconcile },
            purpose: row.purpose,
            earlier: row.earlier,
            today: row.today,
        })
        .collect())
}

/// The calls of a ledger until now, by purpose.
pub fn of_ledger(calls: &[MonthCalls], ledger: Ledger) -> impl Iterator<Item = (String, i64)> {
    let own = calls.iter().filter(move |calls| calls.ledger == ledger);
    own.map(|calls| (calls.purpose.clone(), calls.earlier + calls.today))
}

/// What was spent of the month's calls.
fn spent(calls: &[MonthCalls]) -> Spent {
    let whole = |calls: i64| u64::try_from(calls).unwrap_or_default();
    let writing = calls.iter().filter(|calls| calls.ledger == Ledger::Sync);
    Spent {
        earlier: whole(calls.iter().map(|calls| calls.earlier).sum()),
        writing: whole(writing.map(|calls| calls.today).sum()),
    }
}

/// What calls may be made for at a moment, and the month's calls until then.
pub async fn budget(
    connection: &mut PgConnection,
    rules: &Rules,
    (per_month, polling): (u64, Polling),
    now: Timestamp,
) -> Result<(CallBudget, Vec<MonthCalls>), sqlx::Error> {
    let calls = of_month(connection, rules.day_of(now)).await?;
    Ok((CallBudget::at(rules, per_month, polling, spent(&calls), now), calls))
}
