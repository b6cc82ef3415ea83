//! A running company: every service but capture, over a stack of its own, with simulators outside.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use domain::id::RoomKey;
use domain::span::Span;
use domain::wait::Wait;
use events::chat::ChatMessage;
use runtime::Clock;
use runtime::bus::Consumer;
use serde_json::Value;
use simulators::feishu::{AppSpec, CallbackSpec, ChatSpec, FeishuConfig, Running as Feishu};
use simulators::vika::{Running as Vika, VikaConfig, VikaMember, VikaSpace, VikaToken};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection};
use store::role::Role;
use store::rooms::waits::{self, Which};
use tempfile::TempDir;
use testkit::company::{CHEN, Person, captured, says};
use testkit::{Running, Stack, until};
use tokio::process::Command;
use vika::setup;
use vika::tables::AllRooms;
use vika::{Cell, Client, ColumnIds, KnownSheets, Pacing, RecordId, SheetIds, SpaceId, Token};

const SPACE: &str = "spcTest";
/// The manager's token, whose call allowance is not the services'.
const MANAGER_TOKEN: &str = "uskManager";
/// 王小售's private chat, 李小后's, and the one that everybody reads.
pub const CHATS: [&str; 3] = ["oc_wang", "oc_li", "oc_public"];

pub struct Company {
    pub stack: Stack,
    pub feishu_clock: Clock,
    feishu: Feishu,
    vika: Vika,
    sheets: SheetIds,
    services: Vec<Running>,
    folder: TempDir,
    http: reqwest::Client,
}

/// What a run of `huiyin` left.
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// What can be seen from outside and what is counted.
#[derive(Debug, PartialEq)]
pub struct Seen {
    pub waits: Vec<(RoomKey, Wait)>,
    pub entries: i64,
    pub sheets: BTreeMap<&'static str, Vec<Value>>,
    pub cards: BTreeMap<&'static str, Vec<String>>,
}

/// A room of the company.
pub fn room(id: &str) -> RoomKey {
    RoomKey { source: "webhook".into(), id: id.into() }
}

async fn start_feishu(clock: &Clock) -> Result<Feishu> {
    let clock = clock.clone();
    let app = AppSpec { app_id: "cli_test".into(), app_secret: "secret".into() };
    let mut config = FeishuConfig::new(Arc::new(move || clock.now()), app);
    let chat = |chat_id: &str| ChatSpec {
        chat_id: chat_id.to_owned(),
        name: chat_id.to_owned(),
        bot_in: true,
        members: Vec::new(),
        restricted: false,
        dissolved: false,
        refuse: None,
    };
    config.chats = CHATS.map(chat).to_vec();
    config.callback =
        CallbackSpec { url: None, encrypt_key: Some("key".into()), verification_token: "token".into() };
    Ok(simulators::feishu::start(config).await?)
}

async fn start_vika(clock: &Clock) -> Result<Vika> {
    let clock = clock.clone();
    let token = |token: &str, user: &str| VikaToken { token: token.into(), user: user.into() };
    Ok(simulators::vika::start(VikaConfig {
        clock: Arc::new(move || clock.now()),
        tokens: vec![token("uskSync", "机器人"), token("uskRead", "机器人"), token(MANAGER_TOKEN, "王经理")],
        spaces: vec![VikaSpace {
            id: SPACE.into(),
            name: "示例公司".into(),
            members: vec![VikaMember::named("机器人"), VikaMember::named("王经理")],
        }],
        rate_limit: None,
        bind: ([127, 0, 0, 1], 0).into(),
        beyond_loopback: false,
    })
    .await?)
}

impl Company {
    /// Everything is made, no service runs.
    pub async fn set_up() -> Result<Self> {
        // On the heap: what is alive while it is set up is large.
        Box::pin(Self::set_up_all()).await
    }

    async fn set_up_all() -> Result<Self> {
        let mut stack = Stack::start().await?;
        let feishu_clock = Clock::system();
        let (feishu, vika) = (start_feishu(&feishu_clock).await?, start_vika(&stack.clock).await?);
        let spacing = Duration::from_secs(1) / NonZeroU32::new(50).context("calls")?.get();
        let client = Client::new(
            runtime::http::client()?,
            &vika.url,
            Token::new("uskSync"),
            Pacing { spacing, ..Pacing::default() },
        );
        let sheets =
            setup::init(&client, &SpaceId::try_from(SPACE.to_owned())?, KnownSheets::default()).await?;
        let section = &mut stack.config.vika;
        section.base_url.clone_from(&vika.url);
        section.calls_per_second = 50;
        section.sync_every = Span::seconds(1);
        (section.poll_every, section.poll_all_rooms_every) = (Span::seconds(1), Span::seconds(1));
        section.calls_per_month = 0;
        section.sheets.today = sheets.today.to_string();
        section.sheets.all_rooms = sheets.all_rooms.to_string();
        section.sheets.system_log = sheets.system_log.to_string();
        stack.config.feishu.base_url.clone_from(&feishu.url);
        stack.config.feishu.listen = testkit::free_address()?;
        let company = Self {
            stack,
            feishu_clock,
            feishu,
            vika,
            sheets,
            services: Vec::new(),
            folder: tempfile::tempdir()?,
            http: runtime::http::client()?,
        };
        company.go_live().await?;
        Ok(company)
    }

    /// Alerts have been live for an hour, where the schema knows of going live.
    async fn go_live(&self) -> Result<()> {
        if self.knows_go_live().await? {
            sqlx::query("insert into golive (since, live, noted_at) values ($1, true, $1)")
                .bind(self.stack.started - TimeDelta::hours(1))
                .execute(&self.stack.admin)
                .await?;
        }
        Ok(())
    }

    pub async fn knows_go_live(&self) -> Result<bool> {
        Ok(sqlx::query_scalar("select to_regclass('golive') is not null")
            .fetch_one(&self.stack.admin)
            .await?)
    }

    pub async fn open(&mut self) -> Result<()> {
        let stack = &self.stack;
        self.services = vec![
            stack.run(Role::RoomState, room_state::run).await?,
            stack.run(Role::VikaSync, vika_sync::run).await?,
            stack.run(Role::VikaReconcile, vika_reconcile::run).await?,
            stack.run(Role::FeishuAlerter, feishu_alerter::run).await?,
        ];
        Ok(())
    }

    pub async fn close(&mut self) -> Result<()> {
        for service in self.services.drain(..) {
            service.stop().await?;
        }
        Ok(())
    }

    pub fn ago(&self, seconds: i64) -> DateTime<Utc> {
        self.stack.started - TimeDelta::seconds(seconds)
    }

    pub async fn publish(&self, messages: &[ChatMessage]) -> Result<()> {
        for message in messages {
            self.stack.bus.publish(&captured(message)?).await?;
        }
        Ok(())
    }

    /// A member of staff greets, which makes the room theirs, and 陈小样 has been asking for so many seconds.
    pub async fn asks(&self, id: &str, owner: Person, seconds: i64, text: &str) -> Result<()> {
        self.publish(&[
            says(id, owner, self.ago(seconds + 60), "您好"),
            says(id, CHEN, self.ago(seconds), text),
        ])
        .await
    }

    /// Waits until everything captured and asked for is handled.
    pub async fn until_handled(&self) -> Result<()> {
        for consumer in [Consumer::RoomStateChat, Consumer::RoomStateCommand] {
            until(
                "everything is handled",
                || async move { Ok(self.stack.bus.lag(consumer).await?.pending == 0) },
            )
            .await?;
        }
        Ok(())
    }

    /// Waits until a chat has so many cards.
    pub async fn until_cards(&self, chat: &'static str, count: usize) -> Result<()> {
        until(
            &format!("{chat} has {count} cards"),
            || async move { Ok(self.cards(chat).await?.len() == count) },
        )
        .await
    }

    /// The cards of a chat by their message ids, oldest first.
    pub async fn cards(&self, chat: &str) -> Result<Vec<String>> {
        let url = format!("{}/_sim/messages?chat={chat}", self.feishu.url);
        let answer: Value = self.http.get(url).send().await?.error_for_status()?.json().await?;
        let messages = answer["messages"].as_array().context("a list of messages")?;
        Ok(messages.iter().filter_map(|message| message["message_id"].as_str()).map(str::to_owned).collect())
    }

    /// The rows of a sheet without what changes with every look, in order.
    pub async fn rows(&self, sheet: &'static str) -> Result<Vec<Value>> {
        let id = match sheet {
            "today" => &self.sheets.today,
            "all_rooms" => &self.sheets.all_rooms,
            _ => &self.sheets.system_log,
        };
        let url = format!("{}/fusion/v1/datasheets/{id}/records?pageSize=1000", self.vika.url);
        let answer: Value = self.http.get(&url).bearer_auth(MANAGER_TOKEN).send().await?.json().await?;
        ensure!(answer["code"] == 200, "Vika says {answer}");
        let fields = |record: &Value| {
            let mut fields = record["fields"].clone();
            for volatile in
                ["上次更新时间", "最后活跃时间", "负责人未回覆时间（分钟）", "经理修改时间", "经理修改人"]
            {
                if let Some(fields) = fields.as_object_mut() {
                    fields.remove(volatile);
                }
            }
            fields
        };
        let mut rows: Vec<Value> =
            answer["data"]["records"].as_array().context("records")?.iter().map(fields).collect();
        rows.sort_by_key(ToString::to_string);
        Ok(rows)
    }

    /// The manager changes cells of a room's row in 群聊总表.
    pub async fn edit(&self, id: &str, cells: impl IntoIterator<Item = (AllRooms, Cell)>) -> Result<()> {
        let sheet = &self.sheets.all_rooms;
        let pacing = Pacing { spacing: Duration::from_millis(20), ..Pacing::default() };
        let manager = Client::new(self.http.clone(), &self.vika.url, Token::new(MANAGER_TOKEN), pacing);
        let columns = ColumnIds::<AllRooms>::resolve(&manager.fields(sheet).await?)?;
        let url = format!("{}/fusion/v1/datasheets/{sheet}/records?pageSize=1000", self.vika.url);
        let answer: Value = self.http.get(&url).bearer_auth(MANAGER_TOKEN).send().await?.json().await?;
        let records = answer["data"]["records"].as_array().context("records")?;
        let key = room(id).to_string();
        let record = records.iter().find(|record| record["fields"]["群ID"] == key);
        let record = record.and_then(|record| record["recordId"].as_str()).context("the room's row")?;
        let change = (RecordId::try_from(record.to_owned())?, columns.fields(cells));
        manager.update(sheet, &[change]).await?;
        Ok(())
    }

    /// Decided commands of a kind.
    pub async fn commands(&self, kind: &'static str) -> Result<i64> {
        let count = sqlx::query_scalar("select count(*) from commands where kind = $1").bind(kind);
        Ok(count.fetch_one(&self.stack.admin).await?)
    }

    pub async fn waits(&self) -> Result<Vec<(RoomKey, Wait)>> {
        let mut connection = self.stack.admin.acquire().await?;
        let rooms: Vec<String> =
            sqlx::query_scalar("select room from rooms order by room").fetch_all(&mut *connection).await?;
        let stored = waits::list(&mut connection, Which::OfRooms(&rooms, DateTime::UNIX_EPOCH)).await?;
        Ok(stored.into_iter().map(|stored| (stored.room, stored.wait)).collect())
    }

    pub async fn seen(&self) -> Result<Seen> {
        let mut sheets = BTreeMap::new();
        for sheet in ["today", "all_rooms", "system_log"] {
            sheets.insert(sheet, self.rows(sheet).await?);
        }
        let mut cards = BTreeMap::new();
        for chat in CHATS {
            cards.insert(chat, self.cards(chat).await?);
        }
        let entries =
            sqlx::query_scalar("select count(*) from timeline").fetch_one(&self.stack.admin).await?;
        Ok(Seen { waits: self.waits().await?, entries, sheets, cards })
    }

    /// Loses the database: an empty one of the same name is left.
    pub async fn lose_database(&self) -> Result<()> {
        let database = self.stack.superuser();
        let name = database.get_database().context("the database's name")?;
        let mut server = database.clone().database("postgres").connect().await?;
        for statement in [format!("drop database {name} with (force)"), format!("create database {name}")] {
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut server).await?;
        }
        server.close().await?;
        Ok(())
    }

    /// A connection of the superuser's.
    pub async fn connect(&self) -> Result<PgConnection> {
        Ok(self.stack.superuser().connect().await?)
    }

    /// A file in the company's own folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs `huiyin` with the company's configuration.
    pub async fn huiyin(&self, words: &[&str]) -> Result<Ran> {
        let mut config = testkit::company::written(&self.stack.config);
        config["database"] = self.stack.database_section();
        let file = self.file("huiyin.json");
        std::fs::write(&file, config.to_string())?;
        let output = Command::new(env!("CARGO_BIN_EXE_huiyin"))
            .arg("--config")
            .arg(&file)
            .args(words)
            .env_clear()
            .kill_on_drop(true)
            .output()
            .await
            .context("running huiyin")?;
        Ok(Ran {
            code: output.status.code().context("ended by a signal")?,
            out: String::from_utf8(output.stdout)?,
            err: String::from_utf8(output.stderr)?,
        })
    }
}
