//! What a service's `run` is handed.

use std::sync::Arc;

use sqlx::PgPool;

use crate::bus::Bus;
use crate::fault::Faults;
use crate::health::Health;
use crate::{Clock, Config, Shutdown};

/// Everything a service works with.
#[derive(Debug, Clone)]
pub struct Context {
    /// What the operator decided.
    pub config: Arc<Config>,
    /// The time.
    pub clock: Clock,
    /// The service's own pool, logged in with its own role.
    pub db: PgPool,
    /// The bus.
    pub bus: Bus,
    /// When to stop.
    pub shutdown: Shutdown,
    /// Where its parts report that they live.
    pub health: Health,
    /// Where tests can end it.
    pub faults: Faults,
}
