//! What was said long ago is nowhere any more, and what was counted is as it was.

use std::cell::Cell;
use std::time::Duration;

use anyhow::{Context as _, Result};
use async_nats::jetstream::stream::Stream;
use domain::span::Span;
use runtime::bus::limit_ages;
use sqlx::{AssertSqlSafe, PgConnection, Row as _};
use testkit::company::{CHEN, WANG, says};
use testkit::until;

use crate::company::Company;

/// Stands in every text that is to go.
const MARK: &str = "绝密暗号";
const DAY: Duration = Duration::from_hours(24);

/// Every place in the database that holds the mark, whatever the table and the column's type.
async fn places(connection: &mut PgConnection) -> Result<Vec<String>> {
    let columns = sqlx::query(
        "select table_name::text, column_name::text, data_type::text from information_schema.columns
         where table_schema = 'public' order by 1, ordinal_position",
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut found = Vec::new();
    for column in columns {
        let (table, name, kind): (String, String, String) = (column.get(0), column.get(1), column.get(2));
        let text = match kind.as_str() {
            "bytea" => format!("encode(\"{name}\", 'escape')"),
            _ => format!("\"{name}\"::text"),
        };
        // Escaped bytes are looked for as escaped.
        let looked_for = match kind.as_str() {
            "bytea" => "encode(convert_to($1, 'UTF8'), 'escape')",
            _ => "$1",
        };
        let statement =
            format!("select count(*) from \"{table}\" where position({looked_for} in {text}) > 0");
        let count: i64 =
            sqlx::query_scalar(AssertSqlSafe(statement)).bind(MARK).fetch_one(&mut *connection).await?;
        if count > 0 {
            found.push(format!("{table}.{name}"));
        }
    }
    Ok(found)
}

async fn messages(company: &Company, stream: &str) -> Result<u64> {
    let mut stream: Stream = company.stack.bus.jetstream().get_stream(stream).await?;
    Ok(stream.info().await?.state.messages)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_texts_are_nowhere_and_figures_stay() -> Result<()> {
    let mut company = Company::set_up().await?;
    company.stack.config.retention.text = Some(Span::seconds(30 * 86_400));
    company.open().await?;
    company.asks("r1", WANG, 360, &format!("{MARK}，发票开好了吗？")).await?;
    company.until_cards("oc_wang", 1).await?;
    company.publish(&[says("r1", WANG, company.ago(20), &format!("{MARK}，开好了"))]).await?;
    let asked = says("r2", CHEN, company.ago(30), &format!("{MARK}？"));
    company.publish(&[asked]).await?;
    let mut broken = testkit::company::captured(&says("r3", CHEN, company.ago(10), MARK))?;
    broken.payload.truncate(broken.payload.len() - 1);
    company.stack.bus.publish(&broken).await?;
    company.until_handled().await?;
    until("the mark is where it is to be found", || async {
        let places = places(&mut company.connect().await?).await?;
        let expected = ["notifications.payload", "rooms.last_lines", "timeline.body", "vika_sync_rows.cells"];
        let dead = company.stack.bus.dead_letters(10).await?.len() == 1;
        Ok(dead && expected.iter().all(|place| places.iter().any(|found| found == place)))
    })
    .await?;
    let counted = company.waits().await?;
    assert_eq!(counted.len(), 2);

    company.stack.clock.advance(31 * DAY);
    limit_ages(company.stack.bus.jetstream(), Duration::from_secs(1)).await?;
    let left = Cell::new(Vec::new());
    until("the mark is nowhere in the database", || async {
        let places = places(&mut company.connect().await?).await?;
        let gone = places.is_empty();
        left.set(places);
        Ok(gone)
    })
    .await
    .with_context(|| format!("it is left in {:?}", left.take()))?;
    for stream in ["CHAT", "COMMAND", "DEAD"] {
        until(&format!("{stream} has forgotten"), || async { Ok(messages(&company, stream).await? == 0) })
            .await?;
    }
    for sheet in ["today", "all_rooms", "system_log"] {
        until(&format!("{sheet} does not show it"), || async {
            Ok(company.rows(sheet).await?.iter().all(|row| !row.to_string().contains(MARK)))
        })
        .await?;
    }
    assert_eq!(company.waits().await?, counted);
    let answered = counted.iter().find(|(_, wait)| wait.outcome.is_some()).context("an answered wait")?;
    assert_eq!(answered.1.customer_name, "陈小样");
    company.close().await
}
