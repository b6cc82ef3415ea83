//! The release before, 0.1.0, beside us or instead of us again: it reads what we store as JSON. That its statements are
//! understood is tested with the schema (`crates/store/tests/upgrade.rs`). After a release, the types of the new one take
//! the place of these copies, which have text in the place of keys.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use domain::Timestamp;
use domain::id::{EntryId, WaitId};
use events::command::Wish;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use store::sqlx::{AssertSqlSafe, query_scalar};
use testkit::Stack;
use testkit::company::{CHEN, LI, WANG, account_left, says};

use crate::commands::ask;
use crate::support::{live, past, publish, room, start, until_entries};

/// What every row holds in a column, as the former release reads it.
async fn read<T: DeserializeOwned>(stack: &Stack, column: &str, table: &str) -> Result<Vec<T>> {
    let statement = format!("select {column} from {table} where {column} is not null");
    let values: Vec<Value> = query_scalar(AssertSqlSafe(statement)).fetch_all(&stack.admin).await?;
    let read = |value: Value| {
        T::deserialize(&value)
            .with_context(|| format!("the former release fails at {table}.{column}: {value}"))
    };
    values.into_iter().map(read).collect()
}

/// Seen to fail with a state without `account_left`, with an ending of a name of its own for what was confirmed, and
/// with facts of their own for a departure.
#[tokio::test]
async fn the_release_before_reads_what_this_one_writes() -> Result<()> {
    let stack = Stack::start().await?;
    let service = start(&stack).await?;
    let at = |seconds| past(&stack, seconds);
    let asked = says("r1", CHEN, at(10), "在吗？");
    publish(&stack, &[says("r1", WANG, at(0), "您好"), asked.clone()]).await?;
    until_entries(&stack, 2).await?;
    stack.capture_gap("main", at(12), Some(at(20))).await?;
    let through = EntryId::from(&asked.key());
    let confirm = Wish::ConfirmAnswered { wait: WaitId::from(&asked.key()), through: through.clone() };
    assert_eq!(ask(&stack, "c1", room("r1"), confirm).await?.decision, "applied");
    let assign = Wish::Assign { owner: "李小后".into(), stage: "after-sales".into(), approved: true };
    assert_eq!(ask(&stack, "c2", room("r1"), assign).await?.decision, "applied");
    let asked = says("r1", CHEN, at(30), "[图片]");
    publish(&stack, std::slice::from_ref(&asked)).await?;
    until_entries(&stack, 5).await?;
    let cancel =
        Wish::Cancel { wait: None, through: EntryId::from(&asked.key()), reason: "不用回复".into() };
    assert_eq!(ask(&stack, "c3", room("r1"), cancel).await?.decision, "applied");
    publish(&stack, &[says("r1", CHEN, at(40), "还在吗？"), says("r1", LI, at(50), "在的")]).await?;
    publish(&stack, &[says("r1", CHEN, at(60), "请报价")]).await?;
    stack.bus.publish(&account_left("r1", at(70), Some(LI))?).await?;
    // Another room, whose wait is open.
    publish(&stack, &[says("r2", CHEN, at(40), "还在吗？")]).await?;
    until_entries(&stack, 11).await?;
    assert_eq!(live(&stack, &room("r1")).await?.len(), 4);

    let states: Vec<FoldState> = read(&stack, "state", "rooms").await?;
    let mut seen: Vec<_> = states.iter().map(|state| (state.account_left, state.open.is_some())).collect();
    seen.sort_unstable();
    assert_eq!(seen, [(false, true), (true, false)]);
    assert_eq!(read::<FoldState>(&stack, "before", "waits").await?.len(), 5);
    assert_eq!(read::<Verdict>(&stack, "verdict", "waits").await?.len(), 5);
    let outcomes: Vec<Outcome> = read(&stack, "outcome", "waits").await?;
    let decided = outcomes.iter().filter(|outcome| matches!(outcome.how, Ending::Cancelled { .. })).count();
    assert_eq!((outcomes.len(), decided), (4, 2), "what was confirmed is cancelled to it");
    assert_eq!(read::<Facts>(&stack, "facts", "timeline").await?.len(), 3);
    service.stop().await
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only whether it can be read is asked")]
struct FoldState {
    owner: Option<String>,
    stage: Stage,
    origin: Origin,
    candidates: BTreeMap<String, Option<Candidate>>,
    open: Option<Wait>,
    staff_question: bool,
    verdict: Option<Verdict>,
    day: DayCounts,
    account_left: bool,
    last_speaker: Option<LastSpeaker>,
    through: Option<Position>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Stage {
    PreSales,
    AfterSales,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Origin {
    Auto,
    Manual,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only whether it can be read is asked")]
struct Candidate {
    name: String,
    stage: Option<Stage>,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only whether it can be read is asked")]
struct DayCounts {
    date: Option<chrono::NaiveDate>,
    pre_sales: u32,
    after_sales: u32,
    other_staff: u32,
    customer: u32,
    owner: u32,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only whether it can be read is asked")]
struct LastSpeaker {
    role: Role,
    name: String,
    at: Timestamp,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Role {
    Bot,
    PreSales,
    AfterSales,
    OtherStaff,
    Customer,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only whether it can be read is asked")]
struct Position {
    at: Timestamp,
    seq: i64,
    entry: String,
    after: Option<String>,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only whether it can be read is asked")]
struct Wait {
    id: String,
    opened: Position,
    customer: String,
    customer_name: String,
    verdict: Verdict,
    owner: Option<String>,
    stage: Stage,
    messages: u32,
    last_customer_at: Timestamp,
    alarm_since: Option<Timestamp>,
    outcome: Option<Outcome>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
#[expect(dead_code, reason = "only whether it can be read is asked")]
enum Verdict {
    AsksForReply { why: Value },
    AnswersQuestion { phrase: String },
    ClosingNothing { phrase: String },
    StickerNothing,
    EmptyNothing,
    NoticeNothing,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only whether it can be read is asked")]
struct Outcome {
    at: Timestamp,
    how: Ending,
    owner: Option<String>,
    stage: Stage,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "how", rename_all = "snake_case")]
#[expect(dead_code, reason = "only whether it can be read is asked")]
enum Ending {
    Answered { by: String, name: String, role: Role },
    Cancelled { by: String, reason: String, command: String },
    Withdrawn,
    Unobserved,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "only whether it can be read is asked")]
enum Facts {
    Cancel { command: String, by: String, reason: String, at: Timestamp },
    Assigned { owner: Option<String>, stage: Stage },
    People { inviter: Option<String>, owner: Option<String>, members: Vec<String> },
}
