//! Configuration: embedded defaults → the file → the environment, checked as a whole.
//!
//! Every problem is reported at once with its path and what was expected. Secrets are given by value or, under the
//! same name with `_file`, as a file, and are never printed.

mod load;
mod schema;
mod secret;
mod sections;

pub use load::{ConfigError, Problem, Source, load, load_text};
pub use schema::schema;
pub use secret::Secret;
pub use sections::{
    Bus, Config, Database, Feishu, Gateway, Ingest, Logs, Vika, VikaSheets, WebhookClaim, WebhookToken,
};
