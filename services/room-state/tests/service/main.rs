//! `room-state` as a whole, against a real Postgres and a real `nats-server`.

mod commands;
mod crashes;
mod folding;
mod panics;
mod poison;
mod replicas;
mod support;
