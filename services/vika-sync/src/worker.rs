//! The loop: waits for the lease; woken or by the clock it brings the sheets up to date.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{NaiveDate, TimeDelta};
use domain::Timestamp;
use domain::call_budget::CallBudget;
use domain::gap::Gap;
use events::beat::{OutsideFailure, OutsideProblem};
use runtime::bus::{Consumer, note_room_changes};
use runtime::lease::Lease;
use runtime::telemetry::chain;
use runtime::{Changes, Context};
use store::rules::RulesCache;
use store::vika_calls::{self, Ledger};
use store::vika_sync::{self as mirror, PendingOutcome};
use tokio::sync::Notify;
use tokio::time::Instant;
use vika::ledger::report_month;
use vika::tables::{AllRooms, SystemLog, Table, Today};
use vika::{CHECK_EVERY, Purpose, ROOM_NAMES, Refusal, Session, SheetIds, known_columns};

use crate::context::SyncContext;
use crate::point;
use crate::problems::{self, SyncError};
use crate::row::{Desired, Facts, all_rooms, today, today_is};
use crate::sheet::{Compare, Pending, Sheet};
use crate::snapshot::Snapshot;
use crate::write::write_rows;
use crate::{audit, outcome};

/// How often the database is polled for outcomes, which are not published on the bus.
const POLL_OUTCOMES_EVERY: Duration = Duration::from_millis(500);
/// Rooms compared before outcomes are polled again.
const ROOMS_AT_ONCE: usize = 100;
/// The pause after a round that failed.
const STORE_PAUSE: Duration = Duration::from_secs(1);
/// The sheets whose columns are read again and again.
const SHEETS: u64 = 3;
/// A round waits until there are as many calls as the last one took, but for no more than these: the next one may need few.
const MOST_AWAITED: u64 = 6;
/// Rows that wait so long for calls, while people work, are a case for whoever bought the plan.
const SHORT_OF_CALLS_AFTER: TimeDelta = TimeDelta::minutes(30);

/// One process writes each set of sheets.
fn lease_name(sheets: &SheetIds) -> String {
    format!("vika-sync {} {} {}", sheets.today, sheets.all_rooms, sheets.system_log)
}

/// Runs until the shutdown is requested.
pub async fn run(ctx: Context, session: Session, sheets: SheetIds) {
    let name = lease_name(&sheets);
    while !ctx.shutdown.requested() {
        let beat = || ctx.health.beat("sync");
        let Some(lease) = Lease::acquire(&ctx.db, &name, &ctx.shutdown, beat).await else {
            return;
        };
        tracing::info!(lease = name, "writing to Vika");
        let since = ctx.clock.now();
        let budget = CallBudget::default();
        let cx = SyncContext { service: ctx.clone(), session: session.clone(), lease, since, budget };
        Box::pin(lead(&ctx, cx, &sheets)).await;
    }
}

/// Works while the lease is held. Wake-ups are taken only meanwhile: whoever stands by would take them from the one that
/// works.
async fn lead(ctx: &Context, cx: SyncContext, sheets: &SheetIds) {
    let (changes, wake) = (Arc::new(Changes::default()), Arc::new(Notify::new()));
    let leading = ctx.shutdown.child();
    let consumer = Consumer::VikaSync;
    let worker = Worker::new(cx, sheets, changes.clone());
    let work = async {
        worker.work(&wake, ctx.config.vika.sync_every.as_duration()).await;
        leading.request();
    };
    let noting = note_room_changes(&ctx.bus, consumer, &changes, wake.clone(), &leading, &ctx.health);
    tokio::join!(work, noting);
    ctx.health.done(consumer.name());
}

/// What all rows depend on besides their rooms: when it changes, every row has to be compared.
#[derive(Debug, PartialEq)]
struct GlobalInputs {
    rules: i64,
    live: bool,
    gaps: Vec<Gap>,
    day: NaiveDate,
}

/// How a round ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// There is more to do at once.
    More,
    /// Rows are up to date, or nothing can be done for now.
    Done,
    /// Rows wait for calls.
    ShortOfCalls,
    /// It was not time to look at rows.
    NotDue,
}

struct Worker {
    cx: SyncContext,
    zone: chrono_tz::Tz,
    today: Sheet<Today>,
    all_rooms: Sheet<AllRooms>,
    log: Sheet<SystemLog>,
    inputs: Option<GlobalInputs>,
    rules: RulesCache,
    changes: Arc<Changes<()>>,
    /// Since when a change is not written.
    behind_since: Option<Timestamp>,
    /// Rounds wait for calls.
    is_short_of_calls: bool,
    /// What the last round of writing took.
    calls_of_round: u64,
}

impl Worker {
    fn new(cx: SyncContext, sheets: &SheetIds, changes: Arc<Changes<()>>) -> Self {
        let SheetIds { today, all_rooms, system_log } = sheets.clone();
        let all_rooms = Sheet::new(all_rooms, AllRooms::RoomId, &[AllRooms::RoomId]);
        Self {
            zone: cx.service.config.rules.time_zone,
            cx,
            today: Sheet::new(today, Today::RoomId, &[Today::RoomId]),
            all_rooms: Sheet { names: Some(ROOM_NAMES), ..all_rooms },
            log: Sheet::new(system_log, SystemLog::EventId, &[SystemLog::EventId]),
            inputs: None,
            rules: RulesCache::default(),
            changes,
            behind_since: None,
            is_short_of_calls: false,
            calls_of_round: 1,
        }
    }

    /// Works until the shutdown is requested or the lease is lost. Changes that come close together are written
    /// together: at most one round of writing in `every`, but the first change after a quiet time at once.
    async fn work(mut self, wake: &Notify, every: Duration) {
        let (shutdown, clock) = (self.cx.service.shutdown.clone(), self.cx.service.clock.clone());
        let every = clock.real(every);
        let (mut compared, mut wrote): (Option<Instant>, Option<Instant>) = (None, None);
        let mut without_calls: Option<Instant> = None;
        let (mut woken, mut more) = (false, false);
        while !shutdown.requested() {
            let past = |at: Option<Instant>| at.is_none_or(|at| at.elapsed() >= every);
            let due = (more || past(compared) || (woken && past(wrote))) && past(without_calls);
            let before = self.cx.client().counted_calls();
            let Some(stepped) = shutdown.cut(self.step(due)).await else { return };
            match stepped {
                Ok(Step::More) => (more, self.is_short_of_calls) = (true, false),
                Ok(Step::Done) => (more, self.is_short_of_calls) = (false, false),
                Ok(Step::ShortOfCalls) => {
                    (without_calls, self.is_short_of_calls) = (Some(Instant::now()), true);
                }
                Ok(Step::NotDue) => {}
                Err(SyncError::Lease(error)) => {
                    return tracing::warn!(error = chain(&error), "not writing to Vika any more");
                }
                Err(SyncError::Stopping) => return,
                Err(error) => {
                    tracing::warn!(error = chain(&error), "a round of writing failed");
                    shutdown.sleep(STORE_PAUSE).await;
                }
            }
            self.measure_lag();
            self.report();
            let calls = self.cx.client().counted_calls() - before;
            if due && !self.is_short_of_calls {
                (compared, woken) = (Some(Instant::now()), false);
                self.calls_of_round = calls.max(1);
            }
            if calls > 0 {
                wrote = Some(Instant::now());
            }
            let pause = if more && !self.is_short_of_calls { Duration::ZERO } else { POLL_OUTCOMES_EVERY };
            tokio::select! {
                () = shutdown.wait() => return,
                () = wake.notified() => woken = true,
                () = clock.sleep(pause) => {}
            }
        }
    }

    /// While calls are paused nothing is compared, which counts as being behind.
    fn measure_lag(&mut self) {
        let now = self.cx.now();
        let is_paused = self.cx.session.is_paused(now);
        let is_pending = !self.today.pending.is_empty() || !self.all_rooms.pending.is_empty();
        let is_behind = is_paused || self.is_short_of_calls || is_pending;
        self.behind_since = is_behind.then(|| self.behind_since.unwrap_or(now));
        let behind = self.behind_since.map_or(0.0, |since| (now - since).as_seconds_f64());
        metrics::gauge!("vika_behind_seconds").set(behind);
        metrics::gauge!("vika_short_of_calls").set(f64::from(u8::from(self.is_short_of_calls)));
    }

    /// Reports to operators what keeps us from writing Vika.
    fn report(&mut self) {
        let now = self.cx.now();
        let refusal = self.cx.session.refusal().map(|refusal| match refusal {
            Refusal::Quota => OutsideFailure::Quota,
            Refusal::Access => OutsideFailure::Access,
        });
        let general = refusal.map(|what| OutsideProblem::new(what, None, now));
        let mut problems: Vec<OutsideProblem> = general.into_iter().collect();
        if problems.is_empty() {
            let is_late = self.behind_since.is_some_and(|since| now - since >= SHORT_OF_CALLS_AFTER);
            if self.is_short_of_calls && is_late && self.cx.budget.is_working_time() {
                problems.push(OutsideProblem::new(OutsideFailure::Allowance, None, now));
            }
            problems.extend(problems::of_sheet(&self.today, now));
            problems.extend(problems::of_sheet(&self.all_rooms, now));
            problems.extend(problems::of_sheet(&self.log, now));
        }
        self.cx.service.health.report_vika(problems);
    }

    /// One round: shows new outcomes, and if it is `due` and the plan has calls for it brings rows up to date.
    async fn step(&mut self, due: bool) -> Result<Step, SyncError> {
        self.cx.ready().await?;
        self.record_calls().await?;
        let now = self.cx.now();
        if self.cx.session.is_paused(now) {
            return Ok(Step::Done);
        }
        let outcomes = {
            let mut connection = self.cx.service.db.acquire().await?;
            mirror::pending_outcomes(&mut connection, now - outcome::HORIZON, now, outcome::MAX_OUTCOMES)
                .await?
        };
        if !due && outcomes.is_empty() {
            return Ok(Step::NotDue);
        }
        let snapshot = Snapshot::read(&self.cx.service, &self.rules).await?;
        self.cx.budget = self.budget(&snapshot).await?;
        let writes = due && self.cx.budget.allows_writing(self.calls_of_round.min(MOST_AWAITED));
        let without_rows = if due { Step::ShortOfCalls } else { Step::NotDue };
        if !writes && outcomes.is_empty() {
            return Ok(without_rows);
        }
        self.check_columns(now).await?;
        self.verify_written().await?;
        if writes {
            self.collect(&snapshot).await?;
        }
        let rooms: BTreeSet<String> = outcomes.iter().map(|o| o.command.room.to_string()).collect();
        let most = if writes { ROOMS_AT_ONCE } else { 0 };
        self.cx.session.spend_on(Purpose::Rows);
        let shown = sync(&mut self.cx, &mut self.today, &snapshot, (&rooms, most), today).await;
        let shown = handle(&mut self.cx, &mut self.today, shown)?;
        let also =
            sync(&mut self.cx, &mut self.all_rooms, &snapshot, (&rooms, most), |f| Some(all_rooms(f))).await;
        let also = handle(&mut self.cx, &mut self.all_rooms, also)?;
        self.show_outcomes(&outcomes, shown && also).await?;
        if !writes {
            return Ok(without_rows);
        }
        self.list_rows().await?;
        let now = self.cx.now();
        let left = |ready: bool, pending: &Pending| ready && !pending.is_empty();
        let is_more = !self.cx.session.is_paused(now)
            && (left(self.today.is_ready(now), &self.today.pending)
                || left(self.all_rooms.is_ready(now), &self.all_rooms.pending));
        Ok(if is_more { Step::More } else { Step::Done })
    }

    /// What the plan allows now.
    async fn budget(&self, snapshot: &Snapshot) -> Result<CallBudget, SyncError> {
        let (vika, mut connection) = (&self.cx.service.config.vika, self.cx.service.db.acquire().await?);
        let plan = (vika.calls_per_month, vika.polling());
        let (budget, calls) =
            vika_calls::budget(&mut connection, &snapshot.rules, plan, snapshot.now).await?;
        report_month("sync", vika_calls::of_ledger(&calls, Ledger::Sync));
        Ok(budget)
    }

    async fn check_columns(&mut self, now: Timestamp) -> Result<(), SyncError> {
        self.cx.session.spend_on(Purpose::Columns);
        let checked = check(&self.cx, &mut self.today, now).await;
        handle(&mut self.cx, &mut self.today, checked)?;
        let checked = check(&self.cx, &mut self.all_rooms, now).await;
        handle(&mut self.cx, &mut self.all_rooms, checked)?;
        let checked = check(&self.cx, &mut self.log, now).await;
        handle(&mut self.cx, &mut self.log, checked)?;
        clear_failures(&mut self.today, now);
        clear_failures(&mut self.all_rooms, now);
        Ok(())
    }

    /// Finds the rooms whose rows have to be compared.
    async fn collect(&mut self, snapshot: &Snapshot) -> Result<(), SyncError> {
        let inputs = Some(GlobalInputs {
            rules: snapshot.version,
            live: snapshot.live,
            gaps: snapshot.gaps.clone(),
            day: snapshot.day,
        });
        if self.inputs != inputs {
            self.inputs = inputs;
            self.compare(Compare::All);
        }
        if self.changes.needs_scan((), snapshot.now) {
            self.changes.scan_begins();
            self.compare(Compare::Changed);
            self.changes.scanned((), snapshot.now);
        }
        let taken = self.changes.take(snapshot.now);
        let named: Vec<String> = taken.iter().map(|(room, _)| room.clone()).collect();
        let collected = async {
            collect_pending(&self.cx, &mut self.today, &named, snapshot.now).await?;
            collect_pending(&self.cx, &mut self.all_rooms, &named, snapshot.now).await
        };
        let collected = collected.await;
        if collected.is_err() {
            self.changes.give_back(taken);
        }
        collected
    }

    /// These rooms have to be compared in both sheets.
    fn compare(&mut self, which: Compare) {
        self.today.compare(which);
        self.all_rooms.compare(which);
    }

    async fn show_outcomes(
        &mut self,
        outcomes: &[PendingOutcome],
        rows_written: bool,
    ) -> Result<(), SyncError> {
        if outcomes.is_empty() {
            return Ok(());
        }
        self.cx.session.spend_on(Purpose::Outcomes);
        outcome::skip_unticked(&self.cx, &self.today, &self.all_rooms, outcomes).await?;
        let unticked = outcome::untick(&mut self.cx, &mut self.today, outcomes).await;
        handle(&mut self.cx, &mut self.today, unticked)?;
        let unticked = outcome::untick(&mut self.cx, &mut self.all_rooms, outcomes).await;
        handle(&mut self.cx, &mut self.all_rooms, unticked)?;
        let logged = outcome::log(&mut self.cx, &mut self.log, outcomes).await;
        handle(&mut self.cx, &mut self.log, logged)?;
        outcome::close(&self.cx, outcomes, rows_written).await
    }

    /// Verifies what was written before, so that this round writes again what is missing.
    async fn verify_written(&mut self) -> Result<(), SyncError> {
        self.cx.session.spend_on(Purpose::ReadBack);
        let verified = audit::verify_written(&self.cx, &self.today).await;
        handle(&mut self.cx, &mut self.today, verified)?;
        let verified = audit::verify_written(&self.cx, &self.all_rooms).await;
        handle(&mut self.cx, &mut self.all_rooms, verified)?;
        Ok(())
    }

    async fn list_rows(&mut self) -> Result<(), SyncError> {
        self.cx.session.spend_on(Purpose::Listing);
        let listed = audit::list_if_due(&mut self.cx, &mut self.today).await;
        handle(&mut self.cx, &mut self.today, listed)?;
        let listed = audit::list_if_due(&mut self.cx, &mut self.all_rooms).await;
        handle(&mut self.cx, &mut self.all_rooms, listed)?;
        Ok(())
    }

    /// Adds calls to the ledger.
    async fn record_calls(&self) -> Result<(), SyncError> {
        let (db, day) = (&self.cx.service.db, today_is(self.zone, self.cx.now()));
        let enter = |calls: Vec<(&'static str, i64)>| async move {
            vika_calls::add(&mut *db.acquire().await?, Ledger::Sync, day, &calls).await
        };
        Ok(self.cx.session.record_calls(enter).await?)
    }
}

/// Pauses what a failed call says to pause; the rest goes on. `true`: nothing failed.
fn handle<T: Table>(
    cx: &mut SyncContext,
    sheet: &mut Sheet<T>,
    result: Result<(), SyncError>,
) -> Result<bool, SyncError> {
    let now = cx.now();
    match result {
        Ok(()) => return Ok(true),
        Err(SyncError::NotReady) => {}
        Err(SyncError::Columns) => sheet.compare(Compare::All),
        // Logged already in this round.
        Err(SyncError::Vika(vika::Error::Quota { .. })) if cx.session.is_paused(now) => {}
        Err(SyncError::Vika(error)) => {
            metrics::counter!("vika_calls_failed_total", "sheet" => T::TITLE).increment(1);
            cx.session.failed(&error, &mut sheet.state, now);
        }
        Err(other) => return Err(other),
    }
    Ok(false)
}

async fn check<T: Table>(cx: &SyncContext, sheet: &mut Sheet<T>, now: Timestamp) -> Result<(), SyncError> {
    if sheet.stored_columns.is_none() {
        let mut connection = cx.service.db.acquire().await?;
        let stored = known_columns(mirror::known_columns(&mut connection, sheet.id()).await?);
        sheet.state.remember(stored.clone());
        sheet.stored_columns = Some(stored);
    }
    let every = cx.budget.upkeep_every(CHECK_EVERY, SHEETS);
    if sheet.state.check_columns(cx.client(), every, now).await? {
        sheet.compare(Compare::All);
    }
    store_columns(cx, sheet).await
}

/// Stores the ids of the columns once others were found, after this check or after a refused call.
async fn store_columns<T: Table>(cx: &SyncContext, sheet: &mut Sheet<T>) -> Result<(), SyncError> {
    let known = sheet.state.known();
    if sheet.stored_columns.as_ref() != Some(known) {
        let columns = known.iter().map(|(declared, id)| (declared.as_str(), id.as_str()));
        mirror::remember_columns(&mut *cx.service.db.acquire().await?, sheet.id(), columns).await?;
        sheet.stored_columns = Some(known.clone());
    }
    Ok(())
}

/// Of a sheet with a row for each room: once none is pending, whatever failed was written or deferred.
fn clear_failures<T: Table>(sheet: &mut Sheet<T>, now: Timestamp) {
    if sheet.pending.is_empty() && !sheet.lacks_rows {
        sheet.state.mark_idle(now);
    }
}

/// Adds to the pending rooms of a sheet those that were named, those that ask for it by themselves, and what a scan finds,
/// if one is wanted.
async fn collect_pending<T: Table>(
    cx: &SyncContext,
    sheet: &mut Sheet<T>,
    named: &[String],
    now: Timestamp,
) -> Result<(), SyncError> {
    let creates = sheet.state.accepts_rows(now);
    if creates && sheet.lacks_rows {
        sheet.compare(Compare::Changed);
    }
    if sheet.compare != Compare::Named {
        cx.service.faults.reach(point::BEFORE_SCAN).await;
        metrics::counter!("vika_scans_total", "sheet" => T::TITLE).increment(1);
    }
    let mut connection = cx.service.db.acquire().await?;
    let asked = mirror::named_behind(&mut connection, sheet.id(), named, creates, now).await?;
    sheet.pending.add_named(asked);
    if sheet.compare != Compare::Named {
        let is_all = sheet.compare == Compare::All;
        let found = mirror::rooms_behind(&mut connection, sheet.id(), is_all, creates, now).await?;
        sheet.pending.add_scanned(found, now);
    }
    sheet.compare = Compare::Named;
    sheet.lacks_rows = !creates;
    sheet.refused = mirror::refused_rooms(&mut connection, sheet.id()).await?.into_iter().collect();
    sheet.without_row = mirror::without_row(&mut connection, sheet.id()).await?;
    metrics::gauge!("vika_rooms_without_row", "sheet" => T::TITLE).set(f64::from(sheet.without_row));
    Ok(())
}

/// Brings up to date the rows of `rooms` and of at most so many pending ones.
async fn sync<T: Table>(
    cx: &mut SyncContext,
    sheet: &mut Sheet<T>,
    snapshot: &Snapshot,
    (rooms, most): (&BTreeSet<String>, usize),
    make: impl Fn(&Facts<'_>) -> Option<Desired<T>>,
) -> Result<(), SyncError> {
    if !sheet.is_ready(snapshot.now) {
        // Outcomes that wait for these rows are shown in a later round.
        return if rooms.is_empty() { Ok(()) } else { Err(SyncError::NotReady) };
    }
    let mut taken: BTreeSet<String> = sheet.pending.first(most).cloned().collect();
    taken.extend(rooms.iter().cloned());
    if taken.is_empty() {
        return Ok(());
    }
    let keys: Vec<String> = taken.iter().cloned().collect();
    let rows = snapshot.rows(&cx.service, sheet.id(), &keys, make).await?;
    write_rows(cx, sheet, rows).await?;
    sheet.record_success();
    sheet.pending.remove(&taken);
    Ok(())
}
