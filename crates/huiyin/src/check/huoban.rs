//! The key, both tables and their columns in Huoban.

use std::collections::BTreeMap;
use std::time::Duration;

use huoban::setup::{Found, NotFound, look};
use huoban::{Column, ColumnProblem, Columns, Error, FieldId, Pacing, Table, TableId};
use performance::huoban::known_fields;
use runtime::config;
use sqlx::PgConnection;

use super::database::reader;
use super::report::{Finding, Group};
use super::{within, wording};
use crate::wording::HUOBAN_IS_OFF;

pub(super) async fn check(config: &config::Huoban, database: &config::Database) -> Vec<Finding> {
    if !config.enabled {
        return vec![Group::Huoban.skipped(HUOBAN_IS_OFF)];
    }
    let Tables { looked, refused, calls } = tables(config, reader(database).await).await;
    let used = Group::Huoban.ok(wording::huoban_calls(calls));
    looked.into_iter().flat_map(|looked| looked.findings).chain(refused).chain([used]).collect()
}

/// What was found of both tables.
pub(crate) struct Tables {
    pub(crate) looked: Vec<Looked>,
    /// Why no call is let through, or can be made.
    pub(crate) refused: Option<Finding>,
    /// Calls that it took.
    pub(crate) calls: u64,
}

/// What was found of a table.
pub(crate) struct Looked {
    pub(crate) table: Table,
    pub(crate) id: Result<TableId, NotFound>,
    pub(crate) findings: Vec<Finding>,
}

/// Looks for both tables and their columns. In the `ledger` columns stand that were seen before: without it one that was
/// renamed is a missing one.
pub(crate) async fn tables(config: &config::Huoban, mut ledger: Option<PgConnection>) -> Tables {
    let mut tables = Tables { looked: Vec::new(), refused: None, calls: 0 };
    let Ok(http) = runtime::http::client() else {
        return Tables { refused: Some(Group::Huoban.failed(wording::no_http())), ..tables };
    };
    let client = performance::huoban::client(config, http, pacing());
    let space = performance::huoban::space(config);
    for table in Table::ALL {
        let wanted = performance::huoban::table_ref(config, table);
        let found = within(look(&client, space.as_ref(), &wanted)).await.unwrap_or_else(|| Err(too_slow()));
        let (id, findings) = match found {
            Ok(found) => {
                let known = known(ledger.as_mut(), &found.id).await;
                let findings = columns(table, &found, &known);
                (Ok(found.id), findings)
            }
            Err(NotFound::Call(Error::Stop(stop))) => {
                tables.refused = Some(Group::Huoban.failed(wording::huoban_refuses(&stop)));
                break;
            }
            Err(error) => {
                let finding = Group::Huoban.failed(wording::table_not_found(table, &error));
                (Err(error), vec![finding])
            }
        };
        tables.looked.push(Looked { table, id, findings });
    }
    tables.calls = client.take_made();
    tables
}

/// As the service would, but with less patience.
fn pacing() -> Pacing {
    let (timeout, backoff) = (Duration::from_secs(8), Duration::from_millis(300));
    Pacing { timeout, attempts: 2, backoff, ..Pacing::default() }
}

fn too_slow() -> NotFound {
    NotFound::Call(Error::Retry { cause: String::new() })
}

async fn known(ledger: Option<&mut PgConnection>, table: &TableId) -> BTreeMap<Column, FieldId> {
    let Some(ledger) = ledger else { return BTreeMap::new() };
    within(known_fields(ledger, table)).await.and_then(Result::ok).unwrap_or_default()
}

fn columns(table: Table, found: &Found, known: &BTreeMap<Column, FieldId>) -> Vec<Finding> {
    let (_, problems) = Columns::find(table, &found.fields, known);
    if problems.is_empty() {
        return vec![Group::Huoban.ok(wording::table_is_sound(table, table.columns().count()))];
    }
    let finding = |problem: &ColumnProblem| {
        let advice = wording::huoban_column(table, problem);
        if problem.leaves_it_out() { Group::Huoban.failed(advice) } else { Group::Huoban.warning(advice) }
    };
    problems.iter().map(finding).collect()
}
