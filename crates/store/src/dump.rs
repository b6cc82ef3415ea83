//! All tables out, and in again: what a backup is made of.
//!
//! Postgres's own COPY in text form, table by table, within one snapshot. It needs no program of the server's version
//! beside us, and what comes out of one version of Postgres goes into any other. Nothing here knows a table: all that are
//! there are taken, with every column that can be written.

use std::io;

use futures::TryStreamExt as _;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::role::Role;

/// Written by migrations alone.
const MIGRATIONS_TABLE: &str = "_sqlx_migrations";
/// Bytes of a table's lines that are sent at a time.
const CHUNK: usize = 64 * 1024;

/// A table with the columns that are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its columns.
    pub columns: Vec<String>,
}

/// Why tables could not be taken out or put in.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// The database refused something.
    #[error("the database refused to take part")]
    Sql(#[from] sqlx::Error),
    /// Lines could not be written or read.
    #[error("a table's lines could not be passed on")]
    Io(#[from] io::Error),
}

/// Begins a look at the database as it is at this moment, which lasts until the connection is closed.
pub async fn begin_snapshot(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::raw_sql("begin isolation level repeatable read read only").execute(connection).await?;
    Ok(())
}

/// Every table, by name.
pub async fn tables(connection: &mut PgConnection) -> Result<Vec<Table>, sqlx::Error> {
    let rows: Vec<(String, Vec<String>)> = sqlx::query_as(
        "select c.relname::text, array_agg(a.attname::text order by a.attnum)
         from pg_class c join pg_attribute a on a.attrelid = c.oid
         where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and c.relname <> $1
           and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
         group by 1 order by 1",
    )
    .bind(MIGRATIONS_TABLE)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|(name, columns)| Table { name, columns }).collect())
}

/// Whether the database holds nothing at all of anybody's.
pub async fn is_empty(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "select not exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
                            where n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg_toast%')",
    )
    .fetch_one(connection)
    .await
}

/// A table's lines, into a writer. Returns how many.
pub async fn copy_out(
    connection: &mut PgConnection,
    table: &Table,
    into: &mut impl io::Write,
) -> Result<u64, DumpError> {
    let statement = format!("copy {} to stdout", in_sql(table));
    let mut lines = connection.copy_out_raw(&statement).await?;
    let mut rows = 0;
    while let Some(chunk) = lines.try_next().await? {
        // A line break within a value is written as `\n`: each one here ends a row.
        rows += chunk.split(|byte| *byte == b'\n').count() as u64 - 1;
        into.write_all(&chunk)?;
    }
    Ok(rows)
}

/// A table's lines from a reader, in the place of whatever the table holds. Returns how many.
pub async fn copy_in(
    connection: &mut PgConnection,
    table: &Table,
    from: &mut impl io::Read,
) -> Result<u64, DumpError> {
    let emptied = format!("delete from {}", quoted(&table.name));
    sqlx::query(AssertSqlSafe(emptied)).execute(&mut *connection).await?;
    let mut copy = connection.copy_in_raw(&format!("copy {} from stdin", in_sql(table))).await?;
    let mut chunk = vec![0; CHUNK];
    loop {
        match from.read(&mut chunk) {
            Ok(0) => return Ok(copy.finish().await?),
            Ok(length) => drop(copy.send(&chunk[..length]).await?),
            Err(error) => {
                copy.abort("the lines cannot be read").await?;
                return Err(error.into());
            }
        }
    }
}

/// A foreign key that was taken away, to be made again.
#[derive(Debug)]
pub struct Reference {
    /// Its table, as SQL writes it.
    table: String,
    /// Its name, as SQL writes it.
    name: String,
    /// What it demands.
    definition: String,
}

/// Takes every foreign key away, so that tables can be put in in the order in which an archive has them.
pub async fn drop_references(connection: &mut PgConnection) -> Result<Vec<Reference>, sqlx::Error> {
    let rows: Vec<(String, String, String)> = sqlx::query_as(
        "select conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(oid)
         from pg_constraint
         where contype = 'f' and conparentid = 0 and connamespace = 'public'::regnamespace
         order by 1, 2",
    )
    .fetch_all(&mut *connection)
    .await?;
    for (table, name, _) in &rows {
        let statement = format!("alter table {table} drop constraint {name}");
        sqlx::query(AssertSqlSafe(statement)).execute(&mut *connection).await?;
    }
    Ok(rows.into_iter().map(|(table, name, definition)| Reference { table, name, definition }).collect())
}

/// Makes foreign keys again. Every row is held to them: what was put in refers to nothing that is not there.
pub async fn make_references(
    connection: &mut PgConnection,
    references: &[Reference],
) -> Result<(), sqlx::Error> {
    for Reference { table, name, definition } in references {
        let statement = format!("alter table {table} add constraint {name} {definition}");
        sqlx::query(AssertSqlSafe(statement)).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Makes every column that counts by itself go on behind the highest number it holds.
pub async fn continue_counting(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let counting: Vec<(String, String)> = sqlx::query_as(
        "select c.relname::text, a.attname::text
         from pg_class c join pg_attribute a on a.attrelid = c.oid
         where c.relnamespace = 'public'::regnamespace and a.attidentity <> ''",
    )
    .fetch_all(&mut *connection)
    .await?;
    for (table, column) in counting {
        let (table, column) = (quoted(&table), quoted(&column));
        let statement = format!(
            "select setval(pg_get_serial_sequence($1, $2), coalesce(max({column}), 1), max({column}) is not null) from {table}"
        );
        sqlx::query(AssertSqlSafe(statement))
            .bind(table.clone())
            .bind(column.trim_matches('"').to_owned())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Keeps everybody but superusers out of the database, or lets them in again.
pub async fn shut(connection: &mut PgConnection, shut: bool) -> Result<(), sqlx::Error> {
    let database: String =
        sqlx::query_scalar("select current_database()").fetch_one(&mut *connection).await?;
    let (verb, side) = if shut { ("revoke", "from") } else { ("grant", "to") };
    let statement = format!("{verb} connect on database {} {side} public", quoted(&database));
    sqlx::query(AssertSqlSafe(statement)).execute(connection).await?;
    Ok(())
}

/// Which services (or others with a role of ours) are connected to the database.
pub async fn others_connected(connection: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "select distinct coalesce(nullif(application_name, ''), usename::text) from pg_stat_activity
         where datname = current_database() and usename = any ($1)
         order by 1",
    )
    .bind(Role::ALL.map(|role| role.name().to_owned()))
    .fetch_all(connection)
    .await
}

fn in_sql(table: &Table) -> String {
    let columns: Vec<String> = table.columns.iter().map(|column| quoted(column)).collect();
    format!("{} ({})", quoted(&table.name), columns.join(", "))
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
