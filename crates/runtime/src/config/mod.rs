//! Configuration: embedded defaults → the file → the environment, checked as a whole.
//!
//! Every problem is reported at once with its path and what was expected. Secrets are given by value or, under the
//! same name with `_file`, as a file, and are never printed. Form is checked against the schema that is generated from
//! the types; what is faulty is then mended with stand-ins, so that what the rest means is checked in the same run.

mod environment;
mod files;
mod form;
mod idle;
mod load;
mod meaning;
mod path;
mod problem;
mod schema;
mod secret;
mod sections;
mod watchdog;

pub use files::SecretFile;
pub use load::{
    Scope, Servers, Source, load, load_complete, load_for, load_text, load_using, load_with, load_within,
    load_without_servers, names_bus, secret_files,
};
pub use problem::{ConfigError, Problem};
pub use schema::schema;
pub use secret::Secret;
pub use sections::{
    Bus, Config, Database, Feishu, Gateway, Ingest, Logs, Retention, Traces, Vika, VikaSheets, WebhookClaim,
    WebhookToken,
};
pub use watchdog::{CustomBot, Thresholds, Watchdog};
