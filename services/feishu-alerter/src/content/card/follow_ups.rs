//! The card of an owner's silent rooms. Nothing of what was said stands on it.

use std::collections::BTreeMap;

use domain::rules::{Rules, Severity};
use domain::{Timestamp, display};
use serde::{Deserialize, Serialize};

use super::lines::lines;
use super::model::{Card, Menu};
use crate::action::ActionKind;
use crate::wording;

/// Longest name, in characters.
const NAME_CHARS: usize = 40;
/// Longest text of reasons, in characters.
const REASON_CHARS: usize = 60;

/// How a silence stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "silence", rename_all = "snake_case")]
pub enum Silence {
    /// Nobody has said anything.
    Lasts,
    /// Somebody has.
    Ended,
    /// Somebody said that it is to be told no more.
    Stopped { by: String },
    /// The managers' table says that nobody follows the room up.
    NotFollowedUp,
    /// The rules exclude the room.
    Excluded,
}

/// What the card shows, stored with it: how each silence stands, by the room's key.
pub type FollowUpState = BTreeMap<String, Silence>;

/// A room in which nobody has said anything.
#[derive(Debug, Clone)]
pub struct SilentRoom {
    /// Its key in text form.
    pub room: String,
    /// Its name, or its key.
    pub topic: String,
    pub since: Timestamp,
    /// After so many working days it is told.
    pub working_days: u32,
    /// Why this one goes before others; empty: for no reason.
    pub because: String,
    pub silence: Silence,
}

/// The card that shows them, in this order.
pub fn follow_ups(owner: &str, rooms: &[SilentRoom], severity: Severity, rules: &Rules) -> Card {
    let lasting: Vec<&SilentRoom> = rooms.iter().filter(|room| room.silence == Silence::Lasts).collect();
    let options = lasting.iter().map(|room| (name(room), room.room.clone())).collect();
    let (action, label) = (ActionKind::StopFollowUp, wording::STOP_FOLLOW_UP);
    let menus = if lasting.is_empty() { Vec::new() } else { vec![Menu { action, label, options }] };
    let title = wording::follow_ups_title(&display::plain(owner, NAME_CHARS), lasting.len());
    let severity = (!lasting.is_empty()).then_some(severity);
    lines(
        title,
        severity,
        rooms.iter().filter_map(|room| line(room, rules)),
        wording::follow_ups_note(),
        menus,
    )
}

fn line(room: &SilentRoom, rules: &Rules) -> Option<String> {
    Some(match &room.silence {
        Silence::Lasts => {
            let since = room.since.with_timezone(&rules.time_zone).format("%m-%d").to_string();
            let because = display::plain(&room.because, REASON_CHARS);
            wording::follow_up_line(&name(room), room.working_days, &since, &because)
        }
        Silence::Ended => wording::follow_up_ended(&name(room)),
        Silence::Stopped { by } => wording::follow_up_stopped(&name(room), &display::plain(by, NAME_CHARS)),
        Silence::NotFollowedUp => wording::not_followed_up(&name(room)),
        Silence::Excluded => return None,
    })
}

fn name(room: &SilentRoom) -> String {
    display::plain(&room.topic, NAME_CHARS)
}
