//! The card of a room: that a customer waits, how that ended, that our account left, or that it has another owner.

use chrono::{DateTime, Datelike as _, Utc};
use chrono_tz::Tz;
use domain::display;
use domain::rules::{Piece, Severity, Template, Variable};
use domain::wording::severity_in_words;

use super::facts::{CardFacts, CardKind, CardState, LastLine, Said};
use super::model::{Block, Button, Card, Line, Menu, Span, Title};
use crate::action::{self, ActionKind};
use crate::wording;

/// Longest name of a customer, room or person, in characters.
const NAME_CHARS: usize = 40;
/// Longest last line, in characters.
const LINE_CHARS: usize = 120;
/// How many last lines are shown.
const LINES_SHOWN: usize = 3;
/// How much is shown of what people did.
const SAID_SHOWN: usize = 4;

/// The card for these facts.
pub fn room(facts: &CardFacts) -> Card {
    if facts.state == CardState::Escalated {
        return pointer(facts);
    }
    let mut blocks = vec![Block::main(outcome_and_customer(facts))];
    let shows_lines = facts.awaits_reply()
        || facts.state.is_open() && facts.private && matches!(facts.kind, CardKind::Assigned { .. });
    if shows_lines && !facts.last_lines.is_empty() {
        blocks.push(Block::Transcript(last_lines(facts)));
    }
    blocks.push(Block::main(owner_and_details(facts)));
    blocks.extend(notes(facts).map(|note| Block::detail(vec![Span::Words(note.to_owned())])));
    blocks.extend(said(facts));
    let (title, summary) = (Some(header(facts)), summary(facts));
    Card { title, summary, blocks, buttons: buttons(facts), menus: menus(facts) }
}

/// A card without a title, in one line. It must be true for ever: who waits since when may be judged again, and how the wait
/// goes on is said by the card that it points to.
fn pointer(facts: &CardFacts) -> Card {
    let what = wording::in_room(wording::ESCALATED, &name(&facts.room));
    let line = vec![Span::Strong(what), Span::Words(wording::SEE_BELOW.to_owned())];
    let (blocks, buttons, menus) = (vec![Block::note(line)], Vec::new(), Vec::new());
    Card { title: None, summary: summary(facts), blocks, buttons, menus }
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
        CardState::StoodInFor { .. } => wording::STOOD_IN_FOR,
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
    wording::in_room(what, &name(&facts.room))
}

fn waiting_title(facts: &CardFacts) -> String {
    let room = name(&facts.room);
    let what = match facts.kind {
        CardKind::AccountLeft { .. } => return wording::in_room(wording::ACCOUNT_LEFT, &room),
        CardKind::Assigned { .. } => return wording::in_room(wording::ASSIGNED, &room),
        CardKind::OwnerWanted => wording::in_room(wording::OWNER_WANTED, &room),
        CardKind::Assented => wording::in_room(wording::ASSENTED, &room),
        CardKind::Promised { due: None } => wording::in_room(wording::PROMISED, &room),
        CardKind::Promised { due: Some(_) } => wording::in_room(wording::PROMISE_DUE, &room),
        CardKind::Overdue if facts.unverified => wording::in_room(wording::TO_VERIFY, &room),
        CardKind::Overdue => {
            let filled = filled(&facts.templates.title, facts);
            return instead_of_owner(facts) + &filled.iter().map(text_of).collect::<String>();
        }
    };
    // A time that was named says more than how long ago the promise was made.
    let how_long = match facts.kind {
        CardKind::Promised { due: Some(_) } => None,
        _ => Some(facts.threshold),
    };
    let level = wording::level(&severity_in_words(facts.level), how_long);
    format!("{level}{}{what}", instead_of_owner(facts))
}

/// For whom its reader stands in; nothing if they own the room.
fn instead_of_owner(facts: &CardFacts) -> String {
    let owner = facts.owner.as_ref().filter(|_| facts.private && facts.state.deputy().is_some());
    owner.map(|owner| wording::instead_of(&name(&owner.name))).unwrap_or_default()
}

/// How it ended, or that it went on; nothing while it simply waits.
pub(super) fn outcome(state: &CardState, unverified: bool) -> Option<String> {
    match state {
        CardState::Waiting { .. } | CardState::Escalated => None,
        CardState::HandedOver { to } => Some(wording::handed_over_to(&name(to))),
        CardState::StoodInFor { by } => Some(wording::stood_in_for_by(by.as_deref().map(name).as_deref())),
        CardState::OwnerFound { owner } => Some(wording::owner_found(&name(owner))),
        CardState::Answered { by, .. } if unverified => Some(wording::answered_unverified(&name(by))),
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
        CardKind::AccountLeft { .. } | CardKind::Assigned { .. } => title(facts),
        _ if facts.state == CardState::Escalated => title(facts),
        _ => format!("{} {}", title(facts), name(&facts.customer)),
    }
}

/// How it ended, and who waits since when: one line each.
fn outcome_and_customer(facts: &CardFacts) -> Vec<Line> {
    let outcome = outcome(&facts.state, facts.unverified)
        .map(|words| Line::Text(vec![Span::Strong(display::plain(&words, 2 * NAME_CHARS))]));
    outcome.into_iter().chain(facts.kind.is_of_customer().then(|| customer(facts))).collect()
}

fn customer(facts: &CardFacts) -> Line {
    let mut spans = match facts.kind {
        CardKind::Promised { due } => promised(facts, due),
        _ => filled(&facts.templates.customer, facts),
    };
    // A time that was named is one of the clock.
    if facts.paused && !matches!(facts.kind, CardKind::Promised { due: Some(_) }) {
        spans.push(Span::Words(wording::WORKING_TIME_ONLY.to_owned()));
    }
    if let CardState::Waiting { beside: others @ 1.., .. } = facts.state {
        spans.push(Span::Words(wording::and_others_wait(others)));
    }
    Line::Text(spans)
}

fn promised(facts: &CardFacts, due: Option<DateTime<Utc>>) -> Vec<Span> {
    let who = name(&facts.customer) + &corporation(facts);
    let since = wording::promised_at(&since(facts), due.map(|due| time(facts, due)).as_deref());
    vec![Span::Words(wording::CUSTOMER.to_owned()), Span::Stranger(who), Span::Words(since)]
}

/// In brackets; a blank when it is not known.
fn corporation(facts: &CardFacts) -> String {
    wording::of_corporation(&display::plain(&facts.corporation, NAME_CHARS))
}

/// A template with what the card has to say. The company's words are shown as they are, without markup.
fn filled(template: &Template, facts: &CardFacts) -> Vec<Span> {
    template.pieces().into_iter().map(|piece| span_of(piece, facts)).collect()
}

fn span_of(piece: Piece<'_>, facts: &CardFacts) -> Span {
    let variable = match piece {
        Piece::Words(words) | Piece::Unknown(words) => return Span::Stranger(words.to_owned()),
        Piece::Variable(variable) => variable,
    };
    match variable {
        Variable::Level => Span::Words(severity_in_words(facts.level)),
        Variable::Minutes => Span::Words((facts.threshold.as_secs() / 60).to_string()),
        Variable::Length => Span::Words(wording::span(facts.threshold).replace(' ', "")),
        Variable::Room => Span::Stranger(name(&facts.room)),
        Variable::Customer => Span::Stranger(name(&facts.customer)),
        Variable::Corporation => Span::Stranger(corporation(facts)),
        Variable::Since => Span::Words(since(facts)),
        Variable::Owner => match &facts.owner {
            Some(owner) => Span::Stranger(name(&owner.name)),
            None => Span::Words(wording::NO_OWNER.to_owned()),
        },
        Variable::Team => {
            let team = facts.owner.as_ref().and_then(|owner| owner.team);
            Span::Words(team.map(wording::of_team).unwrap_or_default())
        }
    }
}

/// As a title says it, which knows no markup.
fn text_of(span: &Span) -> &str {
    match span {
        Span::Words(text) | Span::Own(text) | Span::Stranger(text) | Span::Strong(text) => text,
        Span::Mention { .. } | Span::Link { .. } => "",
    }
}

/// Who is to answer; and when and by whom our account was removed or the room was handed over, where the card is about that.
fn owner_and_details(facts: &CardFacts) -> Vec<Line> {
    let at = |label| Line::Field { label, value: vec![Span::Words(time(facts, facts.waiting_since))] };
    let person = |label, who: &str| Line::Field { label, value: vec![Span::Stranger(name(who))] };
    let owner = Line::Text(owner(facts));
    match &facts.kind {
        CardKind::AccountLeft { by } => {
            let by = by.iter().map(|by| person(wording::LEFT_BY, by));
            [owner, at(wording::LEFT_AT)].into_iter().chain(by).collect()
        }
        CardKind::Assigned { by, from } => {
            let from = from.iter().map(|from| person(wording::OWNER_BEFORE, from));
            let details = [person(wording::ASSIGNED_BY, by), at(wording::ASSIGNED_AT)];
            [owner].into_iter().chain(from).chain(details).collect()
        }
        _ => vec![owner],
    }
}

fn owner(facts: &CardFacts) -> Vec<Span> {
    let mention = facts.owner.as_ref().and_then(|owner| owner.mention.as_ref());
    let mention = mention
        .filter(|_| facts.state.is_open())
        .map(|person| Span::Mention { person: person.clone(), instead: wording::MENTION_DROPPED });
    let until = facts.owner.as_ref().and_then(|owner| owner.in_focus_until);
    let until = until.filter(|_| facts.awaits_reply() && !facts.private);
    let focus = until.map(|until| Span::Words(wording::in_focus(&time(facts, until))));
    let deputy = facts.state.deputy().map(|deputy| Span::Stranger(wording::away(&name(deputy))));
    let notes = focus.into_iter().chain(deputy);
    filled(&facts.templates.owner, facts).into_iter().chain(notes).chain(mention).collect()
}

/// What the reader is to do besides answering.
fn notes(facts: &CardFacts) -> impl Iterator<Item = &'static str> {
    // Whichever card stands for the wait: the one that asked has shrunk by then.
    let wants_owner = facts.awaits_reply() && facts.owner.is_none();
    let assign = wants_owner.then_some(wording::ASSIGN_ONE);
    let verify = (facts.awaits_reply() && facts.unverified).then_some(wording::UNVERIFIED_NOTE);
    let away = facts.state.is_open() && matches!(facts.kind, CardKind::AccountLeft { .. });
    let assigned = facts.state.is_open() && matches!(facts.kind, CardKind::Assigned { .. });
    assign
        .into_iter()
        .chain(verify)
        .chain(away.then_some(wording::LEFT_NOTE))
        .chain(assigned.then_some(wording::ASSIGNED_NOTE))
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
    if matches!(facts.state, CardState::StoodInFor { .. }) {
        let (action, label) = (ActionKind::Back, wording::BACK);
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
    let claim = Button { action: ActionKind::Claim, label: wording::CLAIM, primary: false, question: None };
    let waiting = facts.private.then_some(Button {
        action: ActionKind::Waiting,
        label: wording::WAITING,
        primary: false,
        question: None,
    });
    answered.into_iter().chain([not_needed, claim]).chain(waiting).collect()
}

fn menus(facts: &CardFacts) -> Vec<Menu> {
    let CardState::Waiting { snoozes, .. } = facts.state else { return Vec::new() };
    if !facts.awaits_reply() {
        return Vec::new();
    }
    let snooze = (facts.private && snoozes < action::SNOOZES).then(|| Menu {
        action: ActionKind::Snooze,
        label: wording::SNOOZE,
        options: action::SNOOZE_MINUTES
            .map(|minutes| (wording::minutes(minutes), minutes.to_string()))
            .to_vec(),
    });
    let focus = facts.private.then(|| Menu {
        action: ActionKind::Focus,
        label: wording::FOCUS,
        options: action::FOCUS_MINUTES
            .map(|minutes| (wording::focus_for(minutes), minutes.to_string()))
            .to_vec(),
    });
    // Whoever stands in for the owner reads the same card.
    let is_owner_s = facts.private && facts.state.deputy().is_none();
    let away = (is_owner_s && facts.owner.is_some() && !facts.staff.is_empty()).then(|| Menu {
        action: ActionKind::Away,
        label: wording::AWAY,
        options: facts.staff.iter().map(|staff| (wording::away_today(&name(staff)), staff.clone())).collect(),
    });
    let assign = (!facts.staff.is_empty()).then(|| Menu {
        action: ActionKind::Assign,
        label: wording::ASSIGN,
        options: facts.staff.iter().map(|staff| (name(staff), staff.clone())).collect(),
    });
    snooze.into_iter().chain(assign).chain(focus).chain(away).collect()
}

/// What people did about the wait: one line each, the latest few.
fn said(facts: &CardFacts) -> Option<Block> {
    let CardState::Waiting { said, .. } = &facts.state else { return None };
    let latest = said.iter().skip(said.len().saturating_sub(SAID_SHOWN));
    let line = |said: &Said| {
        let (by, words) = match said {
            Said::Claimed { by, until } => (by, wording::claimed(&time(facts, *until))),
            Said::Snoozed { by, until } => (by, wording::snoozed(&time(facts, *until))),
            Said::Undone { by } => (by, wording::UNDONE.to_owned()),
            Said::Assigned { by, to } => {
                let spans = [name(by), wording::ASSIGNED_TO.to_owned(), name(to)];
                return Line::Text(spans.map(Span::Stranger).to_vec());
            }
        };
        Line::Text(vec![Span::Stranger(name(by)), Span::Words(words)])
    };
    let lines: Vec<Line> = latest.map(line).collect();
    (!lines.is_empty()).then(|| Block::main(lines))
}

fn name(text: &str) -> String {
    let name = display::plain(text, NAME_CHARS);
    if name.is_empty() { wording::NAMELESS.to_owned() } else { name }
}

/// "09:30"; "11-20 周五 17:30" on another day than the card's.
fn since(facts: &CardFacts) -> String {
    let (local, made) =
        (facts.waiting_since.with_timezone(&facts.zone), facts.made_at.with_timezone(&facts.zone));
    if local.date_naive() == made.date_naive() {
        return time(facts, facts.waiting_since);
    }
    format!("{} {} {}", local.format("%m-%d"), wording::weekday(local.weekday()), local.format("%H:%M"))
}

fn time(facts: &CardFacts, at: DateTime<Utc>) -> String {
    time_of(at, facts.made_at, facts.zone)
}

/// "09:30", with the date when it is not the day on which that is said.
pub fn time_of(at: DateTime<Utc>, said_at: DateTime<Utc>, zone: Tz) -> String {
    let (local, made) = (at.with_timezone(&zone), said_at.with_timezone(&zone));
    let format = if local.date_naive() == made.date_naive() { "%H:%M" } else { "%m-%d %H:%M" };
    local.format(format).to_string()
}
