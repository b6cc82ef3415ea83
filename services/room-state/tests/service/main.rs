//! `room-state` as a whole, against a real Postgres and a real `nats-server`.

mod commands;
mod crashes;
mod folding;
mod golive_and_exclusions;
mod observation;
mod order;
mod panics;
mod poison;
mod recompute;
mod replicas;
mod retention;
mod rules;
mod standby;
mod state_cache;
mod support;
mod turns;
