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
    /// Rows that were refused, in order.
    pub rejected: Vec<Rejected>,
}

/// A refused row.
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
    // A message belongs to one room; the bus would take the second one for the first come again.
    let mut rooms: HashMap<MessageKey, String> = HashMap::new();
    for (index, row) in rows.into_iter().enumerate() {
        match message(row, caller, now) {
            Ok(message)
                if *rooms.entry(message.key()).or_insert_with(|| message.room.id.clone())
                    != message.room.id =>
            {
                let reason = "id: a row before this one says that it is a message of another room".to_owned();
                read.rejected.push(Rejected { index, reason });
            }
            Ok(message) => read.messages.push(message),
            Err(reason) => read.rejected.push(Rejected { index, reason }),
        }
    }
    Ok(read)
}

fn message(row: &[u8], caller: &Caller, now: DateTime<Utc>) -> Result<ChatMessage, String> {
    let message = Row::parse(row)?.into_message(now)?;
    if !caller.may_claim(&message.source, &message.account) {
        return Err(format!("source: this token may not speak for `{}`", message.source));
    }
    Ok(message)
}
