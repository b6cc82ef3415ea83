//! `huiyin board-link`: a link that logs somebody in to the web board, once.

use anyhow::Context as _;
use performance::board;
use runtime::main_wrapper::connect_options;
use runtime::{Clock, random};
use sqlx::Connection as _;
use store::role::Role;

use crate::apply::connect;
use crate::failure::{Failure, Result};
use crate::installation::Target;
use crate::text::on_one_line;
use crate::wording;

/// What it uses of the configuration.
const USED: [&str; 5] =
    ["performance", "database.host", "database.port", "database.name", "database.passwords.reader"];

/// What `board-link` is called with.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// For whom, by the name in the roster, or among those of HR
    person: String,
}

pub(crate) async fn run(args: &Args, target: &Target) -> Result<()> {
    let config = target.running()?.config(&USED)?;
    let Some(settings) = &config.performance.board else {
        return Err(Failure::Usage("performance.board: there is no board in this configuration".to_owned()));
    };
    let mut reader = connect(&config.database, connect_options(&config.database, Role::Reader)?).await?;
    let history = store::rules::history(&mut reader).await.context("the rules could not be read")?;
    reader.close().await.ok();
    let now = Clock::system().now();
    let person = args.person.trim();
    let link = board::link(settings, person, history.at(now), random::token(), now);
    let Some(link) = link else {
        let message = "neither in the roster nor among performance.board.hr";
        return Err(Failure::Usage(format!("{}: {message}", on_one_line(person))));
    };
    println!("{}", on_one_line(&wording::board_link(person)));
    println!("{link}");
    Ok(())
}
