//! Why a run ends before its rows do.

use huoban::{Error, Stop};
use store::sqlx;

/// What ends the work on a table.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Call(#[from] Error),
    #[error("the lease is lost")]
    LeaseLost,
}

/// Why a run ended before its rows did. What it did not come to, the next one does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopped {
    /// Another process has the lease.
    AnotherWriter,
    /// The lease was lost on the way.
    LeaseLost,
    /// The service cannot be reached, is broken, or refuses by its rate limit.
    Unusable {
        /// What was seen of it.
        cause: String,
    },
    /// The key is not accepted: somebody has to give another.
    KeyRefused {
        /// What the service said, and the trace by which its support finds the call.
        message: String,
    },
    /// The plan's calls are used up: somebody has to buy more, or to wait.
    PlanUsedUp {
        /// As above.
        message: String,
    },
    /// The calls that the configuration allows are used up.
    Allowance,
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        let told = |message: String, trace: &str| format!("{message} (trace {trace})");
        match failure {
            Failure::LeaseLost => Self::LeaseLost,
            Failure::Call(Error::Stop(Stop::Allowance)) => Self::Allowance,
            Failure::Call(Error::Stop(Stop::KeyRefused { message, trace })) => {
                Self::KeyRefused { message: told(message, &trace) }
            }
            Failure::Call(Error::Stop(Stop::PlanUsedUp { message, trace })) => {
                Self::PlanUsedUp { message: told(message, &trace) }
            }
            other => Self::Unusable { cause: other.to_string() },
        }
    }
}
