//! One bad message among 500 is set aside with its reason; the other 499 are folded.

use anyhow::Result;
use chrono::{DateTime, Utc};
use runtime::bus::{Consumer, Outgoing};
use testkit::company::{CHEN, LI, WANG, captured, says};
use testkit::{Stack, until};

use crate::support::{live, past, publish, room, start, until_entries};

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

#[tokio::test]
async fn a_message_id_in_two_rooms_is_one_message_and_stops_nobody() -> Result<()> {
    let stack = Stack::start().await?;
    let same = |id: &str, room: &str, seconds: i64| {
        let mut message = says(room, CHEN, past(&stack, seconds), &format!("{room}有人吗？"));
        message.id = id.into();
        message
    };
    // The bus would recognise it by its id for a while, but not for ever.
    let again = async |message| {
        let mut outgoing = captured(&message)?;
        outgoing.id.push_str("#2");
        stack.bus.publish(&outgoing).await.map_err(anyhow::Error::from)
    };
    publish(&stack, &[same("one", "r1", 0)]).await?;
    again(same("one", "r2", 1)).await?;
    let others: Vec<_> =
        (0..100).map(|n| says(&format!("r{}", 10 + n % 20), CHEN, past(&stack, n), "在吗？")).collect();
    publish(&stack, &others).await?;
    let service = start(&stack).await?;
    until_entries(&stack, 101).await?;
    let letters = until_dead(&stack, 1).await?;
    assert!(letters[0].explanation.contains("stands in another room"), "{}", letters[0].explanation);

    publish(&stack, &[same("two", "r3", 200)]).await?;
    until_entries(&stack, 102).await?;
    again(same("two", "r4", 201)).await?;
    until_dead(&stack, 2).await?;
    publish(
        &stack,
        &[says("r3", WANG, past(&stack, 260), "在的"), says("r4", LI, past(&stack, 260), "在的")],
    )
    .await?;
    until_entries(&stack, 104).await?;
    let waits = live(&stack, &room("r3")).await?;
    assert_eq!((waits.len(), waits[0].wait.opened.at), (1, past(&stack, 200)));
    assert!(waits[0].wait.outcome.is_some(), "its own room's reply ends it");
    assert!(live(&stack, &room("r4")).await?.is_empty());
    service.stop().await
}

#[tokio::test]
async fn a_message_at_which_the_fold_panics_is_alone_set_aside() -> Result<()> {
    let stack = Stack::start().await?;
    let mut messages: Vec<_> =
        (0..50).map(|n| says(&format!("r{}", n % 7), CHEN, past(&stack, n), "在吗？")).collect();
    // No date in Shanghai: its day lies behind the end of time.
    let end_of_time = DateTime::<Utc>::MAX_UTC;
    messages[25] = says("r4", CHEN, end_of_time, "在吗？");
    publish(&stack, &messages).await?;
    let service = start(&stack).await?;
    until_entries(&stack, 49).await?;
    let letters = until_dead(&stack, 1).await?;
    assert_eq!(letters[0].reason, "panicked");
    assert!(!service.ended());
    service.stop().await
}

/// Three captures of one id at once, the first of them published last: its room keeps the message.
#[tokio::test]
async fn of_captures_of_one_id_in_two_rooms_the_first_captured_says_which_room() -> Result<()> {
    let stack = Stack::start().await?;
    for (room, order) in [("r1", 10), ("r1", 12), ("r2", 5)] {
        let mut message = says(room, CHEN, past(&stack, 0), "在吗？");
        (message.id, message.captured) = ("x".into(), Some(order));
        let mut outgoing = captured(&message)?;
        outgoing.id = format!("{}#{order}", outgoing.id);
        stack.bus.publish(&outgoing).await?;
    }
    let service = start(&stack).await?;
    until_entries(&stack, 1).await?;
    until_dead(&stack, 2).await?;
    assert_eq!((live(&stack, &room("r2")).await?.len(), live(&stack, &room("r1")).await?.len()), (1, 0));
    service.stop().await
}

async fn until_dead(stack: &Stack, count: usize) -> Result<Vec<runtime::bus::DeadLetter>> {
    until(&format!("{count} dead letters"), || async move {
        Ok(stack.bus.dead_letters(10).await?.len() == count)
    })
    .await?;
    Ok(stack.bus.dead_letters(10).await?)
}

/// Ids from before there was a check.
#[tokio::test]
async fn a_key_that_no_header_can_hold_stops_no_room() -> Result<()> {
    let stack = Stack::start().await?;
    store::sqlx::query(
        "insert into rooms (room, source, version, created_at, updated_at)
         values (E'webhook:old\\nroom', 'webhook', 3, $1, $1)",
    )
    .bind(stack.started)
    .execute(&stack.admin)
    .await?;
    let mut odd = says("nl\nid", CHEN, past(&stack, 0), "在吗？");
    odd.id = "m\r\n1".into();
    publish(&stack, &[odd, says("r1", CHEN, past(&stack, 0), "在吗？")]).await?;
    let service = start(&stack).await?;
    until_entries(&stack, 2).await?;
    until("every room is announced", || async { Ok(stack.bus.lag(Consumer::VikaSync).await?.pending == 3) })
        .await?;
    assert_eq!(live(&stack, &room("nl%0Aid")).await?[0].wait.id.0, "webhook:main:m%0D%0A1");
    assert!(stack.bus.dead_letters(1).await?.is_empty());
    service.stop().await
}
