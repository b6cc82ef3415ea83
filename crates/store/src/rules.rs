//! Rules in force, by version.

use std::sync::{Arc, PoisonError, RwLock};

use domain::Timestamp;
use domain::rules::{NoRules, Rules, RulesHistory, RulesVersion};
use sqlx::PgConnection;
use sqlx::types::Json;

/// Why the rules cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// The database did not answer.
    #[error("the rules could not be read")]
    Sql(#[from] sqlx::Error),
    /// Nothing was ever put in force.
    #[error("no rules are in force: run `huiyin apply` first")]
    None(#[from] NoRules),
}

/// All versions.
pub async fn history(connection: &mut PgConnection) -> Result<RulesHistory, RulesError> {
    let rows = sqlx::query!(
        r#"select version, valid_from, applied_at, body as "body: Json<Rules>" from rules order by version"#
    )
    .fetch_all(connection)
    .await?;
    let versions = rows
        .into_iter()
        .map(|row| RulesVersion {
            version: row.version,
            valid_from: row.valid_from,
            applied_at: row.applied_at,
            rules: row.body.0,
        })
        .collect();
    Ok(RulesHistory::new(versions)?)
}

/// The newest version's number; 0 for none.
pub async fn newest_version(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(r#"select coalesce(max(version), 0) as "version!" from rules"#)
        .fetch_one(connection)
        .await
}

/// The history as it was last read. It is read again only once there is a newer version.
#[derive(Debug, Default)]
pub struct RulesCache {
    cached: RwLock<Option<Arc<RulesHistory>>>,
}

impl RulesCache {
    /// The history as it is now.
    pub async fn get(&self, connection: &mut PgConnection) -> Result<Arc<RulesHistory>, RulesError> {
        let newest = newest_version(connection).await?;
        self.at_least(connection, newest).await
    }

    /// The history up to `newest` or beyond, for a caller who knows the newest version.
    pub async fn at_least(
        &self,
        connection: &mut PgConnection,
        newest: i64,
    ) -> Result<Arc<RulesHistory>, RulesError> {
        let cached = self.cached.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(cached) = cached.filter(|cached| cached.newest().version >= newest) {
            return Ok(cached);
        }
        let read = Arc::new(history(connection).await?);
        *self.cached.write().unwrap_or_else(PoisonError::into_inner) = Some(read.clone());
        Ok(read)
    }
}

/// Puts rules in force from `valid_from`, unless the newest version says the same. The new version's number, if any.
pub async fn apply(
    connection: &mut PgConnection,
    rules: &Rules,
    valid_from: Timestamp,
    now: Timestamp,
) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        insert into rules (valid_from, body, applied_at)
        select $1, $2, $3
        where not exists (
            select from rules where version = (select max(version) from rules) and body = $2)
        returning version
        "#,
        valid_from,
        Json(rules) as _,
        now,
    )
    .fetch_optional(connection)
    .await
}
