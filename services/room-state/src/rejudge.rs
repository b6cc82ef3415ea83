//! Judging the past again, and by which rules the counted past is pinned.
//!
//! Rules with a past `valid_from` judge what was said since: that decides whether somebody waits now. Waits that are
//! closed have been counted, and people were paid by the figures: they stay as they are until somebody asks for it
//! (`huiyin recompute`). So that this holds for ever after, whatever comes late, a room pins by which rules its counted
//! past was judged: its waits stay a pure function of its timeline, the rules' history and its pinned rules.

use chrono::TimeDelta;
use domain::Timestamp;
use domain::rules::{PinnedRules, RulesHistory};
use store::rooms::{LockedRoom, waits};
use store::sqlx::PgConnection;

use crate::failure::Failure;

/// The resolution of sent times: what was sent with the end of a wait is judged with it.
const INSTANT: TimeDelta = TimeDelta::milliseconds(1);

/// How a room's past is to be judged again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejudge {
    /// From here on.
    pub from: Timestamp,
    /// By which rules the rest is judged, as it was counted.
    pub pinned: Option<PinnedRules>,
}

/// Rules newer than those that a room was folded with may reach back into what it has folded: then the rest of its past,
/// behind its last closed wait, is judged again. `None`: they do not.
pub async fn by_newer_rules(
    connection: &mut PgConnection,
    room: &LockedRoom,
    rules: &RulesHistory,
) -> Result<Option<Rejudge>, Failure> {
    let Some(folded_to) = &room.state.folded_to else { return Ok(None) };
    let Some(newer_from) = rules.changed_since(room.folded_with).filter(|from| *from <= folded_to.at) else {
        return Ok(None);
    };
    let counted = waits::last_closing(connection, &room.room).await?.map(|closing| closing + INSTANT);
    let Some(counted) = counted.filter(|counted| newer_from < *counted) else {
        return Ok(Some(Rejudge { from: newer_from, pinned: room.pinned.clone() }));
    };
    let judged = rules.known_at(room.folded_with).map(|known| known.with_pinned(room.pinned.as_ref()));
    let pinned = judged.and_then(|judged| judged.pin_until(counted, rules));
    Ok(Some(Rejudge { from: counted, pinned }))
}
