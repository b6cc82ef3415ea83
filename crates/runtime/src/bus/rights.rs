//! Who may publish and subscribe what: one user for each service, who may use its own durables, publish its own facts, its
//! own dead letters and its own heartbeat ([`crate::services`]), and nothing else.
//!
//! Rendered as users of nats-server's configuration, for the private servers as for containers.

use std::fmt::{self, Write as _};

use events::subject;
use store::role::Role;

use super::topology::{Consumer, STREAMS};
use crate::services::{self, Watches};

/// Who logs in to the bus: whoever logs in to the database, under the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum User {
    /// The one-shot: declares streams and consumers. Publishes no fact and reads none.
    Admin,
    /// A service, the operator, or whoever looks.
    Role(Role),
}

/// What a user may do. Whatever is not listed is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rights {
    /// Subjects it may publish to, wildcards included.
    pub publish: Vec<String>,
    /// Subjects it may subscribe to, wildcards included.
    pub subscribe: Vec<String>,
}

impl User {
    pub const ALL: [Self; Role::ALL.len() + 1] = {
        let mut all = [Self::Admin; Role::ALL.len() + 1];
        let mut index = 0;
        while index < Role::ALL.len() {
            all[index + 1] = Self::Role(Role::ALL[index]);
            index += 1;
        }
        all
    };

    /// Its name on the bus, and of its password in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Role(role) => role.name(),
        }
    }

    /// What it may do.
    pub fn rights(self) -> Rights {
        let mut publish = match self {
            Self::Admin => admin_rights(),
            Self::Role(Role::Operator) => operator_rights(),
            Self::Role(Role::Reader) => reader_rights(),
            Self::Role(role) => service_rights(role).unwrap_or_default(),
        };
        publish.sort();
        let mut subscribe = vec![format!("{}.>", inbox(self.name()))];
        subscribe.extend(self.heartbeats());
        Rights { publish, subscribe }
    }

    fn heartbeats(self) -> Option<String> {
        let Self::Role(role) = self else { return None };
        match services::of(role)?.watches {
            Watches::Nobody => None,
            Watches::One(watched) => Some(subject::beat(watched.service())),
            Watches::Everybody => Some(subject::BEAT_ALL.to_owned()),
        }
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Under which subject the answers to a user arrive: its own, so that nobody reads another's.
pub(super) fn inbox(user: &str) -> String {
    format!("_INBOX.{user}")
}

/// Its facts, its dead letters, its heartbeat and its consumers; `None`: the role is people's.
fn service_rights(role: Role) -> Option<Vec<String>> {
    let service = services::of(role)?;
    let mut allowed: Vec<String> = service.publishes.iter().map(|subject| (*subject).to_owned()).collect();
    allowed.extend([subject::dead_of(service.program()), subject::beat(service.program())]);
    for consumer in service.consumers {
        allowed.extend(consumer_rights(*consumer));
        if service.measures_lag {
            allowed.push(api(&format!("STREAM.MSG.GET.{}", consumer.stream())));
        }
    }
    Some(allowed)
}

fn consumer_rights(consumer: Consumer) -> [String; 4] {
    let (stream, durable) = (consumer.stream(), consumer.name());
    [
        api(&format!("CONSUMER.INFO.{stream}.{durable}")),
        api(&format!("CONSUMER.MSG.NEXT.{stream}.{durable}")),
        format!("$JS.ACK.{stream}.{durable}.>"),
        // The second form of acknowledgements, with domain and account, which a server may send after an upgrade.
        format!("$JS.ACK.*.*.{stream}.{durable}.>"),
    ]
}

/// Nobody may delete a stream, since what they hold exists nowhere else; but ROOM, which holds nothing but wake-ups, has
/// to be made anew where it was once kept in memory.
fn admin_rights() -> Vec<String> {
    let each = |stream: &str| {
        ["STREAM.INFO.", "STREAM.CREATE.", "STREAM.UPDATE."]
            .map(|call| api(&format!("{call}{stream}")))
            .into_iter()
            .chain([api(&format!("CONSUMER.INFO.{stream}.*")), api(&format!("CONSUMER.CREATE.{stream}.>"))])
            .collect::<Vec<_>>()
    };
    // After a restore of the database everything captured is handed out once more.
    let again = Consumer::FACTS
        .map(|consumer| api(&format!("CONSUMER.DELETE.{}.{}", consumer.stream(), consumer.name())));
    STREAMS.into_iter().flat_map(each).chain(again).chain([api("STREAM.DELETE.ROOM")]).collect()
}

/// A dead letter is read, published again where it came from, and then removed.
fn operator_rights() -> Vec<String> {
    let dead = ["STREAM.INFO.DEAD", "STREAM.MSG.GET.DEAD", "STREAM.MSG.DELETE.DEAD"].map(api);
    let facts = [subject::CHAT_ALL, subject::COMMAND_ALL, subject::ROOM_ALL].map(str::to_owned);
    dead.into_iter().chain(facts).collect()
}

/// How streams and consumers stand and how far they are, but no message.
fn reader_rights() -> Vec<String> {
    [
        "INFO",
        "STREAM.NAMES",
        "STREAM.LIST",
        "STREAM.INFO.*",
        "CONSUMER.NAMES.*",
        "CONSUMER.LIST.*",
        "CONSUMER.INFO.*.*",
    ]
    .map(api)
    .into()
}

fn api(call: &str) -> String {
    format!("$JS.API.{call}")
}

/// All users as entries of nats-server's list `users`, one for each line.
pub fn users(password: impl Fn(User) -> String) -> String {
    User::ALL.iter().fold(String::new(), |mut text, user| {
        let Rights { publish, subscribe } = user.rights();
        // Writing to a string cannot fail.
        writeln!(
            text,
            "{{ user: {}, password: {}, permissions: {{ publish: {{ allow: {} }}, subscribe: {{ allow: {} }} }} }}",
            quoted(user.name()),
            quoted(&password(*user)),
            list(&publish),
            list(&subscribe),
        )
        .ok();
        text
    })
}

/// A file for nats-server to include within its section `authorization`: all users and nothing else.
pub fn users_file(password: impl Fn(User) -> String) -> String {
    format!(
        "# Holds passwords. Made by Huiyin, which decides these rights; not to be edited.\nusers: [\n{}]\n",
        users(password)
    )
}

fn list(subjects: &[String]) -> String {
    let quoted: Vec<String> = subjects.iter().map(|subject| quoted(subject)).collect();
    format!("[{}]", quoted.join(", "))
}

/// A text of nats-server's configuration language, in which a backslash begins an escape.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_ascii_control() => drop(write!(quoted, "\\x{:02X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}
