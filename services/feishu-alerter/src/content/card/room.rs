//! The card of a room: that a customer waits, how that ended, or that our account left.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::display;
use domain::rules::Severity;
use domain::wording::severity_in_words;

use super::facts::{CardFacts, CardKind, CardState, LastLine};
use super::model::{Block, Button, Card, Line, Span, Title};
use crate::action::ActionKind;
use crate::wording;

/// Longest name of a customer, room or person, in characters.
const NAME_CHARS: usize = 40;
/// Longest name of a room in a title, in characters.
const TITLE_CHARS: usize = 24;
/// Longest last line, in characters.
const LINE_CHARS: usize = 120;
/// How many last lines are shown.
const LINES_SHOWN: usize = 3;

/// The card for these facts.
pub fn room(facts: &CardFacts) -> Card {
    if facts.state == CardState::Escalated {
        return pointer(facts);
    }
    let mut blocks = vec![Block::main(names(facts))];
    blocks.extend(notes(facts).map(|note| Block::detail(vec![Span::Words(note.to_owned())])));
    if facts.awaits_reply() && !facts.last_lines.is_empty() {
        blocks.push(Block::Transcript { heading: wording::LAST_LINES, lines: last_lines(facts) });
    }
    Card { title: Some(header(facts)), summary: summary(facts), blocks, buttons: buttons(facts) }
}

/// A card without a title, in one line. It must be true for ever: who waits since when may be judged again, and how the wait
/// goes on is said by the card that it points to.
fn pointer(facts: &CardFacts) -> Card {
    let what = wording::in_room(wording::ESCALATED, &name(&facts.room));
    let line = vec![Span::Strong(what), Span::Words(wording::SEE_BELOW.to_owned())];
    Card { title: None, summary: summary(facts), blocks: vec![Block::note(line)], buttons: Vec::new() }
}

fn header(facts: &CardFacts) -> Title {
    let mut tags = Vec::new();
    if facts.awaits_reply() && facts.unverified {
        tags.push((wording::TAG_UNVERIFIED, Severity::Grey));
    } else if facts.awaits_reply() {
        tags.push((wording::TAG_OPEN, facts.level));
    }
    Title { text: title(facts), severity: facts.state.is_open().then_some(facts.level), tags }
}

/// What and where: several rooms of one person may wait, and a notification shows hardly more than this.
fn title(facts: &CardFacts) -> String {
    let what = match &facts.state {
        CardState::Waiting { .. } => return waiting_title(facts),
        CardState::Escalated => wording::ESCALATED,
        CardState::HandedOver { .. } => wording::HANDED_OVER,
        CardState::OwnerFound { .. } => wording::OWNER_FOUND,
        CardState::Answered { .. } => wording::ANSWERED,
        CardState::Cancelled { .. } => wording::CANCELLED,
        CardState::Confirmed { .. } => wording::CONFIRMED,
        CardState::BecameRequest => wording::BECAME_REQUEST,
        CardState::Returned => wording::RETURNED,
        CardState::Withdrawn => wording::WITHDRAWN,
        CardState::Unobserved => wording::UNOBSERVED,
        CardState::Void => wording::VOID,
        CardState::Excluded => wording::EXCLUDED,
    };
    wording::in_room(what, &titled_room(facts))
}

fn waiting_title(facts: &CardFacts) -> String {
    let room = titled_room(facts);
    let what = match facts.kind {
        CardKind::AccountLeft { .. } => return wording::in_room(wording::ACCOUNT_LEFT, &room),
        CardKind::OwnerWanted => wording::OWNER_WANTED,
        CardKind::Assented => wording::ASSENTED,
        CardKind::Promised { .. } => wording::PROMISED,
        CardKind::Overdue if facts.unverified => wording::TO_VERIFY,
        CardKind::Overdue => wording::OVERDUE,
    };
    let how_long: fn(Duration) -> String = match facts.kind {
        CardKind::Assented => wording::assented,
        CardKind::Promised { due: None } => wording::promised,
        CardKind::Promised { due: Some(_) } => |_| wording::PROMISE_DUE.to_owned(),
        _ if facts.unverified => wording::asked,
        _ => wording::waited,
    };
    let level = wording::level(&severity_in_words(facts.level));
    format!("{what}{level}{room} {}", how_long(facts.threshold))
}

fn titled_room(facts: &CardFacts) -> String {
    display::shorten(&name(&facts.room), TITLE_CHARS)
}

/// How it ended, or that it went on; nothing while it simply waits.
fn outcome(facts: &CardFacts) -> Option<String> {
    match &facts.state {
        CardState::Waiting { .. } | CardState::Escalated => None,
        CardState::HandedOver { to } => Some(wording::handed_over_to(&name(to))),
        CardState::OwnerFound { owner } => Some(wording::owner_found(&name(owner))),
        CardState::Answered { by, .. } if facts.unverified => Some(wording::answered_unverified(&name(by))),
        CardState::Answered { by, after } => Some(wording::answered_by(&name(by), *after)),
        CardState::Cancelled { by, .. } => Some(wording::cancelled_by(&name(by))),
        CardState::Confirmed { by } => Some(wording::confirmed_by(&name(by))),
        CardState::BecameRequest => Some(wording::became_request()),
        CardState::Returned => Some(wording::returned()),
        CardState::Withdrawn => Some(wording::withdrawn()),
        CardState::Unobserved => Some(wording::unobserved()),
        CardState::Void => Some(wording::void()),
        CardState::Excluded => Some(wording::excluded()),
    }
}

/// What the list of chats shows.
fn summary(facts: &CardFacts) -> String {
    match facts.kind {
        CardKind::AccountLeft { .. } => title(facts),
        _ if facts.state == CardState::Escalated => title(facts),
        _ => format!("{} {}", title(facts), name(&facts.customer)),
    }
}

/// Outcome, who, where and since when: one line each.
fn names(facts: &CardFacts) -> Vec<Line> {
    let outcome =
        outcome(facts).map(|words| Line::Text(vec![Span::Strong(display::plain(&words, 2 * NAME_CHARS))]));
    outcome.into_iter().chain(particulars(facts)).collect()
}

fn particulars(facts: &CardFacts) -> Vec<Line> {
    let of = |label, stranger: &str| Line::Field { label, value: vec![Span::Stranger(name(stranger))] };
    let at = |label| Line::Field { label, value: vec![Span::Words(time(facts, facts.waiting_since))] };
    let room = of(wording::ROOM, &facts.room);
    let owner = Line::Field { label: wording::OWNER, value: owner(facts) };
    let CardKind::AccountLeft { by } = &facts.kind else {
        let since = if matches!(facts.kind, CardKind::Promised { .. }) {
            wording::PROMISED_AT
        } else {
            wording::SINCE
        };
        return [of(wording::CUSTOMER, &facts.customer), room, owner, at(since)]
            .into_iter()
            .chain(due(facts))
            .collect();
    };
    let by = by.iter().map(|by| of(wording::LEFT_BY, by));
    [room, owner, at(wording::LEFT_AT)].into_iter().chain(by).collect()
}

/// When a promise was due.
fn due(facts: &CardFacts) -> Option<Line> {
    let CardKind::Promised { due: Some(due) } = facts.kind else { return None };
    Some(Line::Field { label: wording::DUE_AT, value: vec![Span::Words(time(facts, due))] })
}

fn owner(facts: &CardFacts) -> Vec<Span> {
    let Some(owner) = &facts.owner else { return vec![Span::Words(wording::NO_OWNER.to_owned())] };
    let mention = owner.mention.as_ref().filter(|_| facts.state.is_open());
    let mention =
        mention.map(|person| Span::Mention { person: person.clone(), instead: wording::MENTION_DROPPED });
    std::iter::once(Span::Stranger(name(&owner.name))).chain(mention).collect()
}

/// What the reader is to do besides answering.
fn notes(facts: &CardFacts) -> impl Iterator<Item = &'static str> {
    // Whichever card stands for the wait: the one that asked has shrunk by then.
    let wants_owner = facts.awaits_reply() && facts.owner.is_none();
    let assign = wants_owner.then_some(wording::ASSIGN_ONE);
    let verify = (facts.awaits_reply() && facts.unverified).then_some(wording::UNVERIFIED_NOTE);
    let away = facts.state.is_open() && matches!(facts.kind, CardKind::AccountLeft { .. });
    assign.into_iter().chain(verify).chain(away.then_some(wording::LEFT_NOTE))
}

fn last_lines(facts: &CardFacts) -> Vec<String> {
    let shown = facts.last_lines.iter().skip(facts.last_lines.len().saturating_sub(LINES_SHOWN));
    shown.map(|line| spoken(facts, line)).collect()
}

fn spoken(facts: &CardFacts, line: &LastLine) -> String {
    format!("{} {}：{}", time(facts, line.at), name(&line.speaker), display::plain(&line.text, LINE_CHARS))
}

fn buttons(facts: &CardFacts) -> Vec<Button> {
    if let CardState::Cancelled { undo_until: Some(_), .. } = facts.state {
        let (action, label) = (ActionKind::Undo, wording::UNDO);
        return vec![Button { action, label, primary: false, question: None }];
    }
    if !facts.awaits_reply() {
        return Vec::new();
    }
    let not_needed = Button {
        action: ActionKind::NoReplyNeeded,
        label: wording::NO_REPLY_NEEDED,
        primary: false,
        question: Some((wording::CONFIRM_TITLE, wording::CONFIRM_TEXT)),
    };
    let answered = facts.unverified.then_some(Button {
        action: ActionKind::Answered,
        label: wording::ANSWERED_UNSEEN,
        primary: true,
        question: Some((wording::ANSWERED_TITLE, wording::ANSWERED_TEXT)),
    });
    answered.into_iter().chain([not_needed]).collect()
}

fn name(text: &str) -> String {
    let name = display::plain(text, NAME_CHARS);
    if name.is_empty() { wording::NAMELESS.to_owned() } else { name }
}

/// "09:30", with the date when it is not the day on which the card is made.
fn time(facts: &CardFacts, at: DateTime<Utc>) -> String {
    let (local, made) = (at.with_timezone(&facts.zone), facts.made_at.with_timezone(&facts.zone));
    let format = if local.date_naive() == made.date_naive() { "%H:%M" } else { "%m-%d %H:%M" };
    local.format(format).to_string()
}
