//! Reads the rooms, and everything that their rows depend on, from the database.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{NaiveDate, TimeDelta};
use domain::Timestamp;
use domain::gap::{CoverageGaps, Gap};
use domain::rules::Rules;
use runtime::Context;
use store::rooms::waits::{self, StoredWait, Which};
use store::rooms::{self, Room};
use store::rules::RulesCache;
use store::vika_sync::{self as mirror, MirrorRow};
use vika::tables::Table;

use crate::problems::SyncError;
use crate::row::{Desired, Facts, OLDEST_FIGURES, today_is};
use crate::write::Row;

/// What all rows depend on, read once for a round.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The rules in force.
    pub rules: Arc<Rules>,
    /// The version of the rules.
    pub version: i64,
    /// Cards are sent; before go-live they are not.
    pub live: bool,
    /// Capture gaps that can overlap a row's day.
    pub gaps: Vec<Gap>,
    /// Today in the company's time zone.
    pub day: NaiveDate,
    /// The time of reading.
    pub now: Timestamp,
}

impl Snapshot {
    /// Reads it from the database.
    pub async fn read(ctx: &Context, rules: &RulesCache) -> Result<Self, SyncError> {
        let now = ctx.clock.now();
        let mut connection = ctx.db.acquire().await?;
        let history = rules.get(&mut connection).await?;
        let in_force = history.version_at(now);
        let live = store::golive::history(&mut connection).await?.at(now).live;
        let horizon = now - OLDEST_FIGURES - TimeDelta::days(1);
        let gaps = store::ingest::gaps::after(&mut connection, horizon).await?;
        let day = today_is(in_force.rules.time_zone, now);
        Ok(Self { version: in_force.version, rules: Arc::new(in_force.rules.clone()), live, gaps, day, now })
    }

    /// Desired and mirrored rows of some rooms (in text form).
    pub async fn rows<T: Table>(
        &self,
        ctx: &Context,
        sheet: &str,
        keys: &[String],
        make: impl Fn(&Facts<'_>) -> Option<Desired<T>>,
    ) -> Result<Vec<Row<T>>, SyncError> {
        let mut connection = ctx.db.acquire().await?;
        let rooms = rooms::list(&mut connection, Some(keys)).await?;
        let messages = mirror::newest_messages(&mut connection, keys).await?;
        let mut known = mirror::rows(&mut connection, sheet, keys).await?;
        let since = self.waits_since(&rooms);
        let mut waits_of: BTreeMap<String, Vec<StoredWait>> = BTreeMap::new();
        for wait in waits::list(&mut connection, Which::OfRooms(keys, since)).await? {
            waits_of.entry(wait.room.to_string()).or_default().push(wait);
        }
        let rows = rooms.iter().map(|room| {
            let key = room.room.to_string();
            let unseen = CoverageGaps::of(&room.room, &room.state.presence, &self.gaps);
            let facts = Facts {
                room,
                waits: waits_of.get(&key).map_or(&[], Vec::as_slice),
                rules: &self.rules,
                unseen: &unseen,
                message: messages.get(&key).map_or("", String::as_str),
                live: self.live,
                now: self.now,
            };
            Row {
                known: known.remove(&key).unwrap_or_else(|| unmirrored(key)),
                version: room.version,
                seen_up_to: room.last_entry.clone(),
                desired: make(&facts),
            }
        });
        Ok(rows.collect())
    }

    /// Since when waits matter: the rows' days, as far as their figures are kept up.
    fn waits_since(&self, rooms: &[Room]) -> Timestamp {
        let zone = self.rules.time_zone;
        let days = rooms.iter().filter_map(|room| room.last_active_at).map(|at| today_is(zone, at));
        let oldest = self.rules.day_begins(today_is(zone, self.now - OLDEST_FIGURES));
        days.min().map_or(self.now, |day| self.rules.day_begins(day)).clamp(oldest, self.now)
    }
}

fn unmirrored(room: String) -> MirrorRow {
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
