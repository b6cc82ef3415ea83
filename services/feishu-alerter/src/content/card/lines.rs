//! The card of a list: one line for each that stands on it, and small print below.

use domain::rules::Severity;

use super::model::{Block, Card, Line, Menu, Span, Title};

/// `severity`: `None`, when there is nothing to be done about any of them.
pub fn lines(
    title: String,
    severity: Option<Severity>,
    lines: impl IntoIterator<Item = String>,
    note: String,
    menus: Vec<Menu>,
) -> Card {
    let lines = lines.into_iter().map(|line| Line::Text(vec![Span::Stranger(line)])).collect();
    Card {
        summary: title.clone(),
        title: Some(Title { text: title, severity, tags: Vec::new() }),
        blocks: vec![Block::main(lines), Block::note(vec![Span::Words(note)])],
        buttons: Vec::new(),
        menus,
    }
}
