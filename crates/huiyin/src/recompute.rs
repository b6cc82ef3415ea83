//! `huiyin recompute`: counts closed waits anew, by the rules that are valid for their time now.
//!
//! It looks for itself what would change, with the right to read alone. Changing it is asked of `room-state`, by one
//! command a room, and recorded there.

use anyhow::{Result, bail};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use domain::id::RoomKey;
use domain::rules::RulesHistory;
use domain::wait::{Ending, Wait};
use events::command::{Command, CommandKind, Via};
use room_state::recompute::{Difference, Window, preview};
use runtime::main_wrapper::connect_options;
use runtime::{Clock, Config};
use sqlx::{Connection as _, PgConnection};
use store::role::Role;
use store::rooms;
use store::rooms::recompute::PinnedRoom;

use crate::apply::{When, connect};
use crate::asked::{self, LOOK_EVERY, PATIENCE};
use crate::failure::{self, Failure};
use crate::installation::Target;
use crate::text::on_one_line;

/// What it uses of the configuration.
const USED: [&str; 7] = [
    "rules.time_zone",
    "database.host",
    "database.port",
    "database.name",
    "database.passwords.reader",
    "bus.url",
    "bus.passwords.operator",
];

/// What `recompute` is called with.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// From when on: "2026-10-01", "2026-10-01T09:00:00+08:00"
    #[arg(long, value_name = "WHEN")]
    from: When,
    /// Up to when [default: now]
    #[arg(long, value_name = "WHEN")]
    to: Option<When>,
    /// Only this room, by its key, like `wechaty:R-1`
    #[arg(long, value_name = "ROOM")]
    room: Option<RoomKey>,
    /// Only tell what would change
    #[arg(long)]
    dry_run: bool,
    /// Who asks for it, as recorded
    #[arg(long, default_value = "huiyin recompute", value_name = "NAME")]
    by: String,
}

/// A room with what would change in it.
struct Change {
    room: PinnedRoom,
    differences: Vec<Difference>,
}

pub(crate) async fn run(args: &Args, target: &Target) -> failure::Result<()> {
    let config = target.running()?.config(&USED)?;
    let zone = config.rules.time_zone;
    let window = Window { from: args.from.moment(zone), to: args.to.map(|to| to.moment(zone)) };
    if window.to.is_some_and(|to| to <= window.from) {
        return Err(Failure::Usage("--to must lie after --from".to_owned()));
    }
    let options = connect_options(&config.database, Role::Reader)?;
    let mut reader = connect(&config.database, options).await?;
    let rules = store::rules::history(&mut reader).await.map_err(anyhow::Error::from)?;
    until_judged(&mut reader, &rules).await?;
    let changes = changes(&mut reader, args.room.as_ref(), window, &rules).await?;
    print(&changes, zone);
    if !args.dry_run && !changes.is_empty() {
        carry_out(&mut reader, &config, args, window, &rules, &changes).await?;
    }
    reader.close().await.ok();
    Ok(())
}

/// New rules that reach back are taken in by `room-state` first, without touching what was counted.
async fn until_judged(reader: &mut PgConnection, rules: &RulesHistory) -> Result<()> {
    let end = tokio::time::Instant::now() + PATIENCE;
    loop {
        let behind = rooms::folded_with_older_rules(reader, rules.newest().version).await?;
        if behind.is_empty() {
            return Ok(());
        }
        if tokio::time::Instant::now() >= end {
            bail!(
                "room-state has not taken in the newest rules for {} rooms yet: does it run?",
                behind.len()
            );
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn changes(
    reader: &mut PgConnection,
    only: Option<&RoomKey>,
    window: Window,
    rules: &RulesHistory,
) -> Result<Vec<Change>> {
    let mut changes = Vec::new();
    for room in rooms::recompute::pinned_rooms(reader, window.from).await? {
        if only.is_some_and(|only| *only != room.room) {
            continue;
        }
        // Nothing that is kept lies within the window.
        if rules.recomputed(&room.pinned, window.from, window.to).as_ref() == Some(&room.pinned) {
            continue;
        }
        let differences = preview(reader, &room.room, &room.pinned, window, rules)
            .await
            .map_err(|failure| anyhow::anyhow!("{}: {failure}", room.room))?;
        changes.push(Change { room, differences });
    }
    Ok(changes)
}

fn print(changes: &[Change], zone: Tz) {
    for change in changes {
        let PinnedRoom { room, topic, .. } = &change.room;
        for Difference { wait, before, after } in &change.differences {
            println!(
                "{room}  {}  {}: {} -> {}",
                on_one_line(topic),
                on_one_line(wait.as_str()),
                figures(before.as_ref(), zone),
                figures(after.as_ref(), zone),
            );
        }
    }
    let waits: usize = changes.iter().map(|change| change.differences.len()).sum();
    println!("{waits} waits differ, in {} rooms with figures counted by former rules", changes.len());
}

/// What is counted of a wait, for people to compare.
fn figures(wait: Option<&Wait>, zone: Tz) -> String {
    let Some(wait) = wait else { return "none".to_owned() };
    let at = |moment: DateTime<Utc>| moment.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S").to_string();
    let owner = wait.owner.as_ref().map_or("nobody's", |owner| owner.as_str());
    let opened = format!("{owner}, {}, {} messages since {}", wait.stage, wait.messages, at(wait.opened.at));
    let Some(outcome) = &wait.outcome else { return format!("{opened}, open") };
    let how = match &outcome.how {
        Ending::Answered { name, .. } => format!("answered by {}", on_one_line(name)),
        Ending::Cancelled { by, .. } => format!("cancelled by {}", on_one_line(by)),
        Ending::Confirmed { by, .. } => format!("confirmed as answered by {}", on_one_line(by)),
        Ending::BecameRequest => "followed by a request".to_owned(),
        Ending::Withdrawn => "withdrawn".to_owned(),
        Ending::Unobserved => "unobserved".to_owned(),
    };
    format!("{opened}, {how} at {}", at(outcome.at))
}

async fn carry_out(
    reader: &mut PgConnection,
    config: &Config,
    args: &Args,
    window: Window,
    rules: &RulesHistory,
    changes: &[Change],
) -> failure::Result<()> {
    let now = Clock::system().now();
    let commands: Vec<Command> = changes
        .iter()
        .map(|change| Command {
            id: window.command(&change.room.room, rules.newest().version),
            room: change.room.room.clone(),
            at: now,
            by: args.by.clone(),
            via: Via::Cli,
            kind: CommandKind::Recompute { from: window.from, to: window.to },
        })
        .collect();
    let decided = asked::carry_out(reader, config, &commands).await?;
    if decided.len() < commands.len() {
        return Err(Failure::Partly(format!(
            "{} of {} rooms are recomputed; the others are asked for and follow when room-state runs",
            decided.len(),
            commands.len()
        )));
    }
    println!("recomputed: {} rooms", decided.len());
    Ok(())
}
