//! The client of the Huoban (伙伴云) open API, and the tables that Huiyin keeps there.
//!
//! It exists so that the traps of that API are handled once: failures under HTTP 200, creations without an idempotency
//! key, batches that are asynchronous, a schema in two shapes, pages of fifty, an unknown rate limit. It knows columns
//! and values, not people or rooms, and it must not decide what is written: the service does.
//!
//! What is known of the API, from where, and what nobody has checked yet stands in `docs/huoban.md`. The batch calls
//! (`POST /items`, `PUT /items`) are not used: their outcome comes by a callback, and an upsert refuses a key that
//! stands in several rows.

#![warn(missing_docs)]

mod answer;
mod client;
pub mod error;
mod ids;
mod items;
mod pacing;
pub mod row;
pub mod schema;
pub mod setup;
pub mod tables;
mod value;

pub use answer::Codes;
pub use client::{Client, KeyForm, Settings};
pub use error::{Error, Stop};
pub use ids::{FieldId, InvalidId, ItemId, SpaceId, TableId};
pub use items::{Condition, Item, Query};
pub use pacing::Pacing;
pub use row::Row;
pub use schema::{ColumnProblem, Columns, FieldInfo};
pub use tables::{BusinessKey, Column, InvalidKey, Kind, Table};
pub use value::Value;

/// Rows that one page may hold. The documented examples ask for 20; one public source says that 50 is the most.
pub const MAX_PAGE_SIZE: usize = 50;
