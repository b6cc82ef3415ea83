//! The last lines of a room, as tables and cards show them.

use domain::Timestamp;
use domain::closing::own_words;
use domain::id::RoomKey;
use domain::message::{MessageKind, Sender};
use domain::role::{Role, role_of};
use domain::rules::RulesHistory;
use domain::timeline::Body;
use domain::wording;
use store::rooms::timeline::{NewEntry, last_said};
use store::rooms::{LAST_LINES, Line};
use store::sqlx::{self, PgConnection};

/// Characters of a line that are kept.
const LINE_CHARACTERS: usize = 200;
/// Messages read to find the last lines among them, since bots' are passed over.
const READ: i64 = 12;

fn line(sender: &Sender, kind: MessageKind, text: &str, at: Timestamp, rules: &RulesHistory) -> Option<Line> {
    if matches!(kind, MessageKind::System | MessageKind::Recalled) {
        return None;
    }
    let (role, staff) = role_of(rules.at(at), sender);
    if role == Role::Bot {
        return None;
    }
    let words = if kind == MessageKind::Text { own_words(text) } else { text };
    let name = staff.map_or_else(|| wording::name(&sender.name).to_owned(), |staff| staff.0);
    Some(Line { name, role, text: shorten(&wording::shown(kind, words)), at })
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(LINE_CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The lines after further messages, which stand behind all earlier ones. What is blanked is no line.
pub fn append(mut lines: Vec<Line>, new: &[NewEntry], rules: &RulesHistory) -> Vec<Line> {
    for entry in new {
        if let (Body::Message(message), Some(text)) = (&entry.entry.body, &entry.text) {
            lines.extend(line(&message.sender, message.kind, text, entry.entry.position.at, rules));
        }
    }
    lines.drain(..lines.len().saturating_sub(LAST_LINES));
    lines
}

/// The lines as the stored timeline gives them.
pub async fn read(
    connection: &mut PgConnection,
    room: &RoomKey,
    rules: &RulesHistory,
) -> Result<Vec<Line>, sqlx::Error> {
    let mut lines: Vec<Line> = last_said(connection, room, READ)
        .await?
        .iter()
        .filter_map(|said| line(&said.sender, said.kind, said.text.as_ref()?, said.at, rules))
        .collect();
    lines.drain(..lines.len().saturating_sub(LAST_LINES));
    Ok(lines)
}
