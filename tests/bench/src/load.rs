//! The messages: rooms talking at the same time, customers and staff in turn.

use anyhow::Result;
use chrono::{DateTime, TimeDelta, Utc};
use events::chat::ChatMessage;
use runtime::Clock;

use crate::company::{self, Speaker};
use crate::stack::BenchStack;

/// Publishes under way at once.
const CHUNK: usize = 1_000;

const ASKED: [&str; 6] = [
    "在吗？",
    "请问这款什么时候能发货？我们客户催得比较急",
    "好的",
    "报价单可以再发一份吗",
    "收到，谢谢",
    "合同已经盖章寄出了，请查收一下快递单号",
];
const ANSWERED: [&str; 4] =
    ["在的，您说", "今天下午就可以发出，稍后给您单号", "好的，马上为您处理", "您看这个时间可以吗？"];

/// The `n`th message of a run.
pub fn message(n: usize, rooms: usize, start: DateTime<Utc>) -> ChatMessage {
    let (room, turn) = (n % rooms, n / rooms);
    // Three of five messages are a customer's.
    let staff = (turn + room) % 5 >= 3;
    let (id, name, text) = if staff {
        ("1688850000000101".to_owned(), "林小样", ANSWERED[(turn * 7 + room) % ANSWERED.len()])
    } else {
        (format!("customer-{room}"), "样例客户", ASKED[(turn * 5 + room) % ASKED.len()])
    };
    let sent_at = start + TimeDelta::milliseconds(i64::try_from(n * 10).unwrap_or_default());
    let speaker = Speaker { id, name: name.into(), ours: staff };
    let message = company::text(room, format!("m-{n}"), speaker, sent_at, text);
    ChatMessage { source: "wechaty".into(), account: "bench".into(), ..message }
}

/// Puts all messages into CHAT.
pub async fn publish(stack: &BenchStack, messages: usize, rooms: usize) -> Result<()> {
    let start = Clock::system().now() - TimeDelta::hours(1);
    for chunk in 0..messages.div_ceil(CHUNK) {
        let range = chunk * CHUNK..((chunk + 1) * CHUNK).min(messages);
        let outgoing =
            range.map(|n| company::outgoing(&message(n, rooms, start))).collect::<Result<Vec<_>>>()?;
        for answer in stack.bus.publish_all(&outgoing).await {
            answer?;
        }
    }
    Ok(())
}
