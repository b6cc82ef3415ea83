//! `feishu-alerter` as a whole: a real Postgres, a real `nats-server`, the real `room-state`, and a fake Feishu.

mod closing;
mod crashes;
mod first_day;
mod gaps;
mod handover;
mod holding;
mod idle;
mod ladder;
mod nameless;
mod owners;
mod presses;
mod refusals;
mod replicas;
mod shrinking;
mod support;
mod unanswered;
mod undo;
mod watch;
