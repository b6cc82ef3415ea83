//! The ids of the sheets' columns as they were once found.

use std::collections::BTreeMap;

use sqlx::PgConnection;

/// Ids of a sheet's columns, by declared name.
pub async fn known_columns(
    connection: &mut PgConnection,
    sheet: &str,
) -> Result<BTreeMap<String, String>, sqlx::Error> {
    let rows = sqlx::query!("select declared, field from vika_sync_columns where sheet = $1", sheet)
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().map(|row| (row.declared, row.field)).collect())
}

/// Stores the ids of columns, by declared name.
pub async fn remember_columns<'c>(
    connection: &mut PgConnection,
    sheet: &str,
    columns: impl IntoIterator<Item = (&'c str, &'c str)>,
) -> Result<(), sqlx::Error> {
    let (declared, fields): (Vec<&str>, Vec<&str>) = columns.into_iter().unzip();
    sqlx::query!(
        r#"
        insert into vika_sync_columns (sheet, declared, field)
        select $1, * from unnest($2::text[], $3::text[])
        on conflict (sheet, declared) do update set field = excluded.field
        "#,
        sheet,
        &declared as _,
        &fields as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}
