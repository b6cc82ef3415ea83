//! Counts a client's calls by what they are for, for the ledger that each service keeps of its token.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::client::Client;

/// What calls are made for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// Reading which columns there are.
    #[default]
    Columns,
    /// Looking for managers' edits.
    Edits,
    /// Showing what became of edits.
    Outcomes,
    /// Writing rows.
    Rows,
    /// Reading back what was written.
    ReadBack,
    /// Listing rows, for those that were deleted or copied.
    Listing,
}

impl Purpose {
    /// As ledgers and metrics name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Columns => "columns",
            Self::Edits => "edits",
            Self::Outcomes => "outcomes",
            Self::Rows => "rows",
            Self::ReadBack => "read_back",
            Self::Listing => "listing",
        }
    }
}

/// Calls not yet written into a ledger. Clones share the count.
#[derive(Debug, Clone, Default)]
pub struct CallCount(Arc<Mutex<Counting>>);

#[derive(Debug, Default)]
struct Counting {
    purpose: Purpose,
    calls: BTreeMap<Purpose, i64>,
}

impl CallCount {
    /// The client, with its calls counted here.
    pub fn counting(&self, client: Client) -> Client {
        let count = self.clone();
        client.with_observer(move |call| {
            if call.counted {
                count.with(|counting| *counting.calls.entry(counting.purpose).or_default() += 1);
            }
        })
    }

    /// What calls are made for from now on.
    pub fn set_purpose(&self, purpose: Purpose) {
        self.with(|counting| counting.purpose = purpose);
    }

    /// The calls counted since this was last called.
    pub fn take(&self) -> BTreeMap<Purpose, i64> {
        self.with(|counting| std::mem::take(&mut counting.calls))
    }

    /// Returns calls that could not be written into the ledger.
    pub fn put_back(&self, calls: BTreeMap<Purpose, i64>) {
        self.with(|counting| {
            for (purpose, more) in calls {
                *counting.calls.entry(purpose).or_default() += more;
            }
        });
    }

    fn with<R>(&self, f: impl FnOnce(&mut Counting) -> R) -> R {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Shows operators the calls of a month by purpose.
pub fn report_month(token: &'static str, calls: impl IntoIterator<Item = (String, i64)>) {
    for (purpose, calls) in calls {
        #[expect(clippy::cast_precision_loss, reason = "a month's calls are far below 2^52")]
        metrics::gauge!("vika_calls_this_month", "token" => token, "purpose" => purpose).set(calls as f64);
    }
}
