//! What these tests do again and again.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Asia::Shanghai;
use domain::calendar::TimeOfDay;
use domain::id::{CommandId, RoomKey, StaffName};
use events::chat::ChatMessage;
use events::command::{Command, CommandKind, Via};
use events::room::RoomChanged;
use runtime::bus::Outgoing;
use serde_json::{Value, json};
use simulators::feishu::{AppSpec, CallbackSpec, ChatSpec, FeishuConfig, PersonSpec, Running as Feishu};
use store::role::Role;
use store::sqlx;
use testkit::company::{CHEN, Person, captured, says};
pub use testkit::free_address;
use testkit::{Running, Stack, until};
use tokio::task::{JoinHandle, JoinSet};

/// 王小售's private chat.
pub const TO_WANG: &str = "oc_wang";
/// 李小后's private chat.
pub const TO_LI: &str = "oc_li";
/// The chat that everybody reads.
pub const TO_ALL: &str = "oc_public";
/// The private chat of 周经理, as far as a test gives it to them.
pub const TO_MANAGER: &str = "oc_manager";
/// A chat that only rules of a test name.
pub const TO_DUTY: &str = "oc_duty";
/// 周经理, who presses buttons.
pub const MANAGER: &str = "ou_manager";
/// In the place of a colour, for a card that shrank to a line.
pub const LINE: &str = "line";
/// The template of closed cards, which no level has.
pub const CLOSED: &str = "default";

/// Everything but the alerter, running.
pub struct Scene {
    /// Database, bus, clock.
    pub stack: Stack,
    /// The fake Feishu.
    pub feishu: Feishu,
    /// `room-state`.
    pub rooms: Option<Running>,
    http: reqwest::Client,
}

/// A proxy to a server that can be shut, as a network that is down.
pub struct TcpProxy {
    address: SocketAddr,
    to: SocketAddr,
    open: Option<JoinHandle<()>>,
}

impl TcpProxy {
    fn to(to: SocketAddr) -> Result<Self> {
        Ok(Self { address: free_address()?, to, open: None })
    }

    pub async fn open(&mut self) -> Result<()> {
        let listener = tokio::net::TcpListener::bind(self.address).await?;
        let to = self.to;
        self.open = Some(tokio::spawn(async move {
            let mut passing = JoinSet::new();
            while let Ok((mut inward, _)) = listener.accept().await {
                passing.spawn(async move {
                    let mut outward = tokio::net::TcpStream::connect(to).await?;
                    tokio::io::copy_bidirectional(&mut inward, &mut outward).await
                });
            }
        }));
        Ok(())
    }

    /// Nobody is let in, and who passes at this moment is cut off.
    pub async fn shut(&mut self) {
        if let Some(open) = self.open.take() {
            open.abort();
            drop(open.await);
        }
    }
}

/// A card as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub message_id: String,
    pub colour: String,
    pub title: String,
    pub text: String,
    pub has_button: bool,
}

impl Seen {
    fn of(message: &Value) -> Self {
        let card = &message["card"];
        let text = message["content"].as_str().unwrap_or_default().to_owned();
        let words = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let header = &card["header"];
        let is_line = card["body"].is_object() && header.is_null();
        let colour = if is_line { LINE.to_owned() } else { words(&header["template"]) };
        let title =
            if is_line { &card["body"]["elements"][0]["content"] } else { &header["title"]["content"] };
        Self {
            message_id: words(&message["message_id"]),
            colour,
            title: words(title),
            has_button: text.contains("\"behaviors\""),
            text,
        }
    }
}

/// The colours of cards, in order.
pub fn colours(cards: &[Seen]) -> Vec<&str> {
    cards.iter().map(|card| card.colour.as_str()).collect()
}

pub fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

pub fn room(id: &str) -> RoomKey {
    RoomKey { source: "webhook".into(), id: id.into() }
}

/// A time of the day in China that is `days` days after a moment.
pub fn day_after(now: DateTime<Utc>, days: i64, time: &str) -> Result<DateTime<Utc>> {
    let day = now.with_timezone(&Shanghai).date_naive() + TimeDelta::days(days);
    time.parse::<TimeOfDay>()?.on(day, Shanghai).context("that time")
}

fn chat(chat_id: &str) -> ChatSpec {
    ChatSpec {
        chat_id: chat_id.to_owned(),
        name: chat_id.to_owned(),
        bot_in: true,
        members: vec![MANAGER.to_owned()],
        restricted: false,
        dissolved: false,
        refuse: None,
    }
}

impl Scene {
    /// Starts everything but the alerter.
    pub async fn start() -> Result<Self> {
        // On the heap: the future is large.
        Box::pin(Self::start_parts()).await
    }

    async fn start_parts() -> Result<Self> {
        let mut stack = Stack::start().await?;
        let clock = stack.clock.clone();
        let app = AppSpec { app_id: "cli_test".into(), app_secret: "secret".into() };
        let mut config = FeishuConfig::new(Arc::new(move || clock.now()), app);
        config.chats = [TO_WANG, TO_LI, TO_ALL, TO_MANAGER, TO_DUTY].map(chat).to_vec();
        let name = "周经理".to_owned();
        config.people = vec![PersonSpec {
            open_id: MANAGER.into(),
            name: name.clone(),
            mobile: String::new(),
            email: String::new(),
            available: true,
            refuse: None,
        }];
        config.callback =
            CallbackSpec { url: None, encrypt_key: Some("key".into()), verification_token: "token".into() };
        let feishu = simulators::feishu::start(config).await?;
        stack.config.feishu.base_url.clone_from(&feishu.url);
        let manager = json!({
            "name": name, "team": "other", "addresses": { "feishu": { "open_id": MANAGER } }
        });
        stack.config.rules.roster.push(serde_json::from_value(manager)?);
        stack.config.rules.managers = vec![StaffName("周经理".into())];
        stack.apply_rules(TimeDelta::days(400)).await?;
        let rooms = Some(stack.run(Role::RoomState, room_state::run).await?);
        Ok(Self { stack, feishu, rooms, http: runtime::http::client()? })
    }

    /// Runs an alerter, with a callback address of its own which Feishu is told.
    pub async fn alerter(&mut self) -> Result<Running> {
        let address = free_address()?;
        self.stack.config.feishu.listen = address;
        let running = self.stack.run(Role::FeishuAlerter, feishu_alerter::run).await?;
        let url = format!("http://{address}/feishu/callback");
        self.control("POST", "callback", &json!({ "url": url })).await?;
        Ok(running)
    }

    /// Gives a member of staff another private chat, or none, by rules that hold from now on.
    pub async fn set_chat(&mut self, name: &str, chat: Option<&str>) -> Result<()> {
        let roster = &mut self.stack.config.rules.roster;
        let entry = roster.iter_mut().find(|entry| entry.name.as_str() == name).context("on the roster")?;
        let feishu = entry.addresses.feishu.get_or_insert_default();
        feishu.chat = chat.map(str::parse).transpose()?;
        self.stack.apply_rules(TimeDelta::zero()).await
    }

    /// Ends everything that runs and still should.
    pub async fn stop(self, alerter: Running) -> Result<()> {
        alerter.stop().await?;
        match self.rooms {
            Some(rooms) => rooms.stop().await,
            None => Ok(()),
        }
    }

    /// A proxy, shut, through which the alerters made from now on reach the fake Feishu.
    pub fn feishu_proxy(&mut self) -> Result<TcpProxy> {
        let proxy = TcpProxy::to(self.feishu.url.clone().trim_start_matches("http://").parse()?)?;
        self.stack.config.feishu.base_url = format!("http://{}", proxy.address);
        Ok(proxy)
    }

    /// A proxy, shut, through which whatever is made from now on reaches the bus.
    pub fn bus_proxy(&mut self) -> Result<TcpProxy> {
        let proxy = TcpProxy::to(self.stack.config.bus.url.trim_start_matches("nats://").parse()?)?;
        self.stack.config.bus.url = format!("nats://{}", proxy.address);
        Ok(proxy)
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.stack.clock.now()
    }

    /// Moves the clock to a time of the day that is `days` days later, and waits until the alerter has looked.
    pub async fn at(&self, days: i64, time: &str) -> Result<()> {
        let at = day_after(self.now(), days, time)?;
        self.stack.clock.advance((at - self.now()).to_std()?);
        self.until_fresh().await?;
        self.until_looked().await
    }

    pub fn advance(&self, minutes: u64) {
        self.stack.clock.advance(self::minutes(minutes));
    }

    pub async fn publish(&self, message: &ChatMessage) -> Result<()> {
        self.stack.bus.publish(&captured(message)?).await?;
        Ok(())
    }

    /// A member of staff greets, which makes the room theirs; then 陈小样 asks something, now.
    pub async fn asks(&self, id: &str, owner: Person) -> Result<ChatMessage> {
        self.publish(&says(id, owner, self.now() - TimeDelta::seconds(60), "您好")).await?;
        let asked = says(id, CHEN, self.now(), "发票开好了吗？");
        self.publish(&asked).await?;
        self.until_waits(id, 1).await?;
        Ok(asked)
    }

    /// Waits until a room has this many waits, live or not.
    pub async fn until_waits(&self, id: &str, count: i64) -> Result<()> {
        until(&format!("{id} has {count} waits"), || async move {
            let found: i64 = sqlx::query_scalar("select count(*) from waits where room = $1")
                .bind(room(id).to_string())
                .fetch_one(&self.stack.admin)
                .await?;
            Ok(found == count)
        })
        .await
    }

    /// Asks `room-state` for something, as a manager would.
    pub async fn command(&self, id: &str, room: RoomKey, kind: CommandKind) -> Result<()> {
        self.command_by("周经理", id, room, kind).await
    }

    /// Somebody edits a table.
    pub async fn command_by(&self, by: &str, id: &str, room: RoomKey, kind: CommandKind) -> Result<()> {
        let command =
            Command { id: CommandId(id.into()), room, at: self.now(), by: by.into(), via: Via::Vika, kind };
        let outgoing = Outgoing {
            subject: events::subject::command(command.kind.name(), &command.room),
            id: id.into(),
            payload: events::encode(&command)?,
        };
        self.stack.bus.publish(&outgoing).await?;
        Ok(())
    }

    /// A control call of the fake Feishu.
    pub async fn control(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let url = format!("{}/_sim/{path}", self.feishu.url);
        let request = self.http.request(method.parse()?, url).body(body.to_string());
        let response = request.header("content-type", "application/json").send().await?;
        let (status, text) = (response.status(), response.text().await?);
        anyhow::ensure!(status.is_success(), "{status}: {text}");
        Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// The next calls of a route fail like this.
    pub async fn fault(&self, route: &str, chat: &str, times: u32, fault: Value) -> Result<()> {
        let rule = json!({ "route": route, "chat": chat, "times": times, "fault": fault });
        self.control("POST", "faults", &rule).await.map(drop)
    }

    /// Somebody presses the button of a card: what Feishu's client would show.
    pub async fn press(&self, message_id: &str, variant: &str) -> Result<Value> {
        let click = json!({ "message_id": message_id, "open_id": MANAGER, "variant": variant });
        self.control("POST", "click", &click).await
    }

    /// The same with the button that the card had when it was seen, even if it has none any more.
    pub async fn press_value(&self, card: &Seen, variant: &str) -> Result<Value> {
        let shown: Value = serde_json::from_str(&card.text)?;
        let elements = shown["body"]["elements"].as_array().context("elements")?;
        let button = elements.iter().find(|element| element["tag"] == "button").context("a button")?;
        let value = &button["behaviors"][0]["value"];
        let click =
            json!({ "message_id": card.message_id, "open_id": MANAGER, "variant": variant, "value": value });
        self.control("POST", "click", &click).await
    }

    /// The same with the button of this act, whether or not the card has it.
    pub async fn press_act(&self, card: &Seen, act: &str) -> Result<Value> {
        let shown: Value = serde_json::from_str(&card.text)?;
        let elements = shown["body"]["elements"].as_array().context("elements")?;
        let button = elements.iter().find(|element| element["tag"] == "button").context("a button")?;
        let mut value = button["behaviors"][0]["value"].clone();
        value["act"] = json!(act);
        let click = json!({ "message_id": card.message_id, "open_id": MANAGER, "value": value });
        self.control("POST", "click", &click).await
    }

    /// Somebody chooses of the menu of this act, whether or not the card has it; what they read.
    pub async fn choose(&self, card: &Seen, act: &str, option: &str, person: &str) -> Result<String> {
        let shown: Value = serde_json::from_str(&card.text)?;
        let elements = shown["body"]["elements"].as_array().context("elements")?;
        let button = elements.iter().find(|element| element["tag"] == "button").context("a button")?;
        let mut value = button["behaviors"][0]["value"].clone();
        value["act"] = json!(act);
        let click =
            json!({ "message_id": card.message_id, "open_id": person, "value": value, "option": option });
        let seen = self.control("POST", "click", &click).await?;
        Ok(seen["toast"]["content"].as_str().unwrap_or_default().to_owned())
    }

    /// Gives people accounts by which the roster knows them; Feishu knows them by their names.
    pub async fn give_accounts(&mut self, accounts: &[(&str, &str)]) -> Result<()> {
        for (name, account) in accounts {
            let person = json!({ "open_id": account, "name": name });
            self.control("POST", "people", &person).await?;
            let roster = &mut self.stack.config.rules.roster;
            let entry =
                roster.iter_mut().find(|entry| entry.name.as_str() == *name).context("on the roster")?;
            entry.addresses.feishu.get_or_insert_default().open_id = Some(account.parse()?);
        }
        self.stack.apply_rules(TimeDelta::zero()).await
    }

    /// The cards of a chat, oldest first.
    pub async fn cards(&self, chat: &str) -> Result<Vec<Seen>> {
        let seen = self.control("GET", &format!("messages?chat={chat}"), &json!({})).await?;
        let messages = seen["messages"].as_array().context("a list of messages")?;
        Ok(messages.iter().map(Seen::of).collect())
    }

    /// Waits until a chat has exactly cards of these colours.
    pub async fn until_colours(&self, chat: &str, expected: &[&str]) -> Result<Vec<Seen>> {
        until(&format!("{chat} shows {expected:?}"), || async move {
            Ok(colours(&self.cards(chat).await?) == expected)
        })
        .await?;
        self.cards(chat).await
    }

    /// Waits until every card of a chat that is no line has this title, with or without an icon before it and the room
    /// after it, and gives those.
    pub async fn until_titled(&self, chat: &str, title: &str) -> Result<Vec<Seen>> {
        until(&format!("every card of {chat} is titled {title}"), || async move {
            let cards = self.whole(chat).await?;
            let titled = |card: &Seen| {
                let (icon, rest) = card.title.split_once(' ').unwrap_or(("", &card.title));
                let words = if icon.contains(char::is_alphanumeric) { &card.title } else { rest };
                words.split('：').next() == Some(title) || card.title == title
            };
            Ok(!cards.is_empty() && cards.iter().all(titled))
        })
        .await?;
        self.whole(chat).await
    }

    /// The cards of a chat that did not shrink, oldest first.
    async fn whole(&self, chat: &str) -> Result<Vec<Seen>> {
        let mut cards = self.cards(chat).await?;
        cards.retain(|card| card.colour != LINE);
        Ok(cards)
    }

    /// A number from the database, asked as the superuser.
    pub async fn count(&self, sql: &'static str) -> Result<i64> {
        Ok(sqlx::query_scalar(sql).fetch_one(&self.stack.admin).await?)
    }

    /// Waits until a number in the database is this.
    pub async fn until_count(&self, sql: &'static str, expected: i64) -> Result<()> {
        until(&format!("{sql} gives {expected}"), || async move { Ok(self.count(sql).await? == expected) })
            .await
    }

    /// Waits until folding is known to be up to date: after a leap of the clock cards are held back until then.
    pub async fn until_fresh(&self) -> Result<()> {
        until("folding is up to date", || async {
            let fresh = "select count(*) from fold_progress where caught_up_at >= $1";
            let fresh: i64 = sqlx::query_scalar(fresh)
                .bind(self.now() - TimeDelta::seconds(5))
                .fetch_one(&self.stack.admin)
                .await?;
            Ok(fresh == 2)
        })
        .await
    }

    /// Waits until the alerter has looked at everything once more, from beginning to end. The second version is taken in
    /// only after the look that took in the first is over.
    pub async fn until_looked(&self) -> Result<()> {
        for _ in 0..2 {
            sqlx::query("update rooms set version = version + 1").execute(&self.stack.admin).await?;
            self.announce().await?;
            self.until_count(
                "select count(*) from rooms left join alert_rooms seen using (room)
                 where rooms.version is distinct from seen.version",
                0,
            )
            .await?;
        }
        Ok(())
    }

    /// Announces every room as it is now, as `room-state` does when it has changed one.
    pub async fn announce(&self) -> Result<()> {
        let rooms: Vec<(String, i64)> =
            sqlx::query_as("select room, version from rooms").fetch_all(&self.stack.admin).await?;
        for (key, version) in rooms {
            let (source, id) = key.split_once(':').context("a room's key")?;
            let room = RoomKey { source: source.into(), id: id.into() };
            let outgoing = Outgoing {
                subject: events::subject::room_changed(&room),
                id: format!("test:{key}@{version}"),
                payload: events::encode(&RoomChanged { room, version })?,
            };
            self.stack.bus.publish(&outgoing).await?;
        }
        Ok(())
    }
}
