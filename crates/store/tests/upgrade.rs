//! Old services run beside new ones while a release is rolled out, over the new schema: everything that they say to the
//! database must go on to be understood and answered as before. What the previous release says is kept in
//! `upgrade/<release>.json`, made of its `.sqlx`; after a release, that of the new one takes its place.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use local_stack::testing::servers;
use serde::Deserialize;
use store::migrate::{SchemaError, check, needed_version, provision, provision_to};
use store::role::Role;
use store::rooms::waits::{Which, list};
use store::sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions as _, Connection as _, Executor as _, PgConnection,
    SqlSafeStr as _, Statement as _, TypeInfo as _,
};

/// What the previous release says to the database.
#[derive(Deserialize)]
struct Previous {
    release: String,
    schema_version: i64,
    statements: Vec<Statement>,
}

#[derive(Deserialize)]
struct Statement {
    query: String,
    parameters: usize,
}

/// Data as the previous release leaves them.
const OLD_DATA: &str = r#"
    insert into rooms (room, source, topic, last_lines, last_active_at, version, published_version, created_at, updated_at)
    values ('webhook:r1', 'webhook', '示例公司-r1', '[{"name":"陈小样","role":"customer","text":"在吗","at":"2026-11-01T01:00:00Z"}]',
            '2026-11-01 01:00Z', 3, 3, '2026-11-01 01:00Z', '2026-11-01 01:00Z');
    insert into timeline (room, entry, pos_at, pos_seq, pos_entry, kind, received_at, body)
    values ('webhook:r1', 'webhook:main:m1', '2026-11-01 01:00Z', 1, 'webhook:main:m1', 'message', '2026-11-01 01:00Z', '在吗');
    insert into waits (wait, room, opened_at, opened_seq, customer, customer_name, verdict, stage, messages,
                       last_customer_at, state, updated_at)
    values ('webhook:main:m1', 'webhook:r1', '2026-11-01 01:00Z', 1, 'webhook:chen', '陈小样',
            '{"verdict":"asks_for_reply","why":{"by":"text"}}', 'pre-sales', 1, '2026-11-01 01:00Z', 'open', '2026-11-01 01:00Z');
    insert into alert_cards (wait, rung, chat, room, follows, threshold_seconds, colour, due_at, created_at, state,
                             payload, next_attempt_at, wanted, next_change_at)
    values ('webhook:main:m1', '300', 'oc_wang', 'webhook:r1', 'webhook:main:m1', 300, 'turquoise', '2026-11-01 01:05Z',
            '2026-11-01 01:05Z', 'sent', '{"content":"在吗"}', '2026-11-01 01:05Z', '{"state":"waiting"}', '2026-11-01 01:05Z');
"#;

fn previous() -> Result<Previous> {
    Ok(serde_json::from_str(include_str!("upgrade/0.1.0.json"))?)
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
    let values = vec!["null"; statement.parameters].join(", ");
    let values = if values.is_empty() { values } else { format!("({values})") };
    let tried = format!(
        "deallocate all; prepare tried as {}; explain execute tried{values}",
        statement.query.trim_end_matches(';')
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

type Answers = BTreeMap<(String, usize), Vec<String>>;

/// Everything that each role may say, with how it is answered.
async fn answers(database: &local_stack::testing::TestDatabase, previous: &Previous) -> Result<Answers> {
    let mut answers = Answers::new();
    for role in Role::ALL {
        let options = database.connect_options(role.name(), &password(role)).statement_cache_capacity(0);
        let mut connection = PgConnection::connect_with(&options).await?;
        for (place, statement) in previous.statements.iter().enumerate() {
            if let Some(answered) = answer(&mut connection, statement).await? {
                answers.insert((role.to_string(), place), answered);
            }
        }
        connection.close().await?;
    }
    Ok(answers)
}

#[tokio::test]
async fn the_previous_release_is_understood_by_the_new_schema() -> Result<()> {
    let previous = previous()?;
    let database = servers().await?.fresh_database("nothing", async |_| anyhow::Ok(())).await?;
    let mut admin = database.superuser.connect().await?;
    provision_to(&mut admin, password, previous.schema_version).await?;
    let before = answers(&database, &previous).await?;
    for (place, statement) in previous.statements.iter().enumerate() {
        assert!(before.keys().any(|(_, said)| *said == place), "nobody may say `{}`", statement.query);
    }
    store::sqlx::raw_sql(OLD_DATA).execute(&mut admin).await?;

    provision(&mut admin, password).await?;
    let after = answers(&database, &previous).await?;
    let release = &previous.release;
    for ((role, place), answered) in &before {
        let query = &previous.statements[*place].query;
        assert_eq!(
            after.get(&(role.clone(), *place)),
            Some(answered),
            "release {release} as {role}: `{query}`"
        );
    }

    let rooms = store::rooms::list(&mut admin, None).await?;
    assert_eq!((rooms.len(), rooms[0].version, rooms[0].last_lines.len()), (1, 3, 1));
    let waits = list(&mut admin, Which::Open).await?;
    assert_eq!(waits.len(), 1);
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
    assert!(provision(&mut admin, password).await.is_err(), "an older release must not touch it");
    admin.close().await?;
    Ok(())
}
