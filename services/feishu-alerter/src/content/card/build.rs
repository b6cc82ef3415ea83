//! Facts to JSON.

use chrono::{DateTime, Utc};
use domain::rules::Colour;
use domain::wording::colour_in_words;
use feishu::card::{self, CARD_BYTES_MAX, request_bytes};
use feishu::{CardUuid, OutgoingMessage, text};
use serde_json::Value;

use super::facts::{CardFacts, CardKind, CardState, Form, LastLine};
use crate::content::button::Button;
use crate::wording;

/// The template of a closed card: without colour. Every other one may be a level's.
const CLOSED: &str = "default";
/// Longest name of a customer, room or person, in characters.
const NAME_CHARS: usize = 40;
/// Longest name of a room in a title, in characters.
const TITLE_CHARS: usize = 24;
/// Longest last line, in characters.
const LINE_CHARS: usize = 120;
/// How many last lines are shown.
const LINES_SHOWN: usize = 3;

/// The message for these facts in this form, or in the next simpler one that fits Feishu's size.
pub fn render(facts: &CardFacts, form: Form) -> OutgoingMessage {
    let message = match form {
        Form::PlainText => OutgoingMessage::text(&plain_text(facts)),
        _ => OutgoingMessage::card(&card(facts, form)),
    };
    match form.simpler() {
        Some(simpler) if request_bytes(&message) > CARD_BYTES_MAX => render(facts, simpler),
        _ => message,
    }
}

fn card(facts: &CardFacts, form: Form) -> Value {
    if facts.state == CardState::Escalated {
        return line(facts);
    }
    let mut elements = vec![card::markdown(&names(facts, form))];
    if form != Form::Minimal {
        elements.extend(notes(facts).map(|note| card::markdown(&note)));
        if facts.awaits_reply() && !facts.last_lines.is_empty() {
            elements.push(last_lines(facts));
        }
    }
    elements.extend(buttons(facts));
    elements.push(folded_marker(&facts.marker));
    card::card(Some(header(facts)), &summary(facts), &elements)
}

/// A card without a title, in one line. It must be true for ever: who waits since when may be judged again, and how the wait
/// goes on is said by the card that it points to.
fn line(facts: &CardFacts) -> Value {
    let what = wording::in_room(wording::ESCALATED, &escaped(&facts.room));
    let words = format!("**{what}**{}", wording::SEE_BELOW);
    card::card(None, &summary(facts), &[card::notation(&words)])
}

/// By the marker the message of a card is found again; to its readers it says nothing, so it is folded away.
pub(crate) fn folded_marker(marker: &CardUuid) -> Value {
    card::folded(wording::MARKER, marker.as_str())
}

fn header(facts: &CardFacts) -> Value {
    let template = if facts.state.is_open() { facts.level.name() } else { CLOSED };
    let mut tags = Vec::new();
    if facts.awaits_reply() && facts.unverified {
        tags.push(tag(wording::TAG_UNVERIFIED, Colour::Grey));
    } else if facts.awaits_reply() {
        tags.push(tag(wording::TAG_OPEN, facts.level));
    }
    card::header_with_tags(template, &title(facts), &tags)
}

fn tag(words: &str, colour: Colour) -> Value {
    // Tags have no grey.
    let colour = if colour == Colour::Grey { "neutral" } else { colour.name() };
    card::tag(words, colour)
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
        CardKind::Overdue if facts.unverified => wording::TO_VERIFY,
        CardKind::Overdue => wording::OVERDUE,
    };
    let how_long = if facts.unverified { wording::asked } else { wording::waited };
    let level = wording::level(&colour_in_words(facts.level));
    format!("{what}{level}{room} {}", how_long(facts.threshold))
}

fn titled_room(facts: &CardFacts) -> String {
    text::shorten(&name(&facts.room), TITLE_CHARS)
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

/// Label and value of who, where and since when, names made safe by `clean`.
fn particulars(facts: &CardFacts, owner: String, clean: fn(&str) -> String) -> Vec<(&'static str, String)> {
    let room = (wording::ROOM, clean(&facts.room));
    let since = time(facts, facts.waiting_since);
    let owner = (wording::OWNER, owner);
    let CardKind::AccountLeft { by } = &facts.kind else {
        return vec![(wording::CUSTOMER, clean(&facts.customer)), room, owner, (wording::SINCE, since)];
    };
    let by = by.iter().map(|by| (wording::LEFT_BY, clean(by)));
    [room, owner, (wording::LEFT_AT, since)].into_iter().chain(by).collect()
}

/// Outcome, customer, room, owner, since when: one line each.
fn names(facts: &CardFacts, form: Form) -> String {
    let outcome = outcome(facts).map(|words| format!("**{}**", text::markdown(&words, 2 * NAME_CHARS)));
    let particulars = particulars(facts, owner(facts, form), escaped);
    let lines = particulars.into_iter().map(|(label, value)| format!("**{label}** {value}"));
    outcome.into_iter().chain(lines).collect::<Vec<_>>().join("\n")
}

fn owner(facts: &CardFacts, form: Form) -> String {
    let Some(owner) = &facts.owner else { return wording::NO_OWNER.to_owned() };
    let name = escaped(&owner.name);
    match (&owner.mention, form) {
        (Some(id), Form::Full) if matches!(facts.state, CardState::Waiting { .. }) => {
            format!("{name} {}", card::mention(id))
        }
        (Some(_), Form::WithoutMention) if facts.state.is_open() => {
            format!("{name}{}", wording::MENTION_DROPPED)
        }
        _ => name,
    }
}

/// What the reader is to do besides answering.
fn notes(facts: &CardFacts) -> impl Iterator<Item = String> {
    // Whichever card stands for the wait: the one that asked has shrunk by then.
    let wants_owner = facts.awaits_reply() && facts.owner.is_none();
    let assign = wants_owner.then(|| wording::ASSIGN_ONE.to_owned());
    let verify = (facts.awaits_reply() && facts.unverified).then(|| wording::UNVERIFIED_NOTE.to_owned());
    let away = facts.state.is_open() && matches!(facts.kind, CardKind::AccountLeft { .. });
    let left = away.then(|| wording::LEFT_NOTE.to_owned());
    assign.into_iter().chain(verify).chain(left)
}

/// Plain text, not markdown: strangers wrote it.
fn last_lines(facts: &CardFacts) -> Value {
    let lines = shown_lines(facts).map(|line| spoken(facts, line));
    let content = std::iter::once(wording::LAST_LINES.to_owned()).chain(lines).collect::<Vec<_>>().join("\n");
    card::div(&content)
}

fn shown_lines(facts: &CardFacts) -> impl Iterator<Item = &LastLine> {
    facts.last_lines.iter().skip(facts.last_lines.len().saturating_sub(LINES_SHOWN))
}

fn spoken(facts: &CardFacts, line: &LastLine) -> String {
    format!("{} {}：{}", time(facts, line.at), name(&line.speaker), text::plain(&line.text, LINE_CHARS))
}

fn buttons(facts: &CardFacts) -> Vec<Value> {
    let marker = || facts.marker.clone();
    if let CardState::Cancelled { undo_until: Some(_), .. } = facts.state {
        return vec![card::button("default", wording::UNDO, &Button::Undo(marker()).value(), None)];
    }
    if !facts.awaits_reply() {
        return Vec::new();
    }
    let question = Some((wording::CONFIRM_TITLE, wording::CONFIRM_TEXT));
    let value = Button::NoReplyNeeded(marker()).value();
    let not_needed = card::button("default", wording::NO_REPLY_NEEDED, &value, question);
    if !facts.unverified {
        return vec![not_needed];
    }
    let question = Some((wording::ANSWERED_TITLE, wording::ANSWERED_TEXT));
    let value = Button::Answered(marker()).value();
    vec![card::button("primary", wording::ANSWERED_UNSEEN, &value, question), not_needed]
}

/// The same as text, for a chat that takes no card. The marker is in it, as in every card.
fn plain_text(facts: &CardFacts) -> String {
    let owner = facts.owner.as_ref().map_or(wording::NO_OWNER.to_owned(), |owner| name(&owner.name));
    let mut lines = vec![title(facts)];
    lines.extend(outcome(facts));
    lines.extend(
        particulars(facts, owner, name).into_iter().map(|(label, value)| format!("{label}：{value}")),
    );
    lines.extend(notes(facts));
    if facts.awaits_reply() {
        lines.extend(shown_lines(facts).map(|line| spoken(facts, line)));
    }
    lines.push(format!("{} {}", wording::MARKER, facts.marker));
    lines.join("\n")
}

fn name(text: &str) -> String {
    let name = text::plain(text, NAME_CHARS);
    if name.is_empty() { wording::NAMELESS.to_owned() } else { name }
}

fn escaped(text: &str) -> String {
    let name = text::markdown(text, NAME_CHARS);
    if name.is_empty() { wording::NAMELESS.to_owned() } else { name }
}

/// "09:30", with the date when it is not the day on which the card is made.
fn time(facts: &CardFacts, at: DateTime<Utc>) -> String {
    let (local, made) = (at.with_timezone(&facts.zone), facts.made_at.with_timezone(&facts.zone));
    let format = if local.date_naive() == made.date_naive() { "%H:%M" } else { "%m-%d %H:%M" };
    local.format(format).to_string()
}
