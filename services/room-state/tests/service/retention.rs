//! What was said long ago is blanked; what was counted of it stays.

use std::time::Duration;

use anyhow::Result;
use chrono::TimeDelta;
use domain::id::PersonKey;
use domain::span::Span;
use domain::timeline::{Body, Message, Quote};
use events::chat::Quoted;
use testkit::company::{CHEN, LI, WANG, says};
use testkit::{Stack, until};

use crate::support::{live, past, publish, room, start, until_entries};

const DAY: Duration = Duration::from_hours(24);

async fn texts(stack: &Stack) -> Result<i64> {
    Ok(store::sqlx::query_scalar("select count(*) from timeline where body is not null")
        .fetch_one(&stack.admin)
        .await?)
}

#[tokio::test]
async fn old_texts_go_and_the_waits_stay() -> Result<()> {
    let mut stack = Stack::start().await?;
    stack.config.retention.text = Some(Span::seconds(30 * 86_400));
    let service = start(&stack).await?;
    let at = [0, 30, 60, 90, 40].map(|seconds| past(&stack, seconds));
    publish(
        &stack,
        &[
            says("r1", CHEN, at[0], "在吗？机密一"),
            says("r1", WANG, at[1], "在的，要几台？机密二"),
            says("r1", CHEN, at[2], "好的"),
            says("r1", LI, at[3], "收到，机密三"),
        ],
    )
    .await?;
    until_entries(&stack, 4).await?;
    let before = live(&stack, &room("r1")).await?;
    stack.clock.advance(31 * DAY);
    let young = says("r2", CHEN, stack.clock.now() - TimeDelta::days(2), "新的");
    publish(&stack, std::slice::from_ref(&young)).await?;
    until("only the young text is left", || async { Ok(texts(&stack).await? == 1) }).await?;
    let stored = store::rooms::get(&mut *stack.admin.acquire().await?, &room("r1")).await?.unwrap();
    assert!(stored.last_lines.is_empty(), "{:?}", stored.last_lines);

    // A late message folds the room again, from features alone; it is counted, and its text is never stored.
    publish(&stack, &[says("r1", CHEN, at[4], "迟到，机密四")]).await?;
    until_entries(&stack, 6).await?;
    assert_eq!(texts(&stack).await?, 1);
    let after = live(&stack, &room("r1")).await?;
    assert_eq!(after.len(), before.len(), "{after:?}");
    let ends = |waits: &[store::rooms::waits::StoredWait]| -> Vec<_> {
        waits.iter().map(|stored| (stored.wait.verdict.clone(), stored.wait.outcome.clone())).collect()
    };
    assert_eq!(ends(&after)[0], ends(&before)[0]);
    let redelivered = says("r1", CHEN, at[0], "在吗？机密一");
    let mut again = testkit::company::captured(&redelivered)?;
    again.id.push_str("#again");
    stack.bus.publish(&again).await?;
    publish(&stack, &[says("r3", CHEN, at[0], "很久以前")]).await?;
    until_entries(&stack, 7).await?;
    let conflicts: i64 = store::sqlx::query_scalar("select conflicts from rooms where room = 'webhook:r1'")
        .fetch_one(&stack.admin)
        .await?;
    assert_eq!(conflicts, 0, "a blanked text contradicts nothing");
    assert_eq!(texts(&stack).await?, 1, "nor is the old text of another room stored");
    service.stop().await
}

/// What is quoted is somebody's words too. Seen to fail with the body blanked alone.
#[tokio::test]
async fn mentions_and_quotes_are_kept_and_quoted_words_go_with_the_rest() -> Result<()> {
    let mut stack = Stack::start().await?;
    stack.config.retention.text = Some(Span::seconds(30 * 86_400));
    let service = start(&stack).await?;
    let mut asked = says("r1", CHEN, past(&stack, 0), "这个还有吗");
    asked.mentions = vec!["wang".into(), "notify@all".into()];
    asked.quote = Some("811".into());
    asked.quoted = Some(Quoted { who: "王小售".into(), text: "机密报价".into() });
    publish(&stack, &[asked]).await?;
    until_entries(&stack, 1).await?;
    let entry = async || -> Result<Message> {
        let entries =
            store::rooms::timeline::after(&mut *stack.admin.acquire().await?, &room("r1"), None).await?;
        let Body::Message(message) = &entries[0].body else { anyhow::bail!("no message") };
        Ok(message.clone())
    };
    let kept = entry().await?;
    let person = |id: &str| PersonKey { source: "webhook".into(), id: id.into() };
    assert_eq!(kept.mentions, [person("wang"), person("notify@all")]);
    let quote = Quote { id: Some("811".into()), who: "王小售".into(), text: Some("机密报价".into()) };
    assert_eq!(kept.quote.as_deref(), Some(&quote));
    stack.clock.advance(31 * DAY);
    until("the text is blanked", || async { Ok(texts(&stack).await? == 0) }).await?;
    let blanked = Quote { text: None, ..quote };
    assert_eq!(entry().await?.quote.as_deref(), Some(&blanked));

    // What comes later than its text may be kept brings no quoted words either.
    let mut late = says("r1", CHEN, past(&stack, 60), "迟到");
    late.quoted = Some(Quoted { who: "王小售".into(), text: "机密报价".into() });
    publish(&stack, &[late]).await?;
    until_entries(&stack, 2).await?;
    let left: i64 = store::sqlx::query_scalar("select count(*) from timeline where fact like '%机密%'")
        .fetch_one(&stack.admin)
        .await?;
    assert_eq!(left, 0);
    service.stop().await
}
