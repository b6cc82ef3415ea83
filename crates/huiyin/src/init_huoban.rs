//! `huiyin init-huoban`: finds the figures' tables in Huoban, checks their columns, and says what is to be made by hand:
//! the API makes neither tables nor columns nor dashboards.

use huoban::setup::Found;
use huoban::{Columns, Table};
use serde_json::json;

use crate::check::huoban_tables as tables;
use crate::failure::{Failure, Result};
use crate::installation::Target;
use crate::wording;

/// What it uses of the configuration.
const USED: [&str; 1] = ["huoban"];

pub(crate) async fn run(target: &Target) -> Result<()> {
    let config = target.configured()?.config(&USED)?.huoban;
    if !config.enabled {
        return Err(Failure::Usage(wording::HUOBAN_IS_OFF.to_owned()));
    }
    let http = runtime::http::client().map_err(anyhow::Error::from)?;
    let client = performance::huoban::client(&config, http, tables::pacing());
    let (mut ids, mut lacking) = (json!({}), 0);
    for table in Table::ALL {
        match tables::find(&client, &config, table).await {
            Ok(found) => {
                ids[table.name()] = json!(found.id.as_str());
                lacking += tell_columns(table, &found);
            }
            Err(error) => {
                if let Some(stop) = tables::refusal(&error) {
                    return Err(Failure::Usage(tables::refused(stop)));
                }
                println!("✘ {}", tables::not_found(table, &error));
                tell_all_columns(table);
                lacking += 1;
            }
        }
    }
    println!("\n{}\n\"tables\": {ids:#}", wording::HUOBAN_IDS);
    println!("\n{}", wording::HUOBAN_CHARTS);
    if lacking == 0 { Ok(()) } else { Err(Failure::Partly(wording::huoban_lacks(lacking))) }
}

/// Gives how much of a table is to be put right.
fn tell_columns(table: Table, found: &Found) -> usize {
    let (_, problems) = Columns::find(table, &found.fields, &std::collections::BTreeMap::new());
    if problems.is_empty() {
        println!("✔ {}", wording::huoban_table_is_sound(table.title(), found.id.as_str()));
    }
    for problem in &problems {
        let sign = if problem.leaves_it_out() { "✘" } else { "!" };
        println!("{sign} {}", tables::column(table, problem));
    }
    problems.iter().filter(|problem| problem.leaves_it_out()).count()
}

fn tell_all_columns(table: Table) {
    println!("  {}", wording::huoban_make_table(table.title()));
    for column in table.columns() {
        println!("    {}  {}", column.name(), tables::kind(column.kind()));
    }
}
