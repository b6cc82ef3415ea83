//! Nobody is forgotten for having said nothing: on a working day each owner gets a list of their rooms that have newly
//! fallen silent, at most ten, the most promising first. What did not fit stands on the next day's.
//!
//! Which room stands on which list is written down in the transaction that makes the list's card, so that no silence is
//! told twice for as many days, by whatever replica and after whatever pause.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use chrono::{NaiveDate, TimeDelta};
use domain::Timestamp;
use domain::follow_up::reached;
use domain::id::StaffName;
use domain::notification::{Step, Subject};
use domain::priority::{Situation, priority};
use domain::rules::{Rules, Severity};
use runtime::Context;
use store::alerts::follow_ups::{self, SilentRoom};
use store::alerts::notifications::{self, NewNotification};
use store::rooms::customer_lines;
use store::sqlx::PgConnection;

use crate::content::card::{FollowUpState, Silence};
use crate::content::status::as_json;
use crate::failure::Failure;
use crate::planner::alert_context::AlertContext;

/// It reminds, and nothing is wrong.
const SEVERITY: Severity = Severity::Blue;
/// Rooms on one list.
const MOST: usize = 10;
/// How many days lie within as many working days, at most: a week has two, and holidays take weeks.
const DAYS_OF_A_WORKING_DAY: i64 = 4;

/// Looks once a day.
#[derive(Debug, Default)]
pub struct FollowUps {
    /// The last day whose lists were looked for.
    last: Option<NaiveDate>,
}

/// An owner's rooms, each with after how many working days of silence it is told.
type Lists = BTreeMap<StaffName, Vec<(SilentRoom, u32)>>;

impl FollowUps {
    /// Makes the lists of this day, if it is time. Called when capture and folding are known to be up to date.
    pub async fn run(&mut self, ctx: &Context, context: &AlertContext) -> Result<(), Failure> {
        let now = context.now;
        let feishu = &ctx.config.feishu;
        let (rules, book) = (context.rules(), context.book(feishu));
        let Some((day, at)) = context.of_day(feishu.follow_ups_at) else { return Ok(()) };
        if self.last == Some(day) {
            return Ok(());
        }
        let mut tx = ctx.db.begin().await?;
        if context.is_told(at) {
            for (owner, mut silent) in due(&mut tx, rules, at, now).await? {
                silent.sort_by_cached_key(|(room, _)| (Reverse(points(room, rules, now)), room.silent_since));
                silent.truncate(MOST);
                let (subject, to) = (Subject::FollowUps(owner.clone()), book.of_owner(&owner));
                let new = NewNotification::new(&subject, Step::Day(day), &to, SEVERITY, at);
                let wanted: FollowUpState =
                    silent.iter().map(|(room, _)| (room.room.clone(), Silence::Lasts)).collect();
                let list = notifications::insert_list(&mut tx, &new, &as_json(&wanted)?, now).await?;
                if let Some(list) = list {
                    follow_ups::note(&mut tx, list, &silent).await?;
                    tracing::info!(%day, rooms = silent.len(), "a list of silent rooms is due");
                }
            }
        }
        tx.commit().await?;
        self.last = Some(day);
        Ok(())
    }
}

/// The rooms whose silence has reached a number of working days that was not told, by owner. `today`: when the lists of this
/// day are due.
async fn due(
    connection: &mut PgConnection,
    rules: &Rules,
    today: Timestamp,
    now: Timestamp,
) -> Result<Lists, Failure> {
    let mut lists = Lists::new();
    let (Some(first), Some(last)) = (rules.follow_up_after.first(), rules.follow_up_after.last()) else {
        return Ok(lists);
    };
    let from = now - TimeDelta::days(i64::from(*last) * 2 * DAYS_OF_A_WORKING_DAY);
    let to = now - TimeDelta::days(i64::from(*first) - 1);
    for room in follow_ups::silent_rooms(connection, (from, to), today).await? {
        let Some(owner) = room.state.owner.clone().filter(|_| !room.state.marks.not_followed_up) else {
            continue;
        };
        // Where our account is not, nobody knows who is silent; and nobody follows up on a day off.
        let calendar = rules.calendar(room.state.stage);
        if room.state.presence.unobserved().is_some() || !calendar.is_working_day(rules.day_of(today)) {
            continue;
        }
        // 静默工作日, as the table has it.
        let silent_days = rules.working_days(room.state.stage, room.silent_since, now);
        if let Some(days) = reached(&rules.follow_up_after, silent_days).filter(|days| *days > room.told) {
            lists.entry(owner).or_default().push((room, days));
        }
    }
    Ok(lists)
}

fn points(room: &SilentRoom, rules: &Rules, now: Timestamp) -> u32 {
    let lines = customer_lines(&room.last_lines);
    priority(&rules.priority, &Situation::of(&room.state, &lines, rules, now)).points
}
