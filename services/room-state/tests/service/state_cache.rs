//! States that are kept in memory from batch to batch: what stands in the database decides.

use anyhow::Result;
use store::rooms;
use store::sqlx::{AssertSqlSafe, query};
use testkit::company::{CHEN, says};
use testkit::{Running, Stack};

use crate::support::{past, publish, room, start, until_entries};

async fn lines(stack: &Stack) -> Result<Vec<String>> {
    let found = rooms::get(&mut *stack.admin.acquire().await?, &room("r1")).await?;
    Ok(found.into_iter().flat_map(|room| room.last_lines).map(|line| line.text).collect())
}

/// Says the second thing after somebody has changed the row.
async fn said_after(change: &str) -> Result<Vec<String>> {
    let stack = Stack::start().await?;
    let service: Running = start(&stack).await?;
    publish(&stack, &[says("r1", CHEN, past(&stack, 0), "在吗？")]).await?;
    until_entries(&stack, 1).await?;
    query(AssertSqlSafe(format!("update rooms set last_lines = '[]'{change}"))).execute(&stack.admin).await?;
    publish(&stack, &[says("r1", CHEN, past(&stack, 1), "有人吗？")]).await?;
    until_entries(&stack, 2).await?;
    let lines = lines(&stack).await?;
    service.stop().await?;
    Ok(lines)
}

#[tokio::test]
async fn what_another_wrote_is_read() -> Result<()> {
    assert_eq!(said_after(", version = version + 1").await?, ["有人吗？"]);
    // As after a return to an earlier state, from which versions count on.
    assert_eq!(said_after(", updated_at = updated_at + interval '1 second'").await?, ["有人吗？"]);
    Ok(())
}

/// Nobody writes a room without a new version; so it is not read again.
#[tokio::test]
async fn what_nobody_wrote_is_not_read_again() -> Result<()> {
    assert_eq!(said_after("").await?, ["在吗？", "有人吗？"]);
    Ok(())
}
