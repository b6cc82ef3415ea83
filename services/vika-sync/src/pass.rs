//! Reads what is true and turns it into rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{NaiveDate, TimeDelta};
use domain::Timestamp;
use domain::gap::{CoverageGaps, Gap};
use domain::rules::Rules;
use runtime::Context;
use store::rooms::waits::{StoredWait, Which, list as list_waits};
use store::rooms::{self, Room};
use store::vika_sync::{self as mirror, MirrorRow};
use vika::tables::Table;

use crate::row::{Desired, Facts, OLDEST_FIGURES, day_begins, today_is};
use crate::trouble::Trouble;
use crate::write::Row;

/// What all rows depend on.
#[derive(Debug, Clone)]
pub struct Truth {
    /// The rules in force.
    pub rules: Arc<Rules>,
    /// Their version.
    pub version: i64,
    /// Cards are sent; before go-live they are not.
    pub live: bool,
    /// Gaps that can concern a row's day.
    pub gaps: Vec<Gap>,
    /// Today.
    pub day: NaiveDate,
    /// The present.
    pub now: Timestamp,
}

impl Truth {
    /// Reads it.
    pub async fn read(ctx: &Context) -> Result<Self, Trouble> {
        let now = ctx.clock.now();
        let mut connection = ctx.db.acquire().await?;
        let history = store::rules::history(&mut connection).await?;
        let in_force = history.version_at(now);
        let live = store::golive::history(&mut connection).await?.at(now).live;
        let horizon = now - OLDEST_FIGURES - TimeDelta::days(1);
        let gaps = store::ingest::gaps::after(&mut connection, horizon).await?;
        let day = today_is(in_force.rules.time_zone, now);
        Ok(Self { version: in_force.version, rules: Arc::new(in_force.rules.clone()), live, gaps, day, now })
    }

    /// The rows of some rooms (in text form).
    pub async fn rows<T: Table>(
        &self,
        ctx: &Context,
        sheet: &str,
        keys: &[String],
        make: impl Fn(&Facts<'_>) -> Option<Desired<T>>,
    ) -> Result<Vec<Row<T>>, Trouble> {
        let mut connection = ctx.db.acquire().await?;
        let rooms = rooms::list(&mut connection, Some(keys)).await?;
        let messages = mirror::newest_messages(&mut connection, keys).await?;
        let mut known = mirror::mirror(&mut connection, sheet, keys).await?;
        let since = self.waits_since(&rooms);
        let mut waits: BTreeMap<String, Vec<StoredWait>> = BTreeMap::new();
        for wait in list_waits(&mut connection, Which::OfRooms(keys, since)).await? {
            waits.entry(wait.room.to_string()).or_default().push(wait);
        }
        let rows = rooms.iter().map(|room| {
            let key = room.room.to_string();
            let unseen = CoverageGaps::of(&room.room, &room.state.presence, &self.gaps);
            let facts = Facts {
                room,
                waits: waits.get(&key).map_or(&[], Vec::as_slice),
                rules: &self.rules,
                unseen: &unseen,
                message: messages.get(&key).map_or("", String::as_str),
                live: self.live,
                now: self.now,
            };
            Row {
                known: known.remove(&key).unwrap_or_else(|| unknown(key)),
                version: room.version,
                through: room.last_entry.clone(),
                desired: make(&facts),
            }
        });
        Ok(rows.collect())
    }

    /// Since when waits matter: the rows' days, as far as their figures are kept up.
    fn waits_since(&self, rooms: &[Room]) -> Timestamp {
        let zone = self.rules.time_zone;
        let days = rooms.iter().filter_map(|room| room.last_active_at).map(|at| today_is(zone, at));
        let oldest = day_begins(zone, today_is(zone, self.now - OLDEST_FIGURES));
        days.min().map_or(self.now, |day| day_begins(zone, day)).clamp(oldest, self.now)
    }
}

fn unknown(room: String) -> MirrorRow {
    MirrorRow {
        room,
        record: None,
        cells: BTreeMap::new(),
        seen: Vec::new(),
        version: -1,
        due_at: None,
        attempted_at: None,
        refused: false,
    }
}
