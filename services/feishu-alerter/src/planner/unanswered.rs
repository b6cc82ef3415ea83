//! Nobody is forgotten after the ladder's end: on every working morning the public chat gets a list of all for whom no
//! card is due any more, until they are answered or cancelled.
//!
//! It is a card of the outbox like all others, one a day by its key. Who is on it is read when it is sent, without those
//! whose last card was due since the morning, so that a late look gives the same: it says until when, and is true for
//! ever.

use chrono::NaiveDate;
use domain::Timestamp;
use domain::notification::{Step, Subject};
use domain::rules::{Rules, Severity};
use runtime::Context;
use runtime::config::Feishu;
use store::alerts::notifications::{self, NewNotification};
use store::alerts::unanswered;
use store::rules::RulesCache;

use crate::content::card::CardState;
use crate::content::status::as_json;
use crate::failure::Failure;
use crate::planner::alert_context::AlertContext;

/// It says that something is wrong, and blames nobody.
const SEVERITY: Severity = Severity::Orange;

/// Looks once a day.
#[derive(Debug, Default)]
pub struct Mornings {
    /// The last day whose list was looked for.
    last: Option<NaiveDate>,
}

impl Mornings {
    /// Makes the list of this morning, if it is time. Called when capture and folding are known to be up to date.
    pub async fn run(&mut self, ctx: &Context, rules: &RulesCache) -> Result<(), Failure> {
        let now = ctx.clock.now();
        let mut connection = ctx.db.acquire().await?;
        let context = AlertContext::read(&mut connection, rules, now).await?;
        let feishu = &ctx.config.feishu;
        let Some((day, at)) = morning(context.rules(), feishu, now) else { return Ok(()) };
        if self.last == Some(day) {
            return Ok(());
        }
        // What came before go-live is over; what was to come in a rehearsal does not come.
        let is_due = context.phase.live && context.phase.since.is_none_or(|since| at >= since);
        if is_due && !unanswered::list(&mut connection, at, 1).await?.0.is_empty() {
            let wanted = as_json(&CardState::WAITING)?;
            let to = context.book(feishu).public();
            let new = NewNotification::new(&Subject::Unanswered, Step::Day(day), &to, SEVERITY, at);
            if notifications::insert(&mut connection, &new, &wanted, now).await? {
                tracing::info!(%day, "a list of all who still wait is due");
            }
        }
        self.last = Some(day);
        Ok(())
    }
}

/// The day, if anybody works on it, and the moment of its list, once that has come. A late look is made up for on the same day.
fn morning(rules: &Rules, feishu: &Feishu, now: Timestamp) -> Option<(NaiveDate, Timestamp)> {
    let day = rules.day_of(now);
    let at = feishu.unanswered_at.on(day, rules.time_zone)?;
    (rules.is_working_day(day) && now >= at).then_some((day, at))
}
