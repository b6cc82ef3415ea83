//! Which alarms there should be: a pure function of what is known.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use domain::Timestamp;
use domain::span::Span;
use events::beat::{OutsideFailure, OutsideProblem};
use runtime::config::Thresholds;

use super::alarm_kind::AlarmKind;
use super::facts::{CARDS_RELEVANT_FOR, Facts, LETTERS_RELEVANT_FOR, MISSING_RELEVANT_FOR};

/// How long a panic is shown, if no other follows.
const PANIC_RELEVANT_FOR: TimeDelta = TimeDelta::minutes(10);
/// A state must be seen for this long, in real time, before it is believed: a clock that jumps, a machine that wakes
/// up, a row that is about to be written raise no alarm.
const CONFIRMED_AFTER: Duration = Duration::from_secs(3);
/// Bytes of a GiB.
const GIB: u64 = 1 << 30;
/// Who writes the gateway's row.
const INGEST: &str = "ingest";

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub kind: AlarmKind,
    /// Since when, as far as is known.
    pub since: Timestamp,
    /// It happened rather than lasts: it is believed at once and shown until then.
    pub until: Option<Timestamp>,
}

/// By key.
pub type Findings = BTreeMap<String, Finding>;

/// Everything that is wrong.
pub fn decide(facts: &Facts, thresholds: &Thresholds, now: Timestamp) -> Findings {
    let mut found = Vec::new();
    found.extend(services(facts, thresholds, now));
    found.extend(panics(facts, now));
    found.extend(gateway(facts, thresholds, now));
    found.extend(lags(facts, thresholds, now));
    found.extend(letters(facts));
    found.extend(missing(facts));
    found.extend(disks(facts, thresholds, now));
    found.extend(outbox(facts, thresholds, now));
    found.extend(vika(facts, now));
    found.extend(huoban(facts, now));
    found.extend(uncounted(facts, now));
    found.extend(holidays(facts));
    found.into_iter().map(|found| (found.kind.key(), found)).collect()
}

fn lasting(kind: AlarmKind, since: Timestamp) -> Finding {
    Finding { kind, since, until: None }
}

fn delta(span: Span) -> TimeDelta {
    TimeDelta::seconds(i64::try_from(span.as_seconds()).unwrap_or(i64::MAX / 1_000))
}

/// Without the bus no beat arrives: what was known of everybody stays as it was, see
/// [`super::heartbeats::HeartbeatTracker::note_connection`].
fn services(facts: &Facts, thresholds: &Thresholds, now: Timestamp) -> Vec<Finding> {
    let lost = (!facts.bus_connected).then(|| lasting(AlarmKind::BusLost, now));
    let silent_after = delta(thresholds.silent_after);
    let silent = facts.silences.iter().filter(|(_, silence)| *silence >= silent_after);
    let silent = silent
        .map(|(service, silence)| lasting(AlarmKind::Silent { service: service.clone() }, now - *silence));
    let parts = facts.parts.iter().filter(|(.., silence)| *silence >= silent_after);
    let parts = parts.map(|(service, part, silence)| {
        let kind = AlarmKind::PartSilent { service: service.clone(), part: part.clone() };
        lasting(kind, now - *silence)
    });
    let loops = facts.restarts.iter().filter(|(_, starts, _)| *starts >= thresholds.restarts as usize);
    let loops = loops.map(|(service, starts, since)| Finding {
        kind: AlarmKind::Restarting { service: service.clone(), starts: *starts },
        since: now - *since,
        until: Some(now - *since + delta(thresholds.restart_window)),
    });
    lost.into_iter().chain(silent).chain(parts).chain(loops).collect()
}

fn panics(facts: &Facts, now: Timestamp) -> Vec<Finding> {
    let fresh = facts.panics.iter().filter(|(_, at, _)| now - *at < PANIC_RELEVANT_FOR);
    fresh
        .map(|(service, at, location)| Finding {
            kind: AlarmKind::Panicked { service: service.clone(), location: location.clone() },
            since: *at,
            until: Some(*at + PANIC_RELEVANT_FOR),
        })
        .collect()
}

/// A row that nobody writes any more says nothing: then `ingest` is silent, and that is the alarm.
fn gateway(facts: &Facts, thresholds: &Thresholds, now: Timestamp) -> Option<Finding> {
    let gateway = facts.gateway.as_ref()?;
    let silent_after = delta(thresholds.silent_after);
    let unwritten =
        facts.silences.iter().any(|(service, silence)| service == INGEST && *silence >= silent_after);
    let since = gateway.last_live_at.unwrap_or(gateway.state_since);
    let name = gateway.gateway.clone();
    let (kind, after) = match gateway.state.as_str() {
        "live" | "stopped" => return None,
        "waiting_login" => (
            AlarmKind::LoginLost { gateway: name, picture: None, verification: None },
            thresholds.login_lost_after,
        ),
        state => {
            (AlarmKind::GatewayLost { gateway: name, state: state.to_owned() }, thresholds.gateway_lost_after)
        }
    };
    (!unwritten && now - since >= delta(after)).then(|| lasting(kind, since))
}

/// Several services can report one consumer; the worst counts.
fn lags(facts: &Facts, thresholds: &Thresholds, now: Timestamp) -> Vec<Finding> {
    let mut worst: BTreeMap<&str, (u64, TimeDelta)> = BTreeMap::new();
    for (consumer, pending, behind) in &facts.lags {
        let entry = worst.entry(consumer).or_insert((0, TimeDelta::zero()));
        *entry = (entry.0.max(*pending), entry.1.max(*behind));
    }
    let late = worst.into_iter().filter(|(_, (_, behind))| *behind >= delta(thresholds.lag_after));
    late.map(|(consumer, (pending, behind))| {
        let kind = AlarmKind::Lagging { consumer: consumer.to_owned(), pending: rounded(pending) };
        lasting(kind, now - behind)
    })
    .collect()
}

/// Down to its first digit, so that a card does not follow every message.
fn rounded(number: u64) -> u64 {
    let magnitude = 10_u64.pow(number.checked_ilog10().unwrap_or(0));
    number / magnitude * magnitude
}

fn letters(facts: &Facts) -> Vec<Finding> {
    let services: BTreeSet<&str> = facts.letters.iter().map(|letters| letters.service.as_str()).collect();
    services
        .into_iter()
        .filter_map(|service| {
            let of: Vec<_> = facts.letters.iter().filter(|letters| letters.service == service).collect();
            let (first, last) = (of.iter().map(|l| l.first_at).min()?, of.iter().map(|l| l.last_at).max()?);
            let kind = AlarmKind::DeadLetters {
                service: service.to_owned(),
                count: of.iter().map(|letters| letters.count).sum(),
                reasons: of.iter().map(|letters| letters.reason.clone()).collect(),
            };
            Some(Finding { kind, since: first, until: Some(last + LETTERS_RELEVANT_FOR) })
        })
        .collect()
}

fn missing(facts: &Facts) -> Option<Finding> {
    let (gateway, missing) = (facts.gateway.as_ref()?, facts.missing.as_ref()?);
    let kind = AlarmKind::PayloadsMissing { gateway: gateway.gateway.clone(), count: missing.count };
    Some(Finding { kind, since: missing.first_at, until: Some(missing.last_at + MISSING_RELEVANT_FOR) })
}

/// The same path on several machines is one alarm, of the fullest: by what the card says, so that services on one
/// machine, which report it one after the other, do not alternate.
fn disks(facts: &Facts, thresholds: &Thresholds, now: Timestamp) -> Vec<Finding> {
    let percent = |free: u64, total: u64| free.saturating_mul(100).checked_div(total).unwrap_or(100);
    let mut fullest: BTreeMap<&str, (u64, u64, &str)> = BTreeMap::new();
    for (path, service, free, total) in &facts.disks {
        let told = (percent(*free, *total), free / GIB, service.as_str());
        let entry = fullest.entry(path).or_insert(told);
        *entry = told.min(*entry);
    }
    fullest
        .into_iter()
        .filter(|(_, (percent, gib, _))| {
            *percent < u64::from(thresholds.disk_free_percent) || *gib < u64::from(thresholds.disk_free_gib)
        })
        .map(|(path, (free_percent, free_gib, service))| {
            let (path, service) = (path.to_owned(), service.to_owned());
            lasting(AlarmKind::DiskFull { path, service, free_gib, free_percent }, now)
        })
        .collect()
}

fn outbox(facts: &Facts, thresholds: &Thresholds, now: Timestamp) -> Vec<Finding> {
    let outbox = &facts.outbox;
    let lasts = |since: &Timestamp| now - *since >= delta(thresholds.fallback_after);
    let failing = [outbox.failing_since, outbox.untried_since].into_iter().flatten().filter(lasts).min();
    let refuses = failing.or((outbox.failed_alarm_cards > 0).then_some(now));
    let refuses = refuses.map(|since| lasting(AlarmKind::FeishuRefuses, since));
    let aside = outbox.undelivered_at.map(|at| Finding {
        kind: AlarmKind::CardsUndelivered { count: outbox.undelivered },
        since: at,
        until: Some(at + CARDS_RELEVANT_FOR),
    });
    refuses.into_iter().chain(aside).collect()
}

fn holidays(facts: &Facts) -> impl Iterator<Item = Finding> {
    let missing = facts.missing_holidays.iter();
    missing.map(|(year, since)| lasting(AlarmKind::HolidaysMissing { year: *year }, *since))
}

/// Several services can report the same; the earliest counts.
fn vika(facts: &Facts, now: Timestamp) -> Vec<Finding> {
    let mut told: Vec<_> = facts.vika.iter().collect();
    told.sort_by_key(|(service, problem)| (std::cmp::Reverse(problem.since), service));
    let found = |(service, problem): &(String, OutsideProblem)| {
        let (service, sheet) = (service.clone(), problem.sheet.clone());
        let kind = match problem.what {
            OutsideFailure::Quota => AlarmKind::VikaQuota,
            OutsideFailure::Access => AlarmKind::VikaAccess { service, sheet },
            OutsideFailure::SheetFull => AlarmKind::VikaFull { sheet: sheet.unwrap_or_default() },
            OutsideFailure::Columns => {
                AlarmKind::VikaColumns { sheet: sheet.unwrap_or_default(), columns: problem.columns.clone() }
            }
            OutsideFailure::Rows => {
                AlarmKind::VikaRows { sheet: sheet.unwrap_or_default(), rooms: problem.rows.clone() }
            }
            OutsideFailure::Allowance => AlarmKind::VikaAllowance,
            OutsideFailure::Stalled | OutsideFailure::Strays | OutsideFailure::Unknown => {
                AlarmKind::VikaStalled { service, sheet }
            }
        };
        lasting(kind, problem.since.min(now))
    };
    told.into_iter().map(found).collect()
}

/// What keeps the figures from Huoban; the earliest of the same counts.
fn huoban(facts: &Facts, now: Timestamp) -> Vec<Finding> {
    let mut told: Vec<_> = facts.huoban.iter().collect();
    told.sort_by_key(|problem| std::cmp::Reverse(problem.since));
    let found = |problem: &OutsideProblem| {
        let table = problem.sheet.clone();
        let kind = match problem.what {
            OutsideFailure::Quota => AlarmKind::HuobanQuota,
            OutsideFailure::Access => AlarmKind::HuobanAccess { table },
            OutsideFailure::Columns => AlarmKind::HuobanColumns {
                table: table.unwrap_or_default(),
                columns: problem.columns.clone(),
            },
            OutsideFailure::Rows => {
                AlarmKind::HuobanRows { table: table.unwrap_or_default(), rows: problem.rows.clone() }
            }
            OutsideFailure::Strays => AlarmKind::HuobanStrays,
            OutsideFailure::Allowance => AlarmKind::HuobanAllowance,
            OutsideFailure::SheetFull | OutsideFailure::Stalled | OutsideFailure::Unknown => {
                AlarmKind::HuobanStalled
            }
        };
        lasting(kind, problem.since.min(now))
    };
    told.into_iter().map(found).collect()
}

fn uncounted(facts: &Facts, now: Timestamp) -> Option<Finding> {
    let uncounted = facts.uncounted.as_ref()?;
    let kind = AlarmKind::RoomsUncounted { count: uncounted.rooms, first: uncounted.first.clone() };
    Some(lasting(kind, uncounted.since.min(now)))
}

/// Lets a state through once it has been seen for a while; what happened is let through at once.
#[derive(Debug, Default)]
pub struct Confirmed {
    seen: BTreeMap<String, Instant>,
}

impl Confirmed {
    /// What of this is believed.
    pub fn filter(&mut self, mut found: Findings, now: Instant) -> Findings {
        self.seen.retain(|key, _| found.contains_key(key));
        found.retain(|key, found| {
            let first = *self.seen.entry(key.clone()).or_insert(now);
            found.until.is_some() || now - first >= CONFIRMED_AFTER
        });
        found
    }
}

#[cfg(test)]
mod tests;
