//! What the tests need around the client.

pub mod control;
pub mod fake;
pub mod harness;
pub mod proxy;

use std::time::Duration;

/// No state that a test waits for takes longer.
pub const PATIENCE: Duration = Duration::from_mins(1);
