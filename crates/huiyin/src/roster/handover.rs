//! All rooms of one person become another's.

use anyhow::Context as _;
use domain::assignment::{Current, Decision, Request, decide};
use domain::id::CommandId;
use events::command::{Command, CommandKind, Via};
use runtime::{Clock, Config};
use sqlx::Connection as _;
use store::rooms::Room;
use store::rooms::commands::{Decided, StoredCommand};

use super::owners::{self, Owners};
use super::wording;
use crate::asked;
use crate::failure::{Failure, Result};

/// What it is called with.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Whose rooms: a name of the roster, or of somebody who has left it
    from: String,
    /// Who gets them: a name of the roster
    to: String,
    /// Only say which rooms, and which of them would be refused
    #[arg(long)]
    dry_run: bool,
    /// Who asks for it, as recorded
    #[arg(long, default_value = "huiyin roster", value_name = "NAME")]
    by: String,
}

pub(super) async fn run(args: &Args, config: &Config) -> Result<()> {
    let mut reader = owners::reader(config).await?;
    let owners = Owners::read(&mut reader).await?;
    let (from, to) = (args.from.trim(), args.to.trim());
    if owners.rules.staff_by_name(to).is_err() {
        return Err(Failure::Usage(wording::no_such_person(to)));
    }
    if from == to {
        return Err(Failure::Usage(wording::same_person(to)));
    }
    let rooms = owners.of(from);
    let (possible, refused): (Vec<&Room>, Vec<&Room>) =
        rooms.iter().partition(|room| !is_refused(room, to, &owners));
    print(wording::handed_over(from, to, possible.len()), &possible);
    if !refused.is_empty() {
        print(wording::not_handed_over(to, refused.len()), &refused);
    }
    if !args.dry_run && !possible.is_empty() {
        let commands: Vec<Command> = possible.iter().map(|room| assignment(room, to, &args.by)).collect();
        let decided = asked::carry_out(&mut reader, config, &commands)
            .await
            .context("the rooms cannot be handed over")?;
        report(&decided, commands.len())?;
    }
    reader.close().await.ok();
    if refused.is_empty() { Ok(()) } else { Err(Failure::Partly(wording::some_stay(from, refused.len()))) }
}

fn print(what: String, rooms: &[&Room]) {
    let lines = std::iter::once(what).chain(rooms.iter().map(|room| wording::room(room)));
    println!("{}", lines.collect::<Vec<_>>().join("\n"));
}

/// A room changes its owner and not its stage, so that nobody has to approve anything.
fn is_refused(room: &Room, to: &str, owners: &Owners) -> bool {
    let stage = room.state.stage.to_string();
    let request = Request { owner: to, stage: &stage, approved_by: None, rehearsal: false };
    let current = Current { owner: room.state.owner.as_ref(), stage: room.state.stage };
    matches!(decide(Some(&current), &request, &owners.rules), Decision::Refused(_))
}

fn assignment(room: &Room, to: &str, by: &str) -> Command {
    let at = Clock::system().now();
    Command {
        id: CommandId(format!("cli:handover:{}:{}", room.room, at.timestamp_millis())),
        room: room.room.clone(),
        at,
        by: by.to_owned(),
        via: Via::Cli,
        kind: CommandKind::Assign {
            owner: to.to_owned(),
            stage: room.state.stage.to_string(),
            approved: false,
            approved_by: None,
        },
    }
}

fn report(decided: &[StoredCommand], asked: usize) -> Result<()> {
    let refused: Vec<_> =
        decided.iter().filter(|decided| decided.decision == Decided::Refused.as_str()).collect();
    for decided in &refused {
        println!("  ✘ {}　{}", decided.room, decided.message);
    }
    let (done, refused) = (decided.len() - refused.len(), refused.len());
    println!("{}", wording::done(done));
    if refused > 0 || decided.len() < asked {
        return Err(Failure::Partly(wording::not_done(refused, asked - decided.len())));
    }
    Ok(())
}
