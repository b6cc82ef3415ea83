//! What keeps a page from being shown, as people and operators read it.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use runtime::telemetry::chain;
use store::rules::RulesError;
use store::sqlx;

use super::access::NoRooms;
use super::{html, wording};
use report::FileError;

/// Why a page is not shown.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// There is no such thing, or none that this viewer may know of.
    #[error("there is no such page")]
    NotFound,
    /// It is somebody else's.
    #[error("it is not theirs to see")]
    Forbidden,
    /// Nobody is logged in.
    #[error("nobody is logged in")]
    NotLoggedIn,
    /// The database did not answer.
    #[error("the database did not answer")]
    Sql(#[from] sqlx::Error),
    /// There are no rules to judge by.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// A file could not be made.
    #[error(transparent)]
    File(#[from] FileError),
}

impl From<NoRooms> for Failure {
    fn from(_: NoRooms) -> Self {
        Self::Forbidden
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, [title, text]) = match &self {
            Self::NotFound => (StatusCode::NOT_FOUND, wording::NOT_FOUND),
            Self::Forbidden => (StatusCode::FORBIDDEN, wording::FORBIDDEN),
            Self::NotLoggedIn => (StatusCode::UNAUTHORIZED, wording::NOT_LOGGED_IN),
            Self::Sql(_) | Self::Rules(_) => (StatusCode::SERVICE_UNAVAILABLE, wording::UNAVAILABLE),
            Self::File(_) => (StatusCode::INTERNAL_SERVER_ERROR, wording::UNAVAILABLE),
        };
        if status.is_server_error() {
            tracing::warn!(error = chain(&self), "a page of the board could not be made");
        }
        (status, html::notice(title, text)).into_response()
    }
}
