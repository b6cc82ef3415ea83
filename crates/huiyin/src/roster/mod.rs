//! `huiyin roster`: who works here, so that nobody has to type ids.
//!
//! It only looks, and prints what can be pasted into the configuration. Mobile numbers and e-mail addresses are shown
//! masked.

mod accounts;
mod discover;
mod people;
mod wording;

use std::path::PathBuf;

use crate::failure::Result;
use crate::installation::Target;

/// What it uses of the configuration.
const USED: [&str; 5] =
    ["rules", "database.host", "database.port", "database.name", "database.passwords.reader"];
/// What looking people up uses besides.
const OF_ACCOUNTS: [&str; 4] = ["feishu.enabled", "feishu.base_url", "feishu.app_id", "feishu.app_secret"];

/// What can be asked about the roster.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List coworkers seen in the groups, and match Feishu accounts (in Chinese)
    Discover {
        /// Whose Feishu accounts to look up: CSV with the columns name,mobile,email, or a JSON list of such objects
        #[arg(long, value_name = "FILE")]
        people: Option<PathBuf>,
    },
}

/// Runs `huiyin roster …`.
pub(crate) async fn run(command: &Command, target: &Target) -> Result<()> {
    let Command::Discover { people } = command;
    let used = if people.is_some() { [USED.as_slice(), &OF_ACCOUNTS].concat() } else { USED.to_vec() };
    let config = target.running()?.config(&used)?;
    // Before anything is asked of others.
    let people = people.as_deref().map(people::read).transpose()?;
    println!("{}", discover::run(&config).await?);
    if let Some(people) = people {
        println!("{}", accounts::run(&config, &people).await?);
    }
    Ok(())
}
