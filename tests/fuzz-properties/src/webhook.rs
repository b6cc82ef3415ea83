//! Webhook bodies.

use domain::id::MessageKey;
use domain::id::external::check;
use events::chat::ChatMessage;
use events::{decode, encode, subject};
use ingest::callers::Caller;
use ingest::webhook::{BodyError, MAX_ROWS, Read, read};
use runtime::config::{Secret, WebhookToken};
use serde_json::json;

use crate::now;

/// Bytes of a text that are kept.
const MAX_TEXT: usize = 64 * 1024;

/// The input is a request's body.
///
/// # Panics
/// If a row is neither accepted nor refused, or an accepted one is not what was sent.
pub fn webhook_rows(body: &[u8]) {
    let caller = caller();
    let read = match read(body, &caller, now()) {
        Ok(read) => read,
        Err(BodyError::Empty) => return assert!(says_nothing(body), "a body with rows counts as empty"),
        Err(BodyError::TooManyRows(rows)) => return assert!(rows > MAX_ROWS),
    };
    let rows = read.messages.len() + read.rejected.len();
    assert!((1..=MAX_ROWS).contains(&rows));
    let ascending = read.rejected.windows(2).all(|pair| pair[0].index < pair[1].index);
    assert!(ascending && read.rejected.last().is_none_or(|last| last.index < rows), "indices of no row");
    assert!(read.rejected.iter().all(|rejected| !rejected.reason.is_empty()), "a refusal without a reason");
    for message in &read.messages {
        assert!(caller.may_claim(&message.source, &message.account), "a source that is not the caller's");
        storable(message);
        survives_the_bus(message);
        comes_back_as_a_row(message, &caller);
    }
}

fn caller() -> Caller {
    Caller::of(&WebhookToken {
        name: "fuzzer".to_owned(),
        token: Secret::new("a-token-of-no-worth-to-anybody-00"),
        may_claim: Vec::new(),
    })
}

/// Only white space, or an array of nothing.
fn says_nothing(body: &[u8]) -> bool {
    let mut rest = body.trim_ascii();
    rest = rest.strip_prefix(b"[").unwrap_or(rest);
    rest = rest.strip_suffix(b"]").unwrap_or(rest);
    rest.trim_ascii().is_empty()
}

/// What Postgres and the calendar rely on.
fn storable(message: &ChatMessage) {
    let texts = [
        &message.source,
        &message.account,
        &message.id,
        &message.room.id,
        &message.room.topic,
        &message.sender.id,
        &message.sender.name,
        &message.sender.corporation,
        &message.text,
    ];
    let ids = [&message.source, &message.account, &message.id, &message.room.id, &message.sender.id];
    let mut ids = ids.into_iter().chain(&message.mentions).chain(&message.quote);
    assert!(ids.all(|id| check(id).is_ok()), "an id that means something to others");
    let mut texts = texts.into_iter().chain(&message.mentions).chain(&message.quote);
    assert!(texts.all(|text| !text.contains('\0')), "a NUL");
    assert!(message.text.len() <= MAX_TEXT, "a text that is too long");
    let year = chrono::Datelike::year(&message.sent_at);
    assert!((1970..=9999).contains(&year), "a moment of no calendar: {year}");
    assert_eq!(subject::chat_message(&message.room_key()).split('.').count(), 3);
}

fn survives_the_bus(message: &ChatMessage) {
    let Ok(bytes) = encode(message) else { panic!("an accepted row cannot be encoded") };
    assert_eq!(decode::<ChatMessage>(&bytes).as_ref(), Ok(message));
    let key = message.key();
    assert_eq!(key.to_string().parse::<MessageKey>(), Ok(key));
}

/// The same fact sent again, by itself, is the same message: neither its neighbours nor its way of being written count.
fn comes_back_as_a_row(message: &ChatMessage, caller: &Caller) {
    let row = json!({
        "source": message.source, "account": message.account, "id": message.id,
        "room": { "id": message.room.id, "topic": message.room.topic },
        "sender": {
            "id": message.sender.id, "name": message.sender.name,
            "corporation": message.sender.corporation, "coworker": message.sender.coworker,
            "contact_type": message.sender.contact_type
        },
        "sent_at": message.sent_at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        "kind": message.kind, "text": message.text, "mentions": message.mentions,
        "quote": message.quote, "history": message.history, "seq": message.seq
    });
    let Ok(Read { messages, rejected, .. }) = read(row.to_string().as_bytes(), caller, now()) else {
        panic!("an accepted row is no row when it is alone");
    };
    assert!(rejected.is_empty(), "an accepted row is refused when it is alone: {}", rejected[0].reason);
    // A cut text is short enough now. What was read from markup may read as markup itself (`&amp;lt;` is somebody's
    // `&lt;`), and what it quoted stood in it.
    let [again] = &messages[..] else { panic!("one row is not one message") };
    let is_markup = |text: &String| text.contains(['<', '&', '「']);
    let mut expected = ChatMessage { cut: false, quoted: None, ..message.clone() };
    if is_markup(&message.text) {
        (expected.kind, expected.text, expected.quoted) =
            (again.kind, again.text.clone(), again.quoted.clone());
    }
    let (sender, room) = (&mut expected.sender, &mut expected.room);
    for (named, again) in [
        (&mut sender.name, &again.sender.name),
        (&mut sender.corporation, &again.sender.corporation),
        (&mut room.topic, &again.room.topic),
    ] {
        if is_markup(named) {
            named.clone_from(again);
        }
    }
    assert_eq!(messages, [expected]);
}
