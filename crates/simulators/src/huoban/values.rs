//! Which value a column takes, by the shapes of the official example.

use chrono::{NaiveDate, NaiveDateTime};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::config::Settings;

/// The kind of a column. What the schema calls it is published nowhere; these names are invented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FieldKind {
    Text,
    Number,
    Percent,
    Date,
    Datetime,
    /// An array of option ids.
    Option,
    /// An array of user ids.
    User,
    /// A type that no client has heard of; it takes texts.
    Hologram,
}

/// Why a value is not taken.
#[derive(Debug)]
pub(super) struct Wrong(pub &'static str);

impl FieldKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "number",
            Self::Percent => "percent",
            Self::Date => "date",
            Self::Datetime => "datetime",
            Self::Option => "option",
            Self::User => "user",
            Self::Hologram => "hologram",
        }
    }

    /// What is stored for a value that was sent; `None` empties the cell.
    pub fn store(self, value: &Value, settings: &Settings) -> Result<Option<Value>, Wrong> {
        match (self, value) {
            (_, Value::Null) => Ok(None),
            (Self::Percent, Value::Number(number)) if settings.percent_times_100 => {
                Ok(number.as_f64().map(|fraction| json!(fraction * 100.0)))
            }
            _ if self.takes(value) => Ok(Some(value.clone())),
            _ => Err(Wrong(self.expected())),
        }
    }

    fn takes(self, value: &Value) -> bool {
        let text = value.as_str();
        match self {
            Self::Text | Self::Hologram => text.is_some(),
            Self::Number | Self::Percent => value.is_number(),
            Self::Date => text.is_some_and(|text| NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok()),
            Self::Datetime => {
                text.is_some_and(|text| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").is_ok())
            }
            Self::Option | Self::User => value.as_array().is_some_and(|ids| ids.iter().all(Value::is_string)),
        }
    }

    fn expected(self) -> &'static str {
        match self {
            Self::Text | Self::Hologram => "应为文本",
            Self::Number | Self::Percent => "应为数字",
            Self::Date => "应为日期 YYYY-MM-DD",
            Self::Datetime => "应为时间 YYYY-MM-DD HH:MM:SS",
            Self::Option | Self::User => "应为编号的数组",
        }
    }

    /// What answers show of a stored value.
    pub fn show(self, value: &Value, settings: &Settings) -> Value {
        match (self, value) {
            (Self::Number | Self::Percent, Value::Number(number)) if settings.numbers_as_text => {
                json!(number.to_string())
            }
            (Self::Date, Value::String(day)) if settings.dates_with_time => json!(format!("{day} 00:00:00")),
            _ => value.clone(),
        }
    }
}
