//! What every service needs around its own work: clock, telemetry, life cycle, bus, database. What operators decide is
//! read by [`config`].
//!
//! The clock is read here and nowhere else. No rule of the domain belongs here.

pub mod backoff;
pub mod beat;
pub mod bus;
pub mod changes;
pub mod clock;
pub mod context;
pub mod database;
pub mod fault;
pub mod health;
pub mod http;
pub mod lease;
pub mod lifecycle;
pub mod main_wrapper;
pub mod panics;
pub mod random;
pub mod serve;
pub mod services;
pub mod sweep;
pub mod telemetry;
pub mod trace;

pub use ::config;
pub use backoff::Backoff;
pub use changes::Changes;
pub use clock::Clock;
pub use config::Config;
pub use context::Context;
pub use lifecycle::{Shutdown, Tasks};
pub use main_wrapper::main;
pub use trace::Trace;
