//! What these tests do again and again.

#[path = "../gateway/support/control.rs"]
mod control;
#[path = "../gateway/support/fake.rs"]
#[expect(dead_code, reason = "the tests of the client need more of it")]
mod fake;

use std::time::Duration;

use anyhow::{Context as _, Result};
use async_nats::jetstream::stream::RawMessageErrorKind;
use chrono::{DateTime, Utc};
use domain::id::RoomKey;
use events::chat::{ChatMessage, ChatRoom, RoomEvent};
use local_stack::gateway::{self as node, NodeGateway};
use runtime::config;
use store::ingest::gateways::Gateway;
use store::role::Role;
use testkit::{Running, Stack, until_some};

pub use control::Control;
pub use fake::FakeGateway;

/// No answer of the control port takes longer.
pub const PATIENCE: Duration = Duration::from_mins(1);
/// The gateway's name in tables.
pub const NAME: &str = "main";
pub const TOKEN: &str = "sample_0123456789";
/// Our own account, and rooms and people of the gateway's sample world.
pub const SELF: &str = "1688850000000000";
pub const LIN: &str = "1688850000000101";
pub const LAN: &str = "7881300000000401";
pub const MORNING: &str = "示例公司-晨光贸易";
pub const MORNING_ID: &str = "R:10000000000001@chatroom";
pub const STARS: &str = "示例公司-星河食品";

/// A stack, a gateway, and the control of its world.
pub struct Scene {
    pub stack: Stack,
    pub gateway: NodeGateway,
    pub control: Control,
}

/// A fact on CHAT, with its place there.
#[derive(Debug, Clone)]
pub enum Fact {
    Message(u64, ChatMessage),
    Room(u64, ChatRoom),
}

pub async fn node(port: u16) -> Option<NodeGateway> {
    // Shared over crates and worktrees, since the packages are many.
    let work_dir = local_stack::testing::settings("unused").unwrap().tools.unwrap();
    let settings = node::Settings { work_dir, token: TOKEN.to_owned(), world: None, port, control_port: 0 };
    match NodeGateway::start(&settings, |line| println!("{line}")).await {
        Ok(gateway) => Some(gateway),
        Err(node::GatewayError::NotInstalled { program }) => {
            println!("SKIPPED: this machine has no {program}, so the real gateway was not tested");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// A stack whose ingest listens on a free port, without a gateway.
pub async fn stack() -> Result<Stack> {
    let mut stack = Stack::start().await?;
    stack.config.ingest.listen = testkit::free_address()?;
    Ok(stack)
}

/// `None`: there is no Node on this machine.
pub async fn scene() -> Result<Option<Scene>> {
    let Some(gateway) = node(0).await else { return Ok(None) };
    let mut stack = stack().await?;
    stack.config.ingest.gateway = Some(settings(gateway.endpoint(), TOKEN));
    let control = Control::new(gateway.control_url());
    Ok(Some(Scene { stack, gateway, control }))
}

pub fn settings(endpoint: &str, token: &str) -> config::Gateway {
    config::Gateway {
        name: NAME.to_owned(),
        endpoint: endpoint.to_owned(),
        token: config::Secret::new(token),
        tls_ca: None,
        tls_name: None,
    }
}

impl Scene {
    pub async fn start(&self) -> Result<Running> {
        start(&self.stack).await
    }

    /// Runs the service until it is live and has announced the four rooms of the sample world.
    pub async fn live(&self) -> Result<Running> {
        let before = self.stack.clock.now();
        let service = self.start().await?;
        // Not what an earlier process left behind.
        until_some("it is live", || async {
            let row = row(&self.stack).await?;
            Ok(row.and_then(|row| row.last_live_at).filter(|at| *at > before))
        })
        .await?;
        until_some("four rooms are announced", || async {
            Ok((rooms(&self.stack).await?.len() >= 4).then_some(()))
        })
        .await?;
        Ok(service)
    }

    /// Waits for a message on CHAT.
    pub async fn message(&self, id: &str) -> Result<ChatMessage> {
        until_some(&format!("the message {id} is on CHAT"), || async move {
            let found = messages(&self.stack).await?.into_iter().find(|(_, message)| message.id == id);
            Ok(found.map(|(_, message)| message))
        })
        .await
    }

    /// Waits for the newest fact of a room to be like this.
    pub async fn room(&self, id: &str, wanted: impl Fn(&ChatRoom) -> bool) -> Result<ChatRoom> {
        until_some(&format!("the room {id} is announced so"), || async {
            let newest = rooms(&self.stack).await?.into_iter().rfind(|(_, fact)| fact.room.id == id);
            Ok(newest.map(|(_, fact)| fact).filter(&wanted))
        })
        .await
    }

    pub fn url(&self, path: &str) -> String {
        url(&self.stack, path)
    }
}

pub fn url(stack: &Stack, path: &str) -> String {
    format!("http://{}{path}", stack.config.ingest.listen)
}

pub async fn start(stack: &Stack) -> Result<Running> {
    stack.run(Role::Ingest, ingest::run).await
}

/// Everything on CHAT, in order.
pub async fn facts(stack: &Stack) -> Result<Vec<Fact>> {
    let mut stream = stack.bus.jetstream().get_stream("CHAT").await?;
    let last = stream.info().await?.state.last_sequence;
    let mut facts = Vec::new();
    for seq in 1..=last {
        let raw = match stream.get_raw_message(seq).await {
            Ok(raw) => raw,
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => continue,
            Err(error) => return Err(error.into()),
        };
        if raw.subject.starts_with("chat.room.") {
            let fact: ChatRoom = events::decode(&raw.payload)?;
            assert_eq!(raw.subject.as_str(), events::subject::chat_room(&fact.room_key()));
            facts.push(Fact::Room(seq, fact));
        } else {
            let fact: ChatMessage = events::decode(&raw.payload)?;
            assert_eq!(raw.subject.as_str(), events::subject::chat_message(&fact.room_key()));
            facts.push(Fact::Message(seq, fact));
        }
    }
    Ok(facts)
}

pub async fn messages(stack: &Stack) -> Result<Vec<(u64, ChatMessage)>> {
    let message = |fact| match fact {
        Fact::Message(seq, message) => Some((seq, message)),
        Fact::Room(..) => None,
    };
    Ok(facts(stack).await?.into_iter().filter_map(message).collect())
}

pub async fn rooms(stack: &Stack) -> Result<Vec<(u64, ChatRoom)>> {
    let room = |fact| match fact {
        Fact::Room(seq, room) => Some((seq, room)),
        Fact::Message(..) => None,
    };
    Ok(facts(stack).await?.into_iter().filter_map(room).collect())
}

pub fn is_seen_with(fact: &ChatRoom, member: &str) -> bool {
    matches!(&fact.event, RoomEvent::Seen { members, .. } if members.iter().any(|id| id == member))
}

pub fn key(id: &str) -> RoomKey {
    RoomKey { source: "wechaty".into(), id: id.into() }
}

pub async fn row(stack: &Stack) -> Result<Option<Gateway>> {
    Ok(store::ingest::gateways::get(&mut *stack.admin.acquire().await?, NAME).await?)
}

pub async fn until_state(stack: &Stack, state: &str) -> Result<Gateway> {
    until_some(&format!("the gateway is {state}"), || async {
        Ok(row(stack).await?.filter(|row| row.state == state))
    })
    .await
}

/// (since, until, reason) of all gaps, in order.
pub type Gap = (DateTime<Utc>, Option<DateTime<Utc>>, String);

pub async fn gaps(stack: &Stack) -> Result<Vec<Gap>> {
    Ok(store::sqlx::query_as("select since, until, reason from capture_gaps where gateway = $1 order by id")
        .bind(NAME)
        .fetch_all(&stack.admin)
        .await?)
}

/// Waits until there are so many gaps, the last one open or closed.
pub async fn until_gap(stack: &Stack, count: usize, open: bool) -> Result<Gap> {
    until_some(&format!("gap {count} is there, open: {open}"), || async move {
        let gaps = gaps(stack).await?;
        Ok((gaps.len() == count)
            .then(|| gaps.last().cloned())
            .flatten()
            .filter(|gap| gap.1.is_none() == open))
    })
    .await
}

/// (ids in the inbox, facts in the outbox).
pub async fn waiting(stack: &Stack) -> Result<(i64, i64)> {
    let counts = store::ingest::inbox::counts(&mut *stack.admin.acquire().await?, NAME).await?;
    assert_eq!(counts.missing, 0);
    Ok((counts.waiting, counts.outbox))
}

pub async fn count(stack: &Stack, table: &str) -> Result<i64> {
    let sql = format!("select count(*) from {table}");
    let count = store::sqlx::query_scalar(store::sqlx::AssertSqlSafe(sql)).fetch_one(&stack.admin).await;
    count.context("counting")
}
