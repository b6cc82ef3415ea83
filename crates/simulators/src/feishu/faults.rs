//! Faults on order: the next N calls of a route (and chat) fail in a chosen way.

use serde::{Deserialize, Serialize};

use super::answer::{Answer, RateStyle, message_of};
use super::dispatch::{Call, Route};

/// How long a request hangs when the order does not say.
const DEFAULT_HANG_MS: u64 = 60_000;

/// One order, as posted to `/_sim/faults`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FaultRule {
    /// The route it strikes; none strikes every one.
    #[serde(default)]
    pub(super) route: Option<Route>,
    /// The chat it strikes; none strikes every one.
    #[serde(default)]
    pub(super) chat: Option<String>,
    /// Matching calls that pass before it begins.
    #[serde(default)]
    pub(super) skip: u32,
    /// Calls still to be struck.
    #[serde(default = "one")]
    pub(super) times: u32,
    /// Calls struck so far.
    #[serde(default)]
    pub(super) hits: u32,
    /// What happens to them.
    pub(super) fault: Fault,
}

fn one() -> u32 {
    1
}

fn default_hang() -> u64 {
    DEFAULT_HANG_MS
}

/// What happens to a struck call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Fault {
    /// A status without an envelope, nothing done.
    Status { status: u16 },
    /// A refusal with an envelope, nothing done. `sub` writes the card service's code into the message.
    Code {
        code: i64,
        #[serde(default)]
        sub: Option<i64>,
        #[serde(default)]
        status: Option<u16>,
        #[serde(default)]
        msg: Option<String>,
    },
    /// A rate limit, nothing done.
    RateLimited {
        #[serde(default)]
        style: RateStyle,
        #[serde(default = "one_second")]
        reset: i64,
    },
    /// No answer for `ms`, then the connection is cut; nothing done.
    Timeout {
        #[serde(default = "default_hang")]
        ms: u64,
    },
    /// The connection is cut before anything is done.
    Drop,
    /// Done, and then the connection is cut before the answer.
    AcceptThenDrop,
    /// Done, and then no answer for `ms`.
    AcceptThenTimeout {
        #[serde(default = "default_hang")]
        ms: u64,
    },
    /// Done, and then something in front of Feishu answers with `status`.
    AcceptThenStatus { status: u16 },
    /// The connection is cut at once and the call is done later: after `after_ms`, or at `/_sim/release`.
    /// Until then a second request with the same uuid is refused with 230049.
    LateAccept {
        #[serde(default)]
        after_ms: Option<u64>,
    },
}

fn one_second() -> i64 {
    1
}

impl Fault {
    /// Whether the connection is cut instead of an answer.
    pub(super) fn loses_the_answer(&self) -> bool {
        matches!(
            self,
            Self::Timeout { .. }
                | Self::Drop
                | Self::AcceptThenDrop
                | Self::AcceptThenTimeout { .. }
                | Self::LateAccept { .. }
        )
    }

    /// The answer of the faults that replace the call by an answer.
    pub(super) fn instead(&self) -> Option<Answer> {
        match self {
            Self::Status { status } => Some(Answer::proxy_error(*status)),
            Self::RateLimited { style, reset } => Some(Answer::rate_limited(*style, 5, *reset)),
            Self::Code { code, sub, status, msg } => Some(match (msg, sub) {
                (Some(msg), _) => Answer::refuse_with(status.unwrap_or(400), *code, msg),
                (None, Some(sub)) => Answer::bad_card(*sub, "injected"),
                (None, None) => Answer::refuse_with(status.unwrap_or(400), *code, message_of(*code)),
            }),
            _ => None,
        }
    }
}

/// The fault for this call, if one is ordered; counts it.
pub(super) fn take(rules: &mut [FaultRule], call: &Call, chat: Option<&str>) -> Option<Fault> {
    let rule = rules.iter_mut().find(|rule| {
        rule.times > 0
            && rule.route.is_none_or(|route| route == call.route)
            && rule.chat.as_deref().is_none_or(|wanted| Some(wanted) == chat)
    })?;
    if rule.skip > 0 {
        rule.skip -= 1;
        return None;
    }
    rule.times -= 1;
    rule.hits += 1;
    Some(rule.fault.clone())
}
