//! Which rooms are whose.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use domain::rules::Rules;
use runtime::Config;
use runtime::main_wrapper::connect_options;
use sqlx::PgConnection;
use store::role::Role;
use store::rooms::{self, Room};

use crate::apply::connect;

/// The rules in force, and the rooms that count by their owner's name; `None`: nobody's.
pub(super) struct Owners {
    pub(super) rules: Rules,
    pub(super) rooms: BTreeMap<Option<String>, Vec<Room>>,
}

/// As the reader, who may change nothing.
pub(super) async fn reader(config: &Config) -> Result<PgConnection> {
    connect(&config.database, connect_options(&config.database, Role::Reader)?).await
}

impl Owners {
    pub(super) async fn read(connection: &mut PgConnection) -> Result<Self> {
        let history = store::rules::history(connection).await.context("the rules cannot be read")?;
        let mut rooms: BTreeMap<Option<String>, Vec<Room>> = BTreeMap::new();
        for room in rooms::list(connection, None).await.context("the rooms cannot be read")? {
            if !room.excluded {
                let owner = room.state.owner.as_ref().map(|owner| owner.as_str().to_owned());
                rooms.entry(owner).or_default().push(room);
            }
        }
        Ok(Self { rules: history.newest().rules.clone(), rooms })
    }

    /// The rooms of somebody.
    pub(super) fn of(&self, name: &str) -> &[Room] {
        self.rooms.get(&Some(name.to_owned())).map_or(&[], Vec::as_slice)
    }
}
