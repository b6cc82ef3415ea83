//! The sections of the configuration, each in a file with what it means.

mod bus;
mod checks;
mod database;
mod feishu;
mod http;
mod huoban;
mod ingest;
mod logs;
pub(crate) mod passwords;
mod performance;
mod retention;
pub(crate) mod rules;
mod traces;
mod vika;
mod watchdog;

pub use bus::Bus;
pub use database::{Database, Server};
pub use feishu::Feishu;
pub use http::Http;
pub use huoban::{Huoban, HuobanCodes, HuobanKeyForm, HuobanTables};
pub use ingest::{Gateway, Ingest, WebhookClaim, WebhookToken};
pub use logs::{LogFormat, Logs};
pub use performance::{Board, FeishuLogin, Performance};
pub use retention::Retention;
pub use traces::Traces;
pub use vika::{Vika, VikaSheets};
pub use watchdog::{CustomBot, Thresholds, Watchdog};

/// The sections of the servers, with a password for each login.
pub(crate) const SERVERS: [&str; 2] = ["database", "bus"];
/// The sections that can be switched off.
pub(crate) const SWITCHED: [&str; 3] = ["vika", "feishu", "huoban"];

const fn yes() -> bool {
    true
}
