//! What an operator decides: embedded defaults → the file → the environment, checked as a whole.
//!
//! Every problem is reported at once with its path and what was expected. Secrets are given by value or, under the
//! same name with `_file`, as a file, and are never printed. Form is checked against the schema that is generated from
//! the types; what is faulty is then mended with stand-ins, so that what the rest means is checked in the same run.
//!
//! Each section stands in a file of `sections` with its own checks. `load` merges and checks, `secrets` reads
//! secrets, `holidays` the files of public holidays, `schema` is what editors and the form's check go by. Nothing here knows how the services run.

mod config;
mod environment;
mod form;
mod holidays;
mod idle;
mod load;
mod merge;
mod operated;
mod path;
mod problem;
mod schema;

mod secrets;
mod sections;

pub use config::Config;
pub use domain::secret::Secret;
pub use holidays::HolidayFiles;
pub use load::{
    Scope, Servers, Source, load, load_complete, load_text, load_using, load_with, load_within,
    load_without_servers, names_bus, secret_files,
};
pub use operated::Operated;
pub use problem::{ConfigError, Problem};
pub use schema::schema;
pub use secrets::SecretFile;
pub use sections::{
    Board, Bus, CustomBot, Database, Feishu, FeishuLogin, Gateway, Http, Huoban, HuobanCodes, HuobanKeyForm,
    HuobanTables, Ingest, LogFormat, Logs, Performance, Retention, Server, Thresholds, Traces, Vika,
    VikaSheets, Watchdog, WebhookClaim, WebhookToken,
};
