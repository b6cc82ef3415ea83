//! Who is in the roster that is in force.

use anyhow::Result;
use domain::rules::{RosterEntry, Stage};
use runtime::Config;
use sqlx::Connection as _;

use super::owners::{self, Owners};
use super::wording;

pub(super) async fn run(config: &Config) -> Result<String> {
    let mut connection = owners::reader(config).await?;
    let owners = Owners::read(&mut connection).await?;
    connection.close().await.ok();
    Ok(describe(&owners))
}

fn describe(owners: &Owners) -> String {
    let roster = &owners.rules.roster;
    let mut lines = vec![wording::people(roster.len())];
    lines.extend(roster.iter().map(|entry| line(entry, owners)));
    let strangers = owners.rooms.iter().filter_map(|(owner, rooms)| Some((owner.as_deref()?, rooms)));
    let strangers = strangers.filter(|(owner, _)| roster.iter().all(|entry| entry.name.as_str() != *owner));
    lines.extend(strangers.flat_map(|(owner, rooms)| {
        std::iter::once(wording::not_in_force(owner, rooms.len())).chain(rooms.iter().map(wording::room))
    }));
    let nobodys = owners.rooms.get(&None).map_or(&[][..], Vec::as_slice);
    lines.push(wording::nobodys(nobodys.len()));
    lines.extend(nobodys.iter().map(wording::room));
    lines.join("\n")
}

fn line(entry: &RosterEntry, owners: &Owners) -> String {
    let rooms = owners.of(entry.name.as_str());
    let of = |stage| rooms.iter().filter(|room| room.state.stage == stage).count();
    wording::person(entry, of(Stage::PreSales), of(Stage::AfterSales))
}
