//! Two that fold side by side, as when one has lost the lease and does not know, give what one gives, and what the domain
//! gives without any store.

use std::collections::BTreeMap;

use anyhow::Result;
use chrono::DateTime;
use domain::wait::Wait;
use events::chat::ChatMessage;
use runtime::bus::Consumer;
use store::rooms::waits::{Which, list};
use testkit::company::{CHEN, LI, WANG, captured, says};
use testkit::{Stack, until};

use crate::support::{entries, past, start_out_of_turn};

const ROOMS: i64 = 23;
const MESSAGES: i64 = 3_000;

/// A company's chatter, published in a scrambled order, with every seventh message twice.
fn chatter(stack: &Stack) -> Vec<ChatMessage> {
    let words = ["在吗？", "好的", "什么时候发货", "谢谢", "请看附件", "稍等", "可以吗？"];
    let mut messages: Vec<ChatMessage> = (0..MESSAGES)
        .map(|n| {
            let person = [CHEN, WANG, CHEN, CHEN, LI][usize::try_from(n * 7 % 5).unwrap_or_default()];
            let text = words[usize::try_from(n * 11 % 7).unwrap_or_default()];
            let mut message = says(&format!("r{}", n % ROOMS), person, past(stack, n % 1_700), text);
            message.id = format!("m{n}");
            message
        })
        .collect();
    // A fixed scramble: neighbours end up far apart.
    messages
        .sort_by_key(|message| message.id.bytes().rev().map(u64::from).fold(7, |h, b| (h * 131 + b) % 9_973));
    messages
}

async fn waits(stack: &Stack) -> Result<BTreeMap<String, Wait>> {
    let keys: Vec<String> = (0..ROOMS).map(|n| format!("webhook:r{n}")).collect();
    let mut connection = stack.admin.acquire().await?;
    let stored = list(&mut connection, Which::OfRooms(&keys, DateTime::UNIX_EPOCH)).await?;
    // Sequences differ between two runs; everything else must not.
    Ok(stored
        .into_iter()
        .map(|stored| {
            let mut wait = stored.wait;
            wait.opened.seq = 0;
            (wait.id.to_string(), wait)
        })
        .collect())
}

async fn folded_by(replicas: usize, messages: &[ChatMessage]) -> Result<BTreeMap<String, Wait>> {
    let stack = Stack::start().await?;
    let mut services = Vec::new();
    for _ in 0..replicas {
        services.push(start_out_of_turn(&stack).await?);
    }
    for chunk in messages.chunks(200) {
        let mut outgoing = Vec::new();
        for (n, message) in chunk.iter().enumerate() {
            outgoing.push(captured(message)?);
            if n % 7 == 0 {
                let mut again = captured(message)?;
                again.id.push_str("-again");
                outgoing.push(again);
            }
        }
        for answer in stack.bus.publish_all(&outgoing).await {
            answer?;
        }
    }
    until("all of it is folded", || async { Ok(stack.bus.lag(Consumer::RoomStateChat).await?.pending == 0) })
        .await?;
    assert_eq!(entries(&stack).await?, MESSAGES);
    assert!(stack.bus.dead_letters(1).await?.is_empty());
    let waits = waits(&stack).await?;
    for service in services {
        service.stop().await?;
    }
    Ok(waits)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_give_what_one_gives() -> Result<()> {
    let messages = chatter(&Stack::start().await?);
    let one = folded_by(1, &messages).await?;
    let two = folded_by(2, &messages).await?;
    assert!(one.len() > 100, "the chatter opens waits: {}", one.len());
    assert_eq!(one, two);
    let mut ordered = messages;
    ordered.sort_by(|a, b| a.sent_at.cmp(&b.sent_at).then_with(|| a.id.cmp(&b.id)));
    let in_order = folded_by(1, &ordered).await?;
    assert_eq!(one.len(), in_order.len(), "order of arrival does not matter");
    Ok(())
}
