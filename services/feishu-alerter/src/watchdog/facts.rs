//! What is known of how Huiyin fares, at one moment: from the beats, from the store, and of the bus.

use std::time::Instant;

use chrono::{NaiveDate, TimeDelta};
use domain::Timestamp;
use domain::calendar::TimeOfDay;
use events::beat::{Beat, OutsideProblem, Uncounted};
use runtime::Context;
use store::alerts::alarms::{self, Gateway, Letters, Missing, Outbox};
use store::golive;
use store::rooms::progress::{self, Progress};
use store::rules::{RulesCache, RulesError};
use store::sqlx::{self, PgConnection};

use super::alarm_kind::FEISHU_REFUSES;
use super::heartbeats::HeartbeatTracker;
use crate::failure::Failure;
use crate::freshness;

/// Dead letters older than this do not count.
pub const LETTERS_RELEVANT_FOR: TimeDelta = TimeDelta::minutes(30);
/// The same for cards that were parked or have failed.
pub const CARDS_RELEVANT_FOR: TimeDelta = TimeDelta::hours(1);
/// The same for messages that the gateway could not give.
pub const MISSING_RELEVANT_FOR: TimeDelta = TimeDelta::hours(1);
/// A chat that takes no cards while others do is blamed on Feishu only when nothing has gone out for so long.
const SINGLE_CHAT_PATIENCE: TimeDelta = TimeDelta::minutes(30);

/// Everything that alarms are decided by.
#[derive(Debug)]
pub struct Facts {
    /// The bus can be reached from here.
    pub bus_connected: bool,
    /// The services that must beat, with their silence.
    pub silences: Vec<(String, TimeDelta)>,
    /// Services that started lately: (service, starts, since the last).
    pub restarts: Vec<(String, usize, TimeDelta)>,
    /// Last panics: (service, when, where).
    pub panics: Vec<(String, Timestamp, String)>,
    /// Parts that do not work: (service, part, silence).
    pub parts: Vec<(String, String, TimeDelta)>,
    /// The gateway, if one is configured and known.
    pub gateway: Option<Gateway>,
    /// Consumers with work: (consumer, messages, behind for).
    pub lags: Vec<(String, u64, TimeDelta)>,
    /// Messages of late that the gateway could not give.
    pub missing: Option<Missing>,
    /// File systems: (path, service, free bytes, total bytes).
    pub disks: Vec<(String, String, u64, u64)>,
    /// What keeps services from Vika: (service, what).
    pub vika: Vec<(String, OutsideProblem)>,
    /// The same of Huoban.
    pub huoban: Vec<OutsideProblem>,
    /// Rooms whose figures cannot be counted.
    pub uncounted: Option<Uncounted>,
    /// Dead letters of late.
    pub letters: Vec<Letters>,
    /// The way to people.
    pub outbox: Outbox,
    /// Cards of waits are not to be tried now.
    pub held: bool,
    /// The years whose public holidays are not known and should be, with the moment from which on they should.
    pub missing_holidays: Vec<(i32, Timestamp)>,
}

/// What the store says.
#[derive(Debug)]
pub struct Rows {
    gateway: Option<Gateway>,
    missing: Option<Missing>,
    folds: Vec<Progress>,
    letters: Vec<Letters>,
    outbox: Outbox,
    held: bool,
    missing_holidays: Vec<(i32, Timestamp)>,
}

impl Rows {
    pub async fn read(
        ctx: &Context,
        connection: &mut PgConnection,
        rules: &RulesCache,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        let held = freshness::hold_reason(connection, &ctx.config, now).await?.is_some()
            || !golive::history(connection).await?.at(now).live;
        let gateway = match &ctx.config.ingest.gateway {
            Some(configured) => alarms::gateway(connection, &configured.name).await?,
            None => None,
        };
        let missing = match &gateway {
            Some(gateway) => {
                alarms::missing(connection, &gateway.gateway, now - MISSING_RELEVANT_FOR).await?
            }
            None => None,
        };
        Ok(Self {
            gateway,
            missing,
            folds: progress::all(connection).await?,
            letters: alarms::letters_since(connection, now - LETTERS_RELEVANT_FOR).await?,
            outbox: alarms::outbox(
                connection,
                FEISHU_REFUSES,
                held,
                SINGLE_CHAT_PATIENCE,
                now - CARDS_RELEVANT_FOR,
                now,
            )
            .await?,
            held,
            missing_holidays: missing_holidays(connection, rules, now).await?,
        })
    }
}

/// Without rules, or by some that this release cannot read, nobody misses any: everything else is still watched.
async fn missing_holidays(
    connection: &mut PgConnection,
    rules: &RulesCache,
    now: Timestamp,
) -> Result<Vec<(i32, Timestamp)>, Failure> {
    let history = match rules.get(connection).await {
        Err(
            RulesError::None(_) | RulesError::Sql(sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_)),
        ) => return Ok(Vec::new()),
        history => history?,
    };
    let in_force = history.version_at(now);
    let zone = in_force.rules.time_zone;
    // A year is wanted from December on; rules that came later have not been wanting it for longer.
    let since = |year: i32| {
        let december = NaiveDate::from_ymd_opt(year - 1, 12, 1).unwrap_or_default();
        let begins = TimeOfDay::MIDNIGHT.on(december, zone).unwrap_or(now);
        (year, begins.max(in_force.applied_at).min(now))
    };
    Ok(in_force.rules.missing_holidays(in_force.rules.day_of(now)).into_iter().map(since).collect())
}

/// Since when cards may be tried, as far as this process knows. What was held back until now is not blamed for that.
#[derive(Debug, Default)]
pub struct AllowedSince {
    since: Option<Timestamp>,
}

impl AllowedSince {
    /// Counts the time in which nothing was tried from when it could have been.
    pub fn apply(&mut self, facts: &mut Facts, now: Timestamp) {
        if facts.held {
            // Cards of alarms are never held back.
            self.since = Some(now);
            return;
        }
        let since = *self.since.get_or_insert(now);
        facts.outbox.untried_since = facts.outbox.untried_since.map(|untried| untried.max(since));
    }
}

impl Facts {
    pub fn gather(ctx: &Context, tracker: &HeartbeatTracker, rows: Rows, now: Timestamp) -> Self {
        Self {
            bus_connected: ctx.bus.is_connected(),
            gateway: rows.gateway,
            missing: rows.missing,
            letters: rows.letters,
            outbox: rows.outbox,
            held: rows.held,
            missing_holidays: rows.missing_holidays,
            ..Self::of_heartbeats(tracker, &runtime::services::expected(&ctx.config), &rows.folds, now)
        }
    }

    /// Those that follow from heartbeats and from the progress of folding.
    fn of_heartbeats(
        tracker: &HeartbeatTracker,
        expected: &[String],
        folds: &[Progress],
        now: Timestamp,
    ) -> Self {
        let moment = Instant::now();
        let span = |length| TimeDelta::from_std(length).unwrap_or(TimeDelta::MAX);
        let seconds = |seconds: u64| TimeDelta::seconds(i64::try_from(seconds).unwrap_or(i64::MAX / 1_000));
        let fold = |fold: &Progress| {
            let pending = u64::try_from(fold.pending).unwrap_or_default();
            (fold.consumer.clone(), pending, now - fold.caught_up_at)
        };
        let beats: Vec<_> = tracker.alive().collect();
        let reported = beats.iter().flat_map(|beat| &beat.lags);
        let reported = reported.map(|lag| (lag.consumer.clone(), lag.pending, seconds(lag.behind_seconds)));
        Self {
            bus_connected: true,
            silences: expected
                .iter()
                .map(|name| (name.clone(), span(tracker.silence(name, moment))))
                .collect(),
            restarts: tracker
                .restarts(moment)
                .into_iter()
                .map(|(name, starts, since)| (name.to_owned(), starts, span(since)))
                .collect(),
            panics: tracker
                .panics()
                .map(|(name, panic)| (name.to_owned(), panic.at, panic.location.clone()))
                .collect(),
            parts: beats
                .iter()
                .flat_map(|beat| beat.silent.iter().map(|(part, quiet)| (&beat.service, part, *quiet)))
                .map(|(service, part, quiet)| (service.clone(), part.clone(), seconds(quiet)))
                .collect(),
            gateway: None,
            missing: None,
            lags: folds.iter().filter(|fold| fold.pending > 0).map(fold).chain(reported).collect(),
            disks: beats
                .iter()
                .flat_map(|beat| beat.disks.iter().map(|disk| (disk, &beat.service)))
                .map(|(disk, name)| (disk.path.clone(), name.clone(), disk.free_bytes, disk.total_bytes))
                .collect(),
            vika: beats
                .iter()
                .flat_map(|beat| beat.vika.iter().map(|problem| (beat.service.clone(), problem.clone())))
                .collect(),
            huoban: beats.iter().flat_map(|beat| beat.huoban.iter().cloned()).collect(),
            uncounted: uncounted(&beats),
            letters: Vec::new(),
            outbox: Outbox::default(),
            held: false,
            missing_holidays: Vec::new(),
        }
    }
}

/// Of several replicas one counts; while another takes over, both may still tell of rooms.
fn uncounted(beats: &[&Beat]) -> Option<Uncounted> {
    let told = beats.iter().filter_map(|beat| beat.uncounted.as_ref());
    told.max_by_key(|uncounted| uncounted.rooms).cloned()
}
