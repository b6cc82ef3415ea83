//! The order in which messages are folded: as they were captured where their times do not tell, however they come.

use anyhow::Result;
use chrono::{DateTime, TimeDelta, Utc};
use domain::id::EntryId;
use domain::timeline::Body;
use domain::wait::{Ending, Wait};
use events::chat::ChatMessage;
use testkit::company::{CHEN, LI, Person, WANG, captured, says};
use testkit::{Stack, until};

use crate::support::{live, past, publish, room, start, until_entries};

/// Said at one time, captured at another.
fn stamped(
    id: &str,
    person: Person,
    sent_at: DateTime<Utc>,
    received_at: DateTime<Utc>,
    text: &str,
) -> ChatMessage {
    let mut message = says("r1", person, sent_at, text);
    message.id = id.into();
    message.received_at = received_at;
    message.captured = Some(received_at.timestamp_micros());
    message
}

async fn order_in_timeline(stack: &Stack) -> Result<Vec<String>> {
    let mut connection = stack.admin.acquire().await?;
    let entries = store::rooms::timeline::after(&mut connection, &room("r1"), None).await?;
    let id = |entry: &EntryId| entry.0.rsplit(':').next().unwrap_or_default().to_owned();
    Ok(entries.iter().filter(|entry| matches!(entry.body, Body::Message(_))).map(|e| id(e.id())).collect())
}

async fn open(stack: &Stack) -> Result<Vec<Wait>> {
    let waits = live(stack, &room("r1")).await?;
    Ok(waits.into_iter().map(|stored| stored.wait).filter(|wait| wait.outcome.is_none()).collect())
}

/// 500 messages of one second, published in reverse.
#[tokio::test]
async fn messages_of_one_second_are_folded_as_they_were_captured() -> Result<()> {
    let stack = Stack::start().await?;
    let service = start(&stack).await?;
    let second = past(&stack, 0);
    let messages: Vec<ChatMessage> = (0..500)
        .map(|n| {
            let person = if n % 3 == 1 { WANG } else { CHEN };
            let received_at = second + TimeDelta::microseconds(n);
            stamped(&format!("m{n:03}"), person, second, received_at, "第几台什么时候到？")
        })
        .collect();
    let outgoing = messages.iter().rev().map(captured).collect::<Result<Vec<_>>>()?;
    for answer in stack.bus.publish_all(&outgoing).await {
        answer?;
    }
    until_entries(&stack, 500).await?;
    let expected: Vec<String> = (0..500).map(|n| format!("m{n:03}")).collect();
    assert_eq!(order_in_timeline(&stack).await?, expected);
    // m499 is a reply (499 % 3 == 1), so that nobody waits.
    assert_eq!(open(&stack).await?, []);
    service.stop().await
}

#[tokio::test]
async fn the_sources_own_order_counts_between_equal_times() -> Result<()> {
    let stack = Stack::start().await?;
    let service = start(&stack).await?;
    let at = past(&stack, 0);
    let mut rows = Vec::new();
    // Captured in another order than the source's.
    for (captured, (id, seq)) in (0..).zip([("c", 3), ("a", 1), ("b", 2)]) {
        let person = if id == "b" { WANG } else { CHEN };
        let row = stamped(id, person, at, at + TimeDelta::microseconds(captured), "还有货吗？");
        rows.push(ChatMessage { seq: Some(seq), ..row });
    }
    publish(&stack, &rows).await?;
    until_entries(&stack, 3).await?;
    assert_eq!(order_in_timeline(&stack).await?, ["a", "b", "c"]);
    let waiting = open(&stack).await?;
    assert_eq!(waiting.len(), 1);
    assert!(waiting[0].id.0.ends_with(":c"), "the question after the reply waits: {waiting:?}");
    service.stop().await
}

#[tokio::test]
async fn a_question_that_is_stamped_late_waits_behind_the_reply_that_came_before_it() -> Result<()> {
    let stack = Stack::start().await?;
    let service = start(&stack).await?;
    let at = |seconds| past(&stack, seconds);
    let asked = stamped("first", CHEN, at(0), at(1), "在吗？");
    let reply = stamped("reply", WANG, at(100), at(101), "在的");
    let late = stamped("late", CHEN, at(40), at(300), "那什么时候发货？");
    // Whichever way the bus brings them.
    for message in [late, asked, reply] {
        publish(&stack, &[message]).await?;
    }
    until_entries(&stack, 3).await?;
    assert_eq!(order_in_timeline(&stack).await?, ["first", "reply", "late"]);
    let waiting = open(&stack).await?;
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].opened.at, at(100), "it counts as sent with what came before it");
    let kept: Option<DateTime<Utc>> =
        store::sqlx::query_scalar("select stamped_at from timeline where entry like '%:late'")
            .fetch_one(&stack.admin)
            .await?;
    assert_eq!(kept, Some(at(40)), "what its source says is kept");
    let closed = live(&stack, &room("r1")).await?.remove(0).wait.outcome.expect("the first was answered");
    assert!(matches!(closed.how, Ending::Answered { .. }));
    service.stop().await
}

/// Imported and stale messages keep their own times, in whatever order they come.
#[tokio::test]
async fn history_keeps_its_own_times() -> Result<()> {
    let stack = Stack::start().await?;
    let service = start(&stack).await?;
    let at = |seconds| past(&stack, seconds);
    let live_reply = stamped("reply", LI, at(1_000), at(1_000), "好的，已安排");
    let imported =
        ChatMessage { history: true, ..stamped("old", CHEN, at(10), at(1_100), "发货了吗？") };
    let stale = [
        stamped("s2", WANG, at(-5_000), at(1_200), "发了"),
        stamped("s1", CHEN, at(-6_000), at(1_201), "什么时候发货？"),
    ];
    publish(&stack, &[live_reply]).await?;
    publish(&stack, &[imported]).await?;
    until_entries(&stack, 2).await?;
    assert_eq!(order_in_timeline(&stack).await?, ["old", "reply"]);
    let other: Vec<ChatMessage> = stale
        .into_iter()
        .map(|mut message| {
            message.account = "other".into();
            message
        })
        .collect();
    publish(&stack, &other).await?;
    until("all is folded", || async { Ok(order_in_timeline(&stack).await? == ["s1", "s2", "old", "reply"]) })
        .await?;
    service.stop().await
}
