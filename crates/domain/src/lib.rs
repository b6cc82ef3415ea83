//! The rules of Huiyin, pure: who is waiting, since when, who is alerted, who owns what.
//!
//! This crate does no I/O, has no async and never reads a clock: `now` is always an argument. Everything here is a
//! function of facts (timeline entries) and of the rules in force, so that any order of arrival gives the same answer.

#![warn(missing_docs)]

pub mod address;
pub mod assignment;
pub mod calendar;
pub mod call_budget;
pub mod closing;
pub mod display;
pub mod figures;
pub mod fold;
pub mod follow_up;
pub mod gap;
pub mod golive;
pub mod id;
pub mod ladder;
pub mod lists;
pub mod login;
pub mod marks;
pub mod message;
pub mod nature;
pub mod notification;
pub mod opening;
#[cfg(feature = "testing")]
pub mod oracle;
pub mod performance;
pub mod presence;
pub mod priority;
pub mod role;
pub mod rules;
pub mod secret;
pub mod simulation;
pub mod span;
mod text;
pub mod timeline;
pub mod turn;
pub mod wait;
pub mod wording;

#[cfg(test)]
mod testing;

/// A moment in UTC. Stored with millisecond resolution everywhere.
pub type Timestamp = chrono::DateTime<chrono::Utc>;
