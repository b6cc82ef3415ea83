//! `huiyin dead`: what a consumer set aside, seen and delivered again.

use std::time::Duration;

use anyhow::{Context as _, Result};
use runtime::Shutdown;
use runtime::bus::{Bus, Consumer, DeadLetterReason, Delivery, Handler, Outcome, Outgoing, consume};
use runtime::health::Health;
use testkit::{Stack, until};
use tokio::sync::mpsc;

use crate::command::{Ran, configured, huiyin};

/// Refuses, or takes, everything, and tells what it was.
struct Judge {
    outcome: Outcome,
    seen: mpsc::UnboundedSender<(String, Vec<u8>)>,
}

impl Handler for Judge {
    async fn handle(&mut self, batch: &[Delivery]) -> Vec<Outcome> {
        for delivery in batch {
            self.seen.send((delivery.subject().to_owned(), delivery.payload().to_vec())).ok();
        }
        vec![self.outcome.clone(); batch.len()]
    }
}

/// A consumer that judges CHAT until it is dropped.
struct Judging {
    seen: mpsc::UnboundedReceiver<(String, Vec<u8>)>,
    shutdown: Shutdown,
    task: tokio::task::JoinHandle<()>,
}

fn judging(bus: &Bus, outcome: Outcome) -> Judging {
    let (sender, seen) = mpsc::unbounded_channel();
    let (bus, shutdown) = (bus.clone(), Shutdown::new());
    let watched = shutdown.clone();
    let task = tokio::spawn(async move {
        let mut judge = Judge { outcome, seen: sender };
        consume(&bus, Consumer::RoomStateChat, &mut judge, &watched, &Health::default()).await;
    });
    Judging { seen, shutdown, task }
}

impl Judging {
    async fn next(&mut self) -> Result<(String, Vec<u8>)> {
        let next = tokio::time::timeout(Duration::from_secs(30), self.seen.recv());
        next.await.context("nothing was delivered")?.context("the consumer ended")
    }

    async fn stop(self) -> Result<()> {
        self.shutdown.request();
        Ok(self.task.await?)
    }
}

fn refused() -> Outcome {
    Outcome::DeadLetter(DeadLetterReason {
        reason: "refused",
        explanation: "the text holds a NUL\u{1b}[2J".to_owned(),
    })
}

async fn dead(stack: &Stack, words: &[&str]) -> Result<Ran> {
    let (_folder, file) = configured(&testkit::company::written(&stack.config))?;
    huiyin(&[&["--config", &file, "dead"], words].concat()).await
}

async fn dead_letters(stack: &Stack, count: usize) -> Result<()> {
    until("the letters are set aside", async || Ok(stack.bus.dead_letters(10).await?.len() == count)).await
}

fn outgoing(number: u32) -> Outgoing {
    Outgoing {
        subject: format!("chat.message.room{number}"),
        id: format!("webhook:main:m-{number}"),
        payload: format!("{{\"text\":\"第{number}条\"}}").into_bytes(),
    }
}

#[tokio::test]
async fn a_replayed_letter_is_delivered_again_within_the_dedupe_window() -> Result<()> {
    let stack = Stack::start().await?;
    let mut judging_hard = judging(&stack.bus, refused());
    assert!(!stack.bus.publish(&outgoing(1)).await?);
    let original = judging_hard.next().await?;
    dead_letters(&stack, 1).await?;
    judging_hard.stop().await?;

    let listed = dead(&stack, &["list"]).await?;
    assert_eq!(listed.code, 0, "{}", listed.err);
    assert!(
        listed.out.starts_with("1  ")
            && listed.out.contains("  room-state-chat  refused  the text holds a NUL")
    );
    let shown = dead(&stack, &["show", "1"]).await?;
    for expected in [
        "subject:     chat.message.room1",
        "explanation: the text holds a NUL",
        "Nats-Msg-Id",
        "\"text\": \"第1条\"",
    ] {
        assert!(shown.out.contains(expected), "{expected} is not in: {}", shown.out);
    }
    assert!(!format!("{}{}", listed.out, shown.out).contains('\u{1b}'));

    // The window still stands: under its own id the message would be swallowed.
    assert!(stack.bus.publish(&outgoing(1)).await?);
    let replayed = dead(&stack, &["replay", "1"]).await?;
    assert_eq!((replayed.code, replayed.out.trim()), (0, "replayed 1 to chat.message.room1"));
    let mut judging_kindly = judging(&stack.bus, Outcome::Done);
    assert_eq!(judging_kindly.next().await?, original);
    judging_kindly.stop().await?;
    assert_eq!(dead(&stack, &["list"]).await?.out.trim(), "no dead letters");
    Ok(())
}

/// What fails again comes back, and can be replayed once more; the order is kept.
#[tokio::test]
async fn all_letters_are_replayed_once_each() -> Result<()> {
    let stack = Stack::start().await?;
    let mut judging_hard = judging(&stack.bus, refused());
    for number in 1..=3 {
        stack.bus.publish(&outgoing(number)).await?;
        judging_hard.next().await?;
    }
    dead_letters(&stack, 3).await?;
    for round in 1..=2 {
        let replayed = dead(&stack, &["replay", "--all"]).await?;
        assert_eq!(replayed.code, 0, "round {round}: {}", replayed.err);
        let subjects: Vec<&str> = replayed.out.lines().filter_map(|line| line.split(" to ").nth(1)).collect();
        assert_eq!(
            subjects,
            ["chat.message.room1", "chat.message.room2", "chat.message.room3"],
            "round {round}"
        );
        for number in 1..=3 {
            assert_eq!(judging_hard.next().await?.0, format!("chat.message.room{number}"), "round {round}");
        }
        dead_letters(&stack, 3).await?;
    }
    judging_hard.stop().await
}

#[tokio::test]
async fn a_letter_that_is_none_is_said_to_be_none() -> Result<()> {
    let stack = Stack::start().await?;
    let replayed = dead(&stack, &["replay", "7"]).await?;
    assert_eq!(replayed.code, 3);
    assert!(replayed.err.contains("there is no dead letter 7"), "{}", replayed.err);
    assert_eq!(dead(&stack, &["show", "7"]).await?.code, 2);
    assert_eq!(dead(&stack, &["replay"]).await?.code, 2);
    assert_eq!(dead(&stack, &["replay", "--all"]).await?.out.trim(), "no dead letters");
    Ok(())
}
