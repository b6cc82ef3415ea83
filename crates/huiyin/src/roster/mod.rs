//! `huiyin roster`: who works here, whose rooms are whose, and how they change hands.
//!
//! What it prints can be pasted into the configuration. Mobile numbers and e-mail addresses are shown masked.

mod accounts;
mod change;
mod discover;
mod handover;
mod owners;
mod people;
mod show;
mod wording;

use std::path::{Path, PathBuf};

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
    /// Say who is in the roster that is in force, with their rooms, and which rooms are nobody's (in Chinese)
    Show,
    /// Say in what the configuration's roster differs from the one in force, and whose rooms that concerns (in Chinese)
    Diff,
    /// Put the configuration's roster in force, and nothing else of it; services need no restart (in Chinese)
    Apply,
    /// Hand all rooms of one person over to another (in Chinese)
    Handover(handover::Args),
}

/// Runs `huiyin roster …`.
pub(crate) async fn run(command: &Command, target: &Target) -> Result<()> {
    match command {
        Command::Discover { people } => discover(people.as_deref(), target).await,
        Command::Show => {
            println!("{}", show::run(&target.running()?.config(&USED)?).await?);
            Ok(())
        }
        Command::Diff => {
            println!("{}", change::diff(&target.running()?.config(&USED)?).await?);
            Ok(())
        }
        Command::Apply => {
            let used = [USED.as_slice(), &change::OF_APPLYING].concat();
            println!("{}", change::apply(&target.running()?.config(&used)?).await?);
            Ok(())
        }
        Command::Handover(args) => {
            let used = [USED.as_slice(), &crate::asked::USED].concat();
            handover::run(args, &target.running()?.config(&used)?).await
        }
    }
}

async fn discover(people: Option<&Path>, target: &Target) -> Result<()> {
    let used = if people.is_some() { [USED.as_slice(), &OF_ACCOUNTS].concat() } else { USED.to_vec() };
    let config = target.running()?.config(&used)?;
    // Before anything is asked of others.
    let people = people.map(people::read).transpose()?;
    println!("{}", discover::run(&config).await?);
    if let Some(people) = people {
        println!("{}", accounts::run(&config, &people).await?);
    }
    Ok(())
}
