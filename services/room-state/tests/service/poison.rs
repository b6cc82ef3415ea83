//! One bad message in a batch of 500 is set aside with its reason; the other 499 are folded.

use anyhow::Result;
use runtime::bus::Outgoing;
use testkit::company::{CHEN, captured, says};
use testkit::{Stack, until};

use crate::support::{past, publish, start, until_entries};

#[tokio::test]
async fn a_message_that_the_database_refuses_is_alone_set_aside() -> Result<()> {
    let stack = Stack::start().await?;
    let mut messages: Vec<_> =
        (0..500).map(|n| says(&format!("r{}", n % 40), CHEN, past(&stack, n), &format!("问题{n}"))).collect();
    messages[250].text = "NUL \0 is no text for Postgres".into();
    publish(&stack, &messages).await?;
    let unreadable =
        Outgoing { subject: "chat.message.x".into(), id: "broken".into(), payload: b"{\"v\":1".to_vec() };
    stack.bus.publish(&unreadable).await?;
    let newer =
        Outgoing { subject: "chat.message.x".into(), id: "newer".into(), payload: b"{\"v\":2}".to_vec() };
    stack.bus.publish(&newer).await?;

    let service = start(&stack).await?;
    until_entries(&stack, 499).await?;
    let letters = until_dead(&stack, 3).await?;
    let refused = letters.iter().find(|letter| letter.reason == "refused").expect("the refused message");
    assert_eq!(refused.payload, captured(&messages[250])?.payload, "kept whole");
    assert!(refused.explanation.contains("0x00"), "{}", refused.explanation);
    let explained: Vec<&str> = letters.iter().map(|letter| letter.explanation.as_str()).collect();
    assert!(
        explained.iter().any(|e| e.contains("version 2, but this release reads version 1")),
        "{explained:?}"
    );
    service.stop().await
}

#[tokio::test]
async fn a_replayed_letter_is_folded_although_the_bus_has_seen_it() -> Result<()> {
    let stack = Stack::start().await?;
    let service = start(&stack).await?;
    let message = says("r1", CHEN, past(&stack, 0), "在吗");
    store::sqlx::query("alter table timeline add constraint none check (body <> '在吗')")
        .execute(&stack.admin)
        .await?;
    publish(&stack, &[message]).await?;
    let letters = until_dead(&stack, 1).await?;
    store::sqlx::query("alter table timeline drop constraint none").execute(&stack.admin).await?;
    stack.bus.replay(&letters[0]).await?;
    until_entries(&stack, 1).await?;
    assert!(stack.bus.dead_letters(10).await?.is_empty(), "a replayed letter is gone");
    service.stop().await
}

async fn until_dead(stack: &Stack, count: usize) -> Result<Vec<runtime::bus::DeadLetter>> {
    until(&format!("{count} dead letters"), || async move {
        Ok(stack.bus.dead_letters(10).await?.len() == count)
    })
    .await?;
    Ok(stack.bus.dead_letters(10).await?)
}
