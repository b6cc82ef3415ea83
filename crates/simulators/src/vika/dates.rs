//! What the service makes of a date that is written to a `DateTime` cell, and how it shows one.
//!
//! Only an integer of milliseconds is stored as meant. The other forms are accepted with a shift, as observed:
//! dashes are read as Asia/Shanghai, slashes as UTC, and the zone of an ISO text is ignored.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, TimeZone, Utc};
use serde_json::Value;

const SHANGHAI_OFFSET_S: i32 = 8 * 3600;
const MAX_MS: f64 = 8.64e15;

/// How a column shows its times, as given when it was made.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct DateFormat {
    /// For example `YYYY-MM-DD`.
    pub date: String,
    /// For example `HH:mm`.
    pub time: String,
    pub include_time: bool,
}

impl DateFormat {
    /// The one text that `GET fields` gives back.
    pub fn joined(&self) -> String {
        if self.include_time { format!("{} {}", self.date, self.time) } else { self.date.clone() }
    }

    /// Display text of a time in the server's zone.
    pub fn show(&self, ms: i64) -> String {
        let Some(local) = shanghai(ms) else { return String::new() };
        let pattern = self
            .joined()
            .replace("YYYY", "%Y")
            .replace("MM", "%m")
            .replace("DD", "%d")
            .replace("HH", "%H")
            .replace("mm", "%M")
            .replace("ss", "%S");
        local.format(&pattern).to_string()
    }
}

fn shanghai(ms: i64) -> Option<DateTime<FixedOffset>> {
    let zone = FixedOffset::east_opt(SHANGHAI_OFFSET_S)?;
    DateTime::<Utc>::from_timestamp_millis(ms).map(|t| t.with_timezone(&zone))
}

/// The start of the Shanghai day in which `ms` lies.
pub(super) fn start_of_day(ms: i64) -> Option<i64> {
    in_shanghai(shanghai(ms)?.date_naive().and_hms_opt(0, 0, 0)?)
}

fn in_shanghai(local: NaiveDateTime) -> Option<i64> {
    let zone = FixedOffset::east_opt(SHANGHAI_OFFSET_S)?;
    zone.from_local_datetime(&local).single().map(|t| t.timestamp_millis())
}

/// Whether a number of milliseconds is beyond the times that the service's language knows.
pub(super) fn is_beyond(value: &Value) -> bool {
    value.as_f64().is_some_and(|ms| ms.abs() > MAX_MS)
}

/// Milliseconds that the service stores for a written value; `None` when it refuses the value.
pub(super) fn accept(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().and_then(whole)),
        Value::String(text) => parse(text.trim()),
        _ => None,
    }
}

fn whole(number: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "bounded just before; the service cuts fractions")]
    (number.abs() <= MAX_MS).then_some(number as i64)
}

/// Reads a date text as the service does, wrong zones included.
pub(super) fn parse(text: &str) -> Option<i64> {
    if text.contains('/') {
        return naive(text, &["%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M"], "%Y/%m/%d")
            .map(|t| t.and_utc().timestamp_millis());
    }
    if let Ok(zoned) = DateTime::parse_from_rfc3339(text) {
        return in_shanghai(zoned.naive_local());
    }
    in_shanghai(naive(text, &["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S"], "%Y-%m-%d")?)
}

fn naive(text: &str, with_time: &[&str], date_only: &str) -> Option<NaiveDateTime> {
    with_time
        .iter()
        .find_map(|pattern| NaiveDateTime::parse_from_str(text, pattern).ok())
        .or_else(|| NaiveDate::parse_from_str(text, date_only).ok()?.and_hms_opt(0, 0, 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_integer_milliseconds_are_stored_as_meant() {
        let cases = [
            (json!(1_700_000_000_000_i64), Some(1_700_000_000_000)),
            (json!(1_700_000_000_000.7), Some(1_700_000_000_000)),
            (json!(1_700_000_000), Some(1_700_000_000)),
            (json!("2023-11-14"), Some(1_699_891_200_000)),
            (json!("2023-11-14 22:13:20"), Some(1_699_971_200_000)),
            (json!("2023/11/14 22:13"), Some(1_699_999_980_000)),
            (json!("2023-11-14T22:13:20Z"), Some(1_699_971_200_000)),
            (json!("2023-11-14T22:13:20+08:00"), Some(1_699_971_200_000)),
            (json!("1700000000000"), None),
            (json!(true), None),
        ];
        for (written, stored) in cases {
            assert_eq!(accept(&written), stored, "{written}");
        }
    }

    #[test]
    fn times_are_shown_in_shanghai() {
        let format = DateFormat { date: "YYYY-MM-DD".into(), time: "HH:mm".into(), include_time: true };
        assert_eq!(format.show(1_700_000_000_000), "2023-11-15 06:13");
    }
}
