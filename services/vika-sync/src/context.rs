//! What every part of a round needs.

use domain::Timestamp;
use domain::call_budget::CallBudget;
use runtime::Context;
use runtime::lease::Lease;
use vika::{Client, Session};

use crate::problems::SyncError;

/// Handed to every part of a round.
pub struct SyncContext {
    /// Database, clock, shutdown and health of the service.
    pub service: Context,
    /// The session of the one token that writes.
    pub session: Session,
    /// The right to write: one process for each set of sheets has it.
    pub lease: Lease,
    /// Since when this process writes. Nobody restores the database while services run, so what it does not know of is
    /// older.
    pub since: Timestamp,
    /// What calls may be made for now.
    pub budget: CallBudget,
}

impl SyncContext {
    /// To be called before each call that writes: the lease still holds, and no shutdown is requested.
    pub async fn ready(&mut self) -> Result<(), SyncError> {
        if self.service.shutdown.requested() {
            return Err(SyncError::Stopping);
        }
        self.service.health.beat("sync");
        Ok(self.lease.check().await?)
    }

    /// The client of the session.
    pub fn client(&self) -> &Client {
        self.session.client()
    }

    /// The time by the service's clock.
    pub fn now(&self) -> Timestamp {
        self.service.clock.now()
    }
}
