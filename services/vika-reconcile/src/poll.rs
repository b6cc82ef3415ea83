//! Polls the sheets for edits: one call a sheet and cycle.
//!
//! The watermark is the largest edit stamp seen in the data, never our clock; a poll looks back a little behind it and skips
//! edits that were processed. Commands are published before their edits are recorded, so that a crash in between sends the
//! same commands again, with the same ids.

use std::num::NonZeroU32;
use std::time::Duration;

use anyhow::Context as _;
use chrono::TimeDelta;
use domain::Timestamp;
use events::beat::{VikaFailure, VikaProblem};
use events::command::{Command, CommandKind};
use events::{encode, subject};
use runtime::bus::Outgoing;
use runtime::telemetry::chain;
use runtime::{Clock, Context};
use store::sqlx::PgConnection;
use store::vika_reconcile::{self as stored, EditResult, ManagerCells};
use vika::tables::{AllRooms, Table, Today};
use vika::{CallCount, Client, EditId, Pacing, Pause, SheetId, Token};

use crate::decide::{Verdict, decide_assignment, decide_tick, differs_from_effective, initial_cells};
use crate::point;
use crate::read::{LOOK_BACK_MS, PollError, found_rows, new_edits};
use crate::sheet::{ManagedSheet, Sheet};

/// How often found rows are queried, of which there are none on most days.
const COMPARE_EVERY: TimeDelta = TimeDelta::seconds(20);

/// An edit, what it leads to, and the cells that later edits of its row are compared with.
type DecidedEdit<'e> = (&'e EditId, Verdict, Option<&'e ManagerCells>);

/// The configuration of the poller, parsed.
pub struct Settings {
    today: SheetId,
    all_rooms: SheetId,
    base_url: String,
    token: Token,
    pacing: Pacing,
    every: Duration,
}

impl Settings {
    /// Parses it.
    ///
    /// # Errors
    /// If a sheet id is invalid.
    pub fn of(vika: &runtime::config::Vika, clock: &Clock) -> anyhow::Result<Self> {
        let id = |text: &str, path| {
            let hint = || format!("{path}: expected the id of a sheet; `huiyin init-vika` makes the sheets");
            SheetId::try_from(text.to_owned()).with_context(hint)
        };
        let calls = NonZeroU32::new(vika.calls_per_second).unwrap_or(NonZeroU32::MIN);
        Ok(Self {
            today: id(&vika.sheets.today, "vika.sheets.today")?,
            all_rooms: id(&vika.sheets.all_rooms, "vika.sheets.all_rooms")?,
            base_url: vika.base_url.clone(),
            token: Token::new(vika.reconcile_token.expose()),
            pacing: Pacing { spacing: Duration::from_secs(1) / calls.get(), ..Pacing::default() }
                .scaled(|time| clock.real(time)),
            every: vika.poll_every.as_duration(),
        })
    }
}

struct Poller {
    ctx: Context,
    client: Client,
    count: CallCount,
    today: Sheet<Today>,
    all_rooms: Sheet<AllRooms>,
    paused_until: Option<Timestamp>,
    /// Why Vika refuses all calls, and how many had succeeded by then.
    refused: Option<(VikaFailure, u64)>,
    /// Refusals by the monthly quota in a row.
    quota_refusals: u32,
}

/// Runs until the shutdown is requested.
pub async fn run(ctx: Context, settings: Settings) {
    let http = match runtime::http::client() {
        Ok(http) => http,
        // Ends the task, and with it the service, with an error.
        Err(error) => return tracing::error!(error = chain(&error), "no HTTP client"),
    };
    let count = CallCount::default();
    let client = count.counting(Client::new(http, &settings.base_url, settings.token, settings.pacing));
    let mut poller = Poller {
        client,
        count,
        today: Sheet::new(settings.today),
        all_rooms: Sheet::new(settings.all_rooms),
        paused_until: None,
        refused: None,
        quota_refusals: 0,
        ctx,
    };
    let shutdown = poller.ctx.shutdown.clone();
    loop {
        if shutdown.cut(poller.cycle()).await.is_none() || !shutdown.sleep(settings.every).await {
            return;
        }
    }
}

impl Poller {
    async fn cycle(&mut self) {
        self.ctx.health.beat("poll");
        let now = self.ctx.clock.now();
        if self.paused_until.is_none_or(|until| now >= until) {
            let polled = self.poll_today(now).await;
            self.handle(polled, now, |poller| &mut poller.today);
        }
        if self.paused_until.is_none_or(|until| now >= until) {
            let polled = self.poll_all_rooms(now).await;
            self.handle(polled, now, |poller| &mut poller.all_rooms);
        }
        self.report(now);
        self.record_calls(now).await;
    }

    /// Reports to operators what keeps us from reading Vika.
    fn report(&mut self, now: Timestamp) {
        let calls = self.client.counted_calls();
        if self.refused.is_some_and(|(_, then)| calls > then) {
            (self.refused, self.quota_refusals) = (None, 0);
        }
        let problems = match self.refused {
            Some((what, _)) => {
                let (columns, rooms) = (Vec::new(), Vec::new());
                vec![VikaProblem { what, sheet: None, columns, rooms, since: now }]
            }
            None => self.today.problem(now).into_iter().chain(self.all_rooms.problem(now)).collect(),
        };
        self.ctx.health.report_vika(problems);
    }

    async fn poll_today(&mut self, now: Timestamp) -> Result<(), PollError> {
        let found = new_edits(&self.ctx, &self.client, &mut self.today, now).await?;
        compare_found_rows(&self.ctx, &self.client, &mut self.today, now).await?;
        let Some(found) = found else { return Ok(()) };
        let decided = found
            .edits
            .iter()
            .map(|edit| (&edit.id, decide_tick(edit, found.known.get(edit.id.record.as_str())), None))
            .collect();
        self.publish_and_record(&self.today.guard.sheet, decided, found.watermark_ms, Today::TITLE, now).await
    }

    async fn poll_all_rooms(&mut self, now: Timestamp) -> Result<(), PollError> {
        let found = new_edits(&self.ctx, &self.client, &mut self.all_rooms, now).await?;
        compare_found_rows(&self.ctx, &self.client, &mut self.all_rooms, now).await?;
        let Some(found) = found else { return Ok(()) };
        let sheet = &self.all_rooms.guard.sheet;
        let mut decided = Vec::new();
        for edit in &found.edits {
            let known = found.known.get(edit.id.record.as_str());
            let (before, to_confirm) = match (self.all_rooms.guard.usable(), known) {
                (Some(columns), Some(known)) => {
                    let mut connection = self.ctx.db.acquire().await?;
                    let stored =
                        stored::manager_cells(&mut connection, sheet.as_str(), edit.id.record.as_str())
                            .await?;
                    let to_confirm =
                        known.to_confirm && differs_from_effective(&edit.request, known, columns);
                    (stored.unwrap_or_else(|| initial_cells(known, columns)), to_confirm)
                }
                _ => (edit.request.clone(), false),
            };
            decided.push((
                &edit.id,
                decide_assignment(edit, known, &before, to_confirm),
                Some(&edit.request),
            ));
        }
        self.publish_and_record(sheet, decided, found.watermark_ms, AllRooms::TITLE, now).await
    }

    /// Publishes commands, then records the edits as processed.
    async fn publish_and_record(
        &self,
        sheet: &SheetId,
        decided: Vec<DecidedEdit<'_>>,
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

    fn handle<T: ManagedSheet>(
        &mut self,
        result: Result<(), PollError>,
        now: Timestamp,
        sheet: impl Fn(&mut Self) -> &mut Sheet<T>,
    ) {
        let Err(error) = result else {
            let sheet = sheet(self);
            if sheet.paused_until.is_none_or(|until| until <= now) {
                (sheet.failing_since, sheet.inaccessible) = (None, false);
            }
            return;
        };
        sheet(self).failing_since.get_or_insert(now);
        metrics::counter!("vika_polls_failed_total", "sheet" => T::TITLE).increment(1);
        let PollError::Vika(cause) = &error else {
            return tracing::warn!(sheet = T::TITLE, error = chain(&error), "a poll failed");
        };
        let refusal = match cause {
            vika::Error::Quota { .. } => Some(VikaFailure::Quota),
            vika::Error::Unauthorized | vika::Error::Forbidden { .. } => Some(VikaFailure::Access),
            _ => None,
        };
        if let Some(what) = refusal {
            self.refused = Some((what, self.client.counted_calls()));
        }
        sheet(self).inaccessible = matches!(cause, vika::Error::SheetMissing { .. });
        let pause = cause.pause_after(self.quota_refusals);
        if refusal == Some(VikaFailure::Quota) {
            self.quota_refusals += 1;
        }
        if cause.is_transient() {
            tracing::warn!(sheet = T::TITLE, error = chain(&error), ?pause, "calls to Vika are paused");
        } else {
            tracing::error!(sheet = T::TITLE, error = chain(&error), ?pause, "calls to Vika are paused");
        }
        let until = |pause| Some(now + TimeDelta::from_std(pause).unwrap_or(TimeDelta::days(1)));
        match pause {
            Pause::Everything(pause) => self.paused_until = until(pause),
            Pause::Sheet(pause) | Pause::NewRows(pause) => sheet(self).paused_until = until(pause),
        }
    }

    /// Adds calls to the monthly ledger.
    async fn record_calls(&self, now: Timestamp) {
        let calls = self.count.take();
        if calls == 0 {
            return;
        }
        let month = vika::ledger::month(&now.with_timezone(&self.ctx.config.rules.time_zone));
        let recorded = match self.ctx.db.acquire().await {
            Ok(mut connection) => stored::add_calls(&mut connection, &month, calls).await,
            Err(error) => Err(error),
        };
        match recorded {
            #[expect(clippy::cast_precision_loss, reason = "a month's calls are far below 2^52")]
            Ok(sum) => metrics::gauge!("vika_calls_this_month", "token" => "reconcile").set(sum as f64),
            Err(error) => {
                self.count.put_back(calls);
                tracing::warn!(error = chain(&error), "calls could not be entered into the ledger");
            }
        }
    }
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
    let Some(columns) = sheet.guard.usable() else { return Ok(()) };
    let decided: Vec<DecidedEdit<'_>> = found
        .iter()
        .map(|(edit, known)| {
            (&edit.id, T::decide_found(columns, edit, known), T::manager_cells(&edit.request))
        })
        .collect();
    publish(ctx, &decided).await?;
    let is_question = |(_, verdict, _): &&DecidedEdit<'_>| result_of(verdict) == EditResult::Compared;
    let to_confirm: Vec<String> =
        decided.iter().filter(is_question).map(|(id, ..)| id.record.to_string()).collect();
    let id = &sheet.guard.sheet;
    let mut tx = ctx.db.begin().await?;
    record(&mut tx, id, decided, T::TITLE, now).await?;
    stored::record_comparison(&mut tx, id.as_str(), &records, &to_confirm, now).await?;
    Ok(tx.commit().await?)
}

async fn publish(ctx: &Context, decided: &[DecidedEdit<'_>]) -> Result<(), PollError> {
    for (_, verdict, _) in decided {
        if let Verdict::Send(command) = verdict {
            let outgoing = Outgoing {
                subject: subject::command(command.kind.name(), &command.room),
                id: command.id.to_string(),
                payload: encode(command)?,
            };
            ctx.bus.publish(&outgoing).await?;
        }
    }
    ctx.faults.reach(point::PUBLISHED).await;
    Ok(())
}

/// Records edits as processed.
async fn record(
    connection: &mut PgConnection,
    sheet: &SheetId,
    decided: Vec<DecidedEdit<'_>>,
    title: &'static str,
    now: Timestamp,
) -> Result<(), PollError> {
    for (id, verdict, cells) in decided {
        let result = result_of(&verdict);
        let edit = (id.record.as_str(), id.stamp_ms);
        stored::record_edit(connection, sheet.as_str(), edit, result, now).await?;
        if result == EditResult::Sent {
            stored::close_comparison(connection, sheet.as_str(), edit.0).await?;
        }
        if let Some(cells) = cells.filter(|_| result != EditResult::UnknownRow) {
            stored::save_manager_cells(connection, sheet.as_str(), edit.0, cells).await?;
        }
        metrics::counter!("vika_edits_total", "sheet" => title, "became" => result.as_str()).increment(1);
        if matches!(result, EditResult::UnknownRow | EditResult::Unseen) {
            tracing::warn!(
                sheet = title,
                record = edit.0,
                result = result.as_str(),
                "an edit is not acted on"
            );
        }
    }
    Ok(())
}

fn result_of(verdict: &Verdict) -> EditResult {
    match verdict {
        Verdict::Send(Command { kind: CommandKind::CancelUnseen { .. }, .. }) => EditResult::Unseen,
        Verdict::Send(Command { kind: CommandKind::Compare { .. }, .. }) => EditResult::Compared,
        Verdict::Send(_) => EditResult::Sent,
        Verdict::Nothing => EditResult::Nothing,
        Verdict::UnknownRow => EditResult::UnknownRow,
    }
}
