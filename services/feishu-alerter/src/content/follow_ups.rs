//! How the silent rooms on an owner's list stand: read when its card is frozen, and whenever one of them changes.

use std::cmp::Reverse;

use domain::Timestamp;
use domain::id::StaffName;
use domain::notification::Step;
use domain::priority::{Situation, priority};
use domain::rules::Rules;
use store::alerts::follow_ups::{self, Listed};
use store::rooms::customer_lines;
use store::sqlx::{self, PgConnection};

use super::card::{FollowUpState, Silence, SilentRoom};

/// What the card of a day is made from.
#[derive(Debug, Clone)]
pub struct FollowUpList {
    pub owner: StaffName,
    /// The most promising first.
    pub rooms: Vec<SilentRoom>,
    /// The day is not over.
    pub is_of_today: bool,
}

impl FollowUpList {
    /// The list with this number, which is of one day.
    pub async fn read(
        connection: &mut PgConnection,
        (list, step): (i64, Step),
        owner: &StaffName,
        rules: &Rules,
        now: Timestamp,
    ) -> Result<Self, sqlx::Error> {
        let listed = follow_ups::listed(connection, list).await?;
        let mut rooms: Vec<(u32, SilentRoom)> = listed.into_iter().map(|of| silent(of, rules, now)).collect();
        rooms.sort_by_key(|(points, room)| (Reverse(*points), room.since));
        let rooms = rooms.into_iter().map(|(_, room)| room).collect();
        Ok(Self { owner: owner.clone(), rooms, is_of_today: step == Step::Day(rules.day_of(now)) })
    }

    /// Whether anybody is to follow up.
    pub fn is_wanted(&self) -> bool {
        self.is_of_today && self.rooms.iter().any(|room| room.silence == Silence::Lasts)
    }

    pub fn state(&self) -> FollowUpState {
        self.rooms.iter().map(|room| (room.room.clone(), room.silence.clone())).collect()
    }
}

/// How it is named, and the points of its priority.
fn silent(of: Listed, rules: &Rules, now: Timestamp) -> (u32, SilentRoom) {
    let lines = customer_lines(&of.last_lines);
    let first = priority(&rules.priority, &Situation::of(&of.state, &lines, rules, now));
    let (points, because) = (first.points, first.reasons());
    let silence = match of.stopped_by {
        _ if of.excluded => Silence::Excluded,
        _ if of.spoken => Silence::Ended,
        Some(by) => Silence::Stopped { by },
        None if of.state.marks.not_followed_up => Silence::NotFollowedUp,
        None => Silence::Lasts,
    };
    let topic = if of.topic.trim().is_empty() { of.room.clone() } else { of.topic };
    let (room, since, working_days) = (of.room, of.silent_since, of.working_days);
    (points, SilentRoom { room, topic, since, working_days, because, silence })
}
