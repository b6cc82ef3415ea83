//! `performance` beside `room-state`, against a real Postgres and a real `nats-server`.

mod counting;
mod crashes;
mod rebuild;
mod scan;
mod support;
mod uncounted;
