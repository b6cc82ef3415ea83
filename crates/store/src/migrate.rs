//! Puts a database in order: roles, then migrations. Run by the one-shot before any service starts.

use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::role::Role;

/// The migrations, embedded.
pub static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

/// Serialises set-ups of one database: Postgres knows such locks by database.
const PROVISION_LOCK: i64 = 0x6875_6979_696e;
/// How often roles are set up before a conflict counts as a failure. Each conflict means that another set-up got done.
const ROLE_ATTEMPTS: u32 = 50;
/// How Postgres says that somebody else changed the same role at the same time: "tuple concurrently updated" has no
/// code of its own, the others are a duplicate key, a duplicate object and a deadlock.
const ROLE_CONFLICTS: [&str; 4] = ["XX000", "23505", "42710", "40P01"];

/// Why a database could not be put in order.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// A statement failed.
    #[error("the database refused a set-up statement")]
    Sql(#[from] sqlx::Error),
    /// A migration failed.
    #[error("the database's schema could not be brought up to date")]
    Migration(#[source] sqlx::migrate::MigrateError),
    /// Its migrations are not those of this release, or not only.
    #[error(
        "the database was migrated by another release of Huiyin (its migration {0} is none of this one's): use that \
         release or a newer one, or an empty database"
    )]
    OtherRelease(i64),
}

impl From<sqlx::migrate::MigrateError> for MigrateError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        match error {
            sqlx::migrate::MigrateError::VersionMissing(version)
            | sqlx::migrate::MigrateError::VersionMismatch(version) => Self::OtherRelease(version),
            other => Self::Migration(other),
        }
    }
}

/// Why a database is not ready for this release.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// The schema cannot be read or is older than this release.
    #[error("the database has schema version {found}, this release needs {needed}: run `huiyin apply` first")]
    Old {
        /// Version found; 0 for none.
        found: i64,
        /// Version needed.
        needed: i64,
    },
    /// The question could not be asked.
    #[error("the database's schema version could not be read")]
    Sql(#[from] sqlx::Error),
}

/// Creates the roles that are missing, sets their passwords, and migrates. Safe to run again and beside itself.
///
/// `connection` must be a superuser's (or the owner's of the database, with the right to create roles).
pub async fn provision(
    connection: &mut PgConnection,
    password: impl Fn(Role) -> String,
) -> Result<(), MigrateError> {
    provision_to(connection, password, needed_version()).await
}

/// As [`provision`], but no further than to a schema version: to load what was saved under that version.
pub async fn provision_to(
    connection: &mut PgConnection,
    password: impl Fn(Role) -> String,
    version: i64,
) -> Result<(), MigrateError> {
    let mut attempt = 1;
    while let Err(error) = set_up_roles(connection, &password).await {
        if attempt >= ROLE_ATTEMPTS || !is_role_conflict(&error) {
            return Err(error.into());
        }
        attempt += 1;
    }
    MIGRATIONS.run_to(version, &mut *connection).await?;
    for role in Role::ALL {
        let grant = format!("grant select on _sqlx_migrations to {role}");
        sqlx::query(AssertSqlSafe(grant)).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Roles are shared by all databases of a server, and no lock that everybody may take spans databases: a set-up of
/// another database can get in between, and this one is then to be tried again.
async fn set_up_roles(
    connection: &mut PgConnection,
    password: &impl Fn(Role) -> String,
) -> Result<(), sqlx::Error> {
    let mut tx = connection.begin().await?;
    sqlx::query("select pg_advisory_xact_lock($1)").bind(PROVISION_LOCK).execute(&mut *tx).await?;
    for role in Role::ALL {
        create_role(&mut tx, role, &password(role)).await?;
    }
    sqlx::query("revoke create on schema public from public").execute(&mut *tx).await?;
    tx.commit().await
}

fn is_role_conflict(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| ROLE_CONFLICTS.contains(&&*code))
}

/// `create role` takes no parameters, so the server itself quotes the password (`format('%L')`) into the statement.
async fn create_role(connection: &mut PgConnection, role: Role, password: &str) -> Result<(), sqlx::Error> {
    let exists: bool = sqlx::query_scalar("select exists (select from pg_roles where rolname = $1)")
        .bind(role.name())
        .fetch_one(&mut *connection)
        .await?;
    let template =
        if exists { "alter role %I login password %L" } else { "create role %I login password %L" };
    let statement: String = sqlx::query_scalar("select format($1, $2, $3)")
        .bind(template)
        .bind(role.name())
        .bind(password)
        .fetch_one(&mut *connection)
        .await?;
    sqlx::query(AssertSqlSafe(statement)).execute(&mut *connection).await?;
    Ok(())
}

/// The schema version that this release needs.
pub fn needed_version() -> i64 {
    MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or_default()
}

/// The schema version that a database has; 0 before its first migration.
pub async fn version(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    let migrated: bool = sqlx::query_scalar("select to_regclass('_sqlx_migrations') is not null")
        .fetch_one(&mut *connection)
        .await?;
    if !migrated {
        return Ok(0);
    }
    sqlx::query_scalar("select coalesce(max(version), 0) from _sqlx_migrations where success")
        .fetch_one(connection)
        .await
}

/// What time it is where the database runs: for comparing clocks, and for nothing that is stored.
pub async fn server_time(connection: &mut PgConnection) -> Result<domain::Timestamp, sqlx::Error> {
    sqlx::query_scalar("select clock_timestamp()").fetch_one(connection).await
}

/// Refuses a database that is older than this release. A newer one is fine: migrations only expand before they contract.
pub async fn check(connection: &mut PgConnection) -> Result<(), SchemaError> {
    let (found, needed) = (version(connection).await?, needed_version());
    if found < needed { Err(SchemaError::Old { found, needed }) } else { Ok(()) }
}
