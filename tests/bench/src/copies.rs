//! Many rows from few: copies of rows, under other names or at other times.

use anyhow::Result;
use store::sqlx::{self, AssertSqlSafe, PgPool};

/// Copies every row of a table so many times, less one, with other names in some columns (separated by commas); of copies
/// again as often as another number of times.
pub async fn copy(db: &PgPool, table: &str, renamed: &str, times: i32) -> Result<()> {
    let values: Vec<(&str, String)> = renamed
        .split(',')
        .map(|column| (column, format!("{table}.{column} || '#{times}.' || copy")))
        .collect();
    fill(db, table, table, &values, &format!("{table}, generate_series(2, {times}) as copy")).await
}

/// Inserts into a table what a clause selects from; columns without an expression of their own are as in `source`.
pub async fn fill(
    db: &PgPool,
    table: &str,
    source: &str,
    values: &[(&str, String)],
    from: &str,
) -> Result<()> {
    let columns: Vec<String> = sqlx::query_scalar(
        "select column_name::text from information_schema.columns
         where table_schema = 'public' and table_name = $1 and is_generated = 'NEVER'
         order by ordinal_position",
    )
    .bind(table)
    .fetch_all(db)
    .await?;
    let value = |column: &String| {
        let own = values.iter().find(|(name, _)| name == column);
        own.map_or_else(|| format!("{source}.{column}"), |(_, value)| value.clone())
    };
    let selected = columns.iter().map(value).collect::<Vec<_>>().join(", ");
    let sql = format!("insert into {table} ({}) select {selected} from {from}", columns.join(", "));
    sqlx::query(AssertSqlSafe(sql)).execute(db).await?;
    Ok(())
}
