//! What a request's body says, without doing anything about it: bytes in, messages and refusals out.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::id::MessageKey;
use events::chat::ChatMessage;
use serde::Serialize;

use super::row::Row;
use super::rows;
use crate::callers::Caller;

/// Rows of a request.
pub const MAX_ROWS: usize = 1_000;

/// A body taken apart: each of its rows is in one of the two.
#[derive(Debug, Default)]
pub struct Read {
    /// Rows that can go on the bus, in order.
    pub messages: Vec<ChatMessage>,
    /// Where in the body each of them stands, from 0.
    pub indices: Vec<usize>,
    /// Rows that were refused, in order.
    pub rejected: Vec<Rejected>,
}

#[derive(Debug, Serialize)]
pub struct Rejected {
    /// Its place in the body, from 0.
    pub index: usize,
    /// What is wrong with it and what was expected.
    pub reason: String,
}

/// Why a body was not looked at row by row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// Nothing is in it.
    #[error("expected a JSON object, a JSON array of objects, or one object a line")]
    Empty,
    /// More than [`MAX_ROWS`].
    #[error("{0} rows: expected at most {MAX_ROWS}")]
    TooManyRows(usize),
}

/// Reads a body that `caller` sent, arriving at `now`.
pub fn read(body: &[u8], caller: &Caller, now: DateTime<Utc>) -> Result<Read, BodyError> {
    let rows = rows::split(body);
    match rows.len() {
        0 => return Err(BodyError::Empty),
        count if count > MAX_ROWS => return Err(BodyError::TooManyRows(count)),
        _ => {}
    }
    let mut read = Read::default();
    let mut first_by_key: HashMap<MessageKey, usize> = HashMap::new();
    for (index, row) in rows.into_iter().enumerate() {
        let checked = message(row, caller, now).and_then(|message| {
            let first = *first_by_key.entry(message.key()).or_insert(read.messages.len());
            read.messages.get(first).map_or(Ok(()), |first| agree(first, &message)).map(|()| message)
        });
        match checked {
            Ok(message) => {
                read.messages.push(message);
                read.indices.push(index);
            }
            Err(reason) => read.rejected.push(Rejected { index, reason }),
        }
    }
    Ok(read)
}

/// Whether a row says the same as one before it of the same id. `room-state` would keep the first and set this one aside,
/// and whoever sent it would not hear of it.
fn agree(first: &ChatMessage, message: &ChatMessage) -> Result<(), String> {
    if first.room.id != message.room.id {
        return Err("id: a row before this one says that it is a message of another room".to_owned());
    }
    let content = |message: &ChatMessage| (message.sender.id.clone(), message.sent_at, message.text.clone());
    if content(first) != content(message) || first.kind != message.kind {
        return Err("id: a row before this one has it with another sender, time, kind or text".to_owned());
    }
    Ok(())
}

fn message(row: &[u8], caller: &Caller, now: DateTime<Utc>) -> Result<ChatMessage, String> {
    let message = Row::parse(row)?.into_message(now)?;
    if !caller.may_claim(&message.source, &message.account) {
        return Err(format!("source: this token may not speak for `{}`", message.source));
    }
    Ok(message)
}
