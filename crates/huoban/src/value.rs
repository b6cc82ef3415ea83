//! Values of cells: as the service takes them, and in a form in which they can be compared.

use chrono::NaiveDate;
use serde_json::{Value as Json, json};

use crate::tables::Kind;

/// What a cell is to hold. A column without one is empty.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A text.
    Text(String),
    /// A number; a share is a fraction, 0.85 for 85 %.
    Number(f64),
    /// A day.
    Day(NaiveDate),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// The form of a day, and what a date cell begins with.
const DAY: &str = "%Y-%m-%d";
const DAY_LEN: usize = "2026-11-22".len();

impl Value {
    /// The form in which it is compared: `None` for what is as good as empty.
    pub(crate) fn canonical(&self, kind: Kind) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.trim().replace("\r\n", "\n")).filter(|text| !text.is_empty()),
            Self::Number(number) if number.is_finite() => Some(rounded(*number, kind)),
            Self::Number(_) => None,
            Self::Day(day) => Some(day.format(DAY).to_string()),
        }
    }

    /// What is sent; null empties the cell.
    pub(crate) fn to_json(&self, kind: Kind) -> Json {
        match (self, self.canonical(kind)) {
            (_, None) => Json::Null,
            // Through the canonical form, so that what is sent is what is compared.
            (Self::Number(_), Some(number)) => number.parse().map_or(Json::Null, Json::Number),
            (_, Some(text)) => json!(text),
        }
    }
}

fn rounded(number: f64, kind: Kind) -> String {
    let text = format!("{number:.*}", usize::from(kind.decimals()));
    let text =
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text.as_str() };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// A cell as it was read, in the form in which it is compared; `None` if it is empty. What has another shape than it
/// should is given as JSON, which equals nothing of ours.
pub(crate) fn read(cell: &Json, kind: Kind) -> Option<String> {
    match (cell, kind) {
        (Json::Null, _) => None,
        (Json::String(text), _) if text.trim().is_empty() => None,
        (Json::Array(list), _) if list.is_empty() => None,
        (Json::Number(number), Kind::Number(_) | Kind::Share) => {
            number.as_f64().map(|number| rounded(number, kind))
        }
        (Json::String(text), Kind::Number(_) | Kind::Share) => {
            Some(text.trim().parse::<f64>().map_or_else(|_| text.clone(), |number| rounded(number, kind)))
        }
        // A date may come back with a time.
        (Json::String(text), Kind::Day) => Some(text.get(..DAY_LEN).unwrap_or(text).to_owned()),
        (Json::String(text), Kind::Text) => Some(text.trim().replace("\r\n", "\n")),
        (other, _) => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_reads_as_the_same_in_every_form_it_may_come_back() {
        let share = Value::Number(2.0 / 3.0);
        assert_eq!(share.to_json(Kind::Share), json!(0.6667));
        assert_eq!(read(&json!(0.6667), Kind::Share), share.canonical(Kind::Share));
        assert_eq!(read(&json!("0.66670"), Kind::Share), share.canonical(Kind::Share));
        let minutes = Value::Number(12.04);
        assert_eq!(minutes.to_json(Kind::Number(1)), json!(12));
        assert_eq!(read(&json!(12.0), Kind::Number(1)), minutes.canonical(Kind::Number(1)));
        assert_eq!(Value::Number(-0.01).to_json(Kind::Number(1)), json!(0));
        assert_eq!(Value::Number(f64::NAN).to_json(Kind::Number(0)), Json::Null);
        assert_eq!(Value::Number(120.0).to_json(Kind::Number(0)), json!(120));
        let day = Value::Day(NaiveDate::from_ymd_opt(2026, 11, 22).unwrap());
        assert_eq!(read(&json!("2026-11-22 00:00:00"), Kind::Day), day.canonical(Kind::Day));
        assert_eq!(read(&json!(" 王小售 "), Kind::Text), Value::from("王小售").canonical(Kind::Text));
        assert_eq!((read(&json!([]), Kind::Text), read(&json!(""), Kind::Share)), (None, None));
        assert_ne!(read(&json!(["1"]), Kind::Text), Value::from("1").canonical(Kind::Text));
        // A percent column that shows 85 for 0.85 is another number.
        assert_ne!(read(&json!(85), Kind::Share), Value::Number(0.85).canonical(Kind::Share));
    }
}
