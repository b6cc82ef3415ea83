//! The configuration's sections.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use domain::Timestamp;
use domain::calendar::TimeOfDay;
use domain::id::StaffName;
use domain::rules::Rules;
use domain::span::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::secret::Secret;
use super::watchdog::Watchdog;
use crate::telemetry::LogFormat;

/// Everything an operator decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the JSON Schema of this file is, for editors.
    #[serde(rename = "$schema", default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// What the company decides. Put in force by `huiyin apply`, then versioned in the database.
    pub rules: Rules,
    /// Where Postgres is.
    pub database: Database,
    /// Where the bus is.
    pub bus: Bus,
    /// Capture.
    pub ingest: Ingest,
    /// The managers' tables.
    pub vika: Vika,
    /// The cards.
    pub feishu: Feishu,
    /// How long what was said is kept.
    #[serde(default)]
    pub retention: Retention,
    /// Who hears of it when Huiyin itself is not well; `null`: nobody.
    #[serde(default)]
    pub watchdog: Option<Box<Watchdog>>,
    /// What stands before our listeners.
    #[serde(default)]
    pub http: Http,
    /// Logs.
    #[serde(default)]
    pub logs: Logs,
    /// Where spans are sent.
    #[serde(default)]
    pub traces: Traces,
    /// Where health and metrics are served; `null`: nowhere.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub health_listen: Option<SocketAddr>,
}

/// Where Postgres is. Each service logs in with the role of its own name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// Host name, or the folder of a unix socket (starts with `/`). Of a primary with standbys all of them, separated by
    /// commas, each with a port of its own if need be (`db-1,db-2:5433`): whichever takes writes is used.
    pub host: String,
    /// TCP port, or the socket's port number, where `host` names none.
    #[serde(default = "default_postgres_port")]
    pub port: u16,
    /// Database name.
    pub name: String,
    /// Passwords by role: each service's own (`room_state` for `room-state`), `operator`, `reader`, and `admin`, the
    /// superuser that `huiyin apply` migrates with.
    #[serde(default)]
    pub passwords: BTreeMap<String, Secret>,
    /// Path of the files that hold the passwords that are not given above, with `{role}` in the place of the role:
    /// `/run/secrets/postgres_{role}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_files: Option<String>,
    /// The superuser's name.
    #[serde(default = "default_admin")]
    pub admin: String,
}

/// Where the bus is. Each service logs in as the user of its own name, with that user's rights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bus {
    /// `nats://host:port`, or `tls://host:port`, without user and password; of a cluster all servers, separated by commas.
    pub url: String,
    /// On how many servers each stream is kept: 1, or 3 or 5 of a cluster.
    #[serde(default = "one")]
    pub replicas: usize,
    /// Passwords by user: each service's own (`room_state` for `room-state`), `operator`, `reader`, and `admin`, who
    /// declares streams and consumers.
    #[serde(default)]
    pub passwords: BTreeMap<String, Secret>,
    /// Path of the files that hold the passwords that are not given above, with `{role}` in the place of the user's
    /// name: `/run/secrets/nats_{role}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_files: Option<String>,
}

/// Capture: the webhook and the gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ingest {
    /// Where the webhook listens.
    #[schemars(with = "String")]
    pub listen: SocketAddr,
    /// Who may post messages.
    #[serde(default)]
    pub webhook_tokens: Vec<WebhookToken>,
    /// The Wechaty gateway; `null`: the webhook only.
    #[serde(default)]
    pub gateway: Option<Gateway>,
}

/// One sender of webhook messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookToken {
    /// Its name in logs.
    pub name: String,
    /// Its bearer token.
    pub token: Secret,
    /// Which sources and accounts it may speak for; empty: only source `webhook`.
    #[serde(default)]
    pub may_claim: Vec<WebhookClaim>,
}

/// A source and account that a webhook token may speak for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookClaim {
    /// The source, e.g. `wechaty`.
    pub source: String,
    /// The account; `null`: any.
    #[serde(default)]
    pub account: Option<String>,
}

/// A Wechaty Puppet Service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Gateway {
    /// Its name here, in tables and logs.
    pub name: String,
    /// `host:port`.
    pub endpoint: String,
    /// Its token.
    pub token: Secret,
    /// A certificate authority (PEM) that its TLS certificate must come from; `null`: plaintext, for loopback and
    /// private networks only.
    #[serde(default)]
    pub tls_ca: Option<PathBuf>,
    /// The name in its TLS certificate; `null`: the token's part before the last `_`, lower-cased.
    #[serde(default)]
    pub tls_name: Option<String>,
}

/// The managers' tables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Vika {
    /// Work with Vika at all.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Root of the API, without a path.
    pub base_url: String,
    /// The space in which `huiyin init-vika` creates the sheets.
    pub space: String,
    /// The token that `vika-sync` writes with.
    pub sync_token: Secret,
    /// The token that `vika-reconcile` reads with; another user's, so that each has its own call allowance.
    pub reconcile_token: Secret,
    /// Display names of the users behind the two tokens: edits by these are our own.
    pub bot_names: Vec<String>,
    /// The sheets.
    pub sheets: VikaSheets,
    /// How often changed rows are written.
    pub sync_every: Span,
    /// How often managers' edits are looked for.
    pub poll_every: Span,
    /// Calls a second and sheet that the space's plan allows us; one less than the plan's figure is prudent.
    #[serde(default = "default_calls_per_second")]
    #[schemars(range(min = 1, max = 50))]
    pub calls_per_second: u32,
}

/// Sheet ids, `dst…`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VikaSheets {
    /// 今日群聊.
    pub today: String,
    /// 群聊总表.
    pub all_rooms: String,
    /// 系统信息.
    pub system_log: String,
}

/// The cards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Feishu {
    /// Work with Feishu at all.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Root of the API: `https://open.feishu.cn`, or Lark's.
    pub base_url: String,
    /// The app's id, `cli_…`.
    pub app_id: String,
    /// The app's secret.
    pub app_secret: Secret,
    /// The key that callbacks are encrypted and signed with.
    pub encrypt_key: Secret,
    /// The token that callbacks carry.
    pub verification_token: Secret,
    /// Where card callbacks arrive.
    #[schemars(with = "String")]
    pub listen: SocketAddr,
    /// Private chat of each member of staff, `oc_…` by roster name.
    pub chats: BTreeMap<StaffName, String>,
    /// The chat that everybody reads, `oc_…`.
    pub public_chat: String,
    /// Names shown for people who click, by their `ou_…` id.
    #[serde(default)]
    pub people: BTreeMap<String, String>,
    /// When, on a working day, the public chat gets the list of all who still wait after their last reminder, in the zone
    /// of the rules.
    #[serde(default = "nine")]
    #[schemars(with = "String")]
    pub unanswered_at: TimeOfDay,
}

const fn nine() -> TimeOfDay {
    TimeOfDay::NINE
}

/// How long what was said is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Messages' texts older than this are blanked everywhere they were copied to; figures stay. `null`: kept for ever.
    #[serde(default)]
    pub text: Option<Span>,
}

impl Retention {
    /// Texts from before this moment are to be blanked; `None`: none ever.
    pub fn blank_before(&self, now: Timestamp) -> Option<Timestamp> {
        let age = chrono::TimeDelta::from_std(self.text?.as_duration()).ok()?;
        now.checked_sub_signed(age)
    }
}

/// What stands before our listeners.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// Addresses of the reverse proxies whose `X-Forwarded-For` is believed. Limits count for each client; without
    /// this, everybody behind a proxy is one client.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub trusted_proxies: Vec<IpAddr>,
}

/// Logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Logs {
    /// What is logged, e.g. `info` or `info,room_state=debug`.
    pub filter: String,
    /// How lines look.
    #[serde(default)]
    pub format: LogFormat,
}

impl Default for Logs {
    fn default() -> Self {
        Self { filter: "info,sqlx=warn,async_nats=warn".to_owned(), format: LogFormat::default() }
    }
}

/// Where spans are sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Traces {
    /// Root of a receiver of OpenTelemetry's protocol over HTTP, without a path: `http://otel-collector:4318`; `null`:
    /// spans are not exported.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// Of how many traces in a hundred that begin with us the spans are exported. A trace that a webhook's caller began is
    /// exported if the caller records it.
    #[serde(default = "all")]
    #[schemars(range(min = 1, max = 100))]
    pub sample_percent: u8,
}

impl Default for Traces {
    fn default() -> Self {
        Self { endpoint: None, sample_percent: all() }
    }
}

const fn all() -> u8 {
    100
}

const fn default_postgres_port() -> u16 {
    5432
}

fn default_admin() -> String {
    "postgres".to_owned()
}

const fn default_calls_per_second() -> u32 {
    4
}

const fn one() -> usize {
    1
}

const fn yes() -> bool {
    true
}
