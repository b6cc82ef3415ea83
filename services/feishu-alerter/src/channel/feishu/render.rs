//! A card as Feishu's JSON of schema 2.0.

use domain::display;
use domain::rules::Severity;
use feishu::card::{self, CARD_BYTES_MAX, request_bytes};
use feishu::{ImageKey, OpenId, OutgoingMessage, text};
use serde_json::Value;

use super::button::value;
use crate::content::card::{Block, Button, Card, Form, Line, Span, Title, Weight};
use crate::wording;

/// The template of a closed card: without colour. Every other one may be a severity's.
const CLOSED: &str = "default";
/// Longest line, in characters.
const LINE_CHARS: usize = 300;

/// The message that shows this card in this form, or in the next simpler one that fits Feishu's size.
pub fn render(card: &Card, form: Form, key: &str) -> OutgoingMessage {
    let message = match form {
        Form::PlainText => OutgoingMessage::text(&plain_text(card, key)),
        _ => OutgoingMessage::card(&json(card, form, key)),
    };
    match form.simpler() {
        Some(simpler) if request_bytes(&message) > CARD_BYTES_MAX => render(card, simpler, key),
        _ => message,
    }
}

fn json(of: &Card, form: Form, key: &str) -> Value {
    let mut elements: Vec<Value> = of.blocks.iter().filter_map(|block| element(block, form)).collect();
    elements.extend(of.buttons.iter().map(|button| pressable(button, key)));
    if form != Form::Minimal {
        elements.extend(
            of.menus.iter().map(|menu| card::select(menu.label, &menu.options, &value(key, menu.action))),
        );
    }
    if of.title.is_some() {
        // By its key the message is found again; to its readers that says nothing.
        elements.push(card::folded(wording::MARKER, key));
    }
    card::card(of.title.as_ref().map(header), &of.summary, &elements)
}

fn header(title: &Title) -> Value {
    let template = title.severity.map_or(CLOSED, template);
    let tags: Vec<Value> = title.tags.iter().map(|(text, severity)| tag(text, *severity)).collect();
    card::header(template, &title.text, &tags)
}

fn tag(text: &str, severity: Severity) -> Value {
    // Tags have no grey.
    card::tag(text, if severity == Severity::Grey { "neutral" } else { template(severity) })
}

/// Feishu's name of the colour that a severity is shown in.
const fn template(severity: Severity) -> &'static str {
    match severity {
        Severity::Blue => "blue",
        Severity::Wathet => "wathet",
        Severity::Turquoise => "turquoise",
        Severity::Green => "green",
        Severity::Yellow => "yellow",
        Severity::Orange => "orange",
        Severity::Red => "red",
        Severity::Carmine => "carmine",
        Severity::Violet => "violet",
        Severity::Purple => "purple",
        Severity::Indigo => "indigo",
        Severity::Grey => "grey",
    }
}

/// `None`: this form does without.
fn element(block: &Block, form: Form) -> Option<Value> {
    match block {
        Block::Lines { weight: Weight::Detail, .. } | Block::Transcript(_) | Block::Picture { .. }
            if form == Form::Minimal =>
        {
            None
        }
        Block::Lines { lines, weight } => {
            let lines: Vec<String> = lines.iter().map(|line| markdown(line, form)).collect();
            let content = lines.join("\n").trim().to_owned();
            let element = if *weight == Weight::Note { card::notation } else { card::markdown };
            (!content.is_empty()).then(|| element(&content))
        }
        Block::Transcript(lines) => Some(card::div(&lines.join("\n"))),
        Block::Picture { key, alt } => Some(card::image(&ImageKey::new(key), alt)),
    }
}

fn pressable(button: &Button, key: &str) -> Value {
    let kind = if button.primary { "primary" } else { "default" };
    card::button(kind, button.label, &value(key, button.action), button.question)
}

fn markdown(line: &Line, form: Form) -> String {
    let spans = |spans: &[Span]| spans.iter().map(|span| marked_up(span, form)).collect::<String>();
    match line {
        Line::Text(text) => spans(text),
        Line::Field { label, value } => format!("**{label}** {}", spans(value)),
        Line::Section { label, lines } => {
            let separator = if lines.len() > 1 { "\n" } else { " " };
            let lines: Vec<String> = lines.iter().map(|line| spans(line)).collect();
            format!("**{label}**{separator}{}", lines.join("\n"))
        }
    }
}

fn marked_up(span: &Span, form: Form) -> String {
    match span {
        Span::Words(words) => words.clone(),
        Span::Own(line) => text::own_markdown(&display::plain(line, LINE_CHARS)),
        Span::Stranger(words) => text::markdown(words),
        Span::Strong(words) => format!("**{}**", text::markdown(words)),
        Span::Mention { person, .. } if form == Form::Full => {
            format!(" {}", card::mention(&OpenId::new(person)))
        }
        Span::Mention { instead, .. } if form == Form::WithoutMention => (*instead).to_owned(),
        Span::Mention { .. } => String::new(),
        Span::Link { label, url } => format!("[{label}]({url})"),
    }
}

/// The same as text, for a chat that takes no card.
fn plain_text(card: &Card, key: &str) -> String {
    let mut lines: Vec<String> = card.title.iter().map(|title| title.text.clone()).collect();
    for block in &card.blocks {
        match block {
            Block::Lines { lines: of_block, .. } => {
                lines.extend(of_block.iter().flat_map(plain_lines).filter(|line| !line.is_empty()));
            }
            Block::Transcript(said) => lines.extend(said.iter().cloned()),
            Block::Picture { .. } => {}
        }
    }
    lines.push(format!("{} {key}", wording::MARKER));
    lines.join("\n")
}

fn plain_lines(line: &Line) -> Vec<String> {
    let spans = |spans: &[Span]| spans.iter().map(plain).collect::<String>();
    match line {
        Line::Text(text) => vec![spans(text)],
        Line::Field { label, value } => vec![format!("{label}：{}", spans(value))],
        Line::Section { label, lines } => {
            let lines = lines.iter().map(|line| spans(line));
            std::iter::once(format!("{label}：")).chain(lines).collect()
        }
    }
}

fn plain(span: &Span) -> String {
    match span {
        Span::Words(text) | Span::Own(text) | Span::Stranger(text) | Span::Strong(text) => text.clone(),
        Span::Mention { .. } => String::new(),
        Span::Link { label, url } => format!("{label} {url}"),
    }
}
