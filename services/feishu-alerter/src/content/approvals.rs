//! Which rooms await a manager's approval, read when the card is frozen: it says until when.

use domain::Timestamp;
use domain::assignment::{Current, Decision, Refusal, Request, decide};
use domain::notification::Step;
use domain::rules::Rules;
use domain::wording;
use store::alerts::approvals::{self, Asked};
use store::sqlx::{self, PgConnection};

use super::card::Pending;

/// What the card of a day is made from.
#[derive(Debug, Clone)]
pub struct ApprovalList {
    /// Whoever asked first in front.
    pub pending: Vec<Pending>,
    /// The day is not over.
    pub is_of_today: bool,
}

impl ApprovalList {
    pub async fn read(
        connection: &mut PgConnection,
        step: Step,
        rules: &Rules,
        now: Timestamp,
    ) -> Result<Self, sqlx::Error> {
        let pending = pending(connection, rules).await?;
        Ok(Self { pending, is_of_today: step == Step::Day(rules.day_of(now)) })
    }

    pub const fn is_wanted(&self) -> bool {
        self.is_of_today && !self.pending.is_empty()
    }
}

/// The rooms whose last assignment awaits approval, and would still.
pub async fn pending(connection: &mut PgConnection, rules: &Rules) -> Result<Vec<Pending>, sqlx::Error> {
    // Somebody who may not approve has decided nothing.
    let pending = [Refusal::AwaitsApproval, Refusal::NoApprover].map(|refusal| wording::refused(&refusal));
    let asked = approvals::asked(connection, &pending).await?;
    Ok(asked.into_iter().filter(|asked| awaits(asked, rules)).map(named).collect())
}

/// Rules and room may have changed since.
fn awaits(asked: &Asked, rules: &Rules) -> bool {
    let current = Current { owner: asked.state.owner.as_ref(), stage: asked.state.stage };
    let request = Request { owner: &asked.owner, stage: &asked.stage, approved_by: None, rehearsal: false };
    decide(Some(&current), &request, rules) == Decision::Refused(Refusal::AwaitsApproval)
}

fn named(asked: Asked) -> Pending {
    Pending {
        topic: if asked.topic.trim().is_empty() { asked.room } else { asked.topic },
        from: asked.state.owner.map(|owner| owner.to_string()),
        to: asked.owner,
        by: asked.by,
        at: asked.at,
    }
}
