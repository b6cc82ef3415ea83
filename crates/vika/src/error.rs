//! Why a call failed, by what the caller does about it.

use std::time::Duration;

use crate::pacing::doubled;

/// A call that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The service cannot be reached or is broken, and nothing is known to have been changed by a call that must not
    /// be repeated. The client's own retries are used up: try again later.
    #[error("the Vika service is not usable now ({cause})")]
    Retry {
        /// How long to pause.
        after: Duration,
        /// The transport error or the answer that was received.
        cause: String,
    },
    /// The rate limit refused all retries: somebody else uses this token on this sheet.
    #[error("Vika's rate limit did not let the call through")]
    RateLimited {
        /// How long to pause.
        after: Duration,
    },
    /// The month's calls of the space are used up: stop and alarm.
    #[error("the Vika space has used up its monthly calls: {message}")]
    Quota {
        /// The message of the service.
        message: String,
    },
    /// The token is not accepted: alarm.
    #[error("Vika does not accept the token")]
    Unauthorized,
    /// The token's user may not do this: alarm.
    #[error("Vika refuses the token's user: {message}")]
    Forbidden {
        /// The message of the service.
        message: String,
    },
    /// The sheet does not exist, or the token's user cannot see it: alarm.
    #[error("the Vika sheet is missing or not visible to the token: {message}")]
    SheetMissing {
        /// The message of the service.
        message: String,
    },
    /// The sheet cannot take another row: alarm.
    #[error("the Vika sheet has reached its row limit: {message}")]
    RowLimit {
        /// The message of the service.
        message: String,
    },
    /// The call is wrong: a value, a column, a record. Repeating it as it is cannot help.
    #[error("Vika refused the call (code {code}): {message}")]
    Rejected {
        /// `code` of the answer.
        code: i64,
        /// The message of the service; empty for a wrong formula, joined when there are several.
        message: String,
    },
    /// A call that must not be repeated blindly got no usable answer: it may have been done or not. Look its effect
    /// up before doing it again.
    #[error("it is not known whether Vika carried the call out ({cause})")]
    Ambiguous {
        /// The transport error or the answer that was received.
        cause: String,
    },
    /// We refused to send the call, because the service would not answer it or would take it for something else.
    #[error("the call is not one that may be sent: {0}")]
    Invalid(&'static str),
    /// The answer says success and does not have the documented shape.
    #[error("Vika's answer has an unknown shape: {0}")]
    Unreadable(String),
}

/// How much to pause after a call failed, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// The sheet of the call.
    Sheet(Duration),
    /// Making rows in the sheet of the call; changing them goes on.
    NewRows(Duration),
    /// Everything that the token is used for.
    Everything(Duration),
}

/// The month's calls are used up: somebody has to buy more, or the month has to end. Doubled with each refusal in a row.
const QUOTA_PAUSE: Duration = Duration::from_mins(4);
/// The longest pause after a refusal of the quota.
const LONGEST_QUOTA_PAUSE: Duration = Duration::from_hours(1);
/// Somebody has to change a right or the configuration.
const RIGHTS_PAUSE: Duration = Duration::from_mins(5);
/// After an answer that was not expected.
const UNEXPECTED_PAUSE: Duration = Duration::from_mins(1);
/// After a call whose effect is not known.
const AMBIGUOUS_PAUSE: Duration = Duration::from_secs(15);

impl Error {
    /// What to pause, so that no failure becomes a tight loop.
    pub fn pause(&self) -> Pause {
        match self {
            Self::Retry { after, .. } | Self::RateLimited { after } => Pause::Sheet(*after),
            Self::Quota { .. } => Pause::Everything(QUOTA_PAUSE),
            Self::Unauthorized | Self::Forbidden { .. } => Pause::Everything(RIGHTS_PAUSE),
            Self::SheetMissing { .. } => Pause::Sheet(RIGHTS_PAUSE),
            Self::RowLimit { .. } => Pause::NewRows(RIGHTS_PAUSE),
            Self::Ambiguous { .. } => Pause::Sheet(AMBIGUOUS_PAUSE),
            Self::Rejected { .. } | Self::Invalid(_) | Self::Unreadable(_) => Pause::Sheet(UNEXPECTED_PAUSE),
        }
    }

    /// The same after so many refusals of the quota before this one in a row: ever longer, up to an hour.
    pub fn pause_after(&self, refusals: u32) -> Pause {
        match self {
            Self::Quota { .. } => Pause::Everything(doubled(QUOTA_PAUSE, refusals).min(LONGEST_QUOTA_PAUSE)),
            _ => self.pause(),
        }
    }

    /// Whether waiting alone may help.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Retry { .. } | Self::RateLimited { .. } | Self::Ambiguous { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_used_up_month_is_tried_soon_and_then_ever_more_slowly() {
        let error = Error::Quota { message: String::new() };
        let minutes = |refusals| match error.pause_after(refusals) {
            Pause::Everything(pause) => pause.as_secs() / 60,
            other => panic!("{other:?}"),
        };
        assert_eq!([0, 1, 2, 3, 4, 5, 900].map(minutes), [4, 8, 16, 32, 60, 60, 60]);
    }
}
