//! Nobody is forgotten after the ladder's end. On every working morning the public chat gets a list of all for whom no
//! card is due any more, until they are answered or cancelled; and a ladder may say that those who climbed it stand on a
//! list of each chat again and again (`domain::lists`).
//!
//! A list is a card of the outbox like all others, one by its day or its time and its address. Who is on it is read when it
//! is sent, without those whose last card was due since, so that a late look gives the same: it says until when, and is
//! true for ever.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use domain::Timestamp;
use domain::lists;
use domain::notification::{Step, Subject};
use domain::rules::Severity;
use runtime::Context;
use store::alerts::notifications::{self, NewNotification};
use store::alerts::unanswered;
use store::sqlx::PgConnection;

use crate::content::card::CardState;
use crate::content::lists::{MOST_ON_LISTS, places};
use crate::content::status::as_json;
use crate::failure::Failure;
use crate::planner::alert_context::AlertContext;

/// It says that something is wrong, and blames nobody.
const SEVERITY: Severity = Severity::Orange;

/// Looks once for each list.
#[derive(Debug, Default)]
pub struct Lists {
    /// The last day whose list was looked for.
    day: Option<NaiveDate>,
    /// The latest time whose lists were looked for.
    time: Option<Timestamp>,
}

impl Lists {
    /// Makes the lists whose time it is. Called when capture and folding are known to be up to date.
    pub async fn run(&mut self, ctx: &Context, context: &AlertContext) -> Result<(), Failure> {
        let mut connection = ctx.db.acquire().await?;
        self.of_morning(ctx, &mut connection, context).await?;
        self.of_ladders(ctx, &mut connection, context).await
    }

    async fn of_morning(
        &mut self,
        ctx: &Context,
        connection: &mut PgConnection,
        context: &AlertContext,
    ) -> Result<(), Failure> {
        let feishu = &ctx.config.feishu;
        let morning = lists::morning(context.rules(), feishu.unanswered_at, context.now);
        let Some((day, at)) = morning.filter(|(day, _)| self.day != Some(*day)) else { return Ok(()) };
        if context.is_told(at) && !unanswered::list(connection, at, 1).await?.0.is_empty() {
            let to = context.book(feishu).public();
            let new = NewNotification::new(&Subject::Unanswered, Step::Day(day), &to, SEVERITY, at);
            make(connection, &new, context.now).await?;
        }
        self.day = Some(day);
        Ok(())
    }

    async fn of_ladders(
        &mut self,
        ctx: &Context,
        connection: &mut PgConnection,
        context: &AlertContext,
    ) -> Result<(), Failure> {
        let rules = context.rules();
        let is_new = |at: &Timestamp| self.time.is_none_or(|latest| *at > latest);
        let times: Vec<Timestamp> = rules.times_of_lists(context.now).into_iter().filter(is_new).collect();
        for at in times.iter().copied().filter(|at| context.is_told(*at)) {
            let (all, _) = unanswered::list(connection, at, MOST_ON_LISTS).await?;
            let book = context.book(&ctx.config.feishu);
            // Of several ladders' lists that are one card, the first one's.
            let mut made = BTreeMap::new();
            for (to, severity) in all.iter().flat_map(|of| places(of, rules, book, at)) {
                made.entry(to).or_insert(severity);
            }
            for (to, severity) in &made {
                let new = NewNotification::new(&Subject::Unanswered, Step::At(at), to, *severity, at);
                make(connection, &new, context.now).await?;
            }
        }
        self.time = times.last().copied().or(self.time);
        Ok(())
    }
}

async fn make(
    connection: &mut PgConnection,
    new: &NewNotification<'_>,
    now: Timestamp,
) -> Result<(), Failure> {
    if notifications::insert(connection, new, &as_json(&CardState::WAITING)?, now).await? {
        tracing::info!(step = %new.step, address = %new.to, "a list of those who still wait is due");
    }
    Ok(())
}
