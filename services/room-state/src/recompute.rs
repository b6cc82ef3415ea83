//! `huiyin recompute`: figures that were counted are judged by the rules that are valid for their time now.
//!
//! Looking what would change needs no right to write; changing it is `room-state`'s own, asked for by a command.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::id::{CommandId, RoomKey, WaitId};
use domain::rules::{PinnedRules, RulesHistory};
use domain::timeline::Position;
use domain::wait::Wait;
use events::subject::room_token;
use store::rooms::LockedRoom;
use store::rooms::waits::{Which, list};
use store::sqlx::PgConnection;

use crate::failure::Failure;
use crate::fold::{Refolded, fold_again};
use crate::rejudge::{Rejudge, by_newer_rules};

/// A stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Its beginning.
    pub from: DateTime<Utc>,
    /// Its end; `None`: the present.
    pub to: Option<DateTime<Utc>>,
}

impl Window {
    /// The name of the command that recomputes a room: asking the same again is recognised.
    pub fn command(&self, room: &RoomKey, rules_version: i64) -> CommandId {
        let to = self.to.map_or_else(|| "-".to_owned(), |to| to.timestamp_millis().to_string());
        let from = self.from.timestamp_millis();
        CommandId(format!("recompute:{rules_version}:{from}:{to}:{}", room_token(room)))
    }
}

/// A wait whose figures change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Which.
    pub wait: WaitId,
    /// As it is counted now; `None`: it is not.
    pub before: Option<Wait>,
    /// As it would be counted; `None`: it would not.
    pub after: Option<Wait>,
}

/// What recomputing a stretch would change in a room that keeps some of its past; nothing is written.
///
/// # Errors
/// If the database does not answer, or the fold fails.
pub async fn preview(
    connection: &mut PgConnection,
    room: &RoomKey,
    pinned: &PinnedRules,
    window: Window,
    rules: &RulesHistory,
) -> Result<Vec<Difference>, Failure> {
    let left = rules.recomputed(pinned, window.from, window.to);
    if left.as_ref() == Some(pinned) {
        return Ok(Vec::new());
    }
    let rules = rules.with_pinned(left.as_ref());
    let Refolded { folded, supersessions, .. } =
        fold_again(connection, room, Some(&Position::before(window.from)), &rules).await?;
    let mut after: BTreeMap<WaitId, Option<Wait>> =
        folded.waits.into_iter().map(|folded| (folded.wait.id.clone(), Some(folded.wait))).collect();
    after.extend(supersessions.into_iter().map(|(gone, _)| (gone, None)));
    let ids: Vec<String> = after.keys().map(|id| id.0.clone()).collect();
    let mut before: BTreeMap<WaitId, Wait> = list(connection, Which::Ids(&ids))
        .await?
        .into_iter()
        .filter(|stored| stored.replaced_by.is_none() && !stored.void)
        .map(|stored| (stored.wait.id.clone(), stored.wait))
        .collect();
    let differences = after.into_iter().map(|(wait, after)| {
        let before = before.remove(&wait);
        Difference { wait, before, after }
    });
    Ok(differences.filter(|found| figures(found.before.as_ref()) != figures(found.after.as_ref())).collect())
}

/// What to judge again in a locked room; `None`: nothing of the stretch is kept.
pub async fn rejudge(
    connection: &mut PgConnection,
    room: &LockedRoom,
    window: Window,
    rules: &RulesHistory,
) -> Result<Option<(PinnedRules, Rejudge)>, Failure> {
    let pending = by_newer_rules(connection, room, rules).await?;
    let (pinned, pending_from) = match pending {
        Some(Rejudge { from, pinned }) => (pinned, Some(from)),
        None => (room.pinned.clone(), None),
    };
    let Some(pinned) = pinned else { return Ok(None) };
    let left = rules.recomputed(&pinned, window.from, window.to);
    if left.as_ref() == Some(&pinned) {
        return Ok(None);
    }
    let from = pending_from.map_or(window.from, |pending| pending.min(window.from));
    Ok(Some((pinned, Rejudge { from, pinned: left })))
}

/// What is counted of a wait.
fn figures(wait: Option<&Wait>) -> Option<impl PartialEq + '_> {
    wait.map(|wait| (&wait.verdict, &wait.owner, wait.stage, wait.messages, &wait.outcome))
}
