//! What the card of an alarm looks like: pure, from what it is to show.

use chrono_tz::Tz;
use domain::Timestamp;
use domain::rules::Colour;
use feishu::card::{self, CARD_BYTES_MAX, request_bytes};
use feishu::{CardUuid, OpenId, OutgoingMessage, text};
use runtime::config::Operated;
use runtime::config::Watchdog;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::alarm_kind::AlarmKind;
use super::wording;
use crate::content::card::{Form, folded_marker};

/// Longest line of a card, in characters.
const LINE_CHARS: usize = 300;

/// What a card of an alarm shows. Its JSON is stored with each card, as what it should show and what it shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    #[serde(rename = "trouble")]
    pub kind: AlarmKind,
    pub since: Timestamp,
    pub state: State,
}

/// How an alarm stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// It is wrong still.
    Active,
    /// It is wrong still, and a newer card says so.
    Repeated,
    /// It is over.
    Over { at: Timestamp },
}

impl Shown {
    /// Whether there is still something to be done about it that no newer card says.
    pub fn is_active(&self) -> bool {
        self.state == State::Active
    }
}

/// How a card is shown.
pub struct Setting<'a> {
    pub watchdog: &'a Watchdog,
    /// The zone that times are shown in.
    pub zone: Tz,
    pub marker: CardUuid,
}

/// The message in this form, or in the next simpler one that fits Feishu's size.
pub fn render(shown: &Shown, setting: &Setting<'_>, form: Form) -> OutgoingMessage {
    let message = match form {
        Form::PlainText => OutgoingMessage::text(&plain_text(shown, setting)),
        _ => OutgoingMessage::card(&card(shown, setting, form)),
    };
    match form.simpler() {
        Some(simpler) if request_bytes(&message) > CARD_BYTES_MAX => render(shown, setting, simpler),
        _ => message,
    }
}

/// "W01 服务没有心跳：room-state"
pub fn headline(kind: &AlarmKind) -> String {
    format!("{} {}", kind.code(), wording::alarm_text(kind, &Operated::default()).title)
}

fn title(shown: &Shown) -> String {
    let headline = headline(&shown.kind);
    match shown.state {
        State::Active => format!("⚠️ {headline}"),
        State::Repeated => format!("{}：{headline}", wording::REPEATED),
        State::Over { .. } => format!("✅ {}：{headline}", wording::OVER),
    }
}

fn card(shown: &Shown, setting: &Setting<'_>, form: Form) -> Value {
    let mut elements = vec![card::markdown(&body(shown, setting))];
    if shown.is_active() && form != Form::Minimal {
        elements.extend(code(shown));
        elements.extend(mentions(shown, setting, form).map(|line| card::markdown(&line)));
    }
    elements.extend(links(shown, setting).map(|line| card::markdown(&line)));
    elements.push(folded_marker(&setting.marker));
    card::card(Some(header(shown)), &title(shown), &elements)
}

fn header(shown: &Shown) -> Value {
    let (colour, tag, tag_colour) = match shown.state {
        State::Active => (shown.kind.colour(), wording::TAG_ACTIVE, shown.kind.colour().name()),
        State::Repeated => (Colour::Grey, wording::TAG_ACTIVE, "neutral"),
        State::Over { .. } => (Colour::Grey, wording::OVER, "green"),
    };
    card::header_with_tags(colour.name(), &title(shown), &[card::tag(tag, tag_colour)])
}

/// What is said, line by line: (label, lines).
fn sections(shown: &Shown, setting: &Setting<'_>) -> Vec<(&'static str, Vec<String>)> {
    let text = wording::alarm_text(&shown.kind, &setting.watchdog.operated);
    let since = time(setting, shown.since);
    if let State::Over { at } = shown.state {
        let length = (at - shown.since).to_std().unwrap_or_default();
        let lasted = wording::lasted(&crate::wording::span(length), &since, &time(setting, at));
        let afterwards = text.afterwards;
        return vec![(wording::OVER, std::iter::once(lasted).chain(afterwards).collect())];
    }
    vec![
        (wording::WHAT, vec![text.what]),
        (wording::SINCE, vec![since]),
        (wording::IMPACT, vec![text.impact.to_owned()]),
        (wording::STEPS, numbered(text.steps)),
    ]
}

fn numbered(steps: Vec<String>) -> Vec<String> {
    steps.into_iter().enumerate().map(|(n, step)| format!("{}. {step}", n + 1)).collect()
}

fn body(shown: &Shown, setting: &Setting<'_>) -> String {
    let escaped = |line: &String| text::own_markdown(line, LINE_CHARS);
    let section = |(label, lines): (&str, Vec<String>)| {
        let separator = if lines.len() > 1 { "\n" } else { " " };
        format!("**{label}**{separator}{}", lines.iter().map(escaped).collect::<Vec<_>>().join("\n"))
    };
    sections(shown, setting).into_iter().map(section).collect::<Vec<_>>().join("\n")
}

/// The QR code, or why there is none.
fn code(shown: &Shown) -> Option<Value> {
    let AlarmKind::LoginLost { picture, verification: None, .. } = &shown.kind else { return None };
    Some(match picture {
        Some(key) => card::image(key, wording::SCAN_HERE),
        None => card::markdown(wording::NO_CODE),
    })
}

/// Those who get an urgent push are mentioned as well.
fn mentions(shown: &Shown, setting: &Setting<'_>, form: Form) -> Option<String> {
    let named = form == Form::Full && shown.kind.is_urgent() && !setting.watchdog.operators.is_empty();
    let tag = |id: &String| card::mention(&OpenId::new(id));
    named.then(|| setting.watchdog.operators.iter().map(tag).collect::<Vec<_>>().join(" "))
}

/// Where there is more.
fn links(shown: &Shown, setting: &Setting<'_>) -> impl Iterator<Item = String> {
    let code = shown.kind.code();
    let runbook = match &setting.watchdog.runbook {
        Some(url) => format!("[{}]({url}#{})", section(code, setting), code.to_lowercase()),
        None => section(code, setting),
    };
    let wants_login =
        shown.is_active() && matches!(shown.kind, AlarmKind::LoginLost { verification: None, .. });
    let login = setting.watchdog.login_page.as_ref().filter(|_| wants_login);
    let login = login.map(|url| format!("[{}]({url})", wording::LOGIN_PAGE));
    login.into_iter().chain([runbook])
}

fn section(code: &str, setting: &Setting<'_>) -> String {
    let section = match setting.watchdog.runbook {
        Some(_) => wording::section(code),
        None => wording::section_of_the_file(code),
    };
    format!("{}：{section}", wording::RUNBOOK)
}

fn plain_text(shown: &Shown, setting: &Setting<'_>) -> String {
    let mut lines = vec![title(shown)];
    for (label, section) in sections(shown, setting) {
        lines.push(format!("{label}："));
        lines.extend(section);
    }
    lines.push(section(shown.kind.code(), setting));
    lines.push(format!("{} {}", crate::wording::MARKER, setting.marker));
    lines.join("\n")
}

fn time(setting: &Setting<'_>, at: Timestamp) -> String {
    at.with_timezone(&setting.zone).format("%m-%d %H:%M").to_string()
}
