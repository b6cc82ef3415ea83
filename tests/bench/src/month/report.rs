//! What the month took.

use std::collections::BTreeMap;

use anyhow::Result;
use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Value, json};

use super::plan::Plan;
use super::world::{World, day_of};

/// Calls of a day, as the simulator saw them.
#[derive(Debug, Default)]
pub struct Calls {
    pub counted: u64,
    /// For want of calls.
    pub refused: u64,
    pub by_user: BTreeMap<String, u64>,
    /// Rows in the calls that write.
    pub rows_sent: u64,
}

#[derive(Debug, Default)]
pub struct Samples {
    /// For how many seconds the row that is behind for the longest time is so.
    pub rows: Vec<(NaiveDate, f64)>,
    pub calls: BTreeMap<NaiveDate, Calls>,
}

impl Samples {
    /// Over all days.
    pub fn sum(&self, of: fn(&Calls) -> u64) -> u64 {
        self.calls.values().map(of).sum()
    }
}

/// The figures, as JSON; times in seconds of the company's clock.
pub async fn of(world: &World, plan: &Plan, samples: &Samples) -> Result<Value> {
    let mut by_user: BTreeMap<&str, u64> = BTreeMap::new();
    for (user, calls) in samples.calls.values().flat_map(|calls| &calls.by_user) {
        *by_user.entry(user).or_default() += calls;
    }
    let refused_on =
        samples.calls.iter().find(|(_, calls)| calls.refused > 0).map(|(day, _)| day.to_string());
    let edits = edits(world).await?;
    let last_day = plan.last_day;
    let late = |of_last: bool| {
        let of: Vec<f64> =
            samples.rows.iter().filter(|(day, _)| !of_last || *day == last_day).map(|(_, s)| *s).collect();
        quantiles(of)
    };
    let acted = |kind: &str, of_last: bool| {
        let fits = |edit: &&Edit| edit.kind == kind && (!of_last || day_of(edit.at) == last_day);
        quantiles(
            edits.iter().filter(fits).map(|edit| (edit.decided_at - edit.at).as_seconds_f64()).collect(),
        )
    };
    Ok(json!({
        "messages": plan.said.len(),
        "calls": samples.sum(|calls| calls.counted),
        "refused": samples.sum(|calls| calls.refused),
        "refused_since": refused_on,
        "calls_by_user": by_user,
        "ledger": ledger(world).await?,
        "rows_sent": samples.sum(|calls| calls.rows_sent),
        "edits_meant": plan.edits.len(),
        "ticks_acted_on_after": acted("cancel", false),
        "ticks_of_the_last_day": acted("cancel", true),
        "grades_acted_on_after": acted("mark", false),
        "outcomes_not_shown": edits.iter().filter(|edit| !edit.is_shown).count(),
        "oldest_row_behind": late(false),
        "oldest_row_behind_on_the_last_day": late(true),
    }))
}

struct Edit {
    kind: String,
    at: DateTime<Utc>,
    decided_at: DateTime<Utc>,
    is_shown: bool,
}

async fn edits(world: &World) -> Result<Vec<Edit>> {
    let rows: Vec<(String, DateTime<Utc>, DateTime<Utc>, bool)> = store::sqlx::query_as(
        "select kind, at, commands.decided_at, shown.settled_at is not null
         from commands left join vika_sync_outcomes shown on shown.command = commands.command
         where via = 'vika'",
    )
    .fetch_all(&world.admin)
    .await?;
    let edit = |(kind, at, decided_at, is_shown)| Edit { kind, at, decided_at, is_shown };
    Ok(rows.into_iter().map(edit).collect())
}

async fn ledger(world: &World) -> Result<BTreeMap<String, i64>> {
    let rows: Vec<(String, i64)> = store::sqlx::query_as(
        "select 'sync ' || purpose, sum(calls)::bigint from vika_sync_daily_calls group by purpose
         union all
         select 'reconcile ' || purpose, sum(calls)::bigint from vika_reconcile_daily_calls group by purpose",
    )
    .fetch_all(&world.admin)
    .await?;
    Ok(rows.into_iter().collect())
}

/// How many there are, their mean and their quantiles.
fn quantiles(mut of: Vec<f64>) -> Value {
    of.sort_by(f64::total_cmp);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    let at = |part: f64| of.get(((of.len() as f64 - 1.0) * part).round() as usize).map(|value| value.round());
    #[expect(clippy::cast_precision_loss, reason = "there are few")]
    let mean = (!of.is_empty()).then(|| (of.iter().sum::<f64>() / of.len() as f64).round());
    json!({ "count": of.len(), "mean": mean, "p50": at(0.5), "p95": at(0.95), "max": at(1.0) })
}
