//! What the plan of the space carries: how often edits can be looked for, and how many rows can be written.

use chrono::NaiveDate;
use domain::call_budget::Division;
use domain::span::Span;
use runtime::Config;
use store::vika_calls::{self, Ledger};

use super::database::as_reader;
use super::report::{Finding, Group};
use super::within;
use super::wording::{self, Carried};

/// Rows that a call of the writing service is good for, reading back, listing and half-filled calls counted in: what `bench
/// vika` measures where calls are not scarce. Where they are, more rows share a call.
const ROWS_PER_CALL: f64 = 2.7;
/// In a minute one room in so many changes.
const ROOMS_PER_CHANGE: f64 = 10.0;

pub(super) async fn check(config: &Config, today: NaiveDate) -> Vec<Finding> {
    let vika = &config.vika;
    if !vika.enabled {
        return Vec::new();
    }
    if vika.calls_per_month == 0 {
        return vec![Group::Vika.ok(wording::NO_LIMIT)];
    }
    let month = Division::of_month(&config.rules, vika.calls_per_month, vika.polling(), today);
    let mut findings = Vec::new();
    if month.stretch > 1.0 {
        let fitting =
            [vika.poll_every, vika.poll_all_rooms_every].map(|every| stretched(every, month.stretch));
        findings.push(Group::Vika.failed(wording::polls_too_often(
            vika,
            month.reading * month.stretch,
            fitting,
        )));
    }
    let rows = month.writing / month.working_minutes.max(1.0) * ROWS_PER_CALL;
    let carried =
        Carried { reading: month.reading, writing: month.writing, rows, rooms: rows * ROOMS_PER_CHANGE };
    let calls = vika.calls_per_month;
    let Some((rooms, used)) = from_database(config, today).await else {
        findings.push(Group::Vika.ok(wording::carried(calls, &carried)));
        return findings;
    };
    findings.push(if rooms <= carried.rooms {
        Group::Vika.ok(wording::carried_with(calls, &carried, rooms))
    } else {
        Group::Vika.warning(wording::too_many_rooms(calls, &carried, rooms))
    });
    findings.push(Group::Vika.ok(wording::used(used, calls)));
    findings
}

/// The least time between polls that fits, rounded up to five seconds.
fn stretched(every: Span, stretch: f64) -> Span {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    let fives = (every.as_seconds() as f64 * stretch / 5.0).ceil() as u64;
    Span::seconds(fives.saturating_mul(5))
}

/// Rooms, and this month's calls of reading and writing.
async fn from_database(config: &Config, today: NaiveDate) -> Option<(f64, [i64; 2])> {
    let mut connection = as_reader(&config.database).await.ok()?;
    let rooms = within(store::rooms::count(&mut connection)).await?.ok()?;
    let calls = within(vika_calls::of_month(&mut connection, today)).await?.ok()?;
    let of = |ledger| vika_calls::of_ledger(&calls, ledger).map(|(_, calls)| calls).sum();
    #[expect(clippy::cast_precision_loss, reason = "rooms are few")]
    Some((rooms as f64, [of(Ledger::Reconcile), of(Ledger::Sync)]))
}
