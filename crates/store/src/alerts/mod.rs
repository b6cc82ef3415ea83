//! What the alerter keeps: how far it has seen, when cards are due, the notifications themselves, claims, actions and alarms.
//! Written by `feishu-alerter` alone.

pub mod actions;
pub mod alarms;
pub mod approvals;
pub mod changes;
pub mod claims;
pub mod digest;
pub mod follow_ups;
pub mod freshness;
pub mod handovers;
pub mod held;
pub mod lists;
pub mod notifications;
pub mod openings;
pub mod retention;
pub mod schedule;
pub mod sending;
pub mod unanswered;
pub mod waiting;
