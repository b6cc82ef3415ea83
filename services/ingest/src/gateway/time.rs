//! What time a puppet meant. Some puppets give milliseconds, some seconds, some nothing.

use chrono::{DateTime, TimeDelta, Utc};

use super::wire::Timestamp;

/// Below this a value is seconds: in milliseconds it would be 1973. Wechaty's own clients draw the line here too.
const SECONDS_BELOW: i64 = 100_000_000_000;

/// 2011-01-01T00:00:00Z. No message of WeChat is older than WeChat.
const EARLIEST_MS: i64 = 1_293_840_000_000;

/// A clock may be wrong by hours (a zone mistaken for UTC); more than a day ahead is not a time.
const MAX_AHEAD: TimeDelta = TimeDelta::days(1);

/// When a message was sent, and how sure that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SentAt {
    /// The time to use.
    pub at: DateTime<Utc>,
    /// Where it comes from.
    pub origin: TimeOrigin,
}

/// Where a sent time comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeOrigin {
    /// The puppet gave it.
    Puppet,
    /// The puppet gave none: it is our arrival time.
    Absent,
    /// The puppet gave something impossible: it is our arrival time.
    Absurd,
}

/// A puppet's number, in milliseconds or seconds, as a time. `None` for zero, negative, or before `WeChat` existed.
pub fn from_puppet(value: i64) -> Option<DateTime<Utc>> {
    let millis = if value < SECONDS_BELOW { value.checked_mul(1_000)? } else { value };
    if millis < EARLIEST_MS { None } else { DateTime::from_timestamp_millis(millis) }
}

/// Chooses between the two time fields of a message. `receive_time` is what a 1.x gateway computes as if the puppet had
/// given milliseconds, `raw` is the puppet's own number, the only one that a 0.x gateway sends.
pub fn sent_at(receive_time: Option<Timestamp>, raw: u64, arrived_at: DateTime<Utc>) -> SentAt {
    let value = receive_time.map_or(0, millis);
    let value = if value == 0 { i64::try_from(raw).unwrap_or(i64::MAX) } else { value };
    if value == 0 {
        return SentAt { at: arrived_at, origin: TimeOrigin::Absent };
    }
    match from_puppet(value) {
        Some(at) if at <= arrived_at + MAX_AHEAD => SentAt { at, origin: TimeOrigin::Puppet },
        _ => SentAt { at: arrived_at, origin: TimeOrigin::Absurd },
    }
}

fn millis(time: Timestamp) -> i64 {
    time.seconds.saturating_mul(1_000).saturating_add(i64::from(time.nanos) / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn table() {
        let arrived = at("2026-03-02T08:00:00Z");
        let sent = at("2026-03-02T07:59:30Z");
        let ms = sent.timestamp_millis();
        let field = |ms: i64| {
            Some(Timestamp { seconds: ms / 1_000, nanos: i32::try_from(ms % 1_000).unwrap() * 1_000_000 })
        };
        let raw = |ms: i64| u64::try_from(ms).unwrap();
        let puppet = SentAt { at: sent, origin: TimeOrigin::Puppet };
        let absent = SentAt { at: arrived, origin: TimeOrigin::Absent };
        let absurd = SentAt { at: arrived, origin: TimeOrigin::Absurd };
        let cases = [
            ("milliseconds in the new field", field(ms), 0, puppet),
            ("milliseconds in the old field only", None, raw(ms), puppet),
            ("seconds, read as 1970-01-21 by the server", field(ms / 1_000), raw(ms / 1_000), puppet),
            ("seconds in the old field only", None, raw(ms / 1_000), puppet),
            ("a zero field falls back to the old one", field(0), raw(ms), puppet),
            ("nothing", None, 0, absent),
            ("zero", field(0), 0, absent),
            ("before WeChat", field(1_000_000_000_000), 0, absurd),
            ("two days ahead", field(ms + 2 * 86_400_000), 0, absurd),
            ("negative", field(-5_000), 0, absurd),
            ("more than any clock", None, u64::MAX, absurd),
        ];
        for (name, receive_time, raw, expected) in cases {
            assert_eq!(sent_at(receive_time, raw, arrived), expected, "{name}");
        }
    }
}
