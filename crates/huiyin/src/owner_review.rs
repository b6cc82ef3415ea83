//! After a roster was put in force: asks `room-state` to review the owners of the rooms that it may concern.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use domain::Timestamp;
use domain::id::CommandId;
use domain::rules::Rules;
use domain::timeline::RoomFacts;
use events::command::{Command, CommandKind, Via};
use runtime::bus::Bus;
use sqlx::PgConnection;
use store::rooms::{self, Room, timeline};

use crate::asked;

/// Who asks for it, as recorded.
const AUTHOR: &str = "名单";

/// Asks for the rooms whose owner is not in the roster, and for those without one that somebody of it is in. The same is
/// asked once for each version of the rules. Gives how many rooms.
pub(crate) async fn ask(
    database: &mut PgConnection,
    bus: &Bus,
    (version, rules): (i64, &Rules),
    now: Timestamp,
) -> Result<usize> {
    let rooms = rooms::list(database, None).await.context("the rooms cannot be read")?;
    let nobodys: Vec<String> =
        rooms.iter().filter(|room| room.state.owner.is_none()).map(|room| room.room.to_string()).collect();
    let facts =
        timeline::known_facts(database, &nobodys).await.context("the rooms' people cannot be read")?;
    let concerned = rooms.iter().filter(|room| is_concerned(room, &facts, rules));
    let command = |room: &Room| Command {
        id: CommandId(format!("roster:{version}:{}", room.room)),
        room: room.room.clone(),
        at: now,
        by: AUTHOR.to_owned(),
        via: Via::Cli,
        kind: CommandKind::ReviewOwner,
    };
    let commands: Vec<Command> = concerned.map(command).collect();
    asked::publish(bus, &commands).await?;
    Ok(commands.len())
}

fn is_concerned(room: &Room, facts: &BTreeMap<String, RoomFacts>, rules: &Rules) -> bool {
    match &room.state.owner {
        Some(owner) => rules.staff_by_name(owner.as_str()).is_err(),
        None => facts.get(&room.room.to_string()).is_some_and(|facts| {
            let mut people = facts.inviter.iter().chain(&facts.owner).chain(&facts.members);
            people.any(|person| rules.staff_by_contact(person).is_some())
        }),
    }
}
