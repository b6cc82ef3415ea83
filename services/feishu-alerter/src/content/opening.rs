//! Who stands on the list of an opening (开工汇总) and how each wait stands: read when its card is frozen, and whenever one of
//! their rooms changes.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use domain::Timestamp;
use domain::id::StaffName;
use domain::notification::Step;
use domain::opening::is_told_of;
use domain::priority::{Situation, priority};
use domain::rules::Rules;
use domain::wording;
use store::alerts::openings;
use store::rooms::waits::StoredWait;
use store::rooms::{self, Room};
use store::sqlx::{self, PgConnection};

use super::card::{CardState, ListedWait, OpeningState};
use super::status::{Successions, card_state};
use super::subject::is_unverified;

/// What the card of an opening is made from.
#[derive(Debug, Clone)]
pub struct OpeningList {
    pub owner: StaffName,
    /// Those who go first by the rules of priority; of equal ones whoever has waited longest.
    pub waits: Vec<ListedWait>,
    /// It is not too late to be told of it.
    pub in_time: bool,
}

/// A list: its number, its step, and the opening that it is of.
#[derive(Debug, Clone, Copy)]
pub struct OfOpening {
    pub list: i64,
    pub step: Step,
    pub opening: Timestamp,
}

impl OpeningList {
    pub async fn read(
        connection: &mut PgConnection,
        of: OfOpening,
        owner: &StaffName,
        rules: &Rules,
        now: Timestamp,
    ) -> Result<Self, sqlx::Error> {
        let listed = openings::listed(connection, of.list, of.opening).await?;
        let successions = Successions::read(connection, listed.iter().map(|(wait, _)| wait.clone())).await?;
        let (mut waits, mut seen) = (Vec::new(), BTreeSet::new());
        for (wait, alerted) in listed {
            // Of waits that became one it names one.
            let Some(stored) = successions.of(&wait).filter(|stored| seen.insert(stored.wait.id.clone()))
            else {
                continue;
            };
            let Some(room) = rooms::get(connection, &stored.room).await? else { continue };
            let unverified = is_unverified(connection, &room, &stored.wait, now).await?;
            let state = state(stored, &room, owner, unverified, rules, now);
            let lines = room.customer_lines();
            let first = priority(&rules.priority, &Situation::of(&room.state, &lines, rules, now));
            let listed = ListedWait {
                wait,
                kind: stored.wait.kind,
                topic: if room.topic.trim().is_empty() { room.room.to_string() } else { room.topic.clone() },
                customer: wording::name(&stored.wait.customer_name).to_owned(),
                since: stored.wait.opened.at,
                because: first.reasons(),
                unverified,
                alerted,
                state,
            };
            waits.push((first.points, listed));
        }
        waits.sort_by_key(|(points, listed)| (Reverse(*points), listed.since));
        let waits = waits.into_iter().map(|(_, listed)| listed).collect();
        let in_time = of.step == Step::Day(rules.day_of(now)) && is_told_of(of.opening, now);
        Ok(Self { owner: owner.clone(), waits, in_time })
    }

    /// Whether it tells of anybody whom no card of their own tells of since.
    pub fn is_wanted(&self) -> bool {
        self.in_time && self.waits.iter().any(|listed| listed.state.is_open() && !listed.alerted)
    }

    pub fn state(&self) -> OpeningState {
        self.waits.iter().map(|listed| (listed.wait.0.clone(), listed.state.clone())).collect()
    }
}

/// How a wait stands for somebody who owned its room when the list was made.
fn state(
    stored: &StoredWait,
    room: &Room,
    owner: &StaffName,
    unverified: bool,
    rules: &Rules,
    now: Timestamp,
) -> CardState {
    let calendar = rules.calendar(stored.wait.stage_counted(room.state.stage));
    match (card_state(stored, room.excluded, unverified, calendar, now), &room.state.owner) {
        (CardState::Waiting { .. }, Some(to)) if to != owner => {
            CardState::HandedOver { to: to.as_str().to_owned() }
        }
        // Nothing can be pressed on a list.
        (CardState::Cancelled { by, .. }, _) => CardState::Cancelled { by, undo_until: None },
        (state, _) => state,
    }
}
