//! Polls the sheets for edits: one call a sheet and cycle.
//!
//! What to ask for next is told by the largest edit stamp seen in the data, never by our clock; the poll looks back a
//! little and recognises what it dealt with. Commands are on the bus before that is written down, so that a crash in
//! between sends the same commands again, under the same names.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::time::Duration;

use anyhow::Context as _;
use chrono::TimeDelta;
use domain::Timestamp;
use events::beat::{VikaFailure, VikaProblem};
use events::{encode, subject};
use runtime::bus::{BusError, Outgoing};
use runtime::telemetry::chain;
use runtime::{Clock, Context};
use store::sqlx;
use store::vika_reconcile::{self as kept, Became, KnownRow, Snapshot};
use vika::tables::{AllRooms, Table, Today};
use vika::{
    CallCount, Client, EditId, Guard, Pacing, Pause, Present, Record, RecordQuery, SheetId, Token, formula,
};

use crate::decide::{Edit, Verdict, as_made, assignment, tick};
use crate::point;

/// How far a poll looks back behind the largest stamp seen: edits become visible a little out of order.
const LOOK_BACK_MS: i64 = 10_000;
/// After this, operators are told that nothing goes on.
const STALLED_AFTER: TimeDelta = TimeDelta::minutes(5);
/// An author whom the sheet does not name.
const SOMEBODY: &str = "经理";

/// The columns without which 今日群聊 cannot be read.
const TODAY: &[Today] = &[Today::RoomId, Today::Cancel, Today::ManagerEditedAt, Today::ManagerEditedBy];
/// The columns without which 群聊总表 cannot be read.
const ALL_ROOMS: &[AllRooms] = &[
    AllRooms::RoomId,
    AllRooms::Owner,
    AllRooms::Stage,
    AllRooms::Approved,
    AllRooms::ManagerEditedAt,
    AllRooms::ManagerEditedBy,
];

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

/// What ends a poll early. All of it is met again by the next.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("a call to Vika failed")]
    Vika(#[from] vika::Error),
    #[error("the database failed")]
    Store(#[from] sqlx::Error),
    #[error("the bus failed")]
    Bus(#[from] BusError),
    #[error("a command cannot be encoded")]
    Encode(#[from] serde_json::Error),
}

/// A sheet with managers' columns.
trait Managed: Table {
    /// When managers' columns were last changed.
    const EDITED_AT: Self;
    /// By whom.
    const EDITED_BY: Self;
    /// The row's room.
    const ROOM: Self;
    /// The columns that a poll reads.
    const READ: &'static [Self];
    /// What a row asks for.
    type Asks;

    fn asks(columns: &Present<Self>, record: &Record) -> Self::Asks;
}

impl Managed for Today {
    const EDITED_AT: Self = Self::ManagerEditedAt;
    const EDITED_BY: Self = Self::ManagerEditedBy;
    const ROOM: Self = Self::RoomId;
    const READ: &'static [Self] = TODAY;
    type Asks = bool;

    fn asks(columns: &Present<Self>, record: &Record) -> bool {
        columns.cell(record, Self::Cancel).is_ticked()
    }
}

impl Managed for AllRooms {
    const EDITED_AT: Self = Self::ManagerEditedAt;
    const EDITED_BY: Self = Self::ManagerEditedBy;
    const ROOM: Self = Self::RoomId;
    const READ: &'static [Self] = ALL_ROOMS;
    type Asks = Snapshot;

    fn asks(columns: &Present<Self>, record: &Record) -> Snapshot {
        Snapshot {
            owner: columns.cell(record, Self::Owner).as_text().to_owned(),
            stage: columns.cell(record, Self::Stage).as_text().to_owned(),
            approved: columns.cell(record, Self::Approved).is_ticked(),
        }
    }
}

struct Sheet<T: 'static> {
    guard: Guard<T>,
    paused_until: Option<Timestamp>,
    /// Since when polls fail.
    failing_since: Option<Timestamp>,
    /// It is missing, or not visible to our user.
    hidden: bool,
}

impl<T: Table> Sheet<T> {
    fn new(id: SheetId, needed: &'static [T]) -> Self {
        Self { guard: Guard::new(id, needed), paused_until: None, failing_since: None, hidden: false }
    }

    /// What operators have to know of it.
    fn problem(&self, now: Timestamp) -> Option<VikaProblem> {
        let columns: Vec<String> =
            self.guard.problems().iter().map(|problem| problem.column().to_owned()).collect();
        let is_stalled = self.failing_since.is_some_and(|since| now - since >= STALLED_AFTER);
        let what = match (self.hidden, columns.is_empty(), is_stalled) {
            (true, ..) => VikaFailure::Access,
            (_, false, _) => VikaFailure::Columns,
            (.., true) => VikaFailure::Stalled,
            _ => return None,
        };
        Some(VikaProblem { what, sheet: Some(T::TITLE.to_owned()), columns, since: now })
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
        today: Sheet::new(settings.today, TODAY),
        all_rooms: Sheet::new(settings.all_rooms, ALL_ROOMS),
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
            Some((what, _)) => vec![VikaProblem { what, sheet: None, columns: Vec::new(), since: now }],
            None => self.today.problem(now).into_iter().chain(self.all_rooms.problem(now)).collect(),
        };
        self.ctx.health.report_vika(problems);
    }

    async fn poll_today(&mut self, now: Timestamp) -> Result<(), Trouble> {
        let Some(found) = edits(&self.ctx, &self.client, &mut self.today, now).await? else { return Ok(()) };
        let sheet = self.today.guard.sheet.clone();
        let decided = found
            .edits
            .iter()
            .map(|edit| (&edit.id, tick(edit, found.known.get(edit.id.record.as_str())), None))
            .collect();
        self.carry_out(&sheet, decided, found.watermark_ms, Today::TITLE, now).await
    }

    async fn poll_all_rooms(&mut self, now: Timestamp) -> Result<(), Trouble> {
        let Some(found) = edits(&self.ctx, &self.client, &mut self.all_rooms, now).await? else {
            return Ok(());
        };
        let sheet = self.all_rooms.guard.sheet.clone();
        let mut decided = Vec::new();
        for edit in &found.edits {
            let known = found.known.get(edit.id.record.as_str());
            let before = match (self.all_rooms.guard.usable(), known) {
                (Some(columns), Some(known)) => {
                    let mut connection = self.ctx.db.acquire().await?;
                    let held =
                        kept::snapshot(&mut connection, sheet.as_str(), edit.id.record.as_str()).await?;
                    held.unwrap_or_else(|| as_made(known, columns))
                }
                _ => edit.asks.clone(),
            };
            decided.push((&edit.id, assignment(edit, known, &before), Some(&edit.asks)));
        }
        self.carry_out(&sheet, decided, found.watermark_ms, AllRooms::TITLE, now).await
    }

    /// Puts commands on the bus, then writes down what the edits became.
    async fn carry_out(
        &self,
        sheet: &SheetId,
        decided: Vec<(&EditId, Verdict, Option<&Snapshot>)>,
        watermark_ms: i64,
        title: &'static str,
        now: Timestamp,
    ) -> Result<(), Trouble> {
        for (_, verdict, _) in &decided {
            if let Verdict::Send(command) = verdict {
                let outgoing = Outgoing {
                    subject: subject::command(command.wish.kind(), &command.room),
                    id: command.id.to_string(),
                    payload: encode(command)?,
                };
                self.ctx.bus.publish(&outgoing).await?;
            }
        }
        self.ctx.faults.reach(point::PUBLISHED).await;
        let mut tx = self.ctx.db.begin().await?;
        for (id, verdict, snapshot) in decided {
            let became = became(&verdict);
            let edit = (id.record.as_str(), id.stamp_ms);
            kept::note_edit(&mut tx, sheet.as_str(), edit, became, now).await?;
            if let Some(snapshot) = snapshot.filter(|_| became != Became::UnknownRow) {
                kept::keep_snapshot(&mut tx, sheet.as_str(), edit.0, snapshot).await?;
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
        kept::advance(&mut tx, sheet.as_str(), watermark_ms, watermark_ms - LOOK_BACK_MS, now).await?;
        Ok(tx.commit().await?)
    }

    fn handle<T: Table>(
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

fn became(verdict: &Verdict) -> Became {
    match verdict {
        Verdict::Send(_) => Became::Sent,
        Verdict::Nothing => Became::Nothing,
        Verdict::UnknownRow => Became::UnknownRow,
        Verdict::Unseen => Became::Unseen,
    }
}

/// Edits to be dealt with.
struct Found<A> {
    /// In order of their stamps.
    edits: Vec<Edit<A>>,
    /// The rows of `vika-sync` that they are about, by record.
    known: BTreeMap<String, KnownRow>,
    /// The largest stamp up to which all edits are dealt with then.
    watermark_ms: i64,
}

/// Asks for edits. `None`: there is nothing new, or the sheet cannot be read now.
async fn edits<T: Managed>(
    ctx: &Context,
    client: &Client,
    sheet: &mut Sheet<T>,
    now: Timestamp,
) -> Result<Option<Found<T::Asks>>, Trouble> {
    if sheet.paused_until.is_some_and(|until| now < until) {
        return Ok(None);
    }
    sheet.guard.look_if_due(client, now).await?;
    let Some(columns) = sheet.guard.usable() else { return Ok(None) };
    let id = sheet.guard.sheet.clone();
    let watermark = kept::watermark(&mut *ctx.db.acquire().await?, id.as_str()).await?;
    let query = RecordQuery {
        formula: Some(since::<T>(watermark.unwrap_or(0), &ctx.config.vika.bot_names)),
        fields: columns.ids(T::READ),
        ..RecordQuery::default()
    };
    let records = match client.records(&id, &query).await {
        Err(error @ vika::Error::Rejected { .. }) => {
            // What was found out needs no pause: the next poll goes by it.
            return if sheet.guard.look_after_refusal(client, now).await? {
                Ok(None)
            } else {
                Err(error.into())
            };
        }
        read => read?,
    };
    let mut edits: Vec<Edit<T::Asks>> =
        records.iter().filter_map(|record| edit(columns, &id, record, &ctx.config.vika.bot_names)).collect();
    edits.sort_by(|a, b| (a.id.stamp_ms, &a.id.record).cmp(&(b.id.stamp_ms, &b.id.record)));
    new_among(ctx, &id, edits, watermark).await
}

/// Drops edits that were dealt with, and those of rows that are being made: these come again.
async fn new_among<A>(
    ctx: &Context,
    sheet: &SheetId,
    mut edits: Vec<Edit<A>>,
    watermark: Option<i64>,
) -> Result<Option<Found<A>>, Trouble> {
    let mut connection = ctx.db.acquire().await?;
    let mut watermark_ms = edits.iter().map(|edit| edit.id.stamp_ms).chain(watermark).max().unwrap_or(0);
    let ids: Vec<(String, i64)> =
        edits.iter().map(|edit| (edit.id.record.to_string(), edit.id.stamp_ms)).collect();
    let done: BTreeSet<(String, i64)> =
        kept::dealt_with(&mut connection, sheet.as_str(), &ids).await?.into_iter().collect();
    edits.retain(|edit| !done.contains(&(edit.id.record.to_string(), edit.id.stamp_ms)));
    if edits.is_empty() {
        return Ok(None);
    }
    // First what is being made, then what is known: a row that is confirmed in between is found by the second look. The
    // other way round it would be found by neither, and the edit dropped as one of a stranger's row.
    let rooms: Vec<String> = edits.iter().map(|edit| edit.room.clone()).collect();
    let being_made = kept::being_made(&mut connection, sheet.as_str(), &rooms).await?;
    let records: Vec<String> = edits.iter().map(|edit| edit.id.record.to_string()).collect();
    let known = kept::known_rows(&mut connection, sheet.as_str(), &records).await?;
    let strange = |edit: &Edit<A>| !known.contains_key(edit.id.record.as_str());
    let waits = |edit: &Edit<A>| strange(edit) && being_made.contains(&edit.room);
    if let Some(first) = edits.iter().filter(|edit| waits(edit)).map(|edit| edit.id.stamp_ms).min() {
        watermark_ms = watermark_ms.min(first - 1);
    }
    edits.retain(|edit| !waits(edit));
    Ok(Some(Found { edits, known, watermark_ms }))
}

/// The condition: edited since, and not by one of our users.
fn since<T: Managed>(watermark_ms: i64, bots: &[String]) -> String {
    let from = (watermark_ms - LOOK_BACK_MS).max(0);
    let mut conditions = vec![formula::greater(T::EDITED_AT.name(), from)];
    // Whoever cannot be left out here is left out by `edit`.
    let bots = bots.iter().filter(|bot| formula::is_expressible(bot));
    conditions.extend(bots.map(|bot| formula::differs(T::EDITED_BY.name(), bot)));
    formula::all(&conditions)
}

/// A record as an edit; `None` for one without a stamp, or of our own.
fn edit<T: Managed>(
    columns: &Present<T>,
    sheet: &SheetId,
    record: &Record,
    bots: &[String],
) -> Option<Edit<T::Asks>> {
    let stamp = columns.cell(record, T::EDITED_AT).as_time()?;
    let author = columns.cell(record, T::EDITED_BY).people().first().map(|person| person.name.clone());
    let by = author.unwrap_or_else(|| SOMEBODY.to_owned());
    (!bots.contains(&by)).then(|| Edit {
        id: EditId { sheet: sheet.clone(), record: record.id.clone(), stamp_ms: stamp.timestamp_millis() },
        by,
        room: columns.cell(record, T::ROOM).as_text().to_owned(),
        asks: T::asks(columns, record),
    })
}
