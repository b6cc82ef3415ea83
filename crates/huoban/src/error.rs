//! Why a call failed, by what the caller does about it.

/// A call that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The service cannot be reached, is broken, or refuses by its rate limit, and nothing was done that must not be
    /// done twice. The client's own retries are used up: try again later.
    #[error("Huoban is not usable now ({cause})")]
    Retry {
        /// The transport error or the answer that was received.
        cause: String,
    },
    /// A creation got no usable answer: the row may be there, or come to be there. Look for its key before it is
    /// created again.
    #[error("it is not known whether Huoban carried the call out ({cause})")]
    Ambiguous {
        /// The transport error or the answer that was received.
        cause: String,
    },
    /// The call is wrong: a value, a column, a row that is not there. There is no public list of codes, so that these
    /// cannot be told apart. Other rows may well be taken.
    #[error("Huoban refused the call (code {code}, trace {trace}): {message}")]
    Rejected {
        /// `code` of the answer.
        code: i64,
        /// `message` of the answer.
        message: String,
        /// `meta.trace_id`, which the service's support asks for.
        trace: String,
    },
    /// The table does not exist or is not visible with this key: nothing can be done in it.
    #[error("the table is missing in Huoban or not visible (trace {trace}): {message}")]
    Missing {
        /// `message` of the answer.
        message: String,
        /// `meta.trace_id`.
        trace: String,
    },
    /// No call at all is let through.
    #[error("{0}")]
    Stop(Stop),
    /// The answer says success and does not have the documented shape.
    #[error("Huoban's answer has an unknown shape: {0}")]
    Unreadable(&'static str),
}

/// Why no call is let through.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// The key is not accepted, or may not do this: alarm.
    #[error("Huoban does not accept the key (trace {trace}): {message}")]
    KeyRefused {
        /// `message` of the answer.
        message: String,
        /// `meta.trace_id`.
        trace: String,
    },
    /// The plan's calls are used up: alarm.
    #[error("the calls of the Huoban plan are used up (trace {trace}): {message}")]
    PlanUsedUp {
        /// `message` of the answer.
        message: String,
        /// `meta.trace_id`.
        trace: String,
    },
    /// The calls that the configuration allows us are used up; nothing was sent.
    #[error("the calls that the configuration allows are used up")]
    Allowance,
}

impl Error {
    /// Whether the other rows need not be tried: what failed is not about one of them.
    pub fn ends_the_run(&self) -> bool {
        matches!(self, Self::Retry { .. } | Self::Stop(_) | Self::Missing { .. })
    }
}
