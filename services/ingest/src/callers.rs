//! Who is calling, by bearer token, compared in constant time; and who has guessed too often.

use std::time::Duration;

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use runtime::config::{WebhookClaim, WebhookToken};
use runtime::serve::{Client, Lockout, Rate, too_many};
use subtle::ConstantTimeEq;

/// The source that a token without claims may speak for.
const OWN_SOURCE: &str = "webhook";

/// Wrong tokens that a client may send: a misconfigured one still gets an answer that says what is wrong.
const GUESSES: Rate = Rate::one_in(Duration::from_secs(3), 20);
/// How long it is locked out when it sends more.
const LOCKED_FOR: Duration = Duration::from_mins(1);

/// Everybody who may call.
pub struct Callers(Vec<Caller>);

/// Somebody who may call.
pub struct Caller {
    token: String,
    claims: Vec<WebhookClaim>,
}

/// Lets callers in by their tokens. A client that sent too many wrong ones is not listened to for a while, whatever it
/// sends: an answer that differed for a right token would tell it what it wants to know.
pub struct Gate {
    callers: Callers,
    guesses: Lockout,
}

/// Why somebody was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No token of ours.
    Unknown,
    /// Too many wrong ones: not before so long.
    TooManyGuesses(Duration),
}

impl Gate {
    pub fn of(tokens: &[WebhookToken]) -> Self {
        Self { callers: Callers::of(tokens), guesses: Lockout::new(GUESSES, LOCKED_FOR) }
    }

    /// Who `client` is, by the header or by a token that came another way.
    pub fn admit(
        &self,
        client: Client,
        headers: &HeaderMap,
        other: Option<&str>,
    ) -> Result<&Caller, Refusal> {
        self.guesses.check(client).map_err(Refusal::TooManyGuesses)?;
        let by_other = || self.callers.holder_of(other?.as_bytes());
        self.callers.identify(headers).or_else(by_other).ok_or_else(|| {
            metrics::counter!("ingest_unauthorized_total").increment(1);
            self.guesses.offended(client);
            Refusal::Unknown
        })
    }
}

impl Refusal {
    /// The answer, with these words for somebody without a token.
    pub fn answer(self, words: impl IntoResponse) -> Response {
        match self {
            Self::Unknown => (StatusCode::UNAUTHORIZED, words).into_response(),
            Self::TooManyGuesses(wait) => too_many(wait),
        }
    }
}

impl Callers {
    pub fn of(tokens: &[WebhookToken]) -> Self {
        Self(tokens.iter().map(Caller::of).collect())
    }

    /// Whose token a request carries. Every token is compared, so that the time taken tells nothing.
    pub fn identify(&self, headers: &HeaderMap) -> Option<&Caller> {
        self.holder_of(headers.get(AUTHORIZATION)?.as_bytes().strip_prefix(b"Bearer ")?)
    }

    /// Whose token this is.
    pub fn holder_of(&self, sent: &[u8]) -> Option<&Caller> {
        self.0.iter().fold(None, |found, caller| {
            if bool::from(caller.token.as_bytes().ct_eq(sent)) { Some(caller) } else { found }
        })
    }
}

impl Caller {
    pub fn of(token: &WebhookToken) -> Self {
        Self { token: token.token.expose().to_owned(), claims: token.may_claim.clone() }
    }

    /// Whether it may speak for a source and account.
    pub fn may_claim(&self, source: &str, account: &str) -> bool {
        if self.claims.is_empty() {
            return source == OWN_SOURCE;
        }
        self.claims.iter().any(|claim| {
            claim.source == source && claim.account.as_ref().is_none_or(|claimed| claimed == account)
        })
    }
}
