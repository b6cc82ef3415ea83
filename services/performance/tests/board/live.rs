//! Open pages of today hear of what changes.

use std::time::Duration;

use anyhow::{Context as _, Result};
use chrono::TimeDelta;
use tokio::time::{Instant, timeout};

use crate::support::{MANAGER, Visitor, WANG, Wait, World};

/// What the issue asks for.
const WITHIN: Duration = Duration::from_secs(2);

async fn listen(visitor: &Visitor<'_>) -> Result<reqwest::Response> {
    let answer = visitor.answer("/events").await?;
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    Ok(answer)
}

/// The next event; `None`: the stream has ended.
async fn next(events: &mut reqwest::Response) -> Result<Option<String>> {
    while let Some(chunk) = events.chunk().await? {
        let text = String::from_utf8_lossy(&chunk).into_owned();
        if text.contains("event: changed\ndata: ") {
            return Ok(Some(text));
        }
    }
    Ok(None)
}

#[tokio::test]
async fn a_new_wait_is_told_within_two_seconds_to_every_open_page() -> Result<()> {
    let world = World::start().await?;
    let (manager, wang) = (world.visitor(MANAGER).await?, world.visitor(WANG).await?);
    let (mut one, mut other) = (listen(&manager).await?, listen(&wang).await?);
    // The first look is a change from nothing known, to those who listened by then.
    for events in [&mut one, &mut other] {
        drop(timeout(WITHIN, next(events)).await);
    }
    let opened = world.stack.clock.now() - TimeDelta::minutes(9);
    let wait = Wait { answered: None, ..Wait::of("webhook:new", WANG, opened, 0) };
    let begun = Instant::now();
    world.count(&wait).await?;
    for events in [&mut one, &mut other] {
        let told = timeout(WITHIN, next(events)).await.context("it was told too late")??;
        assert!(told.context("an event")?.contains("changed"));
    }
    assert!(begun.elapsed() < WITHIN, "{:?}", begun.elapsed());
    assert!(manager.page("/today").await?.contains("9 分钟"));
    world.stop().await
}

#[tokio::test]
async fn the_stream_ends_with_the_session_and_with_the_service() -> Result<()> {
    let world = World::start().await?;
    let wang = world.visitor(WANG).await?;
    let mut events = listen(&wang).await?;
    world.stack.clock.advance(Duration::from_hours(13));
    let ended = async {
        while next(&mut events).await?.is_some() {}
        Ok::<_, anyhow::Error>(())
    };
    timeout(Duration::from_secs(10), ended).await.context("it goes on after the session")??;
    let again = world.visitor(WANG).await?;
    let mut events = listen(&again).await?;
    let stopped = Instant::now();
    world.stop().await?;
    assert!(stopped.elapsed() < Duration::from_secs(5), "open pages do not hold up the end");
    timeout(WITHIN, async { while let Ok(Some(_)) = next(&mut events).await {} }).await.context("it ends")?;
    Ok(())
}
