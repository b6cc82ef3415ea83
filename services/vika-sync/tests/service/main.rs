//! `vika-sync` as a whole, and the round with `vika-reconcile` and `room-state`, against a real Postgres, a real
//! `nats-server` and the simulator of Vika.

mod alarms;
mod budget;
mod claims;
mod crashes;
mod edits;
mod faults;
mod full;
mod gaps;
mod managers;
mod phases;
mod replicas;
mod rows;
mod schema;
mod support;
mod wake_ups;
