//! The state behind the fake: apps, people, chats, messages, and what was asked of it.
//!
//! One lock around everything: a request is decided as a whole, as if Feishu were a single thread. Nothing here
//! speaks HTTP.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::callback::CallbackState;
use super::crypto::opaque_id;
use super::dispatch::CallRecord;
use super::faults::FaultRule;
use super::hook::{HookMessage, HookSpec};
use super::images::Image;
use super::limits::Limits;
use super::login::{Browser, Consent};
use super::token::Token;
use super::{Clock, FeishuConfig};

/// Calls kept for inspection; older ones are forgotten.
const CALLS_KEPT: usize = 20_000;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppSpec {
    /// `cli_…`
    pub app_id: String,
    pub app_secret: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChatSpec {
    /// `oc_…`; one is made up when empty.
    #[serde(default)]
    pub chat_id: String,
    /// The name that people see.
    pub name: String,
    /// Whether the bots are members; a send to a chat without them is refused with 230002.
    #[serde(default = "yes")]
    pub bot_in: bool,
    /// Open ids of the people in it.
    #[serde(default)]
    pub members: Vec<String>,
    /// Confidential mode: history is refused with 231203.
    #[serde(default)]
    pub restricted: bool,
    /// Dissolved: everything is refused with 232009.
    #[serde(default)]
    pub dissolved: bool,
    /// A code that every send into this chat is refused with, for example 230018 or 230035.
    #[serde(default)]
    pub refuse: Option<i64>,
}

fn yes() -> bool {
    true
}

/// A person of the tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonSpec {
    /// `ou_…`; one is made up when empty.
    #[serde(default)]
    pub open_id: String,
    /// The name that people see.
    pub name: String,
    /// The mobile number of their account, as people write it; empty for none.
    #[serde(default)]
    pub mobile: String,
    /// The e-mail address of their account; empty for none.
    #[serde(default)]
    pub email: String,
    /// Inside the bot's availability range; otherwise a send is refused with 230013 and a look at them with 41050.
    #[serde(default = "yes")]
    pub available: bool,
    /// A code that every send to this person is refused with, for example 230029 or 230053.
    #[serde(default)]
    pub refuse: Option<i64>,
}

/// An app with the tokens that it was given.
#[derive(Debug)]
pub(super) struct App {
    pub(super) spec: AppSpec,
    pub(super) tokens: Vec<Token>,
}

/// A chat: a group, or the private chat of one app with one person.
#[derive(Debug, Clone)]
pub(super) struct Chat {
    pub(super) spec: ChatSpec,
    pub(super) p2p: Option<(String, String)>,
}

/// A message as stored.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) id: String,
    pub(super) chat_id: String,
    pub(super) sender: String,
    pub(super) sender_is_app: bool,
    pub(super) msg_type: String,
    pub(super) content: String,
    pub(super) created: DateTime<Utc>,
    pub(super) updated: DateTime<Utc>,
    pub(super) updates: u32,
    pub(super) recalled: bool,
    pub(super) uuid: Option<String>,
    pub(super) parent: Option<String>,
    pub(super) urgent_to: Vec<String>,
}

/// The first use of a uuid.
#[derive(Debug, Clone)]
pub(super) struct UuidUse {
    pub(super) message_id: String,
    pub(super) at: DateTime<Utc>,
}

/// Conditions that hold until they are switched off, as `/_sim/switches` shows and takes them.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Switches {
    /// The app has no scope for group history: 230027.
    pub(super) no_history_scope: bool,
    /// Calls left this month; 0 refuses everything with 99991403.
    pub(super) monthly_calls_left: Option<u64>,
    /// How old a message must be before history shows it. The real lag is not documented.
    pub(super) history_lag_ms: u32,
    /// The bot ability is off: 230006.
    pub(super) bot_off: bool,
    /// The app has no scope for uploading images: 99991672.
    pub(super) no_image_scope: bool,
    /// The app has no scope for pressing, or the tenant does not allow it: 230052.
    pub(super) no_urgent: bool,
    /// The app has no scope to look at people: 99991672.
    pub(super) no_contact_scope: bool,
}

pub(super) struct World {
    pub(super) apps: BTreeMap<String, App>,
    pub(super) people: BTreeMap<String, PersonSpec>,
    pub(super) chats: Vec<Chat>,
    pub(super) messages: Vec<Message>,
    /// By app and uuid. The documentation leaves the scope open; per app, across chats, is the worse case for a
    /// client, since one uuid for two chats then loses the second message.
    pub(super) uuids: HashMap<(String, String), UuidUse>,
    pub(super) in_flight: HashSet<(String, String)>,
    pub(super) faults: Vec<FaultRule>,
    pub(super) switches: Switches,
    pub(super) limits: Limits,
    pub(super) calls: VecDeque<CallRecord>,
    pub(super) callback: CallbackState,
    pub(super) images: Vec<Image>,
    pub(super) hooks: Vec<HookSpec>,
    pub(super) hook_messages: Vec<HookMessage>,
    pub(super) browser: Browser,
    pub(super) consents: Vec<Consent>,
    pub(super) tenant_key: String,
    serial: u64,
}

impl World {
    /// A number that no one else gets.
    pub(super) fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// The chat with this id.
    pub(super) fn chat(&self, chat_id: &str) -> Option<&Chat> {
        self.chats.iter().find(|chat| chat.spec.chat_id == chat_id)
    }

    /// The message with this id.
    pub(super) fn message(&self, message_id: &str) -> Option<&Message> {
        self.messages.iter().find(|message| message.id == message_id)
    }

    /// The message with this id, to be changed.
    pub(super) fn message_mut(&mut self, message_id: &str) -> Option<&mut Message> {
        self.messages.iter_mut().find(|message| message.id == message_id)
    }

    /// Adds a chat, or replaces the one with the same id.
    pub(super) fn put_chat(&mut self, mut spec: ChatSpec) -> ChatSpec {
        if spec.chat_id.is_empty() {
            let serial = self.next_serial();
            spec.chat_id = format!("oc_{}", opaque_id(&format!("chat:{serial}"), 32));
        }
        match self.chats.iter_mut().find(|chat| chat.spec.chat_id == spec.chat_id) {
            Some(chat) => chat.spec = spec.clone(),
            None => self.chats.push(Chat { spec: spec.clone(), p2p: None }),
        }
        spec
    }

    /// Adds a person, or replaces the one with the same id.
    pub(super) fn put_person(&mut self, mut spec: PersonSpec) -> PersonSpec {
        if spec.open_id.is_empty() {
            let serial = self.next_serial();
            spec.open_id = format!("ou_{}", opaque_id(&format!("person:{serial}"), 32));
        }
        self.people.insert(spec.open_id.clone(), spec.clone());
        spec
    }

    /// The private chat of an app with a person, opened at the first message.
    pub(super) fn p2p_chat(&mut self, app: &str, person: &PersonSpec) -> String {
        let chat_id = format!("oc_{}", opaque_id(&format!("p2p:{app}:{}", person.open_id), 32));
        if self.chat(&chat_id).is_none() {
            let spec = ChatSpec {
                chat_id: chat_id.clone(),
                name: person.name.clone(),
                bot_in: true,
                members: vec![person.open_id.clone()],
                restricted: false,
                dissolved: false,
                refuse: None,
            };
            self.chats.push(Chat { spec, p2p: Some((app.to_owned(), person.open_id.clone())) });
        }
        chat_id
    }

    /// Remembers a call for inspection.
    pub(super) fn record(&mut self, call: CallRecord) {
        if self.calls.len() == CALLS_KEPT {
            self.calls.pop_front();
        }
        self.calls.push_back(call);
    }
}

impl Message {
    /// Times in the API are strings of milliseconds.
    pub(super) fn as_item(&self, tenant_key: &str, content: &str) -> Value {
        let id_type = if self.sender_is_app { "app_id" } else { "open_id" };
        let sender_type = if self.sender_is_app { "app" } else { "user" };
        let mut item = json!({
            "message_id": self.id, "msg_type": self.msg_type, "chat_id": self.chat_id,
            "create_time": self.created.timestamp_millis().to_string(),
            "update_time": self.updated.timestamp_millis().to_string(),
            "deleted": self.recalled, "updated": self.updates > 0,
            "sender": {"id": self.sender, "id_type": id_type, "sender_type": sender_type, "tenant_key": tenant_key},
            "body": {"content": content},
        });
        if let (Some(parent), Some(fields)) = (&self.parent, item.as_object_mut()) {
            fields.insert("parent_id".to_owned(), json!(parent));
            fields.insert("root_id".to_owned(), json!(parent));
        }
        item
    }

    /// How old it is.
    pub(super) fn age(&self, now: DateTime<Utc>) -> TimeDelta {
        now - self.created
    }
}

/// The simulator: the world, its clocks, and what its handlers share.
pub(super) struct Sim {
    world: Mutex<World>,
    clock: Clock,
    rate_clock: Clock,
    pub(super) client: reqwest::Client,
    pub(super) stop: CancellationToken,
    /// Counts the calls of `/_sim/release`; held requests wait for it to change.
    pub(super) release: watch::Sender<u64>,
}

impl Sim {
    /// A world with the configured apps, chats and people.
    pub(super) fn new(config: FeishuConfig, client: reqwest::Client, stop: CancellationToken) -> Self {
        let apps = config.apps.into_iter();
        let mut world = World {
            apps: apps.map(|spec| (spec.app_id.clone(), App { spec, tokens: Vec::new() })).collect(),
            people: BTreeMap::new(),
            chats: Vec::new(),
            messages: Vec::new(),
            uuids: HashMap::new(),
            in_flight: HashSet::new(),
            faults: Vec::new(),
            switches: Switches::default(),
            limits: Limits::default(),
            calls: VecDeque::new(),
            callback: CallbackState::new(config.callback),
            images: Vec::new(),
            hooks: config.hooks,
            hook_messages: Vec::new(),
            browser: Browser::default(),
            consents: Vec::new(),
            tenant_key: config.tenant_key,
            serial: 0,
        };
        config.people.into_iter().for_each(|person| drop(world.put_person(person)));
        config.chats.into_iter().for_each(|chat| drop(world.put_chat(chat)));
        let rate_clock = config.rate_clock.unwrap_or_else(|| config.clock.clone());
        Self {
            world: Mutex::new(world),
            clock: config.clock,
            rate_clock,
            client,
            stop,
            release: watch::Sender::new(0),
        }
    }

    /// The world, for as long as no await is needed. A panic elsewhere does not make it unusable.
    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        (self.clock)()
    }

    /// The present moment of the rate windows.
    pub(super) fn rate_now(&self) -> DateTime<Utc> {
        (self.rate_clock)()
    }
}
