//! Databases as a whole. What is in them is not this crate's.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::PrivatePostgres;
use crate::error::Error;

impl PrivatePostgres {
    /// Makes a database, empty or as a copy of `template`, to which nobody may be connected meanwhile.
    pub async fn create_database(&self, name: &str, template: Option<&str>) -> Result<(), Error> {
        let copy = template.map(|template| format!(" TEMPLATE {}", quoted(template))).unwrap_or_default();
        let statement = format!("CREATE DATABASE {}{copy}", quoted(name));
        self.administer(statement, || format!("create the database {name:?}")).await
    }

    /// Removes a database if it exists, also under the feet of those connected to it.
    pub async fn drop_database(&self, name: &str) -> Result<(), Error> {
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quoted(name));
        self.administer(statement, || format!("drop the database {name:?}")).await
    }

    pub(super) async fn administer(
        &self,
        statement: String,
        action: impl Fn() -> String,
    ) -> Result<(), Error> {
        let refused = |source| Error::Sql { action: action(), source };
        let mut connection = PgConnection::connect_with(&self.superuser()).await.map_err(refused)?;
        // Made of names that are quoted above; such statements take no parameters.
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await.map_err(refused)?;
        connection.close().await.map_err(refused)
    }
}

/// An identifier as Postgres reads it back unchanged.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_name_cannot_leave_its_quotes() {
        assert_eq!(super::quoted("a\"; DROP DATABASE b; --"), "\"a\"\"; DROP DATABASE b; --\"");
    }
}
