//! The card of an opening (开工汇总): who waits for its reader since the last closing. Nothing of what was said stands on it.

use std::collections::BTreeMap;

use domain::id::WaitId;
use domain::rules::{Rules, Severity};
use domain::wait::WaitKind;
use domain::{Timestamp, display};

use super::facts::CardState;
use super::lines::lines;
use super::model::Card;
use super::room::outcome;
use crate::wording;

/// Longest name, in characters.
const NAME_CHARS: usize = 40;
/// Longest text of reasons, in characters.
const REASON_CHARS: usize = 60;
/// How many are named. Whoever is not is counted.
const MOST: usize = 20;

/// What the card shows, stored with it: how each wait stands, by its id.
pub type OpeningState = BTreeMap<String, CardState>;

/// A wait on the list.
#[derive(Debug, Clone)]
pub struct ListedWait {
    /// As it was when the list was made.
    pub wait: WaitId,
    pub kind: WaitKind,
    /// The room's name, or its key.
    pub topic: String,
    pub customer: String,
    pub since: Timestamp,
    /// Why this one goes before others; empty: for no reason.
    pub because: String,
    /// It may have been answered unseen.
    pub unverified: bool,
    /// A card of its own was made since the opening.
    pub alerted: bool,
    pub state: CardState,
}

/// The card that shows them, in this order.
pub fn opening(owner: &str, waits: &[ListedWait], severity: Severity, rules: &Rules) -> Card {
    let open = waits.iter().filter(|listed| listed.state.is_open()).count();
    let title = wording::opening_title(&display::plain(owner, NAME_CHARS), open);
    let named = waits.iter().take(MOST).map(|listed| line(listed, rules));
    let more = waits.len().saturating_sub(MOST);
    let more = (more > 0).then(|| wording::and_more(i64::try_from(more).unwrap_or(i64::MAX)));
    lines(title, (open > 0).then_some(severity), named.chain(more), wording::opening_note(), Vec::new())
}

fn line(listed: &ListedWait, rules: &Rules) -> String {
    let room = display::plain(&listed.topic, NAME_CHARS);
    if let Some(outcome) = outcome(&listed.state, listed.unverified) {
        return wording::opening_ended(&room, &display::plain(&outcome, 2 * NAME_CHARS));
    }
    let since = listed.since.with_timezone(&rules.time_zone).format("%m-%d %H:%M").to_string();
    let what = match listed.kind {
        WaitKind::Request => wording::waits_since(&since),
        WaitKind::Soft => wording::assented_at(&since),
        WaitKind::Promise => wording::promised_at(&since, None),
    };
    let because = display::plain(&listed.because, REASON_CHARS);
    wording::opening_line(&room, &display::plain(&listed.customer, NAME_CHARS), &what, &because)
}
