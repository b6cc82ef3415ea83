//! `huiyin init-vika`: creates the managers' sheets, or completes those that are there: of an earlier run, also of one that
//! broke off, or of another program.

use std::collections::BTreeMap;

use anyhow::{Context as _, anyhow};
use serde_json::json;
use vika::setup::{KnownSheets, Prepared, SheetIds, init, prepare};
use vika::tables::{AllRooms, Today};
use vika::{KnownColumns, SheetId, SpaceId, UnclaimedRow};

use crate::check::{Finding, reader, vika_problems};
use crate::failure::{Failure, Result};
use crate::installation::Target;
use crate::text::on_one_line;
use crate::{vika_columns, vika_views, wording};

/// What it uses of the configuration.
const USED: [&str; 5] = ["vika.enabled", "vika.base_url", "vika.space", "vika.sync_token", "vika.sheets"];

/// What else, where there is a database already.
const DATABASE: [&str; 4] = ["database.host", "database.port", "database.name", "database.passwords.reader"];
/// Names of rows that are told, at most.
const MOST_NAMED: usize = 20;

/// Creates what is missing in the configured space, prints the sheets' ids for the configuration, and what is to be done by
/// hand.
pub(crate) async fn run(target: &Target) -> Result<()> {
    let config = target.configured()?.config(&USED)?.vika;
    if !config.enabled {
        return Err(Failure::Usage(wording::VIKA_IS_OFF.to_owned()));
    }
    let ids = &config.sheets;
    let known = KnownSheets {
        today: configured(&ids.today)?,
        all_rooms: configured(&ids.all_rooms)?,
        system_log: configured(&ids.system_log)?,
        columns: known_columns(target, [&ids.today, &ids.all_rooms, &ids.system_log]).await,
    };
    let (client, space) = client(&config.base_url, config.sync_token.expose(), &config.space)?;
    let Prepared { sheets, problems, unwatched, unclaimed } =
        prepare(&client, &space, &known).await.context("creating the sheets")?;
    println!("{}", wording::SHEETS_READY);
    let ids = json!({
        "today": sheets.today.as_str(),
        "all_rooms": sheets.all_rooms.as_str(),
        "system_log": sheets.system_log.as_str(),
    });
    println!("\"sheets\": {ids:#}");
    for column in &unwatched {
        println!("{}", wording::unwatched(column));
    }
    tell_unclaimed(&unclaimed);
    println!("{}", wording::VIEWS_TO_MAKE);
    for line in vika_views::lines::<AllRooms>().into_iter().chain(vika_views::lines::<Today>()) {
        println!("  {line}");
    }
    let lacking: Vec<Finding> = problems.iter().flat_map(vika_problems).collect();
    for finding in &lacking {
        println!("{}", finding.signed());
    }
    if lacking.is_empty() { Ok(()) } else { Err(Failure::Partly(wording::vika_lacks(lacking.len()))) }
}

/// The columns as they were once found, of an installation that has a database.
async fn known_columns(target: &Target, sheets: [&String; 3]) -> BTreeMap<SheetId, KnownColumns> {
    let Some(config) = target.running().ok().and_then(|running| running.config(&DATABASE).ok()) else {
        return BTreeMap::new();
    };
    match reader(&config.database).await {
        Some(mut database) => vika_columns::known(&mut database, sheets.map(String::as_str)).await,
        None => BTreeMap::new(),
    }
}

/// Rows that wait for the room that they name, and those that wait in vain.
fn tell_unclaimed(rows: &[UnclaimedRow]) {
    if rows.is_empty() {
        return;
    }
    let mut named: BTreeMap<&str, usize> = BTreeMap::new();
    for row in rows {
        *named.entry(row.name.as_str()).or_default() += 1;
    }
    println!("{}", wording::unclaimed_rows(rows.len()));
    for (name, rows) in named.iter().take(MOST_NAMED) {
        println!("  {}", wording::unclaimed_row(&on_one_line(name), *rows));
    }
    if named.len() > MOST_NAMED {
        println!("  {}", wording::more_names(named.len() - MOST_NAMED));
    }
}

/// An empty setting means that there is no sheet yet.
fn configured(id: &str) -> Result<Option<SheetId>> {
    if id.is_empty() {
        return Ok(None);
    }
    let id = SheetId::try_from(id.to_owned()).map_err(|error| anyhow!("vika.sheets: {error}"))?;
    Ok(Some(id))
}

/// Creates what is missing in a space and returns the sheets' ids. Safe to run again.
pub async fn create(
    base_url: &str,
    token: &str,
    space: &str,
    known: KnownSheets,
) -> anyhow::Result<SheetIds> {
    let (client, space) = client(base_url, token, space)?;
    init(&client, &space, known).await.context("creating the sheets")
}

fn client(base_url: &str, token: &str, space: &str) -> anyhow::Result<(vika::Client, SpaceId)> {
    let http = runtime::http::client()?;
    let client = vika::Client::new(http, base_url, vika::Token::new(token), vika::Pacing::default());
    Ok((client, SpaceId::try_from(space.to_owned()).context("vika.space")?))
}
