//! What decides when a wait's cards are due, besides the wait: the rules' history, whether the system is live, and the
//! moment.

use std::sync::Arc;

use chrono::NaiveDate;
use domain::Timestamp;
use domain::calendar::TimeOfDay;
use domain::golive::Phase;
use domain::ladder::{SkipReason, WaitView, steps};
use domain::lists;
use domain::opening::is_told_of;
use domain::rules::{Deadlines, RoomView, Rules, RulesHistory, Stage};
use domain::wait::{Wait, WaitKind};
use runtime::config::Feishu;
use store::golive;
use store::rooms::Room;
use store::rooms::waits::StoredWait;
use store::rules::RulesCache;
use store::sqlx::PgConnection;

use crate::address_book::AddressBook;
use crate::availability::Availability;
use crate::failure::Failure;

/// Everything that alerts are decided by at one moment, but for the waits and rooms themselves.
#[derive(Debug, Clone)]
pub struct AlertContext {
    history: Arc<RulesHistory>,
    /// Live, or in rehearsal.
    pub phase: Phase,
    /// Who is away.
    pub availability: Availability,
    pub now: Timestamp,
}

impl AlertContext {
    pub async fn read(
        connection: &mut PgConnection,
        rules: &RulesCache,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        let history = rules.get(connection).await?;
        let phase = golive::history(connection).await?.at(now);
        let availability = Availability::read(connection, now).await?;
        Ok(Self { history, phase, availability, now })
    }

    /// All rules there ever were.
    pub fn history(&self) -> &RulesHistory {
        &self.history
    }

    /// Those in force.
    pub fn rules(&self) -> &Rules {
        self.history.at(self.now)
    }

    /// People's addresses by them.
    pub fn book<'a>(&'a self, feishu: &'a Feishu) -> AddressBook<'a> {
        AddressBook::new(self.rules(), feishu, &self.availability)
    }

    /// The day, if anybody works on it, and a time of it, once that has come and is not long past.
    pub fn of_day(&self, time: TimeOfDay) -> Option<(NaiveDate, Timestamp)> {
        lists::morning(self.rules(), time, self.now).filter(|(_, at)| is_told_of(*at, self.now))
    }

    /// Whether a list of a moment is made: what came before go-live is over, and what was to come in a rehearsal does not
    /// come.
    pub fn is_told(&self, at: Timestamp) -> bool {
        self.phase.live && self.phase.since.is_none_or(|since| at >= since)
    }

    pub fn version(&self) -> i64 {
        self.history.version_at(self.now).version
    }

    /// The deadlines of a wait in a room, which are those of its kind in the room as it is now, and what they need to know: the
    /// wait, and since when its rungs may be due.
    pub fn of(&self, stored: &StoredWait, room: &Room) -> (Deadlines<'_>, WaitView) {
        let (kind, now) = (stored.wait.kind, room.view());
        let view = WaitView::from(&stored.wait)
            .since(stored.rejudged_at, SkipReason::Rejudged)
            .since(self.history.deadlines_since(kind, now, self.now), SkipReason::RulesChanged)
            .since(self.handed_over(kind, room), SkipReason::HandedOver)
            .since(room.included_since, SkipReason::NoLongerExcluded)
            .since(self.phase.since, SkipReason::WentLive);
        (self.rules().deadlines(kind, now), view)
    }

    /// From when cards of a wait may be due. Of several customers who wait in a room one climbs the ladder, and its cards
    /// say that others wait: whoever asked after it has a turn when that one is answered, or has no more cards to come.
    /// `None`: at once.
    pub fn turn_from(&self, wait: &Wait, room: &Room) -> Option<Timestamp> {
        let before = room.state.request_before(wait)?;
        let deadlines = self.rules().deadlines(before.kind, room.view());
        let last = steps(deadlines.ladder).last()?;
        Some(deadlines.of(&WaitView::from(before), last.rung)).filter(|from| *from > self.now)
    }

    /// Since when the room goes by the deadlines of its stage, if it ever went by others.
    fn handed_over(&self, kind: WaitKind, room: &Room) -> Option<Timestamp> {
        let rules = self.rules();
        let in_stage = |stage| rules.deadlines(kind, RoomView { stage, ..room.view() });
        let differ = in_stage(Stage::PreSales) != in_stage(Stage::AfterSales);
        room.state.stage_since.filter(|_| differ)
    }
}
