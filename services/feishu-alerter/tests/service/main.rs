//! `feishu-alerter` as a whole: a real Postgres, a real `nats-server`, the real `room-state`, and a fake Feishu.

mod actions;
mod approvals;
mod closing;
mod crashes;
mod follow_ups;
mod freshness;
mod gaps;
mod golive;
mod handling;
mod handover;
mod idle;
mod ladder;
mod nameless;
mod openings;
mod other_channel;
mod owners;
mod permissions;
mod refusals;
mod replicas;
mod shrinking;
mod support;
mod unanswered;
mod undo;
mod watch;
