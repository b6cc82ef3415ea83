//! Answers of Vika.

use vika::cell::{Cell, Fields, changed};
use vika::fuzzing::{Outcome, read, read_as_every_answer};

use crate::members;

/// HTTP statuses that the first byte chooses from.
const STATUSES: [u16; 8] = [200, 201, 400, 401, 403, 429, 500, 502];

/// The first byte chooses the HTTP status, the rest is the body.
///
/// # Panics
/// If something counts as done that is none, or a cell differs from itself once it is written and read again, which
/// would write the same row for ever.
pub fn vika_answers(input: &[u8]) {
    let Some((choice, body)) = input.split_first() else { return };
    let status = STATUSES[usize::from(*choice) % STATUSES.len()];
    let members = members(body);
    let says = |name: &str, value: &str| members.get(name).is_some_and(|said| said.get() == value);
    match read(status, body) {
        Outcome::Done(data) => {
            assert!(says("success", "true") && says("code", "200"), "a success that does not say so");
            for record in read_as_every_answer(&data) {
                cells(&record.fields);
            }
            cell(&Cell::read(&data));
        }
        Outcome::Unknown(why) | Outcome::Unsent(why) => assert!(!why.is_empty()),
        Outcome::Limited => assert!(says("code", "429")),
        Outcome::Failed(error) => assert!(!error.to_string().is_empty()),
    }
}

fn cells(fields: &Fields) {
    assert!(changed(fields, fields).is_empty(), "a row differs from itself");
    for value in fields.values() {
        cell(value);
    }
}

fn cell(cell: &Cell) {
    assert!(cell.canonical_eq(cell));
    assert_eq!(cell.is_empty(), cell.canonical().is_null());
    let _ = (cell.as_time(), cell.as_text(), cell.people());
    // What was confirmed is kept in its canonical form and compared with what is read later.
    let kept = Cell::read(&cell.canonical());
    if !matches!(cell, Cell::People(_)) {
        assert!(kept.canonical_eq(cell), "{cell:?} is kept as {kept:?}");
        assert!(Cell::read(&cell.write()).canonical_eq(cell), "{cell:?} is written otherwise");
    }
}
