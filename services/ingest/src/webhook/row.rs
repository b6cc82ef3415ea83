//! One row: the message format of the webhook and of `huiyin import`, checked field by field.

use chrono::{DateTime, Utc};
use domain::id::external::check;
use domain::message::{ContactType, MessageKind};
use domain::nature::EVERYBODY;
use events::chat::{ChatMessage, Quoted, RoomRef, SenderRef};
use serde::Deserialize;
use serde_json::Value;

use crate::content::{self, Raw};

/// Bytes of a text that are kept.
const MAX_TEXT: usize = 64 * 1024;
/// Characters of a name or a topic.
const MAX_NAME: usize = 512;
/// People mentioned in one message.
const MAX_MENTIONS: usize = 500;
/// Smaller numbers than this are no milliseconds of any message: 1973.
const LEAST_MILLISECONDS: i64 = 100_000_000_000;

/// A row as it is sent. Unknown members are refused, since a misspelt `history` would alarm people.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    source: String,
    account: String,
    id: String,
    room: Room,
    sender: Sender,
    sent_at: Value,
    kind: Value,
    #[serde(default)]
    text: String,
    #[serde(default)]
    mentions: Vec<String>,
    #[serde(default)]
    quote: Option<String>,
    #[serde(default)]
    history: bool,
    #[serde(default)]
    seq: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Room {
    id: String,
    #[serde(default)]
    topic: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sender {
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    corporation: String,
    #[serde(default)]
    coworker: Option<bool>,
    #[serde(default)]
    contact_type: Option<ContactType>,
}

impl Row {
    /// Reads one row. The reason of a refusal goes back to the sender, whose own words it may quote.
    pub fn parse(row: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(row).map_err(|error| error.to_string())
    }

    /// Checks every field and makes it a message that arrived at `now`.
    pub fn into_message(self, now: DateTime<Utc>) -> Result<ChatMessage, String> {
        let kind = kind(&self.kind)?;
        for (field, id) in [
            ("source", &self.source),
            ("account", &self.account),
            ("id", &self.id),
            ("room.id", &self.room.id),
            ("sender.id", &self.sender.id),
        ] {
            checked_id(field, id)?;
        }
        if kind == MessageKind::Recalled && !self.text.is_empty() {
            checked_id("text", &self.text)?;
        }
        let quote = self.quote.filter(|quote| !quote.is_empty());
        quote.iter().try_for_each(|quote| checked_id("quote", quote))?;
        for (field, value) in [
            ("room.topic", &self.room.topic),
            ("sender.name", &self.sender.name),
            ("sender.corporation", &self.sender.corporation),
        ] {
            checked(field, value, MAX_NAME)?;
        }
        checked("text", &self.text, usize::MAX)?;
        if self.mentions.len() > MAX_MENTIONS {
            return Err(format!("mentions: expected at most {MAX_MENTIONS}"));
        }
        self.mentions.iter().try_for_each(|mention| checked_id("mentions", mention))?;
        let (text, cut) = cut(self.text);
        let nobody = self.sender.id == self.room.id;
        let content = content::read(Raw { kind, text: &text, nobody });
        let to_everybody = content.to_everybody.then(|| EVERYBODY.to_owned());
        Ok(ChatMessage {
            source: self.source,
            account: self.account,
            id: self.id,
            room: RoomRef { id: self.room.id, topic: content::name(&self.room.topic) },
            sender: SenderRef {
                id: self.sender.id,
                name: content::name(&self.sender.name),
                corporation: content::name(&self.sender.corporation),
                coworker: self.sender.coworker,
                is_self: false,
                contact_type: self.sender.contact_type,
            },
            sent_at: moment(&self.sent_at)?,
            received_at: now,
            kind: content.kind,
            text: content.text,
            cut,
            mentions: self.mentions.into_iter().chain(to_everybody).collect(),
            quote: quote.or_else(|| content.quote.as_ref()?.id.clone()),
            quoted: content.quote.map(|quote| Quoted { who: quote.who, text: quote.text }),
            history: self.history,
            time_guessed: false,
            captured: None,
            seq: self.seq,
        })
    }
}

fn checked_id(field: &str, id: &str) -> Result<(), String> {
    check(id).map_err(|error| format!("{field}: {error}"))
}

fn checked(field: &str, value: &str, most: usize) -> Result<(), String> {
    if value.contains('\0') {
        return Err(format!("{field}: a NUL character, which no text may contain"));
    }
    if value.len() > most && value.chars().count() > most {
        return Err(format!("{field}: expected at most {most} characters"));
    }
    Ok(())
}

/// A longer text is kept up to the limit and marked, since a message lost would be worse than one cut.
fn cut(mut text: String) -> (String, bool) {
    if text.len() <= MAX_TEXT {
        return (text, false);
    }
    let end = (0..=MAX_TEXT).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    text.truncate(end);
    (text, true)
}

fn moment(value: &Value) -> Result<DateTime<Utc>, String> {
    let expected =
        "expected RFC 3339 with a zone, like \"2026-11-22T09:30:00+08:00\", or whole milliseconds since 1970";
    let moment = match value {
        Value::String(text) => DateTime::parse_from_rfc3339(text).ok().map(|moment| moment.to_utc()),
        Value::Number(number) => match number.as_i64() {
            Some(milliseconds) if (0..LEAST_MILLISECONDS).contains(&milliseconds) => {
                return Err(format!("sent_at: {milliseconds} looks like seconds: {expected}"));
            }
            Some(milliseconds) => DateTime::from_timestamp_millis(milliseconds),
            None => None,
        },
        _ => None,
    };
    // Postgres and the calendar hold any year up to here; beyond it is a broken clock.
    moment
        .filter(|moment| (1970..=9999).contains(&chrono::Datelike::year(moment)))
        .and_then(|moment| DateTime::from_timestamp_millis(moment.timestamp_millis()))
        .ok_or_else(|| format!("sent_at: {value} is no moment: {expected}"))
}

fn kind(value: &Value) -> Result<MessageKind, String> {
    serde_json::from_value(value.clone()).map_err(|_| {
        format!(
            "kind: {value} is unknown: expected text, image, audio, video, file, emoticon, location, url, \
             mini_program, contact, chat_history, red_envelope, transfer, call, recalled, system or other"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(change: impl Fn(&mut Value)) -> Result<ChatMessage, String> {
        let mut row = serde_json::json!({
            "source": "webhook", "account": "main", "id": "m-1", "room": { "id": "r-1", "topic": "公司-客户群" },
            "sender": { "id": "u-1", "name": "张三样", "corporation": "客户公司", "coworker": false },
            "sent_at": "2026-11-22T09:30:00+08:00", "kind": "text", "text": "在吗？", "mentions": [], "quote": null,
            "history": false
        });
        change(&mut row);
        Row::parse(row.to_string().as_bytes())?.into_message(DateTime::UNIX_EPOCH)
    }

    #[test]
    fn the_documented_row_is_read() {
        let message = read(|_| {}).unwrap();
        assert_eq!(message.sent_at.to_rfc3339(), "2026-11-22T01:30:00+00:00");
        assert_eq!(
            read(|row| row["sent_at"] = 1_795_311_000_000_i64.into()).unwrap().sent_at,
            message.sent_at
        );
    }

    #[test]
    fn refusals_name_the_field_and_what_was_expected() {
        let cases: [(&str, Value, &[&str]); 7] = [
            ("sent_at", "yesterday".into(), &["sent_at", "yesterday", "RFC 3339"]),
            ("sent_at", 1_795_311_000.into(), &["sent_at", "looks like seconds"]),
            ("kind", "shout".into(), &["kind", "shout", "mini_program"]),
            ("text", "a\0b".into(), &["text", "NUL"]),
            ("id", " ".into(), &["id", "not empty"]),
            ("account", 7.into(), &["integer `7`", "expected a string"]),
            ("histroy", true.into(), &["unknown field `histroy`"]),
        ];
        for (field, value, words) in cases {
            let reason = read(|row| row[field] = value.clone()).unwrap_err();
            assert!(words.iter().all(|word| reason.contains(word)), "{reason}");
        }
        let missing = read(|row| drop(row.as_object_mut().unwrap().remove("room"))).unwrap_err();
        assert!(missing.contains("missing field `room`"), "{missing}");
        let broken = Row::parse(br#"{"source":"\ud800"}"#).unwrap_err();
        assert!(broken.contains("surrogate") || broken.contains("escape"), "{broken}");
    }

    #[test]
    fn a_long_text_is_cut_at_a_character_and_marked() {
        let message = read(|row| row["text"] = "好".repeat(100_000).into()).unwrap();
        assert!(message.cut && message.text.len() <= MAX_TEXT && message.text.len() > MAX_TEXT - 3);
    }
}
