//! Who stands on the list of a working morning, read when its card is frozen.

use std::cmp::Reverse;

use domain::Timestamp;
use domain::notification::Step;
use domain::priority::{Situation, priority};
use domain::rules::Rules;
use store::alerts::notifications::Notification;
use store::alerts::unanswered::{self, Unanswered};
use store::rooms::customer_lines;
use store::sqlx::{self, PgConnection};

use super::card::{List, Named};
use crate::wording;

/// How many are named. Whoever is not is counted.
const MOST: usize = 20;
/// Of how many, those who have waited longest, the ones are chosen that go first.
const MOST_COMPARED: i64 = 500;
/// What the card of a day is made from.
#[derive(Debug, Clone)]
pub struct DayList {
    pub list: List,
    /// The day is not over.
    pub is_of_today: bool,
}

impl DayList {
    /// Those who wait now, for the card of a day.
    pub async fn read(
        connection: &mut PgConnection,
        notification: &Notification,
        rules: &Rules,
        now: Timestamp,
    ) -> Result<Self, sqlx::Error> {
        let (all, total) = unanswered::list(connection, notification.due_at, MOST_COMPARED).await?;
        let mut named: Vec<(u32, Named)> = all.into_iter().map(|of| named(of, rules, now)).collect();
        // Of equal ones, as they came: whoever has waited longest.
        named.sort_by_key(|(points, _)| Reverse(*points));
        let named = named.into_iter().take(MOST).map(|(_, named)| named).collect();
        let today = rules.day_of(now);
        Ok(Self { list: List { named, total }, is_of_today: notification.step == Step::Day(today) })
    }
}

/// How it is named, and the points of its priority.
fn named(of: Unanswered, rules: &Rules, now: Timestamp) -> (u32, Named) {
    let lines = customer_lines(&of.last_lines);
    let first = priority(&rules.priority, &Situation::of(&of.state, &lines, rules, now));
    let (points, because) = (first.points, first.reasons());
    let (stage, owner) = (of.state.stage, of.state.owner.as_ref().map(ToString::to_string));
    let (opened_at, topic) = (of.opened_at, of.topic);
    let requests = of.state.requests().filter(|(oldest, _)| oldest.opened.at == opened_at);
    let customer = wording::with_others(&of.customer, requests.map_or(0, |(_, others)| others.len()));
    (points, Named { opened_at, customer, topic, owner, stage, because })
}
