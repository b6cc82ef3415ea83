//! Which alarms there should be: a pure function of what is known.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use domain::Timestamp;
use domain::span::Span;
use events::beat::{VikaFailure, VikaProblem};
use runtime::config::Thresholds;

use super::facts::{CARDS_ARE_NEWS_FOR, Facts, LETTERS_ARE_NEWS_FOR, MISSING_ARE_NEWS_FOR};
use super::trouble::Trouble;

/// How long a panic is shown, if no other follows.
const PANIC_IS_NEWS_FOR: TimeDelta = TimeDelta::minutes(10);
/// A state must be seen for this long, in real time, before it is believed: a clock that jumps, a machine that wakes
/// up, a row that is about to be written raise no alarm.
const CONFIRMED_AFTER: Duration = Duration::from_secs(3);
/// Bytes of a GiB.
const GIB: u64 = 1 << 30;
/// Who writes the gateway's row.
const INGEST: &str = "ingest";

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What.
    pub trouble: Trouble,
    /// Since when, as far as is known.
    pub since: Timestamp,
    /// It happened rather than lasts: it is believed at once and shown until then.
    pub until: Option<Timestamp>,
}

/// By key.
pub type All = BTreeMap<String, Found>;

/// Everything that is wrong.
pub fn decide(facts: &Facts, thresholds: &Thresholds, now: Timestamp) -> All {
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
    found.into_iter().map(|found| (found.trouble.key(), found)).collect()
}

fn lasting(trouble: Trouble, since: Timestamp) -> Found {
    Found { trouble, since, until: None }
}

fn delta(span: Span) -> TimeDelta {
    TimeDelta::seconds(i64::try_from(span.as_seconds()).unwrap_or(i64::MAX / 1_000))
}

/// Without the bus no beat is heard: what was known of everybody stays as it was, see [`super::heard::Heard::listened`].
fn services(facts: &Facts, thresholds: &Thresholds, now: Timestamp) -> Vec<Found> {
    let lost = (!facts.bus_connected).then(|| lasting(Trouble::BusLost, now));
    let silent_after = delta(thresholds.silent_after);
    let silent = facts.silences.iter().filter(|(_, silence)| *silence >= silent_after);
    let silent = silent
        .map(|(service, silence)| lasting(Trouble::Silent { service: service.clone() }, now - *silence));
    let parts = facts.parts.iter().filter(|(.., silence)| *silence >= silent_after);
    let parts = parts.map(|(service, part, silence)| {
        let trouble = Trouble::PartSilent { service: service.clone(), part: part.clone() };
        lasting(trouble, now - *silence)
    });
    let loops = facts.restarts.iter().filter(|(_, starts, _)| *starts >= thresholds.restarts as usize);
    let loops = loops.map(|(service, starts, since)| Found {
        trouble: Trouble::Restarting { service: service.clone(), starts: *starts },
        since: now - *since,
        until: Some(now - *since + delta(thresholds.restart_window)),
    });
    lost.into_iter().chain(silent).chain(parts).chain(loops).collect()
}

fn panics(facts: &Facts, now: Timestamp) -> Vec<Found> {
    let fresh = facts.panics.iter().filter(|(_, at, _)| now - *at < PANIC_IS_NEWS_FOR);
    fresh
        .map(|(service, at, location)| Found {
            trouble: Trouble::Panicked { service: service.clone(), location: location.clone() },
            since: *at,
            until: Some(*at + PANIC_IS_NEWS_FOR),
        })
        .collect()
}

/// A row that nobody writes any more says nothing: then `ingest` is silent, and that is the alarm.
fn gateway(facts: &Facts, thresholds: &Thresholds, now: Timestamp) -> Option<Found> {
    let gateway = facts.gateway.as_ref()?;
    let silent_after = delta(thresholds.silent_after);
    let unwritten =
        facts.silences.iter().any(|(service, silence)| service == INGEST && *silence >= silent_after);
    let since = gateway.last_live_at.unwrap_or(gateway.state_since);
    let name = gateway.gateway.clone();
    let (trouble, after) = match gateway.state.as_str() {
        "live" | "stopped" => return None,
        "waiting_login" => (
            Trouble::LoginLost { gateway: name, picture: None, verification: None },
            thresholds.login_lost_after,
        ),
        state => {
            (Trouble::GatewayLost { gateway: name, state: state.to_owned() }, thresholds.gateway_lost_after)
        }
    };
    (!unwritten && now - since >= delta(after)).then(|| lasting(trouble, since))
}

/// A consumer can be told of by several; the worst counts.
fn lags(facts: &Facts, thresholds: &Thresholds, now: Timestamp) -> Vec<Found> {
    let mut worst: BTreeMap<&str, (u64, TimeDelta)> = BTreeMap::new();
    for (consumer, pending, behind) in &facts.lags {
        let entry = worst.entry(consumer).or_insert((0, TimeDelta::zero()));
        *entry = (entry.0.max(*pending), entry.1.max(*behind));
    }
    let late = worst.into_iter().filter(|(_, (_, behind))| *behind >= delta(thresholds.lag_after));
    late.map(|(consumer, (pending, behind))| {
        let trouble = Trouble::Lagging { consumer: consumer.to_owned(), pending: rounded(pending) };
        lasting(trouble, now - behind)
    })
    .collect()
}

/// Down to its first digit, so that a card does not follow every message.
fn rounded(number: u64) -> u64 {
    let magnitude = 10_u64.pow(number.checked_ilog10().unwrap_or(0));
    number / magnitude * magnitude
}

fn letters(facts: &Facts) -> Vec<Found> {
    let services: BTreeSet<&str> = facts.letters.iter().map(|letters| letters.service.as_str()).collect();
    services
        .into_iter()
        .filter_map(|service| {
            let of: Vec<_> = facts.letters.iter().filter(|letters| letters.service == service).collect();
            let (first, last) = (of.iter().map(|l| l.first_at).min()?, of.iter().map(|l| l.last_at).max()?);
            let trouble = Trouble::DeadLetters {
                service: service.to_owned(),
                count: of.iter().map(|letters| letters.count).sum(),
                reasons: of.iter().map(|letters| letters.reason.clone()).collect(),
            };
            Some(Found { trouble, since: first, until: Some(last + LETTERS_ARE_NEWS_FOR) })
        })
        .collect()
}

fn missing(facts: &Facts) -> Option<Found> {
    let (gateway, missing) = (facts.gateway.as_ref()?, facts.missing.as_ref()?);
    let trouble = Trouble::PayloadsMissing { gateway: gateway.gateway.clone(), count: missing.count };
    Some(Found { trouble, since: missing.first_at, until: Some(missing.last_at + MISSING_ARE_NEWS_FOR) })
}

/// The same path on several machines is one alarm, of the fullest: by what the card says, so that services on one
/// machine, which tell of it one after the other, do not take turns.
fn disks(facts: &Facts, thresholds: &Thresholds, now: Timestamp) -> Vec<Found> {
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
            lasting(Trouble::DiskFull { path, service, free_gib, free_percent }, now)
        })
        .collect()
}

fn outbox(facts: &Facts, thresholds: &Thresholds, now: Timestamp) -> Vec<Found> {
    let outbox = &facts.outbox;
    let lasts = |since: &Timestamp| now - *since >= delta(thresholds.fallback_after);
    let failing = [outbox.failing_since, outbox.untried_since].into_iter().flatten().filter(lasts).min();
    let refuses = failing.or((outbox.untold > 0).then_some(now));
    let refuses = refuses.map(|since| lasting(Trouble::FeishuRefuses, since));
    let aside = outbox.set_aside_at.map(|at| Found {
        trouble: Trouble::CardsSetAside { count: outbox.set_aside },
        since: at,
        until: Some(at + CARDS_ARE_NEWS_FOR),
    });
    refuses.into_iter().chain(aside).collect()
}

/// Several services can tell of the same; the earliest counts.
fn vika(facts: &Facts, now: Timestamp) -> Vec<Found> {
    let mut told: Vec<_> = facts.vika.iter().collect();
    told.sort_by_key(|(service, problem)| (std::cmp::Reverse(problem.since), service));
    let found = |(service, problem): &(String, VikaProblem)| {
        let (service, sheet) = (service.clone(), problem.sheet.clone());
        let trouble = match problem.what {
            VikaFailure::Quota => Trouble::VikaQuota,
            VikaFailure::Access => Trouble::VikaAccess { service, sheet },
            VikaFailure::SheetFull => Trouble::VikaFull { sheet: sheet.unwrap_or_default() },
            VikaFailure::Columns => {
                Trouble::VikaColumns { sheet: sheet.unwrap_or_default(), columns: problem.columns.clone() }
            }
            VikaFailure::Rows => {
                Trouble::VikaRows { sheet: sheet.unwrap_or_default(), rooms: problem.rooms.clone() }
            }
            VikaFailure::Stalled | VikaFailure::Unknown => Trouble::VikaStalled { service, sheet },
        };
        lasting(trouble, problem.since.min(now))
    };
    told.into_iter().map(found).collect()
}

/// Lets a state through once it has been seen for a while; what happened is let through at once.
#[derive(Debug, Default)]
pub struct Confirmed {
    seen: BTreeMap<String, Instant>,
}

impl Confirmed {
    /// What of this is believed.
    pub fn filter(&mut self, mut found: All, now: Instant) -> All {
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
