//! Every role can log in, and the schema is this release's.

use futures::future::join_all;
use runtime::config::Database;
use runtime::main_wrapper::{admin_options, connect_options};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};
use store::role::Role;

use super::report::{Finding, Group};
use super::within;
use super::wording::{self, Advice, LoginFailure};

/// A login that worked: the schema's version, and that of the newest rules.
struct Seen {
    schema: i64,
    rules: i64,
}

pub(super) async fn check(database: &Database) -> Vec<Finding> {
    let roles = Role::ALL.map(|role| (role.name(), connect_options(database, role).ok()));
    let admin = admin_options(database).ok();
    let logins: Vec<_> = roles.into_iter().chain(admin.map(|admin| ("admin", Some(admin)))).collect();
    let tries =
        join_all(logins.into_iter().map(async |(name, options)| (name, login(database, options).await)))
            .await;
    if tries
        .iter()
        .all(|(_, tried)| matches!(tried, Err(LoginFailure::Unreachable | LoginFailure::NoPassword)))
    {
        return unreachable(database);
    }
    let mut findings: Vec<Finding> = tries.iter().map(|(name, tried)| login_finding(name, tried)).collect();
    findings.push(schema(tries.iter().find_map(|(_, tried)| tried.as_ref().ok())));
    findings.push(rules(tries.iter().find_map(|(_, tried)| tried.as_ref().ok())));
    findings
}

fn unreachable(database: &Database) -> Vec<Finding> {
    let skipped = Role::ALL.iter().map(|role| Group::Database.skipped(wording::role_not_tried(role.name())));
    let first = Group::Database.failed(wording::database_unreachable(database));
    [first].into_iter().chain(skipped).collect()
}

fn login_finding(role: &str, tried: &Result<Seen, LoginFailure>) -> Finding {
    match tried {
        Ok(_) => Group::Database.ok(wording::role_logs_in(role)),
        Err(failure) => Group::Database.failed(wording::role_refused(role, failure)),
    }
}

fn schema(seen: Option<&Seen>) -> Finding {
    let needed = store::migrate::needed_version();
    match seen.map(|seen| seen.schema) {
        None => Group::Database.skipped(wording::SCHEMA_NOT_READ),
        Some(found) if found < needed => Group::Database.failed(wording::schema_old(found, needed)),
        Some(found) if found > needed => Group::Database.warning(wording::schema_newer(found, needed)),
        Some(found) => Group::Database.ok(wording::schema_is(found)),
    }
}

fn rules(seen: Option<&Seen>) -> Finding {
    match seen.map(|seen| seen.rules) {
        None => Group::Database.skipped(wording::RULES_NOT_READ),
        Some(0) => Group::Database.failed(wording::no_rules()),
        Some(version) => Group::Database.ok(wording::rules_are(version)),
    }
}

async fn login(database: &Database, options: Option<PgConnectOptions>) -> Result<Seen, LoginFailure> {
    let options = options.ok_or(LoginFailure::NoPassword)?;
    within(look(database, &options))
        .await
        .unwrap_or(Err(sqlx::Error::PoolTimedOut))
        .map_err(|error| why(&error))
}

async fn look(database: &Database, options: &PgConnectOptions) -> Result<Seen, sqlx::Error> {
    let mut connection = runtime::database::connect(database, options).await?;
    let schema = store::migrate::version(&mut connection).await?;
    let rules = if schema == 0 { 0 } else { store::rules::newest_version(&mut connection).await? };
    connection.close().await.ok();
    Ok(Seen { schema, rules })
}

fn why(error: &sqlx::Error) -> LoginFailure {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    match (code.as_deref(), error) {
        (Some("28P01" | "28000"), _) => LoginFailure::Password,
        (Some("3D000"), _) => LoginFailure::NoDatabase,
        (Some(code), _) => LoginFailure::Other(code.to_owned()),
        (None, _) => LoginFailure::Unreachable,
    }
}

/// Only so that a role's failure can be told where it is not a finding of its own.
/// The database as the reader, if it can be reached.
pub(crate) async fn reader(database: &Database) -> Option<PgConnection> {
    as_reader(database).await.ok()
}

pub(super) async fn as_reader(database: &Database) -> Result<PgConnection, Advice> {
    let refused = |failure: &LoginFailure| wording::role_refused(Role::Reader.name(), failure);
    let options = connect_options(database, Role::Reader).map_err(|_| refused(&LoginFailure::NoPassword))?;
    match within(runtime::database::connect(database, &options)).await {
        Some(Ok(connection)) => Ok(connection),
        Some(Err(error)) => Err(refused(&why(&error))),
        None => Err(refused(&LoginFailure::Unreachable)),
    }
}
