//! Many rooms from few: copies of rows, under other names.

use anyhow::Result;
use store::sqlx::{self, AssertSqlSafe, PgPool};

/// Copies every row of a table so many times, less one, with other names in some columns (separated by commas); of copies
/// again as often as another number of times.
pub async fn copy(db: &PgPool, table: &str, renamed: &str, times: i32) -> Result<()> {
    let columns: Vec<String> = sqlx::query_scalar(
        "select column_name::text from information_schema.columns where table_name = $1 and is_generated = 'NEVER'
         order by ordinal_position",
    )
    .bind(table)
    .fetch_all(db)
    .await?;
    let values = columns.iter().map(|column| {
        let is_renamed = renamed.split(',').any(|name| name == column);
        if is_renamed { format!("{column} || '#{times}.' || copy") } else { column.clone() }
    });
    let (names, values) = (columns.join(", "), values.collect::<Vec<_>>().join(", "));
    let sql = format!(
        "insert into {table} ({names}) select {values} from {table}, generate_series(2, {times}) as copy"
    );
    sqlx::query(AssertSqlSafe(sql)).execute(db).await?;
    Ok(())
}
