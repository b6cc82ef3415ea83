//! `huiyin priority explain`: why a room goes before others.

use anyhow::Context as _;
use chrono::Utc;
use domain::id::RoomKey;
use domain::priority::{Situation, priority};
use runtime::Clock;
use runtime::main_wrapper::connect_options;
use sqlx::Connection as _;
use store::role::Role;
use store::rooms;

use crate::apply::connect;
use crate::failure::{Failure, Result};
use crate::installation::Target;
use crate::text::on_one_line;
use crate::wording;

/// What it uses of the configuration.
const USED: [&str; 4] = ["database.host", "database.port", "database.name", "database.passwords.reader"];

/// What `priority` does.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Say which rules of priority hold for a room (in Chinese)
    Explain {
        /// Its key, like `wechaty:R-1`, or its whole name
        room: String,
    },
}

pub(crate) async fn run(command: &Command, target: &Target) -> Result<()> {
    let Command::Explain { room } = command;
    let config = target.running()?.config(&USED)?;
    let mut reader = connect(&config.database, connect_options(&config.database, Role::Reader)?).await?;
    let key = room_key(&mut reader, room).await?;
    let found = rooms::get(&mut reader, &key).await.context("the room could not be read")?;
    let found = found.ok_or_else(|| unknown(room))?;
    let history = store::rules::history(&mut reader).await.context("the rules could not be read")?;
    reader.close().await.ok();
    let now: chrono::DateTime<Utc> = Clock::system().now();
    let rules = &history.version_at(now).rules;
    let lines = found.customer_lines();
    let situation = Situation::of(&found.state, &lines, rules, now);
    let first = priority(&rules.priority, &situation);
    let name = if found.topic.is_empty() { found.room.to_string() } else { found.topic.clone() };
    // As in the table: only where something is waited for, and not in a room that is excluded.
    let open = found.state.gravest().filter(|_| !found.excluded);
    println!("{}", on_one_line(&wording::priority_of(&name, first.points, open, situation.waited)));
    for rule in &rules.priority {
        let holds = first.because.contains(&rule);
        println!("{}", on_one_line(&wording::priority_rule(holds, rule.points, rule.reason.trim())));
    }
    Ok(())
}

/// The room of this key, or the only one of this name.
pub(crate) async fn room_key(reader: &mut sqlx::PgConnection, room: &str) -> Result<RoomKey> {
    let named = rooms::keys_of_name(reader, room.trim()).await.context("the rooms could not be read")?;
    match named.as_slice() {
        [] => room.trim().parse().map_err(|_| unknown(room)),
        [one] => Ok(one.clone()),
        several => {
            let keys: Vec<String> = several.iter().map(RoomKey::to_string).collect();
            let all = keys.join(", ");
            Err(Failure::Usage(format!("{} rooms have this name; name one by its key: {all}", keys.len())))
        }
    }
}

fn unknown(room: &str) -> Failure {
    let room = on_one_line(room);
    Failure::Usage(format!("no room has the key or the whole name `{room}`: expected one like `wechaty:R-1`"))
}
