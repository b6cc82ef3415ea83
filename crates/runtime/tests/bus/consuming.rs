//! What the rights suffice for, from capture to replay, and what a service does while its consumer is not declared.

use std::time::Duration;

use anyhow::{Context as _, Result};
use local_stack::testing::TestNats;
use runtime::Shutdown;
use runtime::bus::{
    Bus, Consumer, DeadLetterReason, Delivery, Handler, Outcome, Outgoing, User, consume, declare,
    differences,
};
use runtime::health::Health;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::support::{ALERTER, INGEST, OPERATOR, ROOM_STATE, VIKA_SYNC, bare, connect, declared, superuser};

/// Longer than any redelivery or reopening takes.
const PATIENCE: Duration = Duration::from_secs(45);
/// Long enough to see that nothing comes.
const LULL: Duration = Duration::from_secs(2);

/// Sets aside whatever says so, takes the rest, and tells both.
struct Taker(mpsc::UnboundedSender<String>);

impl Handler for Taker {
    async fn handle(&mut self, batch: &[Delivery]) -> Vec<Outcome> {
        let one = |delivery: &Delivery| {
            let text = String::from_utf8_lossy(delivery.payload()).into_owned();
            self.0.send(text.clone()).ok();
            if text == "bad" {
                Outcome::DeadLetter(DeadLetterReason {
                    reason: "refused",
                    explanation: "it says so".to_owned(),
                })
            } else {
                Outcome::Done
            }
        };
        batch.iter().map(one).collect()
    }
}

/// A service's loop on one of its consumers.
struct Consuming {
    taken: mpsc::UnboundedReceiver<String>,
    shutdown: Shutdown,
    task: JoinHandle<()>,
}

impl Consuming {
    async fn start(server: &TestNats, user: User, consumer: Consumer) -> Result<Self> {
        let bus = connect(server, user).await?;
        let (sender, taken) = mpsc::unbounded_channel();
        let shutdown = Shutdown::new();
        let watched = shutdown.clone();
        let task = tokio::spawn(async move {
            consume(&bus, consumer, &mut Taker(sender), &watched, &Health::default()).await;
        });
        Ok(Self { taken, shutdown, task })
    }

    async fn next(&mut self) -> Result<String> {
        let next = tokio::time::timeout(PATIENCE, self.taken.recv());
        next.await.context("nothing was delivered")?.context("the loop ended")
    }

    async fn nothing_comes(&mut self) {
        let next = tokio::time::timeout(LULL, self.taken.recv()).await;
        assert!(next.is_err(), "{next:?} was delivered");
    }

    async fn stop(self) -> Result<()> {
        self.shutdown.request();
        Ok(self.task.await?)
    }
}

async fn publish(bus: &Bus, subject: &str, text: &str) -> Result<()> {
    bus.publish(&Outgoing {
        subject: subject.to_owned(),
        id: format!("{subject}/{text}"),
        payload: text.into(),
    })
    .await?;
    Ok(())
}

/// Waits until everything delivered is acknowledged, so that nothing comes again.
async fn settled(bus: &Bus, consumer: Consumer) -> Result<()> {
    let end = tokio::time::Instant::now() + PATIENCE;
    while bus.lag(consumer).await?.pending > 0 {
        anyhow::ensure!(tokio::time::Instant::now() < end, "{} is never done", consumer.name());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// From capture to the fold, into DEAD, to the watchdog, and back by the operator: all of it under the restricted users.
/// What the watchdog cannot handle is not set aside once more; seen to go round for ever when it was.
#[tokio::test]
async fn the_rights_suffice_from_capture_to_replay() -> Result<()> {
    let server = declared().await?;
    let (ingest, room_state) = (connect(&server, INGEST).await?, connect(&server, ROOM_STATE).await?);
    let operator = connect(&server, OPERATOR).await?;
    publish(&ingest, "chat.message.room1", "hello").await?;
    let lag = room_state.lag(Consumer::RoomStateChat).await?;
    assert!(lag.pending == 1 && lag.oldest_unhandled_at.is_some_and(|at| at.timestamp() > 0), "{lag:?}");

    let mut folding = Consuming::start(&server, ROOM_STATE, Consumer::RoomStateChat).await?;
    let mut watchdog = Consuming::start(&server, ALERTER, Consumer::WatchdogDead).await?;
    assert_eq!(folding.next().await?, "hello");
    publish(&ingest, "chat.message.room1", "bad").await?;
    assert_eq!(folding.next().await?, "bad");
    assert_eq!(watchdog.next().await?, "bad");
    settled(&room_state, Consumer::RoomStateChat).await?;

    let letters = operator.dead_letters(10).await?;
    assert_eq!(letters.len(), 1);
    operator.replay(&letters[0]).await?;
    assert_eq!(folding.next().await?, "bad");
    folding.stop().await?;
    watchdog.stop().await
}

#[tokio::test]
async fn wake_ups_reach_their_services() -> Result<()> {
    let server = declared().await?;
    let room_state = connect(&server, ROOM_STATE).await?;
    publish(&room_state, "room.changed.room1", "look").await?;
    for (user, consumer) in [(VIKA_SYNC, Consumer::VikaSync), (ALERTER, Consumer::FeishuAlerter)] {
        let mut woken = Consuming::start(&server, user, consumer).await?;
        assert_eq!(woken.next().await?, "look");
        settled(&superuser(&server).await?, consumer).await?;
        woken.stop().await?;
    }
    Ok(())
}

/// The watchdog hears every beat, and nobody else does.
#[tokio::test]
async fn beats_reach_the_watchdog() -> Result<()> {
    let server = declared().await?;
    let alerter = connect(&server, ALERTER).await?;
    let mut beats = alerter.client().subscribe("beat.>").await?;
    // The subscription is in force once the server has answered something later.
    alerter.lag(Consumer::FeishuAlerter).await?;
    let ingest = connect(&server, INGEST).await?;
    ingest.client().publish("beat.ingest", "alive".into()).await?;
    let beat = tokio::time::timeout(PATIENCE, futures::StreamExt::next(&mut beats)).await?;
    assert_eq!(beat.context("the subscription ended")?.subject.as_str(), "beat.ingest");
    Ok(())
}

#[tokio::test]
async fn a_service_waits_for_its_consumer_and_declares_none() -> Result<()> {
    let server = bare().await?;
    let mut folding = Consuming::start(&server, ROOM_STATE, Consumer::RoomStateChat).await?;
    folding.nothing_comes().await;
    let looking = superuser(&server).await?;
    assert!(looking.jetstream().get_stream("CHAT").await.is_err(), "the service declared something");

    declare(connect(&server, User::Admin).await?.jetstream(), 1).await?;
    publish(&connect(&server, INGEST).await?, "chat.message.room1", "first").await?;
    assert_eq!(folding.next().await?, "first");
    folding.stop().await
}

/// A consumer deleted under a running service: nothing is delivered until somebody declares it again, then all of it.
#[tokio::test]
async fn a_deleted_consumer_is_used_again_once_it_is_declared_again() -> Result<()> {
    let server = declared().await?;
    let (ingest, looking) = (connect(&server, INGEST).await?, superuser(&server).await?);
    let mut folding = Consuming::start(&server, ROOM_STATE, Consumer::RoomStateChat).await?;
    publish(&ingest, "chat.message.room1", "first").await?;
    assert_eq!(folding.next().await?, "first");

    looking.jetstream().delete_consumer_from_stream("room-state-chat", "CHAT").await?;
    publish(&ingest, "chat.message.room1", "second").await?;
    folding.nothing_comes().await;
    assert!(room_state_is_missing(&server).await?, "the service declared it itself");

    declare(connect(&server, User::Admin).await?.jetstream(), 1).await?;
    assert_eq!(folding.next().await?, "first", "a new durable begins at the beginning");
    assert_eq!(folding.next().await?, "second");
    folding.stop().await
}

/// The store lost while the server was away: the pull answers `NoResponders` for ever until it is opened anew.
#[tokio::test]
async fn a_lost_store_is_outlived() -> Result<()> {
    let server = declared().await?;
    let mut folding = Consuming::start(&server, ROOM_STATE, Consumer::RoomStateChat).await?;
    let looking = superuser(&server).await?;
    publish(&looking, "chat.message.room1", "first").await?;
    assert_eq!(folding.next().await?, "first");
    for stream in ["CHAT", "COMMAND", "ROOM", "DEAD"] {
        looking.jetstream().delete_stream(stream).await?;
    }
    server.restart().await?;
    folding.nothing_comes().await;
    declare(connect(&server, User::Admin).await?.jetstream(), 1).await?;
    publish(&connect(&server, INGEST).await?, "chat.message.room1", "second").await?;
    assert_eq!(folding.next().await?, "second");
    folding.stop().await
}

/// An earlier release kept ROOM in memory.
#[tokio::test]
async fn a_stream_that_was_kept_in_memory_is_made_anew_by_whoever_declares() -> Result<()> {
    let server = bare().await?;
    let old = async_nats::jetstream::stream::Config {
        name: "ROOM".into(),
        subjects: vec!["room.changed.*".into()],
        storage: async_nats::jetstream::stream::StorageType::Memory,
        ..Default::default()
    };
    superuser(&server).await?.jetstream().create_stream(old).await?;
    let admin = connect(&server, User::Admin).await?;
    declare(admin.jetstream(), 1).await?;
    assert_eq!(differences(admin.jetstream(), 1).await?, Vec::new());
    Ok(())
}

async fn room_state_is_missing(server: &TestNats) -> Result<bool> {
    let asked = connect(server, ROOM_STATE).await?.lag(Consumer::RoomStateChat).await;
    Ok(matches!(asked, Err(runtime::bus::BusError::Undeclared("room-state-chat"))))
}

/// The client that looks for a server takes no orders: nobody may wait for it to.
#[tokio::test]
async fn while_the_bus_is_gone_a_publish_fails_and_a_loop_ends_when_it_is_asked_to() -> Result<()> {
    let server = declared().await?;
    let folding = Consuming::start(&server, ROOM_STATE, Consumer::RoomStateChat).await?;
    let bus = connect(&server, INGEST).await?;
    server.kill().await;
    let publishing = tokio::time::timeout(PATIENCE, publish(&bus, "chat.message.room1", "lost"));
    assert!(publishing.await.context("a publish waits for the bus")?.is_err());
    tokio::time::timeout(Duration::from_secs(8), folding.stop()).await.context("the loop does not end")?
}

/// Takes longer for a batch than the server waits for an acknowledgement.
struct Slow(mpsc::UnboundedSender<String>);

impl Handler for Slow {
    async fn handle(&mut self, batch: &[Delivery]) -> Vec<Outcome> {
        tokio::time::sleep(LULL).await;
        Taker(self.0.clone()).handle(batch).await
    }
}

#[tokio::test]
async fn what_is_in_progress_or_delivered_ahead_is_not_delivered_again() -> Result<()> {
    let server = declared().await?;
    let admin = superuser(&server).await?;
    let stream = admin.jetstream().get_stream("CHAT").await?;
    let mut config = stream.consumer_info(Consumer::RoomStateChat.name()).await?.config;
    config.ack_wait = LULL / 3;
    stream.create_consumer(config).await?;
    let ingest = connect(&server, INGEST).await?;
    for room in 0..600 {
        publish(&ingest, &format!("chat.message.room{room}"), &format!("m{room}")).await?;
    }
    let (bus, shutdown) = (connect(&server, ROOM_STATE).await?, Shutdown::new());
    let (sender, mut taken) = mpsc::unbounded_channel();
    let watched = shutdown.clone();
    let task = tokio::spawn(async move {
        consume(&bus, Consumer::RoomStateChat, &mut Slow(sender), &watched, &Health::default()).await;
    });
    settled(&admin, Consumer::RoomStateChat).await?;
    shutdown.request();
    task.await?;
    let mut seen: Vec<String> = Vec::new();
    while let Some(one) = taken.recv().await {
        seen.push(one);
    }
    assert_eq!(seen.len(), 600, "once each");
    Ok(())
}
