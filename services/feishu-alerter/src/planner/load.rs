//! When cards of one person are told together: while more come than anybody reads one by one.

use chrono::TimeDelta;
use domain::Timestamp;
use store::alerts::digest::{self, Load};
use store::alerts::notifications::Address;
use store::sqlx::{self, PgConnection};

/// How many new waits within [`WITHIN`], and how many who still wait on the last digest, are told one by one.
const MOST: i64 = 3;
/// How long those on the last digest keep others from being told one by one.
const STANDS: TimeDelta = TimeDelta::hours(1);
/// Within which time new waits count, and how far digests are apart.
const WITHIN: TimeDelta = TimeDelta::minutes(10);

/// What comes to an address.
pub async fn read(connection: &mut PgConnection, to: &Address, now: Timestamp) -> Result<Load, sqlx::Error> {
    digest::load(connection, to, now - WITHIN).await
}

/// Whether it is too much to be told one by one.
pub fn is_heavy(load: &Load, now: Timestamp) -> bool {
    let stands = load.last.is_some_and(|last| now - last.at < STANDS);
    load.new_waits > MOST || stands && load.waiting > MOST
}

/// When the next digest may come: now, or at some distance from the last one.
pub fn next_digest(load: &Load, now: Timestamp) -> Timestamp {
    load.last.filter(|last| !last.open).map_or(now, |last| (last.at + WITHIN).max(now))
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::alerts::digest::LastDigest;

    #[test]
    fn more_than_three_are_too_many_and_digests_are_ten_minutes_apart() {
        let now = Timestamp::UNIX_EPOCH + TimeDelta::hours(100);
        let last = |minutes, open| Some(LastDigest { id: 1, at: now - TimeDelta::minutes(minutes), open });
        let load = |new_waits, waiting, minutes| Load { new_waits, waiting, last: last(minutes, false) };
        for (load, heavy) in [
            (load(3, 3, 0), false),
            (load(4, 0, 0), true),
            (load(0, 4, 0), true),
            (load(0, 4, 59), true),
            (load(0, 4, 60), false),
        ] {
            assert_eq!(is_heavy(&load, now), heavy, "{load:?}");
        }
        let after = |minutes, open| {
            let load = Load { last: last(minutes, open), ..Load::default() };
            (next_digest(&load, now) - now).num_minutes()
        };
        assert_eq!([after(0, false), after(9, false), after(10, false), after(700, false)], [10, 1, 0, 0]);
        assert_eq!(after(0, true), 0, "on one that has not gone out there is room");
        assert_eq!(next_digest(&Load::default(), now), now);
    }
}
