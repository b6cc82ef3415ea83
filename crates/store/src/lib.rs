//! Everything that is stored: migrations, roles, and the statements of each table group.
//!
//! Functions take a connection; the caller owns the transaction. Every time comes from the caller: SQL never says
//! `now()`. Who may write what is enforced by Postgres itself, by one role per service.

pub mod alerts;
pub mod availability;
pub mod dump;
pub mod golive;
pub mod ingest;
mod json;
pub mod migrate;
pub mod performance;
pub mod restored;
pub mod rooms;
pub mod rules;
pub mod vika_calls;
pub mod vika_reconcile;
pub mod vika_sync;

pub use domain::login as role;
pub use sqlx;
