//! A stack with the simulator of Vika, and what tests do with its sheets.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use domain::span::Span;
use events::chat::ChatMessage;
use serde_json::Value;
use simulators::vika::{Running as Simulator, VikaConfig, VikaMember, VikaSpace, VikaToken};
use store::role::Role;
use testkit::company::captured;
use testkit::{Running, Stack, until, until_some};
use vika::setup::init;
use vika::tables::{AllRooms, Table};
use vika::{Cell, Client, ColumnIds, KnownSheets, Pacing, RecordId, SheetId, SheetIds, SpaceId, Token};

const SPACE: &str = "spcTest";
/// A second token of the same bot, to tell two replicas apart.
pub const OTHER_TOKEN: &str = "uskSyncToo";
/// The bot's display name.
pub const BOT: &str = "机器人";
/// The manager's display name.
pub const MANAGER: &str = "王经理";
/// Another manager's.
pub const OTHER: &str = "赵经理";

/// A row as people see it: texts by column.
pub type Shown = BTreeMap<String, String>;

/// A stack, the simulator of Vika, and the three sheets in it.
pub struct World {
    pub stack: Stack,
    pub sheets: SheetIds,
    sim: Simulator,
}

impl World {
    /// Sheets are made, nothing runs.
    pub async fn start() -> Result<Self> {
        // On the heap: what is alive while it starts is large.
        Box::pin(Self::start_all()).await
    }

    async fn start_all() -> Result<Self> {
        let mut stack = Stack::start().await?;
        begin_at_ten(&mut stack)?;
        let clock = stack.clock.clone();
        let token = |token: &str, user: &str| VikaToken { token: token.into(), user: user.into() };
        let sim = simulators::vika::start(VikaConfig {
            clock: Arc::new(move || clock.now()),
            tokens: vec![
                token("uskSync", BOT),
                token("uskRead", BOT),
                token(OTHER_TOKEN, BOT),
                token("uskManager", MANAGER),
                token("uskOther", OTHER),
            ],
            spaces: vec![VikaSpace {
                id: SPACE.into(),
                name: "示例公司".into(),
                members: vec![VikaMember::named(BOT), VikaMember::named(MANAGER), VikaMember::named(OTHER)],
            }],
            rate_limit: None,
            bind: ([127, 0, 0, 1], 0).into(),
            beyond_loopback: false,
        })
        .await?;
        let client = client(&sim.url, "uskSync")?;
        let sheets = init(&client, &SpaceId::try_from(SPACE.to_owned())?, KnownSheets::default()).await?;
        let vika = &mut stack.config.vika;
        vika.base_url.clone_from(&sim.url);
        vika.calls_per_second = 50;
        vika.sync_every = Span::seconds(1);
        (vika.poll_every, vika.poll_all_rooms_every) = (Span::seconds(1), Span::seconds(1));
        vika.calls_per_month = 0;
        vika.sheets.today = sheets.today.to_string();
        vika.sheets.all_rooms = sheets.all_rooms.to_string();
        vika.sheets.system_log = sheets.system_log.to_string();
        let world = Self { stack, sheets, sim };
        world.forget_calls().await?;
        Ok(world)
    }

    pub async fn room_state(&self) -> Result<Running> {
        self.stack.run(Role::RoomState, room_state::run).await
    }

    pub async fn sync(&self) -> Result<Running> {
        self.stack.run(Role::VikaSync, vika_sync::run).await
    }

    pub async fn reconcile(&self) -> Result<Running> {
        self.stack.run(Role::VikaReconcile, vika_reconcile::run).await
    }

    /// A moment a little while ago, plus seconds.
    pub fn past(&self, seconds: i64) -> DateTime<Utc> {
        self.stack.started - TimeDelta::minutes(1) + TimeDelta::seconds(seconds)
    }

    pub async fn publish(&self, messages: &[ChatMessage]) -> Result<()> {
        for message in messages {
            self.stack.bus.publish(&captured(message)?).await?;
        }
        Ok(())
    }

    /// A client with the manager's token.
    pub fn manager(&self) -> Result<Client> {
        client(&self.sim.url, "uskManager")
    }

    /// A manager writes cells of a row, and leaves it alone for long enough to be understood.
    pub async fn edit<T: Table>(
        &self,
        sheet: &SheetId,
        record: &str,
        cells: impl IntoIterator<Item = (T, Cell)>,
    ) -> Result<()> {
        self.edit_as(MANAGER, sheet, record, cells).await?;
        if T::TITLE == AllRooms::TITLE {
            self.stack.clock.advance(Duration::from_secs(11));
        }
        Ok(())
    }

    /// Somebody writes cells of a row.
    pub async fn edit_as<T: Table>(
        &self,
        who: &str,
        sheet: &SheetId,
        record: &str,
        cells: impl IntoIterator<Item = (T, Cell)>,
    ) -> Result<()> {
        let manager = client(&self.sim.url, if who == OTHER { "uskOther" } else { "uskManager" })?;
        let columns = ColumnIds::<T>::resolve(&manager.fields(sheet).await?)?;
        let change = (RecordId::try_from(record.to_owned())?, columns.fields(cells));
        manager.update(sheet, &[change]).await?;
        Ok(())
    }

    /// `POST /_sim/<what>`
    pub async fn order(&self, what: &str, body: Value) -> Result<()> {
        let url = format!("{}/_sim/{what}", self.sim.url);
        let status = runtime::http::client()?.post(url).json(&body).send().await?.status();
        ensure!(status.is_success(), "{what} {body}: {status}");
        Ok(())
    }

    pub async fn clear_faults(&self) -> Result<()> {
        let url = format!("{}/_sim/faults", self.sim.url);
        runtime::http::client()?.delete(url).send().await?.error_for_status()?;
        Ok(())
    }

    pub async fn calls(&self) -> Result<Vec<Value>> {
        let url = format!("{}/_sim/calls", self.sim.url);
        Ok(runtime::http::client()?.get(url).send().await?.json().await?)
    }

    pub async fn forget_calls(&self) -> Result<()> {
        let url = format!("{}/_sim/calls", self.sim.url);
        runtime::http::client()?.delete(url).send().await?.error_for_status()?;
        Ok(())
    }

    /// The bot's calls that write.
    pub async fn writes(&self) -> Result<Vec<Value>> {
        let calls = self.calls().await?;
        Ok(calls.into_iter().filter(|call| call["method"] != "GET" && call["user"] == BOT).collect())
    }

    /// What the bot sent to records of a sheet: record id (empty for new ones), column name, value.
    pub async fn cells_written(&self, sheet: &SheetId) -> Result<Vec<(String, String, Value)>> {
        let names: BTreeMap<String, String> =
            self.manager()?.fields(sheet).await?.into_iter().map(|f| (f.id.to_string(), f.name)).collect();
        let mut cells = Vec::new();
        for call in self.writes().await?.iter().filter(|call| call["sheet"] == sheet.as_str()) {
            for record in call["body"]["records"].as_array().into_iter().flatten() {
                let id = record["recordId"].as_str().unwrap_or_default();
                for (field, value) in record["fields"].as_object().into_iter().flatten() {
                    let name = names.get(field).cloned().unwrap_or_else(|| field.clone());
                    cells.push((id.to_owned(), name, value.clone()));
                }
            }
        }
        Ok(cells)
    }

    /// The rows of a sheet as people see them, with their record ids under `""`.
    pub async fn rows(&self, sheet: &SheetId) -> Result<Vec<Shown>> {
        let url = format!("{}/_sim/sheets", self.sim.url);
        let all: Value = runtime::http::client()?.get(url).send().await?.json().await?;
        let sheets = all["sheets"].as_array().context("sheets")?;
        let found = sheets.iter().find(|found| found["id"] == sheet.as_str()).context("the sheet")?;
        let columns = found["columns"].as_array().context("columns")?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let rows = found["rows"].as_array().context("rows")?.iter().map(|row| {
            let cells = row["cells"].as_array().into_iter().flatten().map(text);
            let mut shown: Shown = columns.iter().map(|column| text(&column["name"])).zip(cells).collect();
            shown.insert(String::new(), text(&row["recordId"]));
            shown
        });
        Ok(rows.collect())
    }

    /// The one row of a room, if there is one.
    pub async fn row(&self, sheet: &SheetId, room: &str) -> Result<Option<Shown>> {
        let key = format!("webhook:{room}");
        let mut rows = self.rows(sheet).await?;
        rows.retain(|row| row["群ID"] == key);
        ensure!(rows.len() <= 1, "{} rows of {room}", rows.len());
        Ok(rows.pop())
    }

    /// Waits until a room's row shows this.
    pub async fn until_shows(&self, sheet: &SheetId, room: &str, cells: &[(&str, &str)]) -> Result<Shown> {
        let last = std::cell::RefCell::new(None);
        let found = until_some(&format!("{room} shows {cells:?}"), || async {
            let row = self.row(sheet, room).await?;
            let fits =
                |row: &Shown| cells.iter().all(|(column, text)| row.get(*column).is_some_and(|t| t == text));
            last.borrow_mut().clone_from(&row);
            Ok(row.filter(fits))
        })
        .await;
        found.with_context(|| format!("last seen: {:?}", last.borrow()))
    }

    /// Waits until 系统信息 has this many rows, and gives them.
    pub async fn until_logged(&self, count: usize) -> Result<Vec<Shown>> {
        until_some(&format!("系统信息 has {count} rows"), || async {
            let rows = self.rows(&self.sheets.system_log).await?;
            Ok((rows.len() == count).then_some(rows))
        })
        .await
    }

    /// Waits until this many outcomes are fully shown, which a second look has to find.
    pub async fn until_settled(&self, count: i64) -> Result<()> {
        until(&format!("{count} outcomes are settled"), || async {
            self.stack.clock.advance(Duration::from_secs(31));
            let settled: i64 = store::sqlx::query_scalar(
                "select count(*) from vika_sync_outcomes where settled_at is not null",
            )
            .fetch_one(&self.stack.admin)
            .await?;
            Ok(settled == count)
        })
        .await
    }
}

/// Moves the clock on to half a minute past ten in the morning, so that whatever tests add to it is the same day.
fn begin_at_ten(stack: &mut Stack) -> Result<()> {
    let now = stack.clock.now().with_timezone(&chrono_tz::Asia::Shanghai);
    let ten = NaiveTime::from_hms_opt(10, 0, 30).context("a time")?;
    let ten = (now + TimeDelta::days(1)).with_time(ten).single().context("ten o'clock")?;
    stack.clock.advance((ten - now).to_std()?);
    stack.started = stack.clock.now();
    Ok(())
}

/// A client without pauses.
pub fn client(url: &str, token: &str) -> Result<Client> {
    let pacing = Pacing { spacing: Duration::ZERO, ..Pacing::default() };
    Ok(Client::new(runtime::http::client()?, url, Token::new(token), pacing))
}
