//! What the alerter keeps: how far it has seen, when cards are due, the cards themselves, claims and presses.
//! Written by `feishu-alerter` alone.

pub mod cards;
pub mod changes;
pub mod claims;
pub mod presses;
pub mod retention;
pub mod schedule;
pub mod sending;
pub mod truth;
pub mod unanswered;
pub mod waiting;
pub mod watch;
