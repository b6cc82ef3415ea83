//! What the card of an alarm says: pure, from what it is to show.

use chrono_tz::Tz;
use domain::Timestamp;
use domain::rules::Severity;
use runtime::config::{Operated, Watchdog};
use serde::{Deserialize, Serialize};

use super::alarm_kind::AlarmKind;
use super::wording;
use crate::content::card::{Block, Card, Line, Span, Title};

/// What a card of an alarm shows. Its JSON is stored with each card, as what it should show and what it shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
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

/// By what a card says more than the alarm itself.
pub struct Setting<'a> {
    pub watchdog: &'a Watchdog,
    /// The zone that times are shown in.
    pub zone: Tz,
}

/// The card that shows it.
pub fn alarm(shown: &Shown, setting: &Setting<'_>) -> Card {
    let mut blocks = vec![Block::main(sections(shown, setting))];
    if shown.is_active() {
        blocks.extend(code(shown));
        blocks.extend(mentions(shown, setting));
    }
    blocks.extend(links(shown, setting).map(|link| Block::main(vec![Line::Text(vec![link])])));
    Card { title: Some(header(shown)), summary: title(shown), blocks, buttons: Vec::new(), menus: Vec::new() }
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

fn header(shown: &Shown) -> Title {
    let severity = shown.kind.severity();
    let (severity, tag) = match shown.state {
        State::Active => (severity, (wording::TAG_ACTIVE, severity)),
        State::Repeated => (Severity::Grey, (wording::TAG_ACTIVE, Severity::Grey)),
        State::Over { .. } => (Severity::Grey, (wording::OVER, Severity::Green)),
    };
    Title { text: title(shown), severity: Some(severity), tags: vec![tag] }
}

fn sections(shown: &Shown, setting: &Setting<'_>) -> Vec<Line> {
    let section = |label, lines: Vec<String>| Line::Section {
        label,
        lines: lines.into_iter().map(|line| vec![Span::Own(line)]).collect(),
    };
    let text = wording::alarm_text(&shown.kind, &setting.watchdog.operated);
    let since = time(setting, shown.since);
    if let State::Over { at } = shown.state {
        let length = (at - shown.since).to_std().unwrap_or_default();
        let lasted = wording::lasted(&crate::wording::span(length), &since, &time(setting, at));
        let lines = std::iter::once(lasted).chain(text.afterwards).collect();
        return vec![section(wording::OVER, lines)];
    }
    vec![
        section(wording::WHAT, vec![text.what]),
        section(wording::SINCE, vec![since]),
        section(wording::IMPACT, vec![text.impact.to_owned()]),
        section(wording::STEPS, numbered(text.steps)),
    ]
}

fn numbered(steps: Vec<String>) -> Vec<String> {
    steps.into_iter().enumerate().map(|(n, step)| format!("{}. {step}", n + 1)).collect()
}

/// The QR code, or why there is none.
fn code(shown: &Shown) -> Option<Block> {
    let AlarmKind::LoginLost { picture, verification: None, .. } = &shown.kind else { return None };
    Some(match picture {
        Some(key) => Block::Picture { key: key.as_str().to_owned(), alt: wording::SCAN_HERE },
        None => Block::detail(vec![Span::Words(wording::NO_CODE.to_owned())]),
    })
}

/// Those who get an urgent push are mentioned as well.
fn mentions(shown: &Shown, setting: &Setting<'_>) -> Option<Block> {
    let named = shown.kind.is_urgent() && !setting.watchdog.operators.is_empty();
    let mention = |id: &String| Span::Mention { person: id.clone(), instead: "" };
    named.then(|| Block::detail(setting.watchdog.operators.iter().map(mention).collect()))
}

/// Where there is more.
fn links(shown: &Shown, setting: &Setting<'_>) -> impl Iterator<Item = Span> {
    let code = shown.kind.code();
    let label = section(code, setting);
    let runbook = match &setting.watchdog.runbook {
        Some(url) => Span::Link { label, url: format!("{url}#{}", code.to_lowercase()) },
        None => Span::Words(label),
    };
    let wants_login =
        shown.is_active() && matches!(shown.kind, AlarmKind::LoginLost { verification: None, .. });
    let login = setting.watchdog.login_page.as_ref().filter(|_| wants_login);
    let login = login.map(|url| Span::Link { label: wording::LOGIN_PAGE.to_owned(), url: url.clone() });
    login.into_iter().chain([runbook])
}

fn section(code: &str, setting: &Setting<'_>) -> String {
    let section = match setting.watchdog.runbook {
        Some(_) => wording::section(code),
        None => wording::section_of_the_file(code),
    };
    format!("{}：{section}", wording::RUNBOOK)
}

fn time(setting: &Setting<'_>, at: Timestamp) -> String {
    at.with_timezone(&setting.zone).format("%m-%d %H:%M").to_string()
}
