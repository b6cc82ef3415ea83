//! Who may write what is enforced by Postgres: every role tries every operation on every table with its own login, and
//! must be let in or refused as the design's table of owners says.
//!
//! The tables are read from the catalog, so that a new one that stands in no line of [`OWNERS`] fails the test.
//! Permissions are tried for real, but without touching a row: `explain` and `where false` are checked like any other
//! statement, and whatever does something is rolled back.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use store::role::Role;
use store::sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};
use testkit::Stack;

/// How Postgres says that somebody may not.
const REFUSED: &str = "42501";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Operation {
    Select,
    Insert,
    Update,
    Delete,
    Truncate,
    Alter,
    Drop,
}

use Operation::{Alter, Delete, Drop, Insert, Select, Truncate, Update};
use Role::{FeishuAlerter, Ingest, Operator, Performance, Reader, RoomState, VikaReconcile, VikaSync};

/// One line of the design's table.
struct Owner {
    /// A table, or with `*` at the end a group of tables.
    tables: &'static str,
    /// The one that writes it; `None`: the one-shot's superuser alone.
    role: Option<Role>,
    /// Another one, who may do the same.
    beside: Option<Role>,
    /// What the owner may do.
    may: &'static [Operation],
    /// Who else reads it.
    readers: &'static [Role],
}

const ALL_ROWS: &[Operation] = &[Select, Insert, Update, Delete];
const NEVER_DELETED: &[Operation] = &[Select, Insert, Update];
const SERVICES: &[Role] = &[Ingest, RoomState, VikaSync, VikaReconcile, FeishuAlerter, Performance, Reader];

const fn owner(
    tables: &'static str,
    role: Role,
    may: &'static [Operation],
    readers: &'static [Role],
) -> Owner {
    Owner { tables, role: Some(role), beside: None, may, readers }
}

const OWNERS: &[Owner] = &[
    owner("rules", Operator, &[Select, Insert], SERVICES),
    owner("golive", Operator, &[Select, Insert], &[RoomState, VikaSync, FeishuAlerter, Performance, Reader]),
    owner("gateways", Ingest, ALL_ROWS, &[FeishuAlerter, Reader]),
    owner("capture_gaps", Ingest, ALL_ROWS, &[RoomState, VikaSync, FeishuAlerter, Performance, Reader]),
    owner("ingest_inbox", Ingest, ALL_ROWS, &[Reader]),
    owner("ingest_outbox", Ingest, ALL_ROWS, &[Reader]),
    owner("ingest_rooms", Ingest, ALL_ROWS, &[Reader]),
    owner("contacts", Ingest, ALL_ROWS, &[RoomState, FeishuAlerter, Reader]),
    owner("members", Ingest, ALL_ROWS, &[RoomState, Reader]),
    owner("rooms", RoomState, NEVER_DELETED, &[VikaSync, VikaReconcile, FeishuAlerter, Performance, Reader]),
    owner("timeline", RoomState, ALL_ROWS, &[Performance, Reader]),
    owner("timeline_awaited", RoomState, &[Select, Insert, Delete], &[Reader]),
    owner("waits", RoomState, NEVER_DELETED, &[VikaSync, FeishuAlerter, Performance, Reader]),
    owner("commands", RoomState, NEVER_DELETED, &[VikaSync, FeishuAlerter, Reader]),
    owner("fold_progress", RoomState, NEVER_DELETED, &[FeishuAlerter, Reader]),
    owner("vika_sync_*", VikaSync, ALL_ROWS, &[VikaReconcile, Reader]),
    owner("vika_reconcile_*", VikaReconcile, ALL_ROWS, &[VikaSync, Reader]),
    owner("room_refolds", RoomState, ALL_ROWS, &[Performance, Reader]),
    owner("performance_huoban_*", Performance, ALL_ROWS, &[Reader]),
    owner("performance_links", Performance, ALL_ROWS, &[Reader]),
    owner("performance_*", Performance, ALL_ROWS, &[FeishuAlerter, Reader]),
    owner("alert_*", FeishuAlerter, ALL_ROWS, &[Reader]),
    owner("notification*", FeishuAlerter, ALL_ROWS, &[Reader]),
    // What people ask for, by a button or by a command.
    Owner {
        tables: "availability",
        role: Some(FeishuAlerter),
        beside: Some(Operator),
        may: &[Select, Insert],
        readers: &[Reader],
    },
    Owner { tables: "_sqlx_migrations", role: None, beside: None, may: &[], readers: &Role::ALL },
];

fn owner_of(table: &str) -> Option<&'static Owner> {
    OWNERS.iter().find(|owner| match owner.tables.strip_suffix('*') {
        Some(prefix) => table.starts_with(prefix),
        None => table == owner.tables,
    })
}

/// Whether a role must be let in; if not, it must be refused.
fn expected(owner: &Owner, role: Role, operation: Operation) -> bool {
    let owns = [owner.role, owner.beside].contains(&Some(role)) && owner.may.contains(&operation);
    owns || (operation == Select && owner.readers.contains(&role))
}

/// The statements that try an operation. Where columns can be granted alone, each is tried: one is enough to be let in.
fn attempts(operation: Operation, table: &str, columns: &[String]) -> Vec<String> {
    let each = |statement: &dyn Fn(&str) -> String| columns.iter().map(|column| statement(column)).collect();
    match operation {
        Select => each(&|column| format!("select {column} from {table} where false")),
        Insert => each(&|column| format!("explain insert into {table} ({column}) values (default)")),
        Update => each(&|column| format!("update {table} set {column} = default where false")),
        Delete => vec![format!("delete from {table} where false")],
        Truncate => vec![format!("truncate {table}")],
        Alter => vec![format!("alter table {table} add column extra int")],
        Drop => vec![format!("drop table {table}")],
    }
}

async fn allowed(connection: &mut PgConnection, statement: &str) -> Result<bool> {
    let mut tx = connection.begin().await?;
    let outcome = store::sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *tx).await;
    tx.rollback().await?;
    match outcome {
        Ok(_) => Ok(true),
        Err(error) => {
            let code =
                error.as_database_error().and_then(|error| error.code().map(std::borrow::Cow::into_owned));
            match code.as_deref() {
                Some(REFUSED) => Ok(false),
                _ => Err(error).with_context(|| format!("`{statement}` failed for another reason")),
            }
        }
    }
}

async fn any_allowed(connection: &mut PgConnection, statements: &[String]) -> Result<bool> {
    for statement in statements {
        if allowed(connection, statement).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Every table, view and the like that is not Postgres's own, with its columns.
async fn tables(stack: &Stack) -> Result<BTreeMap<String, Vec<String>>> {
    let rows = store::sqlx::query(
        "select n.nspname::text, c.relname::text, array_agg(a.attname::text order by a.attnum)
         from pg_class c
              join pg_namespace n on n.oid = c.relnamespace
              join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
         where c.relkind in ('r', 'p', 'v', 'm', 'f')
           and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg_toast%'
         group by 1, 2",
    )
    .fetch_all(&stack.admin)
    .await?;
    let mut tables = BTreeMap::new();
    for row in rows {
        let (schema, table): (String, String) = (row.get(0), row.get(1));
        if schema != "public" {
            bail!("the table {schema}.{table} lies in a schema of its own, which nobody owns");
        }
        tables.insert(table, row.get(2));
    }
    Ok(tables)
}

/// Everything that Postgres grants or refuses otherwise than [`OWNERS`] says.
async fn differences(stack: &Stack) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let tables = tables(stack).await?;
    for role in Role::ALL {
        let mut connection = stack.connect_as(role).await?;
        for (table, columns) in &tables {
            let Some(owner) = owner_of(table) else {
                found.push(format!("{table} has no owner"));
                continue;
            };
            for operation in [Select, Insert, Update, Delete, Truncate, Alter, Drop] {
                let may = any_allowed(&mut connection, &attempts(operation, table, columns)).await?;
                if expected(owner, role, operation) != may {
                    let verb = if may { "may" } else { "may not" };
                    found.push(format!("{role} {verb} {operation:?} {table}"));
                }
            }
        }
        connection.close().await?;
    }
    Ok(found)
}

#[tokio::test]
async fn every_role_may_do_exactly_its_part() -> Result<()> {
    let stack = Stack::start().await?;
    assert_eq!(differences(&stack).await?, Vec::<String>::new());
    Ok(())
}

/// The check above can fail: each of these grants and tables is found, and nothing else is.
#[tokio::test]
async fn whatever_is_granted_besides_is_found() -> Result<()> {
    let stack = Stack::start().await?;
    for statement in [
        "grant insert on rooms to ingest",
        "grant update (name) on contacts to feishu_alerter",
        "grant truncate on timeline to room_state",
        "revoke select on waits from vika_sync",
        "create table nobodys (id int)",
    ] {
        store::sqlx::raw_sql(statement).execute(&stack.admin).await?;
    }
    let mut found = differences(&stack).await?;
    found.sort();
    found.dedup();
    assert_eq!(
        found,
        [
            "feishu_alerter may Update contacts",
            "ingest may Insert rooms",
            "nobodys has no owner",
            "room_state may Truncate timeline",
            "vika_sync may not Select waits",
        ]
    );
    Ok(())
}

#[tokio::test]
async fn no_role_makes_anything_of_its_own() -> Result<()> {
    let stack = Stack::start().await?;
    for role in Role::ALL {
        let mut connection = stack.connect_as(role).await?;
        for statement in ["create table mine (id int)", "create schema mine", "create role mine"] {
            assert!(!allowed(&mut connection, statement).await?, "{role} may {statement}");
        }
        connection.close().await?;
    }
    let powerful: Vec<String> = store::sqlx::query_scalar(
        "select rolname::text from pg_roles r
         where rolname = any ($1) and (rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls
               or exists (select from pg_auth_members m where m.member = r.oid))",
    )
    .bind(Role::ALL.map(|role| role.name().to_owned()))
    .fetch_all(&stack.admin)
    .await?;
    assert_eq!(powerful, Vec::<String>::new());
    Ok(())
}
