//! What went wrong, told apart by what to do about it.

use std::any::Any;
use std::fmt;
use std::time::Duration;

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

/// SQL error classes that a row causes: data exception, integrity violation, program limit exceeded.
const ROW_CLASSES: [&str; 3] = ["22", "23", "54"];

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        let class =
            error.as_database_error().and_then(|database| database.code().map(|code| code[..2].to_owned()));
        match (class, &error) {
            (Some(class), _) if ROW_CLASSES.contains(&class.as_str()) => {
                Self::Permanent { reason: "refused", explanation: chain(&error) }
            }
            (None, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Encode(_)) => {
                Self::Permanent { reason: "refused", explanation: chain(&error) }
            }
            _ => Self::Transient(chain(&error)),
        }
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

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transient(why) | Self::Permanent { explanation: why, .. } => f.write_str(why),
        }
    }
}

impl Failure {
    /// From a caught panic. Its message is ours and holds nothing that anybody said.
    pub fn panicked(payload: &(dyn Any + Send)) -> Self {
        let message = payload
            .downcast_ref::<&str>()
            .map(ToString::to_string)
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_default();
        Self::Permanent { reason: "panicked", explanation: format!("the fold panicked: {message}") }
    }
}
