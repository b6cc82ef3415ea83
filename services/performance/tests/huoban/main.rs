//! The engine against the simulator and a real Postgres, as the role that runs it.

mod alarms;
mod columns;
mod comparing;
mod crashes;
mod feeding;
mod limits;
mod support;
mod writing;
