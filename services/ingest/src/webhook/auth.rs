//! Who is calling, by bearer token, compared in constant time.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use runtime::config::{WebhookClaim, WebhookToken};
use subtle::ConstantTimeEq;

/// The source that a token without claims may speak for.
const OWN_SOURCE: &str = "webhook";

/// Everybody who may call.
pub struct Callers(Vec<Caller>);

/// Somebody who may call.
pub struct Caller {
    token: String,
    claims: Vec<WebhookClaim>,
}

impl Callers {
    /// From the configuration.
    pub fn of(tokens: &[WebhookToken]) -> Self {
        let caller = |token: &WebhookToken| Caller {
            token: token.token.expose().to_owned(),
            claims: token.may_claim.clone(),
        };
        Self(tokens.iter().map(caller).collect())
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
