//! Values of cells, and when two of them are the same.
//!
//! The service shows null, an empty text, an empty list and an unticked box all as an absent cell, gives links back in
//! another form than it takes them, and keeps times as milliseconds. Comparing without a canonical form would write
//! the same row for ever.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Map, Number, Value, json};

use crate::ids::FieldId;

/// Cells of a row by column. An absent one is empty.
pub type Fields = BTreeMap<FieldId, Cell>;

/// The value of a cell.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Cell {
    /// Nothing; written as null.
    #[default]
    Empty,
    /// Any text, and the name of a single select's option.
    Text(String),
    /// Any number, and what a time is read as.
    Number(f64),
    /// A time; written as integer milliseconds, the only form that the service stores as meant.
    Time(DateTime<Utc>),
    /// A ticked or unticked box.
    Tick(bool),
    /// Names of a multi select's options.
    Names(Vec<String>),
    /// A link. Written as its text alone: an object as it is read back would be dropped silently.
    Link {
        /// What is shown and followed.
        text: String,
    },
    /// Members, and the one user of a created-by or modified-by column.
    People(Vec<Person>),
    /// A value of a type that Huiyin does not use, kept as it is.
    Other(Value),
}

/// A member or user in a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Unit id in a Member column, user id in a modified-by column: two different things.
    pub id: String,
    /// Display name.
    pub name: String,
}

/// Digits after the point that count when numbers are compared.
const COMPARED_DIGITS: i32 = 6;

impl Cell {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A count.
    pub fn count(count: u32) -> Self {
        Self::Number(f64::from(count))
    }

    /// A number rounded to the precision of its column, since the service does not round.
    pub fn rounded(number: f64, digits: u8) -> Self {
        Self::Number(round(number, i32::from(digits)))
    }

    /// Reads a value as an answer shows it.
    pub fn read(value: &Value) -> Self {
        match value {
            Value::Null => Self::Empty,
            Value::Bool(ticked) => Self::Tick(*ticked),
            Value::Number(number) => number.as_f64().map_or_else(|| Self::Other(value.clone()), Self::Number),
            Value::String(text) => Self::Text(text.clone()),
            Value::Array(items) => read_list(items).unwrap_or_else(|| Self::Other(value.clone())),
            Value::Object(object) => read_object(object).unwrap_or_else(|| Self::Other(value.clone())),
        }
    }

    /// The value as it is written.
    pub fn write(&self) -> Value {
        match self {
            Self::Empty => Value::Null,
            Self::Text(text) | Self::Link { text } => json!(text),
            Self::Number(number) => number_json(*number),
            Self::Time(time) => json!(time.timestamp_millis()),
            Self::Tick(ticked) => json!(ticked),
            Self::Names(names) => json!(names),
            Self::People(people) => json!(people.iter().map(|p| json!({"id": p.id})).collect::<Vec<_>>()),
            Self::Other(value) => value.clone(),
        }
    }

    /// The form in which equal cells are equal: what to compare, and what to keep as last confirmed.
    /// Absent, null, `""`, `[]` and false are null; times are milliseconds; numbers are rounded; links are texts.
    pub fn canonical(&self) -> Value {
        match self {
            Self::Text(text) | Self::Link { text } if text.is_empty() => Value::Null,
            Self::Tick(false) => Value::Null,
            Self::Names(names) if names.is_empty() => Value::Null,
            Self::People(people) if people.is_empty() => Value::Null,
            Self::Number(number) => number_json(round(*number, COMPARED_DIGITS)),
            other => other.write(),
        }
    }

    /// Whether the service would show the two alike.
    pub fn canonical_eq(&self, other: &Self) -> bool {
        self.canonical() == other.canonical()
    }

    /// Whether the service shows the cell as absent.
    pub fn is_empty(&self) -> bool {
        self.canonical().is_null()
    }

    /// The text of a text, select or link cell; empty for an empty cell.
    pub fn as_text(&self) -> &str {
        match self {
            Self::Text(text) | Self::Link { text } => text,
            _ => "",
        }
    }

    /// The number of a number cell.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The time of a time cell, to the millisecond.
    pub fn as_time(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Time(time) => Some(*time),
            Self::Number(ms) => DateTime::from_timestamp_millis(whole(*ms)?),
            _ => None,
        }
    }

    /// Whether a box is ticked.
    pub fn is_ticked(&self) -> bool {
        matches!(self, Self::Tick(true))
    }

    /// The people of a Member or modified-by cell.
    pub fn people(&self) -> &[Person] {
        match self {
            Self::People(people) => people,
            _ => &[],
        }
    }
}

/// The cells of `wanted` that differ from `confirmed`: what a PATCH has to carry. Columns that `wanted` does not name
/// are left alone.
pub fn changed(confirmed: &Fields, wanted: &Fields) -> Fields {
    let differs =
        |field: &FieldId, cell: &Cell| !confirmed.get(field).unwrap_or(&Cell::Empty).canonical_eq(cell);
    wanted.iter().filter(|(f, c)| differs(f, c)).map(|(f, c)| (f.clone(), c.clone())).collect()
}

fn read_list(items: &[Value]) -> Option<Cell> {
    if let Some(names) = items.iter().map(|i| i.as_str().map(str::to_owned)).collect() {
        return Some(Cell::Names(names));
    }
    items.iter().map(|item| person(item.as_object()?)).collect::<Option<_>>().map(Cell::People)
}

fn read_object(object: &Map<String, Value>) -> Option<Cell> {
    if let Some(text) = object.get("text").and_then(Value::as_str) {
        return Some(Cell::Link { text: text.to_owned() });
    }
    person(object).map(|person| Cell::People(vec![person]))
}

fn person(object: &Map<String, Value>) -> Option<Person> {
    let text = |key: &str| object.get(key).and_then(Value::as_str).map(str::to_owned);
    Some(Person { id: text("id")?, name: text("name")? })
}

fn round(number: f64, digits: i32) -> f64 {
    if number.fract() == 0.0 {
        // A time in milliseconds, multiplied, would lose its last digits.
        return number + 0.0;
    }
    let factor = 10_f64.powi(digits);
    let rounded = (number * factor).round() / factor;
    // Too large to have digits there, or minus zero, which JSON would keep apart from zero.
    if rounded.is_finite() { rounded + 0.0 } else { number }
}

fn whole(number: f64) -> Option<i64> {
    let limit = 9.0e15;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a whole number within the exact range, checked just before"
    )]
    (number.fract() == 0.0 && number.abs() < limit).then_some(number as i64)
}

/// Whole numbers without a point, so that a count and a time compare with what is read back.
fn number_json(number: f64) -> Value {
    match whole(number) {
        Some(whole) => json!(whole),
        None => Number::from_f64(number).map_or(Value::Null, Value::Number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_read_back_is_the_time_that_was_written() {
        for ms in 1_795_847_835_000_i64..1_795_847_836_000 {
            let read = Cell::read(&json!(ms));
            assert_eq!(read.canonical(), Cell::Time(time(ms)).canonical());
        }
    }

    fn time(ms: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(ms).unwrap()
    }

    #[test]
    fn what_the_service_shows_alike_is_equal() {
        let empty =
            [Cell::Empty, Cell::text(""), Cell::Tick(false), Cell::Names(vec![]), Cell::People(vec![])];
        for cell in &empty {
            assert!(cell.is_empty() && cell.canonical_eq(&Cell::read(&Value::Null)), "{cell:?}");
        }
        let alike = [
            (Cell::Time(time(1_700_000_000_000)), json!(1_700_000_000_000_i64)),
            (Cell::Number(0.1 + 0.2), json!(0.3)),
            (Cell::Number(3.0), json!(3)),
            (Cell::Number(-0.0), json!(0)),
            (Cell::text("u"), json!({"title": "t", "text": "u", "favicon": ""})),
            (Cell::Tick(true), json!(true)),
        ];
        for (sent, shown) in alike {
            assert!(sent.canonical_eq(&Cell::read(&shown)), "{sent:?} {shown}");
        }
        assert!(!Cell::Number(0.0).canonical_eq(&Cell::Empty), "a zero is shown");
        assert!(!Cell::text("3").canonical_eq(&Cell::Number(3.0)));
    }

    #[test]
    fn only_what_differs_is_written() {
        let field = |id: &str| id.parse::<FieldId>().unwrap();
        let confirmed = Fields::from([(field("fldA"), Cell::text("a")), (field("fldB"), Cell::Number(1.0))]);
        let wanted = Fields::from([
            (field("fldA"), Cell::text("a")),
            (field("fldB"), Cell::Empty),
            (field("fldC"), Cell::Tick(false)),
        ]);
        assert_eq!(changed(&confirmed, &wanted), Fields::from([(field("fldB"), Cell::Empty)]));
    }

    #[test]
    fn a_modified_by_cell_is_one_person() {
        let cell = Cell::read(&json!({"id": "u1", "name": "王经理", "avatar": ""}));
        assert_eq!(cell.people(), [Person { id: "u1".into(), name: "王经理".into() }]);
    }
}
