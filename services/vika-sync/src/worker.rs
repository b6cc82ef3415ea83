//! The loop: has the lease or waits for it; woken or by the clock it brings the sheets up to date.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use chrono::NaiveDate;
use domain::Timestamp;
use domain::gap::Gap;
use events::beat::{VikaFailure, VikaProblem};
use runtime::lease::Lease;
use runtime::telemetry::chain;
use runtime::{Clock, Context};
use store::vika_sync::{self as mirror, PendingOutcome};
use tokio::sync::Notify;
use tokio::time::Instant;
use vika::tables::{AllRooms, SystemLog, Table, Today};
use vika::{CallCount, Client, Pacing, Pause, SheetId, SheetIds, Token};

use crate::pass::Truth;
use crate::row::{Desired, Facts, all_rooms, today};
use crate::sheet::{Sheet, after};
use crate::trouble::{self, Trouble, problem};
use crate::write::{Tools, flush};
use crate::{audit, outcome};

/// How often the database is asked for outcomes, which are not announced on the bus.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Rooms compared before outcomes get their turn again.
const ROOMS_AT_ONCE: usize = 100;
/// The pause after the database failed.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// The part of the configuration that is needed, parsed.
pub struct Settings {
    sheets: SheetIds,
    base_url: String,
    token: Token,
    pacing: Pacing,
    every: Duration,
}

impl Settings {
    /// Parses it.
    ///
    /// # Errors
    /// If a sheet's id is none.
    pub fn of(vika: &runtime::config::Vika, clock: &Clock) -> anyhow::Result<Self> {
        let id = |text: &str, path| {
            let hint = || format!("{path}: expected the id of a sheet; `huiyin init-vika` makes the sheets");
            SheetId::try_from(text.to_owned()).with_context(hint)
        };
        let calls = NonZeroU32::new(vika.calls_per_second).unwrap_or(NonZeroU32::MIN);
        Ok(Self {
            sheets: SheetIds {
                today: id(&vika.sheets.today, "vika.sheets.today")?,
                all_rooms: id(&vika.sheets.all_rooms, "vika.sheets.all_rooms")?,
                system_log: id(&vika.sheets.system_log, "vika.sheets.system_log")?,
            },
            base_url: vika.base_url.clone(),
            token: Token::new(vika.sync_token.expose()),
            pacing: Pacing { spacing: Duration::from_secs(1) / calls.get(), ..Pacing::default() }
                .by(|time| clock.real(time)),
            every: vika.sync_every.as_duration(),
        })
    }

    /// One process for each set of sheets.
    fn lease(&self) -> String {
        format!("vika-sync {} {} {}", self.sheets.today, self.sheets.all_rooms, self.sheets.system_log)
    }
}

/// Runs until the shutdown is requested.
pub async fn run(ctx: Context, settings: Settings, bell: Arc<Notify>) {
    let http = match runtime::http::client() {
        Ok(http) => http,
        // Ends the task, and with it the service, with an error.
        Err(error) => return tracing::error!(error = chain(&error), "no HTTP client"),
    };
    let count = CallCount::default();
    let client = Client::new(http, &settings.base_url, settings.token.clone(), settings.pacing.clone());
    let client = count.of(client);
    while !ctx.shutdown.requested() {
        let beat = || ctx.health.beat("sync");
        let Some(lease) = Lease::acquire(&ctx.db, &settings.lease(), &ctx.shutdown, beat).await else {
            return;
        };
        tracing::info!(lease = settings.lease(), "writing to Vika");
        let tools = Tools { ctx: ctx.clone(), client: client.clone(), lease };
        Worker::new(tools, &settings, count.clone()).work(&bell, settings.every).await;
    }
}

/// What rows depend on besides their rooms: when it changes, every row has to be compared.
#[derive(Debug, PartialEq)]
struct Surroundings {
    rules: i64,
    live: bool,
    gaps: Vec<Gap>,
    day: NaiveDate,
}

struct Worker {
    tools: Tools,
    count: CallCount,
    zone: chrono_tz::Tz,
    today: Sheet<Today>,
    all_rooms: Sheet<AllRooms>,
    log: Sheet<SystemLog>,
    surroundings: Option<Surroundings>,
    paused_until: Option<Timestamp>,
    /// Why all of Vika refuses us, and how many calls had been answered by then.
    refused: Option<(VikaFailure, u64)>,
    /// How often in a row the month's calls were said to be used up.
    quota_refusals: u32,
    /// Since when something that changed does not stand in Vika.
    behind_since: Option<Timestamp>,
}

impl Worker {
    fn new(tools: Tools, settings: &Settings, count: CallCount) -> Self {
        let SheetIds { today, all_rooms, system_log } = settings.sheets.clone();
        Self {
            zone: tools.ctx.config.rules.time_zone,
            tools,
            count,
            today: Sheet::new(today, Today::RoomId, &[Today::RoomId]),
            all_rooms: Sheet::new(all_rooms, AllRooms::RoomId, &[AllRooms::RoomId]),
            log: Sheet::new(system_log, SystemLog::EventId, &[SystemLog::EventId]),
            surroundings: None,
            paused_until: None,
            refused: None,
            quota_refusals: 0,
            behind_since: None,
        }
    }

    /// Works until the shutdown is requested or the lease is lost. Changes that come close together are written
    /// together: at most one round of writing in `every`, but the first change after a quiet time at once.
    async fn work(mut self, bell: &Notify, every: Duration) {
        let (shutdown, clock) = (self.tools.ctx.shutdown.clone(), self.tools.ctx.clock.clone());
        let every = clock.real(every);
        let (mut looked, mut wrote): (Option<Instant>, Option<Instant>) = (None, None);
        let (mut rung, mut more) = (false, false);
        while !shutdown.requested() {
            let past = |at: Option<Instant>| at.is_none_or(|at| at.elapsed() >= every);
            let due = more || past(looked) || (rung && past(wrote));
            let before = self.tools.client.counted_calls();
            let Some(stepped) = shutdown.cut(self.step(due)).await else { return };
            match stepped {
                Ok(left) => more = left,
                Err(Trouble::Lease(error)) => {
                    return tracing::warn!(error = chain(&error), "not writing to Vika any more");
                }
                Err(Trouble::Stopping) => return,
                Err(error) => {
                    tracing::warn!(error = chain(&error), "bringing Vika up to date was cut short");
                    shutdown.sleep(STORE_PAUSE).await;
                }
            }
            self.measure();
            self.report();
            if due {
                (looked, rung) = (Some(Instant::now()), false);
            }
            if self.tools.client.counted_calls() > before {
                wrote = Some(Instant::now());
            }
            let pause = if more { Duration::ZERO } else { LOOK_EVERY };
            tokio::select! {
                () = shutdown.wait() => return,
                () = bell.notified() => rung = true,
                () = clock.sleep(pause) => {}
            }
        }
    }

    /// While Vika is left alone nobody looks what has changed, so that counts as behind.
    fn measure(&mut self) {
        let now = self.tools.now();
        let is_paused = self.paused_until.is_some_and(|until| now < until);
        let is_behind = is_paused || !self.today.todo.is_empty() || !self.all_rooms.todo.is_empty();
        self.behind_since = is_behind.then(|| self.behind_since.unwrap_or(now));
        let behind = self.behind_since.map_or(0.0, |since| (now - since).as_seconds_f64());
        metrics::gauge!("vika_behind_seconds").set(behind);
    }

    /// Tells operators what keeps us from Vika.
    fn report(&mut self) {
        let calls = self.tools.client.counted_calls();
        if self.refused.is_some_and(|(_, then)| calls > then) {
            (self.refused, self.quota_refusals) = (None, 0);
        }
        let now = self.tools.now();
        let everything = self.refused.map(|(what, _)| problem(what, None, now));
        let mut problems: Vec<VikaProblem> = everything.into_iter().collect();
        if problems.is_empty() {
            problems.extend(trouble::of_sheet(&self.today, now));
            problems.extend(trouble::of_sheet(&self.all_rooms, now));
            problems.extend(trouble::of_sheet(&self.log, now));
        }
        self.tools.ctx.health.report_vika(problems);
    }

    /// Shows new outcomes, and if it is `due` brings rows up to date. `true`: there is more to do at once.
    async fn step(&mut self, due: bool) -> Result<bool, Trouble> {
        self.tools.ready().await?;
        self.enter_calls().await?;
        let now = self.tools.now();
        if self.paused_until.is_some_and(|until| now < until) {
            return Ok(false);
        }
        let outcomes = {
            let mut connection = self.tools.ctx.db.acquire().await?;
            mirror::pending_outcomes(&mut connection, now - outcome::HORIZON, now, outcome::MOST).await?
        };
        if !due && outcomes.is_empty() {
            return Ok(false);
        }
        self.look_at_columns(now).await?;
        let truth = Truth::read(&self.tools.ctx).await?;
        self.read_back().await?;
        if due {
            self.collect(&truth).await?;
        }
        let rooms: BTreeSet<String> = outcomes.iter().map(|o| o.command.room.to_string()).collect();
        let shown = sync(&mut self.tools, &mut self.today, &truth, &rooms, today).await;
        let shown = self.handle(shown, |worker| &mut worker.today)?;
        let also = sync(&mut self.tools, &mut self.all_rooms, &truth, &rooms, |f| Some(all_rooms(f))).await;
        let also = self.handle(also, |worker| &mut worker.all_rooms)?;
        self.show(&outcomes, shown && also).await?;
        self.list().await?;
        let now = self.tools.now();
        let is_paused = self.paused_until.is_some_and(|until| now < until);
        let left = |ready: bool, todo: &BTreeSet<String>| ready && !todo.is_empty();
        Ok(!is_paused
            && (left(self.today.is_ready(now), &self.today.todo)
                || left(self.all_rooms.is_ready(now), &self.all_rooms.todo)))
    }

    async fn look_at_columns(&mut self, now: Timestamp) -> Result<(), Trouble> {
        let looked = look(&self.tools, &mut self.today, now).await;
        self.handle(looked, |worker| &mut worker.today)?;
        let looked = look(&self.tools, &mut self.all_rooms, now).await;
        self.handle(looked, |worker| &mut worker.all_rooms)?;
        let looked = look(&self.tools, &mut self.log, now).await;
        self.handle(looked, |worker| &mut worker.log)?;
        forgive(&mut self.today, now);
        forgive(&mut self.all_rooms, now);
        Ok(())
    }

    /// Finds the rooms whose rows have to be compared.
    async fn collect(&mut self, truth: &Truth) -> Result<(), Trouble> {
        let surroundings = Some(Surroundings {
            rules: truth.version,
            live: truth.live,
            gaps: truth.gaps.clone(),
            day: truth.day,
        });
        if self.surroundings != surroundings {
            self.surroundings = surroundings;
            (self.today.all, self.all_rooms.all) = (true, true);
        }
        gather(&self.tools, &mut self.today, truth.now).await?;
        gather(&self.tools, &mut self.all_rooms, truth.now).await
    }

    async fn show(&mut self, outcomes: &[PendingOutcome], rows_written: bool) -> Result<(), Trouble> {
        if outcomes.is_empty() {
            return Ok(());
        }
        let unticked = outcome::untick(&mut self.tools, &mut self.today, outcomes).await;
        self.handle(unticked, |worker| &mut worker.today)?;
        let logged = outcome::log(&mut self.tools, &mut self.log, outcomes).await;
        self.handle(logged, |worker| &mut worker.log)?;
        outcome::settle(&self.tools, outcomes, rows_written).await
    }

    /// Reads back what was written, before it is decided what to write.
    async fn read_back(&mut self) -> Result<(), Trouble> {
        let read = audit::read_back(&self.tools, &self.today).await;
        self.handle(read, |worker| &mut worker.today)?;
        let read = audit::read_back(&self.tools, &self.all_rooms).await;
        self.handle(read, |worker| &mut worker.all_rooms)?;
        Ok(())
    }

    async fn list(&mut self) -> Result<(), Trouble> {
        let listed = audit::list_if_due(&mut self.tools, &mut self.today).await;
        self.handle(listed, |worker| &mut worker.today)?;
        let listed = audit::list_if_due(&mut self.tools, &mut self.all_rooms).await;
        self.handle(listed, |worker| &mut worker.all_rooms)?;
        Ok(())
    }

    /// Leaves alone what a failed call says to leave alone; the rest goes on. `true`: nothing failed.
    fn handle<T: Table>(
        &mut self,
        result: Result<(), Trouble>,
        sheet: impl Fn(&mut Self) -> &mut Sheet<T>,
    ) -> Result<bool, Trouble> {
        let now = self.tools.now();
        match result {
            Ok(()) => Ok(true),
            Err(Trouble::NotReady) => Ok(false),
            Err(Trouble::Columns) => {
                sheet(self).all = true;
                Ok(false)
            }
            // Said already in this round.
            Err(Trouble::Vika(vika::Error::Quota { .. }))
                if self.paused_until.is_some_and(|until| now < until) =>
            {
                Ok(false)
            }
            Err(Trouble::Vika(error)) => {
                if matches!(error, vika::Error::Rejected { .. }) {
                    sheet(self).guard.suspect();
                }
                metrics::counter!("vika_calls_failed_total", "sheet" => T::TITLE).increment(1);
                sheet(self).failing_since.get_or_insert(now);
                match &error {
                    vika::Error::Quota { .. } => {
                        self.refused = Some((VikaFailure::Quota, self.tools.client.counted_calls()));
                    }
                    vika::Error::Unauthorized | vika::Error::Forbidden { .. } => {
                        self.refused = Some((VikaFailure::Access, self.tools.client.counted_calls()));
                    }
                    vika::Error::SheetMissing { .. } => sheet(self).hidden = true,
                    _ => {}
                }
                let pause = error.pause_after(self.quota_refusals);
                if matches!(error, vika::Error::Quota { .. }) {
                    self.quota_refusals += 1;
                }
                if error.is_transient() {
                    tracing::warn!(
                        sheet = T::TITLE,
                        error = chain(&error),
                        ?pause,
                        "Vika is left alone for a while"
                    );
                } else {
                    tracing::error!(
                        sheet = T::TITLE,
                        error = chain(&error),
                        ?pause,
                        "Vika is left alone for a while"
                    );
                }
                match pause {
                    Pause::Everything(pause) => self.paused_until = Some(after(now, pause)),
                    Pause::Sheet(pause) => sheet(self).paused_until = Some(after(now, pause)),
                    Pause::NewRows(pause) => sheet(self).full_until = Some(after(now, pause)),
                }
                Ok(false)
            }
            Err(other) => Err(other),
        }
    }

    /// Enters calls into the month's ledger.
    async fn enter_calls(&self) -> Result<(), Trouble> {
        let calls = self.count.take();
        if calls == 0 {
            return Ok(());
        }
        let month = vika::ledger::month(&self.tools.now().with_timezone(&self.zone));
        let entered = match self.tools.ctx.db.acquire().await {
            Ok(mut connection) => mirror::add_calls(&mut connection, &month, calls).await,
            Err(error) => Err(error),
        };
        match entered {
            Ok(sum) => {
                #[expect(clippy::cast_precision_loss, reason = "a month's calls are far below 2^52")]
                metrics::gauge!("vika_calls_this_month", "token" => "sync").set(sum as f64);
                Ok(())
            }
            Err(error) => {
                self.count.put_back(calls);
                Err(error.into())
            }
        }
    }
}

async fn look<T: Table>(tools: &Tools, sheet: &mut Sheet<T>, now: Timestamp) -> Result<(), Trouble> {
    if sheet.is_paused(now) {
        return Ok(());
    }
    let calls = tools.client.counted_calls();
    if sheet.guard.look_if_due(&tools.client, now).await? {
        sheet.all = true;
    }
    if tools.client.counted_calls() > calls {
        sheet.hidden = false;
    }
    Ok(())
}

/// Of a sheet with a row for each room: if nothing waits for it, whatever failed is done, or was given up. Whether it is still
/// full the next new row tells.
fn forgive<T: Table>(sheet: &mut Sheet<T>, now: Timestamp) {
    if sheet.todo.is_empty() {
        sheet.failing_since = None;
        sheet.full_until = sheet.full_until.filter(|until| now < *until);
    }
}

async fn gather<T: Table>(tools: &Tools, sheet: &mut Sheet<T>, now: Timestamp) -> Result<(), Trouble> {
    let mut connection = tools.ctx.db.acquire().await?;
    sheet.todo.extend(mirror::rooms_behind(&mut connection, sheet.id(), sheet.all, now).await?);
    sheet.all = false;
    sheet.refused = mirror::refused(&mut connection, sheet.id()).await?.into_iter().collect();
    Ok(())
}

/// Brings up to date the rows of `rooms` and of some more that have to be.
async fn sync<T: Table>(
    tools: &mut Tools,
    sheet: &mut Sheet<T>,
    truth: &Truth,
    rooms: &BTreeSet<String>,
    make: impl Fn(&Facts<'_>) -> Option<Desired<T>>,
) -> Result<(), Trouble> {
    if !sheet.is_ready(truth.now) {
        // Whoever waits for the rows has to come again.
        return if rooms.is_empty() { Ok(()) } else { Err(Trouble::NotReady) };
    }
    let mut taken: BTreeSet<String> = sheet.todo.iter().take(ROOMS_AT_ONCE).cloned().collect();
    taken.extend(rooms.iter().cloned());
    if taken.is_empty() {
        return Ok(());
    }
    let keys: Vec<String> = taken.iter().cloned().collect();
    let rows = truth.rows(&tools.ctx, sheet.id(), &keys, make).await?;
    flush(tools, sheet, rows).await?;
    sheet.works();
    sheet.todo.retain(|room| !taken.contains(room));
    Ok(())
}
