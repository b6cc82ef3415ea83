//! The rules' history, read again only when a newer version exists.

use std::sync::Arc;

use domain::rules::RulesHistory;
use store::rules::{self, RulesError};
use store::sqlx::PgConnection;
use tokio::sync::RwLock;

/// Keeps the history that was read last.
#[derive(Debug, Default)]
pub struct RulesCache {
    held: RwLock<Option<Arc<RulesHistory>>>,
}

impl RulesCache {
    /// The history as it is now.
    pub async fn get(&self, connection: &mut PgConnection) -> Result<Arc<RulesHistory>, RulesError> {
        let newest = rules::newest_version(connection).await?;
        if let Some(held) = &*self.held.read().await
            && held.newest().version >= newest
        {
            return Ok(held.clone());
        }
        let read = Arc::new(rules::history(connection).await?);
        *self.held.write().await = Some(read.clone());
        Ok(read)
    }
}
