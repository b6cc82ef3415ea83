//! Nobody's way into after-sales is forgotten: before a working day ends each manager gets a list of the rooms that await
//! approval. It is one card a day at each address, by its key; what stands on it is read when it is sent.

use chrono::NaiveDate;
use domain::notification::{Step, Subject};
use domain::rules::Severity;
use runtime::Context;
use store::alerts::notifications::{self, Address, NewNotification};

use crate::content::approvals::pending;
use crate::content::card::CardState;
use crate::content::status::as_json;
use crate::failure::Failure;
use crate::planner::alert_context::AlertContext;

/// It reminds, and nothing is wrong.
const SEVERITY: Severity = Severity::Blue;

/// Looks once a day.
#[derive(Debug, Default)]
pub struct Approvals {
    /// The last day whose list was looked for.
    last: Option<NaiveDate>,
}

impl Approvals {
    /// Makes the list of this day, if it is time. Called when folding is known to be up to date.
    pub async fn run(&mut self, ctx: &Context, context: &AlertContext) -> Result<(), Failure> {
        let now = context.now;
        let Some((day, at)) = context.of_day(context.rules().approvals_at) else { return Ok(()) };
        if self.last == Some(day) {
            return Ok(());
        }
        let mut tx = ctx.db.begin().await?;
        if context.is_told(at) && !pending(&mut tx, context.rules()).await?.is_empty() {
            let book = context.book(&ctx.config.feishu);
            // Whoever is not reached by themselves is told where everybody reads.
            let mut to: Vec<Address> =
                context.rules().managers.iter().map(|manager| book.of_owner(manager)).collect();
            to.sort();
            to.dedup();
            for to in &to {
                let new = NewNotification::new(&Subject::Approvals, Step::Day(day), to, SEVERITY, at);
                if notifications::insert(&mut tx, &new, &as_json(&CardState::WAITING)?, now).await? {
                    tracing::info!(%day, "a list of pending approvals is due");
                }
            }
        }
        tx.commit().await?;
        self.last = Some(day);
        Ok(())
    }
}
