//! Where everything of a demo is reached, for people and, as `demo.json`, for programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use domain::rules::RosterEntry;
use runtime::Config;
use serde::Serialize;
use store::role::Role;

use super::Options;
use super::company::{OPERATORS_CHAT, PUBLIC_CHAT};
use super::world::{World, gateway_token};
use crate::command_hints::for_home;
use crate::local::Local;

/// The file in the demo's home.
const FILE: &str = "demo.json";

/// Addresses and tokens of a running demo.
#[derive(Clone, Serialize)]
pub struct Info {
    /// The page to play on.
    pub page: String,
    /// The board of figures; the page has a link that logs in to it.
    pub board: String,
    /// Root of the webhook's service.
    pub ingest: String,
    pub ingest_token: String,
    /// Root of the fake Vika.
    pub vika: String,
    pub vika_token: String,
    pub vika_manager_token: String,
    pub vika_sheets: Sheets,
    /// Root of the fake Feishu.
    pub feishu: String,
    pub feishu_app_id: String,
    pub feishu_app_secret: String,
    /// Chats by name: the owner's name for private ones.
    pub feishu_chats: BTreeMap<String, String>,
    /// The folder that everything is kept in.
    #[serde(skip)]
    pub home: PathBuf,
    /// Nobody asked for a gateway.
    #[serde(skip)]
    pub without_gateway: bool,
    /// `host:port` of the Wechaty gateway; `null` without one.
    pub gateway: Option<String>,
    pub gateway_token: Option<String>,
    /// Where the mock account's world is moved.
    pub gateway_control: Option<String>,
    /// A read-only login to the database.
    pub postgres: String,
    /// The bus, with a login that may do everything, as no user of a real configuration may.
    pub nats: String,
}

#[derive(Clone, Serialize)]
pub struct Sheets {
    /// 今日群聊.
    pub today: String,
    /// 群聊总表.
    pub all_rooms: String,
    /// 系统信息.
    pub system_log: String,
}

impl Info {
    /// Of a demo that has just started.
    pub(super) fn of(
        local: &Local,
        world: &World,
        config: &Config,
        page: SocketAddr,
        options: &Options,
    ) -> Self {
        let secrets = &world.secrets;
        let own = |entry: &RosterEntry| Some((entry.name.to_string(), entry.feishu_chat()?.to_owned()));
        let mut chats: BTreeMap<String, String> = config.rules.roster.iter().filter_map(own).collect();
        chats.insert(PUBLIC_CHAT.to_owned(), config.feishu.public_chat.clone());
        let operators = config.watchdog.iter().map(|watchdog| watchdog.operators_chat.clone());
        chats.extend(operators.map(|chat| (OPERATORS_CHAT.to_owned(), chat)));
        let sheets = &config.vika.sheets;
        Self {
            page: format!("http://{page}/"),
            board: format!("http://{}", world.board),
            ingest: format!("http://{}", world.ingest),
            ingest_token: secrets.get("ingest"),
            vika: world.outside.vika.url.clone(),
            vika_token: world.keys.sync.clone(),
            vika_manager_token: world.keys.manager.clone(),
            vika_sheets: Sheets {
                today: sheets.today.clone(),
                all_rooms: sheets.all_rooms.clone(),
                system_log: sheets.system_log.clone(),
            },
            feishu: world.outside.feishu.url.clone(),
            feishu_app_id: config.feishu.app_id.clone(),
            feishu_app_secret: world.keys.app_secret.clone(),
            feishu_chats: chats,
            home: options.home.clone(),
            without_gateway: options.without_gateway,
            gateway: world.gateway.as_ref().map(|gateway| gateway.endpoint().to_owned()),
            gateway_token: world.gateway.as_ref().map(|_| gateway_token(secrets)),
            gateway_control: world.gateway.as_ref().map(|gateway| gateway.control_url().to_owned()),
            postgres: local.database_url(Role::Reader),
            nats: local.bus_superuser_url(),
        }
    }

    /// Writes `demo.json`, readable by its owner alone: it holds the demo's tokens.
    pub(super) fn write(&self) -> Result<()> {
        let path = self.home.join(FILE);
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("writing {}", path.display()))?;
        file.write_all(serde_json::to_string_pretty(self)?.as_bytes())?;
        Ok(())
    }

    /// What a person needs to see.
    pub fn for_people(&self) -> String {
        let mut text = String::new();
        let mut line = |name: &str, value: &str| {
            // Writing to a string cannot fail.
            writeln!(text, "  {name:<12}{value}").ok();
        };
        line("Page", &self.page);
        line("Board", &format!("{} (绩效看板 on the page logs in)", self.board));
        line("Webhook", &format!("{}/v1/messages", self.ingest));
        line("Vika", &self.vika);
        line("Feishu", &self.feishu);
        line("Gateway", gateway(self.gateway.as_deref(), self.without_gateway));
        if let Some(control) = &self.gateway_control {
            line("Control", control);
        }
        line("Home", &self.home.display().to_string());
        line("Tokens", &format!("in {}", self.home.join(FILE).display()));
        line("Commands", &format!("{} check, and whatever else --help shows", for_home(&self.home)));
        text.push_str("\nOpen the page to play. Ctrl-C stops everything.");
        text
    }
}

/// Where the gateway is, or why there is none.
fn gateway(endpoint: Option<&str>, without: bool) -> &str {
    match endpoint {
        Some(endpoint) => endpoint,
        None if without => "none, as asked: messages come by the webhook",
        None => "none, it could not be started (see above): messages come by the webhook",
    }
}

#[cfg(test)]
mod tests {
    use super::gateway;

    #[test]
    fn why_there_is_no_gateway_is_said_as_it_is() {
        assert!(gateway(None, true).contains("as asked"));
        assert!(!gateway(None, false).contains("as asked"));
        assert_eq!(gateway(Some("127.0.0.1:1"), false), "127.0.0.1:1");
    }
}
