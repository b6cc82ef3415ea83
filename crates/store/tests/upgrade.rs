//! Old services run beside new ones while a release is rolled out, over the new schema: everything that they say to the
//! database must go on to be understood and answered as before. Here everything that this release says (its `.sqlx`) is
//! tried after a made-up migration that expands the schema, and after one that contracts it too early.
//!
//! With the first release its `.sqlx` is kept, and takes the place of the made-up migration: see docs/operations.md.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use local_stack::testing::{TestDatabase, servers};
use serde::Deserialize;
use store::migrate::{MigrateError, SchemaError, check, needed_version, provision, provision_to};
use store::role::Role;
use store::sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions as _, Connection as _, Executor as _, PgConnection,
    SqlSafeStr as _, Statement as _, TypeInfo as _,
};

/// What a later release may do while services of this one run.
const EXPAND: &str = "
    alter table rooms add column importance text not null default 'usual';
    alter table waits add column soft boolean;
    alter table notifications drop constraint notifications_subject_kind_check;
    alter table notifications add constraint notifications_subject_kind_check
        check (subject_kind in ('wait', 'departure', 'unanswered', 'alarm', 'promise'));
    create index waits_soft on waits (room) where soft;
    create table promises (promise text primary key, room text not null);
    grant select, insert, update on promises to room_state;
";

/// What only the release after that may do.
const CONTRACT: &str = "alter table rooms drop column topic_at";

/// A statement as sqlx keeps it.
#[derive(Deserialize)]
struct Statement {
    query: String,
    describe: Described,
}

#[derive(Deserialize)]
struct Described {
    parameters: Option<Parameters>,
}

#[derive(Deserialize)]
struct Parameters {
    #[serde(rename = "Left")]
    types: Vec<serde_json::Value>,
}

/// Everything that is said in this folder.
fn statements(folder: &Path) -> Result<Vec<Statement>> {
    let mut statements = Vec::new();
    for file in std::fs::read_dir(folder)? {
        let file = file?.path();
        let read = serde_json::from_slice(&std::fs::read(&file)?);
        statements.push(read.with_context(|| file.display().to_string())?);
    }
    Ok(statements)
}

fn password(role: Role) -> String {
    format!("test-{role}")
}

/// How a role's statement is answered: the columns with their types; `None`: it may not say it.
async fn answer(connection: &mut PgConnection, statement: &Statement) -> Result<Option<Vec<String>>> {
    let said = || format!("`{}`", statement.query);
    let prepared =
        connection.prepare(AssertSqlSafe(statement.query.clone()).into_sql_str()).await.with_context(said)?;
    let columns =
        prepared.columns().iter().map(|column| format!("{} {}", column.name(), column.type_info().name()));
    let columns: Vec<String> = columns.collect();
    let parameters = statement.describe.parameters.as_ref().map_or(0, |parameters| parameters.types.len());
    let values = vec!["null"; parameters].join(", ");
    let values = if values.is_empty() { values } else { format!("({values})") };
    let tried = format!(
        "deallocate all; prepare tried as {}; explain execute tried{values}",
        statement.query.trim_end().trim_end_matches(';')
    );
    // Rights are looked at when a plan is about to be carried out, which `explain` comes just short of.
    match store::sqlx::raw_sql(AssertSqlSafe(tried)).execute(connection).await {
        Ok(_) => Ok(Some(columns)),
        Err(error)
            if error.as_database_error().and_then(store::sqlx::error::DatabaseError::code).as_deref()
                == Some("42501") =>
        {
            Ok(None)
        }
        Err(error) => Err(error).with_context(said),
    }
}

/// What every role may say, with how it is answered; or why it is not understood.
type Answers = BTreeMap<(String, usize), Result<Vec<String>, String>>;

async fn answers(database: &TestDatabase, statements: &[Statement]) -> Result<Answers> {
    let mut answers = Answers::new();
    for role in Role::ALL {
        let options = database.connect_options(role.name(), &password(role)).statement_cache_capacity(0);
        let mut connection = PgConnection::connect_with(&options).await?;
        for (place, statement) in statements.iter().enumerate() {
            let answered = answer(&mut connection, statement).await;
            if let Some(answered) = answered.map_err(|error| format!("{error:#}")).transpose() {
                answers.insert((role.to_string(), place), answered);
            }
        }
        connection.close().await?;
    }
    Ok(answers)
}

#[tokio::test]
async fn services_of_this_release_are_understood_while_the_next_one_expands_the_schema() -> Result<()> {
    let statements = statements(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.sqlx"))?;
    let database = servers().await?.fresh_database("nothing", async |_| anyhow::Ok(())).await?;
    let mut admin = database.superuser.connect().await?;
    provision(&mut admin, password).await?;
    let before = answers(&database, &statements).await?;
    for (place, statement) in statements.iter().enumerate() {
        let may = before.iter().any(|((_, said), answered)| *said == place && answered.is_ok());
        assert!(may, "nobody may say `{}`", statement.query);
    }

    store::sqlx::raw_sql(EXPAND).execute(&mut admin).await?;
    let expanded = answers(&database, &statements).await?;
    for (said, answered) in &before {
        assert_eq!(expanded.get(said), Some(answered), "{} says `{}`", said.0, statements[said.1].query);
    }

    store::sqlx::raw_sql(CONTRACT).execute(&mut admin).await?;
    let contracted = answers(&database, &statements).await?;
    let missed = before.iter().filter(|(said, answered)| contracted.get(said) != Some(answered)).count();
    assert!(missed > 0, "a column that is in use was taken away, and nobody missed it");
    admin.close().await?;
    Ok(())
}

#[tokio::test]
async fn a_service_goes_on_under_a_newer_schema_and_refuses_an_older_one() -> Result<()> {
    let database = servers().await?.fresh_database("nothing", async |_| anyhow::Ok(())).await?;
    let mut admin = database.superuser.connect().await?;
    provision_to(&mut admin, password, needed_version() - 1).await?;
    let refused = check(&mut admin).await;
    assert!(matches!(refused, Err(SchemaError::Old { needed, .. }) if needed == needed_version()));
    provision(&mut admin, password).await?;
    check(&mut admin).await?;
    store::sqlx::query(
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
         values ($1, 'of a later release', true, '', 0)",
    )
    .bind(needed_version() + 1)
    .execute(&mut admin)
    .await?;
    check(&mut admin).await?;
    // Only the one-shot of the later release may migrate it.
    let refused = provision(&mut admin, password).await;
    assert!(matches!(refused, Err(MigrateError::OtherRelease(version)) if version == needed_version() + 1));
    admin.close().await?;
    Ok(())
}
