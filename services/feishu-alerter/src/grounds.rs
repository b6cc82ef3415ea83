//! What decides when a wait's cards are due, besides the wait: the rules, whether the system is live, how its room
//! stands. Pure.

use std::sync::Arc;

use domain::Timestamp;
use domain::golive::Phase;
use domain::ladder::{Because, WaitView};
use domain::rules::{Ladder, Rules, RulesHistory, Stage};
use store::golive;
use store::rooms::Room;
use store::rooms::waits::StoredWait;
use store::rules::RulesCache;
use store::sqlx::PgConnection;

use crate::failure::Failure;

/// The grounds at a moment.
#[derive(Debug, Clone)]
pub struct Grounds {
    history: Arc<RulesHistory>,
    /// Live, or in rehearsal.
    pub phase: Phase,
    /// The moment.
    pub now: Timestamp,
}

impl Grounds {
    /// Reads them.
    pub async fn read(
        connection: &mut PgConnection,
        rules: &RulesCache,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        let history = rules.get(connection).await?;
        let phase = golive::history(connection).await?.at(now);
        Ok(Self { history, phase, now })
    }

    /// The rules in force.
    pub fn rules(&self) -> &Rules {
        self.history.at(self.now)
    }

    /// Their version.
    pub fn version(&self) -> i64 {
        self.history.version_at(self.now).version
    }

    /// The ladder of a wait in a room, which is that of the room's present stage, and what the ladder needs to know: the
    /// wait, and since when its rungs may be due.
    pub fn of(&self, stored: &StoredWait, room: &Room) -> (&Ladder, WaitView) {
        let stage = room.state.stage;
        let view = WaitView::from(&stored.wait)
            .since(stored.judged_anew_at, Because::JudgedAnew)
            .since(self.history.ladder_since(stage, self.now), Because::RulesChanged)
            .since(self.handed_over(room), Because::HandedOver)
            .since(room.included_since, Because::NoLongerExcluded)
            .since(self.phase.since, Because::WentLive);
        (self.rules().ladder(stage), view)
    }

    /// Since when the room climbs the ladder of its stage, if it ever climbed another.
    fn handed_over(&self, room: &Room) -> Option<Timestamp> {
        let rules = self.rules();
        let differ = rules.ladder(Stage::PreSales) != rules.ladder(Stage::AfterSales);
        room.state.stage_since.filter(|_| differ)
    }
}
