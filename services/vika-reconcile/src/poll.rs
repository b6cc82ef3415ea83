//! Polls the sheets for edits: one call a sheet and poll. How far apart polls are follows from the configuration and from
//! the calls that the plan still has ([`CallBudget`]).
//!
//! The watermark is the largest edit stamp seen in the data, never our clock; a poll looks back a little behind it and skips
//! edits that were processed. Commands are published before their edits are recorded, so that a crash in between sends the
//! same commands again, with the same ids.

use std::time::Duration;

use chrono::TimeDelta;
use domain::Timestamp;
use domain::call_budget::CallBudget;
use events::beat::{OutsideFailure, OutsideProblem};
use events::command::CommandKind;
use events::{encode, subject};
use runtime::Context;
use runtime::bus::Outgoing;
use runtime::telemetry::chain;
use store::rules::RulesCache;
use store::sqlx::PgConnection;
use store::vika_calls::{self, Ledger};
use store::vika_reconcile::{self as stored, EditResult, KnownRow, ManagerCells};
use store::vika_sync;
use tracing::{Instrument as _, info_span};
use vika::ledger::report_month;
use vika::tables::{AllRooms, Table, Today};
use vika::{CHECK_EVERY, Client, Purpose, Refusal, Session, SheetId, SheetIds, known_columns};

use crate::decide::{Edit, Verdict, decide_room, decide_tick, differs_from_effective, initial_cells};
use crate::point;
use crate::read::{LOOK_BACK_MS, PollError, found_rows, new_edits};
use crate::sheet::{ManagedSheet, Sheet};

/// How often found rows are queried, of which there are none on most days.
const COMPARE_EVERY: TimeDelta = TimeDelta::seconds(20);

/// An edited row, and what that leads to.
struct DecidedEdit {
    record: String,
    /// The new stamps, in milliseconds.
    stamps: Vec<i64>,
    verdict: Verdict,
    /// The cells that later edits of the row are compared with.
    cells: Option<ManagerCells>,
}

impl DecidedEdit {
    fn new<A>(edit: &Edit<A>, verdict: Verdict, cells: Option<ManagerCells>) -> Self {
        let stamps = edit.new_stamps().map(|stamp| stamp.at_ms).collect();
        Self { record: edit.id.record.to_string(), stamps, verdict, cells }
    }
}

/// How often it is seen whether a poll is due, at most, in time of the company's clock.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// The sheets whose columns are read again and again.
const SHEETS: u64 = 2;

struct Poller {
    ctx: Context,
    session: Session,
    rules: RulesCache,
    today: Sheet<Today>,
    all_rooms: Sheet<AllRooms>,
}

/// Runs until the shutdown is requested.
pub async fn run(ctx: Context, session: Session, sheets: SheetIds) {
    let polling = ctx.config.vika.polling();
    let look_every = LOOK_EVERY.min(polling.today).min(polling.all_rooms);
    let (today, all_rooms) = (Sheet::new(sheets.today), Sheet::new(sheets.all_rooms));
    let mut poller = Poller { ctx, session, rules: RulesCache::default(), today, all_rooms };
    let shutdown = poller.ctx.shutdown.clone();
    loop {
        if shutdown.cut(poller.look()).await.is_none() || !shutdown.sleep(look_every).await {
            return;
        }
    }
}

impl Poller {
    /// Polls the sheets for which it is time.
    async fn look(&mut self) {
        self.ctx.health.beat("poll");
        let now = self.ctx.clock.now();
        match self.budget(now).await {
            Ok(budget) => self.poll(budget, now).await,
            Err(error) => tracing::warn!(error = chain(&error), "what calls may be made for cannot be read"),
        }
        self.report(now);
        self.record_calls(now).await;
    }

    async fn poll(&mut self, budget: CallBudget, now: Timestamp) {
        let polling = self.ctx.config.vika.polling();
        let [today_every, all_rooms_every] =
            [polling.today, polling.all_rooms].map(|every| self.ctx.clock.real(budget.poll_every(every)));
        let columns_every = budget.upkeep_every(CHECK_EVERY, SHEETS);
        if !self.session.is_paused(now) && self.today.begin_poll_if_due(today_every) {
            let polled = self.poll_today(columns_every, now).await;
            handle(&mut self.session, &mut self.today, polled, now);
        }
        if !self.session.is_paused(now) && self.all_rooms.begin_poll_if_due(all_rooms_every) {
            let polled = self.poll_all_rooms(columns_every, now).await;
            handle(&mut self.session, &mut self.all_rooms, polled, now);
        }
    }

    /// What the plan allows now.
    async fn budget(&self, now: Timestamp) -> Result<CallBudget, PollError> {
        let (vika, mut connection) = (&self.ctx.config.vika, self.ctx.db.acquire().await?);
        let history = self.rules.get(&mut connection).await?;
        let (rules, plan) = (&history.version_at(now).rules, (vika.calls_per_month, vika.polling()));
        let (budget, calls) = vika_calls::budget(&mut connection, rules, plan, now).await?;
        report_month("reconcile", vika_calls::of_ledger(&calls, Ledger::Reconcile));
        Ok(budget)
    }

    /// Reports to operators what keeps us from reading Vika.
    fn report(&mut self, now: Timestamp) {
        let refusal = self.session.refusal().map(|refusal| match refusal {
            Refusal::Quota => OutsideFailure::Quota,
            Refusal::Access => OutsideFailure::Access,
        });
        let problems = match refusal {
            Some(what) => vec![OutsideProblem::new(what, None, now)],
            None => self.today.problem(now).into_iter().chain(self.all_rooms.problem(now)).collect(),
        };
        self.ctx.health.report_vika(problems);
    }

    async fn poll_today(&mut self, columns_every: TimeDelta, now: Timestamp) -> Result<(), PollError> {
        self.session.spend_on(Purpose::Columns);
        read_known_columns(&self.ctx, &mut self.today).await?;
        self.today.state.check_columns(self.session.client(), columns_every, now).await?;
        self.session.spend_on(Purpose::Edits);
        let found = new_edits(&self.ctx, self.session.client(), &mut self.today, now).await?;
        compare_found_rows(&self.ctx, self.session.client(), &mut self.today, now).await?;
        let Some(found) = found else { return Ok(()) };
        let decide = |edit: &Edit<Option<Today>>| {
            let known = found.known.get(edit.id.record.as_str());
            DecidedEdit::new(edit, decide_tick(edit, known), None)
        };
        let decided = found.edits.iter().map(decide).collect();
        self.publish_and_record(self.today.state.id(), decided, found.watermark_ms, Today::TITLE, now).await
    }

    async fn poll_all_rooms(&mut self, columns_every: TimeDelta, now: Timestamp) -> Result<(), PollError> {
        self.session.spend_on(Purpose::Columns);
        read_known_columns(&self.ctx, &mut self.all_rooms).await?;
        self.all_rooms.state.check_columns(self.session.client(), columns_every, now).await?;
        self.session.spend_on(Purpose::Edits);
        let found = new_edits(&self.ctx, self.session.client(), &mut self.all_rooms, now).await?;
        compare_found_rows(&self.ctx, self.session.client(), &mut self.all_rooms, now).await?;
        let Some(found) = found else { return Ok(()) };
        let sheet = self.all_rooms.state.id();
        let Some(columns) = self.all_rooms.state.columns(now) else { return Ok(()) };
        let mut decided = Vec::new();
        for edit in &found.edits {
            let record = edit.id.record.as_str();
            let Some(known) = found.known.get(record) else {
                decided.push(DecidedEdit::new(edit, Verdict::UnknownRow, None));
                continue;
            };
            let stored =
                stored::manager_cells(&mut *self.ctx.db.acquire().await?, sheet.as_str(), record).await?;
            let before = stored.unwrap_or_else(|| initial_cells(known, columns));
            let cells = edit.request.cells(&before);
            let to_confirm = known.to_confirm && differs_from_effective(&cells, known, columns);
            let verdict = decide_room(edit, known, &before, to_confirm);
            decided.push(DecidedEdit::new(edit, verdict, Some(cells)));
        }
        self.publish_and_record(sheet, decided, found.watermark_ms, AllRooms::TITLE, now).await
    }

    /// Publishes commands, then records the edits as processed.
    async fn publish_and_record(
        &self,
        sheet: &SheetId,
        decided: Vec<DecidedEdit>,
        watermark_ms: i64,
        title: &'static str,
        now: Timestamp,
    ) -> Result<(), PollError> {
        publish(&self.ctx, &decided).await?;
        let mut tx = self.ctx.db.begin().await?;
        record(&mut tx, sheet, decided, title, now).await?;
        stored::advance_watermark(&mut tx, sheet.as_str(), watermark_ms, watermark_ms - LOOK_BACK_MS, now)
            .await?;
        Ok(tx.commit().await?)
    }

    /// Adds calls to the ledger.
    async fn record_calls(&self, now: Timestamp) {
        let (db, day) = (&self.ctx.db, self.ctx.config.rules.day_of(now));
        let enter = |calls: Vec<(&'static str, i64)>| async move {
            vika_calls::add(&mut *db.acquire().await?, Ledger::Reconcile, day, &calls).await
        };
        if let Err(error) = self.session.record_calls(enter).await {
            tracing::warn!(error = chain(&error), "calls could not be entered into the ledger");
        }
    }
}

/// Reads, once, the ids of the columns as `vika-sync` found them: one that was renamed since is followed.
async fn read_known_columns<T: ManagedSheet>(ctx: &Context, sheet: &mut Sheet<T>) -> Result<(), PollError> {
    if !sheet.knows_columns {
        let mut connection = ctx.db.acquire().await?;
        let stored = vika_sync::known_columns(&mut connection, sheet.state.id().as_str()).await?;
        sheet.state.remember(known_columns(stored));
        sheet.knows_columns = true;
    }
    Ok(())
}

/// Pauses what a failed call says to pause; the next poll reads the same edits again.
fn handle<T: ManagedSheet>(
    session: &mut Session,
    sheet: &mut Sheet<T>,
    result: Result<(), PollError>,
    now: Timestamp,
) {
    match result {
        Ok(()) if sheet.state.is_paused(now) => return,
        Ok(()) => return sheet.state.mark_success(),
        Err(PollError::Vika(error)) => session.failed(&error, &mut sheet.state, now),
        Err(error) => {
            sheet.state.mark_failure(now);
            tracing::warn!(sheet = T::TITLE, error = chain(&error), "a poll failed");
        }
    }
    metrics::counter!("vika_polls_failed_total", "sheet" => T::TITLE).increment(1);
}

/// Decides about rows that were found in the sheet.
async fn compare_found_rows<T: ManagedSheet>(
    ctx: &Context,
    client: &Client,
    sheet: &mut Sheet<T>,
    now: Timestamp,
) -> Result<(), PollError> {
    if sheet.compared_at.is_some_and(|at| now - at < COMPARE_EVERY) {
        return Ok(());
    }
    let (records, found) = found_rows(ctx, client, sheet, now).await?;
    if records.is_empty() {
        sheet.compared_at = Some(now);
        return Ok(());
    }
    let Some(columns) = sheet.state.columns(now) else { return Ok(()) };
    let decide = |(edit, known): &(Edit<T::Request>, KnownRow)| {
        let cells = T::found_cells(columns, &edit.request, known);
        DecidedEdit::new(edit, T::decide_found(columns, edit, known), cells)
    };
    let decided: Vec<DecidedEdit> = found.iter().map(decide).collect();
    publish(ctx, &decided).await?;
    let is_question = |decided: &&DecidedEdit| result_of(&decided.verdict) == EditResult::Compared;
    let to_confirm: Vec<String> =
        decided.iter().filter(is_question).map(|decided| decided.record.clone()).collect();
    let id = sheet.state.id();
    let mut tx = ctx.db.begin().await?;
    record(&mut tx, id, decided, T::TITLE, now).await?;
    stored::record_comparison(&mut tx, id.as_str(), &records, &to_confirm, now).await?;
    Ok(tx.commit().await?)
}

async fn publish(ctx: &Context, decided: &[DecidedEdit]) -> Result<(), PollError> {
    for decided in decided {
        for command in decided.verdict.commands() {
            let outgoing = Outgoing {
                subject: subject::command(command.kind.name(), &command.room),
                id: command.id.to_string(),
                payload: encode(command)?,
            };
            let span = info_span!(
                "edit",
                command.id = %command.id,
                command.kind = command.kind.name(),
                room.id = %command.room,
            );
            ctx.bus.publish(&outgoing).instrument(span).await?;
        }
    }
    ctx.faults.reach(point::PUBLISHED).await;
    Ok(())
}

/// Records edits as processed.
async fn record(
    connection: &mut PgConnection,
    sheet: &SheetId,
    decided: Vec<DecidedEdit>,
    title: &'static str,
    now: Timestamp,
) -> Result<(), PollError> {
    for DecidedEdit { record, stamps, verdict, cells } in decided {
        let result = result_of(&verdict);
        for stamp in stamps {
            stored::record_edit(connection, sheet.as_str(), (&record, stamp), result, now).await?;
        }
        if verdict.commands().iter().any(|command| matches!(command.kind, CommandKind::Assign { .. })) {
            stored::close_comparison(connection, sheet.as_str(), &record).await?;
        }
        if let Some(cells) = cells {
            stored::save_manager_cells(connection, sheet.as_str(), &record, &cells).await?;
        }
        metrics::counter!("vika_edits_total", "sheet" => title, "became" => result.as_str()).increment(1);
        if matches!(result, EditResult::UnknownRow | EditResult::Unseen) {
            tracing::warn!(sheet = title, record, result = result.as_str(), "an edit is not acted on");
        }
    }
    Ok(())
}

fn result_of(verdict: &Verdict) -> EditResult {
    let commands = verdict.commands();
    let any = |is: fn(&CommandKind) -> bool| commands.iter().any(|command| is(&command.kind));
    match verdict {
        Verdict::UnknownRow => EditResult::UnknownRow,
        Verdict::Send(commands) if commands.is_empty() => EditResult::Nothing,
        Verdict::Send(_) if any(|kind| matches!(kind, CommandKind::CancelUnseen { .. })) => {
            EditResult::Unseen
        }
        Verdict::Send(_) if any(|kind| matches!(kind, CommandKind::Compare { .. })) => EditResult::Compared,
        Verdict::Send(_) => EditResult::Sent,
    }
}
