//! A newly installed company: a provisioned database and bus, sheets, chats, and a configuration that is right.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use huiyin::Installation;
use huiyin::check::{Finding, Group, Report, Status, examine};
use runtime::config::Source;
use serde_json::{Value, json};
use simulators::feishu::{AppSpec, ChatSpec, FeishuConfig, PersonSpec, Running as Feishu};
use simulators::vika::{Running as Vika, VikaConfig, VikaMember, VikaSpace, VikaToken};
use store::role::Role;
use testkit::Stack;
use vika::setup::{KnownSheets, SheetIds};

use crate::command::configured;

const SPACE: &str = "spcTest";
/// The bot's display name in Vika.
pub const BOT: &str = "机器人";
pub const MANAGER: &str = "ou_manager";

pub struct Installed {
    pub stack: Stack,
    pub vika: Vika,
    pub feishu: Feishu,
    pub sheets: SheetIds,
    /// The configuration, right as it is.
    pub config: Value,
    http: reqwest::Client,
}

pub fn person(open_id: &str, name: &str, mobile: &str, email: &str) -> PersonSpec {
    PersonSpec {
        open_id: open_id.into(),
        name: name.into(),
        mobile: mobile.into(),
        email: email.into(),
        available: true,
        refuse: None,
    }
}

pub fn chat(chat_id: &str, name: &str, bot_in: bool) -> ChatSpec {
    ChatSpec {
        chat_id: chat_id.into(),
        name: name.into(),
        bot_in,
        members: Vec::new(),
        restricted: false,
        dissolved: false,
        refuse: None,
    }
}

impl Installed {
    pub async fn start() -> Result<Self> {
        let stack = Stack::start().await?;
        let (vika, feishu) = (vika(&stack).await?, feishu(&stack).await?);
        let space = KnownSheets::default();
        let sheets = huiyin::init_vika::create(&vika.url, "uskSync", SPACE, space).await?;
        let config = config(&stack, &vika, &feishu, &sheets)?;
        let http = runtime::http::client()?;
        Ok(Self { stack, vika, feishu, sheets, config, http })
    }

    /// Looks with changes to the configuration: `(pointer, value)`.
    pub async fn check(&self, changes: &[(&str, Value)]) -> Result<Report> {
        let (_folder, file) = configured(&self.changed(changes)?)?;
        let source = Source { file: file.into(), environment: false };
        let monitor = self.stack.nats.monitor_url();
        Ok(examine(&Installation::deployment(source), Some(&monitor), &self.stack.clock).await)
    }

    /// The configuration with changes.
    pub fn changed(&self, changes: &[(&str, Value)]) -> Result<Value> {
        let mut config = self.config.clone();
        for (pointer, value) in changes {
            let (parent, key) = pointer.rsplit_once('/').context("a pointer")?;
            config.pointer_mut(parent).context((*pointer).to_owned())?[key] = value.clone();
        }
        Ok(config)
    }

    /// Orders something of a simulator.
    pub async fn order(&self, url: &str, method: &str, path: &str, body: Value) -> Result<()> {
        let url = format!("{url}/_sim/{path}");
        self.http.request(method.parse()?, url).json(&body).send().await?.error_for_status()?;
        Ok(())
    }

    pub async fn order_feishu(&self, method: &str, path: &str, body: Value) -> Result<()> {
        self.order(&self.feishu.url.clone(), method, path, body).await
    }

    pub fn vika_client(&self) -> Result<vika::Client> {
        let pacing = vika::Pacing { spacing: std::time::Duration::ZERO, ..vika::Pacing::default() };
        let token = vika::Token::new("uskSync");
        Ok(vika::Client::new(runtime::http::client()?, &self.vika.url, token, pacing))
    }

    /// A row in 群聊总表, written by the bot as `vika-sync` writes it.
    pub async fn write_row(&self) -> Result<()> {
        let url = format!("{}/fusion/v1/datasheets/{}/records", self.vika.url, self.sheets.all_rooms);
        let row =
            json!({ "records": [{ "fields": { "群ID": "r1", "负责人": "王小售" } }], "fieldKey": "name" });
        let answer: Value =
            self.http.post(url).bearer_auth("uskSync").json(&row).send().await?.json().await?;
        anyhow::ensure!(answer["success"] == true, "{answer}");
        Ok(())
    }
}

async fn vika(stack: &Stack) -> Result<Vika> {
    let clock = stack.clock.clone();
    let token = |token: &str, user: &str| VikaToken { token: token.into(), user: user.into() };
    Ok(simulators::vika::start(VikaConfig {
        clock: Arc::new(move || clock.now()),
        tokens: vec![token("uskSync", BOT), token("uskRead", "机器人二号"), token("uskStranger", "外人")],
        spaces: vec![VikaSpace {
            id: SPACE.into(),
            name: "示例公司".into(),
            members: vec![VikaMember::named(BOT), VikaMember::named("机器人二号")],
        }],
        rate_limit: None,
        bind: ([127, 0, 0, 1], 0).into(),
        beyond_loopback: false,
    })
    .await?)
}

async fn feishu(stack: &Stack) -> Result<Feishu> {
    let clock = stack.clock.clone();
    let app = AppSpec { app_id: "cli_test".into(), app_secret: "secret".into() };
    Ok(simulators::feishu::start(FeishuConfig {
        chats: vec![
            chat("oc_wang", "王小售的提醒群", true),
            chat("oc_li", "李小后的提醒群", true),
            chat("oc_public", "客户响应公共群", true),
        ],
        people: vec![person(MANAGER, "周经理", "13800000009", "zhou@example.com")],
        ..FeishuConfig::new(Arc::new(move || clock.now()), app)
    })
    .await?)
}

fn config(stack: &Stack, vika: &Vika, feishu: &Feishu, sheets: &SheetIds) -> Result<Value> {
    let mut config = testkit::company::written(&stack.config);
    let database = stack.admin.connect_options();
    let passwords: serde_json::Map<String, Value> =
        Role::ALL.iter().map(|role| (role.name().to_owned(), json!(format!("test-{role}")))).collect();
    config["database"] = json!({
        "host": database.get_socket().context("a socket")?,
        "port": database.get_port(),
        "name": database.get_database().context("a database")?,
        "passwords": passwords,
    });
    config["vika"]["base_url"] = json!(vika.url);
    config["vika"]["sheets"] = json!({
        "today": sheets.today.as_str(),
        "all_rooms": sheets.all_rooms.as_str(),
        "system_log": sheets.system_log.as_str(),
    });
    config["feishu"]["base_url"] = json!(feishu.url.clone());
    let manager = json!({
        "name": "周经理", "team": "other", "addresses": { "feishu": { "open_id": MANAGER } }
    });
    config["rules"]["roster"].as_array_mut().context("a roster")?.push(manager);
    config["performance"] = json!({ "board": {
        "listen": "127.0.0.1:0", "public_url": "https://board.example.com", "hr": ["吴人事"],
        "session_key": "a key of the tests, long enough for one",
    } });
    Ok(config)
}

/// The lines of a group that stand so.
pub fn lines(report: &Report, group: Group, status: Status) -> Vec<&Finding> {
    report.findings().iter().filter(|finding| finding.group == group && finding.status == status).collect()
}

/// Exactly this one line of the group failed, in these words, with this remedy.
#[track_caller]
pub fn failed(report: &Report, group: Group, what: &str, remedy: &str) {
    stands(report, group, Status::Failed, what, remedy);
}

/// A line of the group stands so, among others.
#[track_caller]
pub fn includes(report: &Report, group: Group, status: Status, what: &str, remedy: &str) {
    let fits = |line: &&Finding| line.what.contains(what) && line.remedy.contains(remedy);
    let found = lines(report, group, status).iter().any(fits);
    assert!(found, "expected a line `{what}` with `{remedy}` in:\n{report}");
}

#[track_caller]
pub fn stands(report: &Report, group: Group, status: Status, what: &str, remedy: &str) {
    let lines = lines(report, group, status);
    assert!(
        lines.len() == 1 && lines[0].what.contains(what) && lines[0].remedy.contains(remedy),
        "expected the one line `{what}` with `{remedy}` in:\n{report}"
    );
}
