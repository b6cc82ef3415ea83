//! What a failed call asks its caller to do.
//!
//! The one question that delivery stands on is whether the call may have taken effect. An answer that was parsed and
//! carries a code of the documented lists is a definite refusal; everything else is unknown and may only be tried
//! again with the same uuid. A code that stands in no list counts as unknown.

use std::fmt;
use std::time::Duration;

/// A parsed answer with a code other than 0. It carries no text of the answer, which may quote the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    pub code: i64,
    /// The card service's code inside 230099, if it could be read.
    pub sub: Option<i64>,
    /// `X-Tt-Logid`, which Feishu's support asks for.
    pub log_id: Option<String>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "code {}", self.code)?;
        if let Some(sub) = self.sub {
            write!(f, " (card code {sub})")?;
        }
        write!(f, ", status {}", self.status)?;
        match &self.log_id {
            Some(log_id) => write!(f, ", log id {log_id}"),
            None => Ok(()),
        }
    }
}

/// Why a call may be tried again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RetryCause {
    /// The connection was never made, so that nothing of the call was sent.
    #[error("no connection")]
    NoConnection,
    /// There was no token to call with.
    #[error("no token: {0}")]
    NoToken(Box<RetryCause>),
    /// The moment had passed before which the call had to begin.
    #[error("too late to begin")]
    TooLate,
    #[error("no answer in time")]
    Timeout,
    /// The connection died before the answer was whole.
    #[error("the connection broke")]
    Broken,
    /// An answer that is not Feishu's envelope.
    #[error("status {0} without an envelope")]
    NotFeishu(u16),
    /// Code 0, but what should be in it is missing.
    #[error("a good code with a body that makes no sense")]
    Garbled,
    /// A rate limit: not done.
    #[error("rate limited: {0}")]
    Throttled(Refusal),
    /// Being sent, an internal error, or a code that we do not know.
    #[error("not settled: {0}")]
    Unsettled(Refusal),
    /// The token was refused, and a fresh one as well: not done.
    #[error("the token was refused twice: {0}")]
    Token(Refusal),
}

impl RetryCause {
    fn certainty(&self) -> Certainty {
        match self {
            Self::NoConnection | Self::NoToken(_) | Self::TooLate | Self::Throttled(_) | Self::Token(_) => {
                Certainty::NotDone
            }
            Self::Timeout | Self::Broken | Self::NotFeishu(_) | Self::Garbled | Self::Unsettled(_) => {
                Certainty::Unknown
            }
        }
    }

    fn is_out_of_reach(&self) -> bool {
        match self {
            Self::NoToken(cause) => cause.is_out_of_reach(),
            cause => matches!(cause, Self::NoConnection | Self::Timeout | Self::Broken),
        }
    }

    fn code(&self) -> Option<i64> {
        match self {
            Self::Throttled(refusal) | Self::Unsettled(refusal) | Self::Token(refusal) => Some(refusal.code),
            Self::NoToken(cause) => cause.code(),
            _ => None,
        }
    }
}

/// Whether a failed call can have taken effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    /// It surely did nothing.
    NotDone,
    /// Nobody knows.
    Unknown,
}

/// A failed call, by what the caller does next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FeishuError {
    /// Try again, with the same uuid and nothing changed.
    #[error("to be tried again: {cause}")]
    RetrySameUuid {
        cause: RetryCause,
        /// How long Feishu wants us to wait, if it said so.
        after: Option<Duration>,
    },
    /// The content was refused: send another content under another uuid.
    #[error("the content was refused: {0}")]
    FixCard(Refusal),
    /// This chat or person will not take it.
    #[error("refused for good: {0}")]
    Permanent(Refusal),
    /// The app itself is set up wrongly: every message would fail, and none is to blame.
    #[error("the app is refused: {0}")]
    AppRefused(Refusal),
    /// The message is recalled, deleted, or too old to be changed: stop updating it.
    #[error("the message cannot be changed any more: {0}")]
    Unchangeable(Refusal),
    /// The month's calls are used up: stop everything and call the operator.
    #[error("the monthly quota of calls is used up: {0}")]
    QuotaExhausted(Refusal),
}

/// Answers that ask for patience and did nothing.
const THROTTLED: &[i64] = &[99_991_400, 230_020, 11_232, 11_233, 11_247, 18_121];
/// Answers after which a fresh token may help, once.
const TOKEN: &[i64] = &[99_991_661, 99_991_663, 99_991_664, 99_991_665, 99_991_668, 99_991_671];
/// The content is at fault.
const FIX_CARD: &[i64] = &[230_022, 230_025, 230_028, 230_054, 230_055, 230_099];
/// The message can no longer be changed.
const UNCHANGEABLE: &[i64] = &[230_011, 230_031, 230_110];
/// The app, not the message, is at fault.
const APP: &[i64] = &[10_003, 10_014, 10_015, 230_006, 99_991_401, 99_991_662, 99_991_672, 99_991_673];
/// The receiver, or what we ask of them, is at fault.
const PERMANENT: &[i64] = &[
    230_001, 230_002, 230_013, 230_015, 230_017, 230_018, 230_019, 230_027, 230_029, 230_034, 230_035,
    230_036, 230_038, 230_053, 230_075, 232_009, 99_992_351, 99_992_361,
];
/// The month's calls are used up.
const QUOTA: i64 = 99_991_403;

impl FeishuError {
    /// Sorts a parsed refusal by its code. `after` is the wait that the headers asked for.
    pub fn classify(refusal: Refusal, after: Option<Duration>) -> Self {
        let code = refusal.code;
        let retry = |cause| Self::RetrySameUuid { cause, after };
        // Quota comes first: it is answered with status 429 as well, and waiting a second would not help.
        if code == QUOTA {
            Self::QuotaExhausted(refusal)
        } else if THROTTLED.contains(&code) || refusal.status == 429 {
            retry(RetryCause::Throttled(refusal))
        } else if refusal.status >= 500 {
            retry(RetryCause::Unsettled(refusal))
        } else if FIX_CARD.contains(&code) {
            Self::FixCard(refusal)
        } else if PERMANENT.contains(&code) {
            Self::Permanent(refusal)
        } else if APP.contains(&code) {
            Self::AppRefused(refusal)
        } else if UNCHANGEABLE.contains(&code) {
            Self::Unchangeable(refusal)
        } else if TOKEN.contains(&code) {
            retry(RetryCause::Token(refusal))
        } else {
            retry(RetryCause::Unsettled(refusal))
        }
    }

    /// A retry without advice on when.
    pub(crate) fn retry(cause: RetryCause) -> Self {
        Self::RetrySameUuid { cause, after: None }
    }

    /// What fetching a token failed with, as a failure of the call that was not begun for it. Nothing but the app is to
    /// blame.
    pub(crate) fn without_a_call(self) -> Self {
        match self {
            Self::RetrySameUuid { cause, after } => {
                Self::RetrySameUuid { cause: RetryCause::NoToken(Box::new(cause)), after }
            }
            Self::FixCard(refusal) | Self::Permanent(refusal) | Self::Unchangeable(refusal) => {
                Self::AppRefused(refusal)
            }
            Self::AppRefused(_) | Self::QuotaExhausted(_) => self,
        }
    }

    /// Whether the call can have taken effect all the same.
    pub fn certainty(&self) -> Certainty {
        match self {
            Self::RetrySameUuid { cause, .. } => cause.certainty(),
            Self::FixCard(_)
            | Self::Permanent(_)
            | Self::AppRefused(_)
            | Self::Unchangeable(_)
            | Self::QuotaExhausted(_) => Certainty::NotDone,
        }
    }

    /// Feishu read the message and will never take it: the only ground for another content under a new uuid.
    pub fn is_definite_refusal(&self) -> bool {
        matches!(self, Self::FixCard(_) | Self::Permanent(_))
    }

    /// Whether Feishu, or the way to it, did not answer.
    pub fn is_out_of_reach(&self) -> bool {
        matches!(self, Self::RetrySameUuid { cause, .. } if cause.is_out_of_reach())
    }

    /// Whether another token may help.
    pub(crate) fn is_about_the_token(&self) -> bool {
        matches!(self, Self::RetrySameUuid { cause: RetryCause::Token(_), .. })
    }

    /// The code of the answer, to be stored as the last one.
    pub fn code(&self) -> Option<i64> {
        match self {
            Self::RetrySameUuid { cause, .. } => cause.code(),
            Self::FixCard(refusal)
            | Self::Permanent(refusal)
            | Self::AppRefused(refusal)
            | Self::Unchangeable(refusal)
            | Self::QuotaExhausted(refusal) => Some(refusal.code),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn sorted(status: u16, code: i64) -> FeishuError {
        FeishuError::classify(Refusal { status, code, sub: None, log_id: None }, None)
    }

    #[test]
    fn no_code_stands_in_two_lists() {
        let lists = [THROTTLED, TOKEN, FIX_CARD, UNCHANGEABLE, APP, PERMANENT, &[QUOTA]];
        let all: Vec<i64> = lists.concat();
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
    }

    #[test]
    fn only_listed_codes_are_definite() {
        assert!(sorted(400, 230_002).is_definite_refusal());
        assert!(sorted(400, 230_099).is_definite_refusal());
        for (status, code) in [(400, 230_049), (400, 2200), (200, 5000), (400, 424_242), (503, 230_002)] {
            let error = sorted(status, code);
            assert!(!error.is_definite_refusal(), "{status} {code}");
            assert_eq!(error.certainty(), Certainty::Unknown, "{status} {code}");
        }
        for code in [99_991_400, 230_020] {
            assert_eq!(sorted(400, code).certainty(), Certainty::NotDone);
            assert!(!sorted(400, code).is_definite_refusal());
        }
    }

    #[test]
    fn the_quota_is_not_taken_for_a_rate_limit() {
        assert!(matches!(sorted(429, 99_991_403), FeishuError::QuotaExhausted(_)));
        assert!(matches!(
            sorted(429, 99_991_400),
            FeishuError::RetrySameUuid { cause: RetryCause::Throttled(_), .. }
        ));
    }

    #[test]
    fn what_concerns_the_app_is_not_blamed_on_the_chat() {
        assert!(matches!(sorted(200, 10_015), FeishuError::AppRefused(_)));
        assert!(matches!(sorted(400, 99_991_672), FeishuError::AppRefused(_)));
        assert!(matches!(sorted(400, 230_031), FeishuError::Unchangeable(_)));
    }
}
