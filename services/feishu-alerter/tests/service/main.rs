//! `feishu-alerter` as a whole: a real Postgres, a real `nats-server`, the real `room-state`, and a fake Feishu.

mod absence;
mod actions;
mod closing;
mod crashes;
mod focus;
mod freshness;
mod gaps;
mod golive;
mod handling;
mod handover;
mod idle;
mod ladder;
mod nameless;
mod other_channel;
mod overload;
mod owners;
mod permissions;
mod refusals;
mod replicas;
mod shrinking;
mod support;
mod unanswered;
mod undo;
mod watch;
