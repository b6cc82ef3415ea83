//! What went wrong on our own side. All of it passes: the next tick tries again.

use runtime::telemetry::chain;
use store::alerts::notifications::Address;
use store::rules::RulesError;
use store::sqlx;

/// A step that could not be done.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The database did not answer, or holds what this release cannot read.
    #[error("the database did not do it")]
    Sql(#[from] sqlx::Error),
    /// Without rules nothing can be decided.
    #[error("no rules to go by")]
    Rules(#[from] RulesError),
    /// A stored JSON that this release cannot read, or a value that cannot be JSON.
    #[error("a stored {0} cannot be read")]
    Json(&'static str, #[source] serde_json::Error),
    /// What was frozen is nothing that this release can send.
    #[error("a frozen card cannot be read")]
    Payload,
}

impl Failure {
    /// Whether it lies in one row that this release cannot read, so that trying others is worth it.
    pub fn is_of_the_data(&self) -> bool {
        matches!(
            self,
            Self::Json(..)
                | Self::Payload
                | Self::Sql(sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_))
        )
    }

    /// Logs a card, or a change of one, that is deferred for this so that others pass.
    pub fn log_unmade(&self, id: i64, to: &Address) {
        metrics::counter!("alerts_unmade_total").increment(1);
        tracing::error!(
            card.id = id,
            address = %to,
            error = chain(self),
            "a card cannot be made: others pass"
        );
    }
}
