//! Polls the sheets for edits: one call a sheet and cycle.
//!
//! What to ask for next is told by the largest edit stamp seen in the data, never by our clock; the poll looks back a
//! little and recognises what it dealt with. Commands are on the bus before that is written down, so that a crash in
//! between sends the same commands again, under the same names.

use std::num::NonZeroU32;
use std::time::Duration;

use anyhow::Context as _;
use chrono::TimeDelta;
use domain::Timestamp;
use events::beat::{VikaFailure, VikaProblem};
use events::command::{Command, Wish};
use events::{encode, subject};
use runtime::bus::Outgoing;
use runtime::telemetry::chain;
use runtime::{Clock, Context};
use store::sqlx::PgConnection;
use store::vika_reconcile::{self as kept, Became, Snapshot};
use vika::tables::{AllRooms, Table, Today};
use vika::{CallCount, Client, EditId, Pacing, Pause, SheetId, Token};

use crate::decide::{Verdict, as_made, assignment, differs, tick};
use crate::point;
use crate::read::{LOOK_BACK_MS, Trouble, edits, found_rows};
use crate::sheet::{Managed, Sheet};

/// How often found rows are looked for, of which there are none on most days.
const COMPARE_EVERY: TimeDelta = TimeDelta::seconds(20);

/// An edit, what is to be done about it, and what the row's later ones are compared with.
type Decided<'e> = (&'e EditId, Verdict, Option<&'e Snapshot>);

/// The part of the configuration that is needed, parsed.
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
    /// If a sheet's id is none.
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
                .by(|time| clock.real(time)),
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
    /// Why all of Vika refuses us, and how many calls had been answered by then.
    refused: Option<(VikaFailure, u64)>,
    /// How often in a row the month's calls were said to be used up.
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
    let client = count.of(Client::new(http, &settings.base_url, settings.token, settings.pacing));
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
        self.enter_calls(now).await;
    }

    /// Tells operators what keeps us from Vika.
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

    async fn poll_today(&mut self, now: Timestamp) -> Result<(), Trouble> {
        let found = edits(&self.ctx, &self.client, &mut self.today, now).await?;
        compare(&self.ctx, &self.client, &mut self.today, now).await?;
        let Some(found) = found else { return Ok(()) };
        let decided = found
            .edits
            .iter()
            .map(|edit| (&edit.id, tick(edit, found.known.get(edit.id.record.as_str())), None))
            .collect();
        self.carry_out(&self.today.guard.sheet, decided, found.watermark_ms, Today::TITLE, now).await
    }

    async fn poll_all_rooms(&mut self, now: Timestamp) -> Result<(), Trouble> {
        let found = edits(&self.ctx, &self.client, &mut self.all_rooms, now).await?;
        compare(&self.ctx, &self.client, &mut self.all_rooms, now).await?;
        let Some(found) = found else { return Ok(()) };
        let sheet = &self.all_rooms.guard.sheet;
        let mut decided = Vec::new();
        for edit in &found.edits {
            let known = found.known.get(edit.id.record.as_str());
            let (before, open) = match (self.all_rooms.guard.usable(), known) {
                (Some(columns), Some(known)) => {
                    let mut connection = self.ctx.db.acquire().await?;
                    let held =
                        kept::snapshot(&mut connection, sheet.as_str(), edit.id.record.as_str()).await?;
                    let open = known.asked && differs(&edit.asks, known, columns);
                    (held.unwrap_or_else(|| as_made(known, columns)), open)
                }
                _ => (edit.asks.clone(), false),
            };
            decided.push((&edit.id, assignment(edit, known, &before, open), Some(&edit.asks)));
        }
        self.carry_out(sheet, decided, found.watermark_ms, AllRooms::TITLE, now).await
    }

    /// Puts commands on the bus, then writes down what the edits became.
    async fn carry_out(
        &self,
        sheet: &SheetId,
        decided: Vec<Decided<'_>>,
        watermark_ms: i64,
        title: &'static str,
        now: Timestamp,
    ) -> Result<(), Trouble> {
        send(&self.ctx, &decided).await?;
        let mut tx = self.ctx.db.begin().await?;
        enter(&mut tx, sheet, decided, title, now).await?;
        kept::advance(&mut tx, sheet.as_str(), watermark_ms, watermark_ms - LOOK_BACK_MS, now).await?;
        Ok(tx.commit().await?)
    }

    fn handle<T: Managed>(
        &mut self,
        result: Result<(), Trouble>,
        now: Timestamp,
        sheet: impl Fn(&mut Self) -> &mut Sheet<T>,
    ) {
        let Err(error) = result else {
            let sheet = sheet(self);
            if sheet.paused_until.is_none_or(|until| until <= now) {
                (sheet.failing_since, sheet.hidden) = (None, false);
            }
            return;
        };
        sheet(self).failing_since.get_or_insert(now);
        metrics::counter!("vika_polls_failed_total", "sheet" => T::TITLE).increment(1);
        let Trouble::Vika(cause) = &error else {
            return tracing::warn!(sheet = T::TITLE, error = chain(&error), "a poll was cut short");
        };
        let refusal = match cause {
            vika::Error::Quota { .. } => Some(VikaFailure::Quota),
            vika::Error::Unauthorized | vika::Error::Forbidden { .. } => Some(VikaFailure::Access),
            _ => None,
        };
        if let Some(what) = refusal {
            self.refused = Some((what, self.client.counted_calls()));
        }
        sheet(self).hidden = matches!(cause, vika::Error::SheetMissing { .. });
        let pause = cause.pause_after(self.quota_refusals);
        if refusal == Some(VikaFailure::Quota) {
            self.quota_refusals += 1;
        }
        if cause.is_transient() {
            tracing::warn!(sheet = T::TITLE, error = chain(&error), ?pause, "Vika is left alone for a while");
        } else {
            tracing::error!(
                sheet = T::TITLE,
                error = chain(&error),
                ?pause,
                "Vika is left alone for a while"
            );
        }
        let until = |pause| Some(now + TimeDelta::from_std(pause).unwrap_or(TimeDelta::days(1)));
        match pause {
            Pause::Everything(pause) => self.paused_until = until(pause),
            Pause::Sheet(pause) | Pause::NewRows(pause) => sheet(self).paused_until = until(pause),
        }
    }

    /// Enters calls into the month's ledger.
    async fn enter_calls(&self, now: Timestamp) {
        let calls = self.count.take();
        if calls == 0 {
            return;
        }
        let month = vika::ledger::month(&now.with_timezone(&self.ctx.config.rules.time_zone));
        let entered = match self.ctx.db.acquire().await {
            Ok(mut connection) => kept::add_calls(&mut connection, &month, calls).await,
            Err(error) => Err(error),
        };
        match entered {
            #[expect(clippy::cast_precision_loss, reason = "a month's calls are far below 2^52")]
            Ok(sum) => metrics::gauge!("vika_calls_this_month", "token" => "reconcile").set(sum as f64),
            Err(error) => {
                self.count.put_back(calls);
                tracing::warn!(error = chain(&error), "calls could not be entered into the ledger");
            }
        }
    }
}

/// Compares what stands in rows that were there before anything was known of them.
async fn compare<T: Managed>(
    ctx: &Context,
    client: &Client,
    sheet: &mut Sheet<T>,
    now: Timestamp,
) -> Result<(), Trouble> {
    if sheet.compared_at.is_some_and(|at| now - at < COMPARE_EVERY) {
        return Ok(());
    }
    let (records, standing) = found_rows(ctx, client, sheet, now).await?;
    if records.is_empty() {
        sheet.compared_at = Some(now);
        return Ok(());
    }
    let Some(columns) = sheet.guard.usable() else { return Ok(()) };
    let decided: Vec<Decided<'_>> = standing
        .iter()
        .map(|(edit, known)| (&edit.id, T::standing(columns, edit, known), T::snapshot(&edit.asks)))
        .collect();
    send(ctx, &decided).await?;
    let is_asked = |(_, verdict, _): &&Decided<'_>| became(verdict) == Became::Compared;
    let asked: Vec<String> = decided.iter().filter(is_asked).map(|(id, ..)| id.record.to_string()).collect();
    let id = &sheet.guard.sheet;
    let mut tx = ctx.db.begin().await?;
    enter(&mut tx, id, decided, T::TITLE, now).await?;
    kept::note_compared(&mut tx, id.as_str(), &records, &asked, now).await?;
    Ok(tx.commit().await?)
}

async fn send(ctx: &Context, decided: &[Decided<'_>]) -> Result<(), Trouble> {
    for (_, verdict, _) in decided {
        if let Verdict::Send(command) = verdict {
            let outgoing = Outgoing {
                subject: subject::command(command.wish.kind(), &command.room),
                id: command.id.to_string(),
                payload: encode(command)?,
            };
            ctx.bus.publish(&outgoing).await?;
        }
    }
    ctx.faults.reach(point::PUBLISHED).await;
    Ok(())
}

/// Writes down what edits became.
async fn enter(
    connection: &mut PgConnection,
    sheet: &SheetId,
    decided: Vec<Decided<'_>>,
    title: &'static str,
    now: Timestamp,
) -> Result<(), Trouble> {
    for (id, verdict, snapshot) in decided {
        let became = became(&verdict);
        let edit = (id.record.as_str(), id.stamp_ms);
        kept::note_edit(connection, sheet.as_str(), edit, became, now).await?;
        if became == Became::Sent {
            kept::note_answered(connection, sheet.as_str(), edit.0).await?;
        }
        if let Some(snapshot) = snapshot.filter(|_| became != Became::UnknownRow) {
            kept::keep_snapshot(connection, sheet.as_str(), edit.0, snapshot).await?;
        }
        metrics::counter!("vika_edits_total", "sheet" => title, "became" => became.as_str()).increment(1);
        if matches!(became, Became::UnknownRow | Became::Unseen) {
            tracing::warn!(
                sheet = title,
                record = edit.0,
                became = became.as_str(),
                "an edit is not acted on"
            );
        }
    }
    Ok(())
}

fn became(verdict: &Verdict) -> Became {
    match verdict {
        Verdict::Send(Command { wish: Wish::CancelUnseen { .. }, .. }) => Became::Unseen,
        Verdict::Send(Command { wish: Wish::Compare { .. }, .. }) => Became::Compared,
        Verdict::Send(_) => Became::Sent,
        Verdict::Nothing => Became::Nothing,
        Verdict::UnknownRow => Became::UnknownRow,
    }
}
