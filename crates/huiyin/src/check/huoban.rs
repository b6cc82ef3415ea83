//! The key, both tables and their columns in Huoban.

use std::time::Duration;

use huoban::setup::{Found, NotFound, look};
use huoban::{Client, ColumnProblem, Columns, Error, Kind, Pacing, Stop, Table};
use runtime::config;

use super::report::{Finding, Group};
use super::within;
use super::wording;

/// As the service would, but with less patience.
pub(crate) fn pacing() -> Pacing {
    let (timeout, backoff) = (Duration::from_secs(8), Duration::from_millis(300));
    Pacing { timeout, attempts: 2, backoff, ..Pacing::default() }
}

pub(super) async fn check(config: &config::Huoban) -> Vec<Finding> {
    if !config.enabled {
        return vec![Group::Huoban.skipped(wording::HUOBAN_IS_OFF)];
    }
    let Ok(http) = runtime::http::client() else { return vec![Group::Huoban.failed(wording::no_http())] };
    let client = performance::huoban::client(config, http, pacing());
    let mut findings = Vec::new();
    for table in Table::ALL {
        match within(find(&client, config, table)).await.unwrap_or_else(|| Err(too_slow())) {
            Ok(found) => findings.extend(columns(table, &found)),
            Err(NotFound::Call(Error::Stop(stop))) => {
                findings.push(Group::Huoban.failed(wording::huoban_refuses(&stop)));
                break;
            }
            Err(error) => findings.push(Group::Huoban.failed(wording::table_not_found(table, &error))),
        }
    }
    findings.push(Group::Huoban.ok(wording::huoban_calls(client.take_made())));
    findings
}

/// Where a table is, as configured.
pub(crate) async fn find(client: &Client, config: &config::Huoban, table: Table) -> Result<Found, NotFound> {
    let (space, wanted) = (performance::huoban::space(config), performance::huoban::table_ref(config, table));
    look(client, space.as_ref(), &wanted).await
}

fn too_slow() -> NotFound {
    NotFound::Call(Error::Retry { after: Duration::ZERO, cause: String::new() })
}

fn columns(table: Table, found: &Found) -> Vec<Finding> {
    let (_, problems) = Columns::find(table, &found.fields, &std::collections::BTreeMap::new());
    if problems.is_empty() {
        return vec![Group::Huoban.ok(wording::table_is_sound(table, table.columns().count()))];
    }
    let finding = |problem: &ColumnProblem| {
        let advice = wording::huoban_column(table, problem);
        if problem.leaves_it_out() { Group::Huoban.failed(advice) } else { Group::Huoban.warning(advice) }
    };
    problems.iter().map(finding).collect()
}

/// What `init-huoban` does and says of tables in the same way.
pub(crate) mod for_setup {
    use super::super::wording::{self, Advice};
    use super::{ColumnProblem, Error, Kind, NotFound, Stop, Table};

    pub(crate) use super::{find, pacing};

    pub(crate) fn kind(kind: Kind) -> &'static str {
        wording::huoban_kind(kind)
    }

    /// Whether no call is let through at all.
    pub(crate) fn refusal(error: &NotFound) -> Option<&Stop> {
        match error {
            NotFound::Call(Error::Stop(stop)) => Some(stop),
            _ => None,
        }
    }

    pub(crate) fn refused(stop: &Stop) -> String {
        told(&wording::huoban_refuses(stop))
    }

    pub(crate) fn not_found(table: Table, error: &NotFound) -> String {
        told(&wording::table_not_found(table, error))
    }

    pub(crate) fn column(table: Table, problem: &ColumnProblem) -> String {
        told(&wording::huoban_column(table, problem))
    }

    fn told(advice: &Advice) -> String {
        format!("{}。{}{}", advice.what, wording::REMEDY, advice.remedy)
    }
}
