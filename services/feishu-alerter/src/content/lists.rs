//! Who stands on a list, read when its card is frozen: on that of a working morning everybody who waits, on that of a
//! ladder those whom it is for.

use std::cmp::Reverse;

use domain::Timestamp;
use domain::ladder::{Baseline, SkipReason, WaitView};
use domain::lists::list_at;
use domain::notification::Step;
use domain::priority::{Situation, priority};
use domain::rules::{RoomView, Rules, Severity};
use store::alerts::notifications::{Address, Notification};
use store::alerts::unanswered::{self, Unanswered};
use store::rooms::customer_lines;
use store::sqlx::{self, PgConnection};

use super::card::{List, Named};
use crate::address_book::AddressBook;
use crate::wording;

/// How many are named. Whoever is not is counted.
const MOST: usize = 20;
/// Of how many, those who have waited longest, the ones are chosen that go first.
const MOST_COMPARED: i64 = 500;
/// Of how many the lists of ladders are made, those who have waited longest.
pub const MOST_ON_LISTS: i64 = 10_000;

/// What the card of a list is made from.
#[derive(Debug, Clone)]
pub struct StandingList {
    pub list: List,
    /// No later one has taken its place, and its day is not over.
    pub is_current: bool,
}

impl StandingList {
    /// Those who wait now, for the card of a day or of a time.
    pub async fn read(
        connection: &mut PgConnection,
        notification: &Notification,
        rules: &Rules,
        book: AddressBook<'_>,
        now: Timestamp,
    ) -> Result<Self, sqlx::Error> {
        let of_ladders = match notification.step {
            Step::At(at) => Some(at),
            _ => None,
        };
        let most = of_ladders.map_or(MOST_COMPARED, |_| MOST_ON_LISTS);
        let (mut all, mut total) = unanswered::list(connection, notification.due_at, most).await?;
        if let Some(at) = of_ladders {
            all.retain(|of| places(of, rules, book, at).iter().any(|(to, _)| *to == notification.to));
            total = i64::try_from(all.len()).unwrap_or(i64::MAX);
        }
        let mut named: Vec<(u32, Named)> = all.into_iter().map(|of| named(of, rules, now)).collect();
        // Of equal ones, as they came: whoever has waited longest.
        named.sort_by_key(|(points, _)| Reverse(*points));
        let named = named.into_iter().take(MOST).map(|(_, named)| named).collect();
        let is_current = match of_ladders {
            Some(at) => rules.times_of_lists(now).contains(&at),
            None => notification.step == Step::Day(rules.day_of(now)),
        };
        Ok(Self { list: List { named, total }, is_current })
    }
}

/// Where the lists of a time go on which somebody stands, and how grave they are.
pub fn places(
    of: &Unanswered,
    rules: &Rules,
    book: AddressBook<'_>,
    at: Timestamp,
) -> Vec<(Address, Severity)> {
    let owner = of.state.owner.as_ref();
    let room = RoomView { stage: of.state.stage, name: &of.topic, owner };
    // No card of theirs is due any more: that of a promise at a stated time is not, whenever that was.
    let baseline = Some(Baseline { at: of.opened_at, reason: SkipReason::Import });
    let wait = WaitView { opened_at: of.opened_at, baseline, closed: false, due: None };
    let Some(list) = list_at(rules.deadlines(of.kind, room), &wait, rules.time_zone, at) else {
        return Vec::new();
    };
    book.of_audience(owner, &list.audience).into_iter().map(|to| (to, list.severity)).collect()
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
