//! `huiyin init-huoban`: finds the figures' tables in Huoban, checks their columns, and says what is to be made by hand:
//! the API makes neither tables nor columns nor dashboards.

use huoban::setup::NotFound;
use huoban::{Error, Table};
use serde_json::json;
use sqlx::PgConnection;

use crate::check::{Looked, Status, Tables, huoban_tables, reader};
use crate::failure::{Failure, Result};
use crate::installation::Target;
use crate::wording;

/// What it uses of the configuration.
const USED: [&str; 1] = ["huoban"];
/// What else, where there is a database already.
const LEDGER: [&str; 4] = ["database.host", "database.port", "database.name", "database.passwords.reader"];

pub(crate) async fn run(target: &Target) -> Result<()> {
    let config = target.configured()?.config(&USED)?.huoban;
    if !config.enabled {
        return Err(Failure::Usage(wording::HUOBAN_IS_OFF.to_owned()));
    }
    let Tables { looked, refused, .. } = huoban_tables(&config, ledger(target).await).await;
    if let Some(refused) = refused {
        return Err(Failure::Usage(refused.to_string()));
    }
    let (mut ids, mut lacking) = (serde_json::Map::new(), 0);
    for Looked { table, id, findings } in looked {
        for finding in &findings {
            println!("{}", finding.signed());
        }
        lacking += findings.iter().filter(|finding| finding.status == Status::Failed).count();
        match id {
            Ok(id) => drop(ids.insert(table.name().to_owned(), json!(id.as_str()))),
            Err(NotFound::NoSuchName(_) | NotFound::Call(Error::Missing { .. })) => tell_all_columns(table),
            Err(_) => {}
        }
    }
    if !ids.is_empty() {
        println!("\n{}\n\"tables\": {:#}", wording::HUOBAN_IDS, json!(ids));
    }
    println!("\n{}", wording::HUOBAN_CHARTS);
    if lacking == 0 { Ok(()) } else { Err(Failure::Partly(wording::huoban_lacks(lacking))) }
}

/// The database of an installation that has one.
async fn ledger(target: &Target) -> Option<PgConnection> {
    let config = target.running().ok()?.config(&LEDGER).ok()?;
    reader(&config.database).await
}

fn tell_all_columns(table: Table) {
    println!("  {}", wording::huoban_make_table(table.title()));
    for column in table.columns() {
        println!("    {}  {}", column.name(), wording::huoban_kind(column.kind()));
    }
}
