//! Counts a client's calls, for the monthly ledger that each service keeps of its token.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use chrono::{DateTime, TimeZone};

use crate::client::Client;

/// Calls not yet written into a ledger. Clones share the count.
#[derive(Debug, Clone, Default)]
pub struct CallCount(Arc<AtomicI64>);

impl CallCount {
    /// The client, with its calls counted here.
    pub fn counting(&self, client: Client) -> Client {
        let count = self.0.clone();
        client.with_observer(move |call| {
            count.fetch_add(i64::from(call.counted), Ordering::Relaxed);
        })
    }

    /// The calls counted since this was last called.
    pub fn take(&self) -> i64 {
        self.0.swap(0, Ordering::Relaxed)
    }

    /// Returns calls that could not be written into the ledger.
    pub fn put_back(&self, calls: i64) {
        self.0.fetch_add(calls, Ordering::Relaxed);
    }
}

/// The month of a moment, as ledgers name it: `2026-11`.
pub fn month<Z: TimeZone>(moment: &DateTime<Z>) -> String
where
    Z::Offset: std::fmt::Display,
{
    moment.format("%Y-%m").to_string()
}
