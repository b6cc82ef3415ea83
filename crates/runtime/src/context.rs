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
    pub clock: Clock,
    /// The service's own pool, logged in with its own role.
    pub db: PgPool,
    pub bus: Bus,
    pub shutdown: Shutdown,
    /// Where its parts report that they live.
    pub health: Health,
    /// Where tests can end it.
    pub faults: Faults,
}
