//! What went wrong, told apart by what to do about it.

use std::any::Any;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use runtime::bus::{DeadLetterReason, Outcome};
use runtime::telemetry::chain;
use store::rules::RulesError;
use store::sqlx;

/// How long to leave the bus alone when something we need is down.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A batch that could not be folded.
#[derive(Debug)]
pub enum Failure {
    /// Something needed is down: all of it comes again.
    Transient(String),
    /// Something in it can never be stored or folded: it has to be found and set aside.
    Permanent {
        /// A short word for the dead letter's subject.
        reason: &'static str,
        /// What exactly, for people.
        explanation: String,
    },
}

/// SQL error classes that a row causes: cardinality violation, data exception, integrity violation, program limit
/// exceeded.
const ROW_CLASSES: [&str; 4] = ["21", "22", "23", "54"];

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        let class =
            error.as_database_error().and_then(|database| database.code().map(|code| code[..2].to_owned()));
        match (class, &error) {
            (Some(class), _) if ROW_CLASSES.contains(&class.as_str()) => {
                Self::Permanent { reason: "refused", explanation: chain(&error) }
            }
            (
                None,
                sqlx::Error::ColumnDecode { .. } | sqlx::Error::ColumnNotFound(_) | sqlx::Error::Encode(_),
            ) => Self::Permanent { reason: "refused", explanation: chain(&error) },
            _ => Self::Transient(chain(&error)),
        }
    }
}

impl Failure {
    /// What becomes of the message that causes it.
    pub fn outcome(self) -> Outcome {
        match self {
            Self::Transient(_) => Outcome::Retry(RETRY_AFTER),
            Self::Permanent { reason, explanation } => {
                Outcome::DeadLetter(DeadLetterReason { reason, explanation })
            }
        }
    }

    /// A message whose key, which is to be its own alone, stands in another room as well: its waits would be that one's.
    pub fn in_two_rooms(what: &str) -> Self {
        let explanation = format!("{what} stands in another room already: a message id belongs to one room");
        Self::Permanent { reason: "refused", explanation }
    }
}

impl From<RulesError> for Failure {
    fn from(error: RulesError) -> Self {
        match error {
            RulesError::Sql(error) => error.into(),
            RulesError::None(_) => Self::Transient(chain(&error)),
        }
    }
}

/// Work on one room: a panic in it is that room's problem.
pub fn guarded<'a, T>(
    work: impl Future<Output = Result<T, Failure>> + Send + 'a,
) -> BoxFuture<'a, Result<T, Failure>> {
    let caught = AssertUnwindSafe(work).catch_unwind();
    caught.map(|done| done.unwrap_or_else(|payload| Err(Failure::panicked(&*payload)))).boxed()
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transient(why) | Self::Permanent { explanation: why, .. } => f.write_str(why),
        }
    }
}

impl Failure {
    /// From a caught panic. Of its message only a fixed text is kept: one made at run time may quote what somebody said,
    /// as that of a text cut inside a character does.
    pub fn panicked(payload: &(dyn Any + Send)) -> Self {
        let message =
            payload.downcast_ref::<&str>().copied().unwrap_or("(not shown: it may quote a message)");
        Self::Permanent { reason: "panicked", explanation: format!("the fold panicked: {message}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_does_not_quote_what_was_said() {
        let said = "请报价 请报价".to_owned();
        let caught = std::panic::catch_unwind(|| said[..1].len()).unwrap_err();
        let Failure::Permanent { explanation, .. } = Failure::panicked(&*caught) else {
            panic!("not permanent")
        };
        assert!(!explanation.contains("报价"), "{explanation}");
    }
}
