//! Judging the past anew, and what is kept of how it was judged.
//!
//! Rules with a past `valid_from` judge what was said since: that decides whether somebody waits now. Waits that are
//! closed have been counted, and people were paid by the figures: they stay as they are until somebody asks for it
//! (`huiyin recompute`). So that this holds for ever after, whatever comes late, a room keeps how its counted past was
//! judged: its waits stay a pure function of its timeline, the rules' history and what it keeps.

use chrono::TimeDelta;
use domain::Timestamp;
use domain::rules::{PinnedRules, RulesHistory};
use store::rooms::{LockedRoom, waits};
use store::sqlx::PgConnection;

use crate::failure::Failure;

/// The resolution of sent times: what was sent with the end of a wait is judged with it.
const INSTANT: TimeDelta = TimeDelta::milliseconds(1);

/// How a room's past is to be judged anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anew {
    /// From here on.
    pub from: Timestamp,
    /// What is judged from then on as it was counted.
    pub kept: Option<PinnedRules>,
}

/// Rules newer than those that a room was folded with may reach back into what it has folded: then the rest of its past,
/// behind its last closed wait, is judged anew. `None`: they do not.
pub async fn by_newer_rules(
    connection: &mut PgConnection,
    room: &LockedRoom,
    rules: &RulesHistory,
) -> Result<Option<Anew>, Failure> {
    let Some(through) = &room.state.through else { return Ok(None) };
    let Some(newer_from) = rules.changed_since(room.folded_with).filter(|from| *from <= through.at) else {
        return Ok(None);
    };
    let counted = waits::last_closing(connection, &room.room).await?.map(|closing| closing + INSTANT);
    let Some(counted) = counted.filter(|counted| newer_from < *counted) else {
        return Ok(Some(Anew { from: newer_from, kept: room.kept.clone() }));
    };
    let judged = rules.known_at(room.folded_with).map(|known| known.with_pinned(room.kept.as_ref()));
    let kept = judged.and_then(|judged| judged.pin_until(counted, rules));
    Ok(Some(Anew { from: counted, kept }))
}
