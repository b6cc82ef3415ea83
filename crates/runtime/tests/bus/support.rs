//! A server with everything declared, and logins.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use local_stack::testing::{TestNats, nats};
use runtime::bus::rights::users;
use runtime::bus::{Bus, Login, User, declare};
use runtime::config::Secret;
use store::role::Role;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

/// No answer takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

pub const INGEST: User = User::Role(Role::Ingest);
pub const ROOM_STATE: User = User::Role(Role::RoomState);
pub const VIKA_SYNC: User = User::Role(Role::VikaSync);
pub const VIKA_RECONCILE: User = User::Role(Role::VikaReconcile);
pub const ALERTER: User = User::Role(Role::FeishuAlerter);
pub const OPERATOR: User = User::Role(Role::Operator);
pub const READER: User = User::Role(Role::Reader);

/// Awkward on purpose: it has to survive the configuration's quoting.
pub fn password(user: User) -> String {
    format!("$p \"{user}\" \\ # }}\t密")
}

/// A server on which nothing is declared.
pub async fn bare() -> Result<TestNats> {
    Ok(nats(&users(password)).await?)
}

/// A server on which everything is declared, by the one user who may.
pub async fn declared() -> Result<TestNats> {
    let server = bare().await?;
    declare(connect(&server, User::Admin).await?.jetstream(), 1).await?;
    Ok(server)
}

pub fn login(server: &TestNats, user: User) -> Login {
    Login {
        url: format!("nats://{}", server.address()),
        user: user.name().to_owned(),
        password: Secret::new(password(user)),
    }
}

pub async fn connect(server: &TestNats, user: User) -> Result<Bus> {
    Ok(Bus::connect(&login(server, user), user.name()).await?)
}

/// Whoever may do everything: for a test to prepare and to look.
pub async fn superuser(server: &TestNats) -> Result<Bus> {
    let login = Login {
        url: format!("nats://{}", server.address()),
        user: server.user().to_owned(),
        password: Secret::new(server.password()),
    };
    Ok(Bus::connect(&login, "test").await?)
}

/// A connection that speaks the server's own language, so that a refusal is seen for certain: the server answers a
/// line after the other, and a refusal stands before the next `PONG`.
pub struct Wire {
    lines: BufReader<TcpStream>,
    subscriptions: u32,
}

impl Wire {
    pub async fn connect(server: &TestNats, user: User) -> Result<Self> {
        let stream = TcpStream::connect(server.address()).await?;
        let mut wire = Self { lines: BufReader::new(stream), subscriptions: 0 };
        let hello = serde_json::json!({
            "user": user.name(), "pass": password(user), "verbose": false, "pedantic": false, "lang": "test",
            "version": "0", "protocol": 1, "headers": true, "no_responders": true,
        });
        let refusals = wire.say(&format!("CONNECT {hello}\r\n")).await?;
        match refusals.as_slice() {
            [] => Ok(wire),
            _ => bail!("{user} is not let in: {refusals:?}"),
        }
    }

    /// Whether the server lets it publish there.
    pub async fn may_publish(&mut self, subject: &str) -> Result<bool> {
        self.allowed(&format!("PUB {subject} 2\r\n{{}}\r\n"), "Permissions Violation for Publish to").await
    }

    /// Whether the server lets it subscribe there.
    pub async fn may_subscribe(&mut self, subject: &str) -> Result<bool> {
        self.subscriptions += 1;
        let line = format!("SUB {subject} {}\r\n", self.subscriptions);
        self.allowed(&line, "Permissions Violation for Subscription to").await
    }

    async fn allowed(&mut self, said: &str, violation: &str) -> Result<bool> {
        let refusals = self.say(said).await?;
        match refusals.as_slice() {
            [] => Ok(true),
            [one] if one.contains(violation) => Ok(false),
            _ => bail!("{said:?} was answered {refusals:?}"),
        }
    }

    /// The errors that the server answers with.
    async fn say(&mut self, said: &str) -> Result<Vec<String>> {
        self.lines.get_mut().write_all(format!("{said}PING\r\n").as_bytes()).await?;
        let mut errors = Vec::new();
        loop {
            let mut line = String::new();
            let read = tokio::time::timeout(PATIENCE, self.lines.read_line(&mut line));
            if read.await.context("no answer")?? == 0 {
                bail!("the server closed the connection after {errors:?}");
            }
            match line.trim_end() {
                "PONG" => return Ok(errors),
                error if error.starts_with("-ERR") => errors.push(error.to_owned()),
                _ => {}
            }
        }
    }
}
