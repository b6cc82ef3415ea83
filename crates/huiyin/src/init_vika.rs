//! `huiyin init-vika`: creates the managers' sheets, or finds those of an earlier run, also of one that broke off.

use anyhow::{Context as _, anyhow};
use serde_json::json;
use vika::setup::{KnownSheets, SheetIds, init};
use vika::tables::{AllRooms, Today};
use vika::{SheetId, SpaceId};

use crate::failure::{Failure, Result};
use crate::installation::Target;
use crate::{vika_views, wording};

/// What it uses of the configuration.
const USED: [&str; 5] = ["vika.enabled", "vika.base_url", "vika.space", "vika.sync_token", "vika.sheets"];

/// Creates what is missing in the configured space and prints the sheets' ids for the configuration.
pub(crate) async fn run(target: &Target) -> Result<()> {
    let config = target.configured()?.config(&USED)?.vika;
    if !config.enabled {
        return Err(Failure::Usage(wording::VIKA_IS_OFF.to_owned()));
    }
    let known = KnownSheets {
        today: configured(&config.sheets.today)?,
        all_rooms: configured(&config.sheets.all_rooms)?,
        system_log: configured(&config.sheets.system_log)?,
    };
    let sheets = create(&config.base_url, config.sync_token.expose(), &config.space, known).await?;
    println!("{}", wording::SHEETS_READY);
    let ids = json!({
        "today": sheets.today.as_str(),
        "all_rooms": sheets.all_rooms.as_str(),
        "system_log": sheets.system_log.as_str(),
    });
    println!("\"sheets\": {ids:#}");
    println!("{}", wording::VIEWS_TO_MAKE);
    for line in vika_views::lines::<AllRooms>().into_iter().chain(vika_views::lines::<Today>()) {
        println!("  {line}");
    }
    Ok(())
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
    let http = runtime::http::client()?;
    let client = vika::Client::new(http, base_url, vika::Token::new(token), vika::Pacing::default());
    let space = SpaceId::try_from(space.to_owned()).context("vika.space")?;
    init(&client, &space, known).await.context("creating the sheets")
}
