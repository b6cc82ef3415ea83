//! What really arrives, from a gateway's payload or a webhook's row to the wait that it opens or ends, and to the words
//! that people read.

use anyhow::Result;
use chrono::{DateTime, TimeDelta, Utc};
use domain::gap::CoverageGaps;
use domain::message::{ContactType, MessageKind};
use domain::nature::Ignored;
use events::chat::ChatMessage;
use ingest::gateway::wire::{ContactPayloadResponse, MessagePayloadResponse, RoomPayloadResponse};
use store::role::Role;
use store::rooms::Room;
use testkit::{Running, Stack, until, until_some};

use crate::support::*;

const ACCOUNT: &str = "me";
const STAFF: &str = "lin";
const CUSTOMER: &str = "lan";
/// What staff have just said in every room, so that nobody waits.
const SAID: &str = "报价已经发到群里了，请查收";

/// A company with a gateway that says whatever a test wants.
struct World {
    stack: Stack,
    gateway: FakeGateway,
    ingest: Running,
    room_state: Running,
    said: std::cell::Cell<usize>,
}

fn contact(id: &str, name: &str, r#type: i32, coworker: bool) -> ContactPayloadResponse {
    let corporation = if coworker { "示例公司" } else { "" }.to_owned();
    ContactPayloadResponse {
        id: id.into(),
        name: name.into(),
        r#type,
        coworker,
        corporation,
        ..ContactPayloadResponse::default()
    }
}

/// A gateway with people, and a stack whose ingest is to use it.
async fn prepared() -> Result<(FakeGateway, Stack)> {
    let gateway = FakeGateway::start(TOKEN).await;
    let people = [
        contact(ACCOUNT, "青助理", 3, true),
        contact(STAFF, "林小样", 3, true),
        contact(CUSTOMER, "蓝先生", 1, false),
        contact("nameless", "", 1, false),
        contact("application", "应用", 4, false),
        contact("official", "资讯号", 2, false),
        contact("colleague", "同事应用", 4, true),
    ];
    gateway.with(|state| {
        state.contacts = people.into_iter().map(|contact| (contact.id.clone(), contact)).collect();
    });
    let mut stack = stack().await?;
    stack.config.ingest.gateway = Some(settings(&gateway.address, TOKEN));
    Ok((gateway, stack))
}

async fn world() -> Result<World> {
    let (gateway, stack) = prepared().await?;
    let ingest = start(&stack).await?;
    until_state(&stack, "live").await?;
    let room_state = stack.run(Role::RoomState, room_state::run).await?;
    Ok(World { stack, gateway, ingest, room_state, said: std::cell::Cell::new(0) })
}

impl World {
    fn room(&self, id: &str) {
        let member_ids = vec![ACCOUNT.into(), STAFF.into(), CUSTOMER.into()];
        let topic = format!("示例公司-{id}");
        let room = RoomPayloadResponse { id: id.into(), topic, member_ids, ..RoomPayloadResponse::default() };
        self.gateway.with(|state| state.rooms.insert(id.into(), room));
    }

    /// What somebody says, on the bus.
    async fn say(&self, room: &str, talker: &str, number: i32, text: &str) -> Result<ChatMessage> {
        let n = self.said.get() + 1;
        self.said.set(n);
        let sent = self.stack.started + TimeDelta::milliseconds(i64::try_from(n)? * 10);
        let id = format!("m-{n}");
        self.gateway.say(MessagePayloadResponse {
            id: id.clone(),
            talker_id: talker.into(),
            room_id: room.into(),
            r#type: number,
            text: text.into(),
            timestamp_deprecated: u64::try_from(sent.timestamp_millis())?,
            ..MessagePayloadResponse::default()
        });
        until_some(&format!("the message {id} is on CHAT"), || async {
            let found = messages(&self.stack).await?.into_iter().find(|(_, message)| message.id == *id);
            Ok(found.map(|(_, message)| message))
        })
        .await
    }

    /// A room in which staff have just said [`SAID`].
    async fn quiet(&self, room: &str) -> Result<()> {
        self.room(room);
        self.say(room, STAFF, 7, SAID).await?;
        Ok(())
    }

    /// A room once all that was said in it is folded.
    async fn folded(&self, room: &str, count: i64) -> Result<Room> {
        let room = key(room);
        until_some(&format!("{count} messages of {room} are folded"), || async {
            let mut connection = self.stack.admin.acquire().await?;
            let entries: i64 = store::sqlx::query_scalar(
                "select count(*) from timeline where room = $1 and kind in ('message', 'recall')",
            )
            .bind(room.to_string())
            .fetch_one(&mut *connection)
            .await?;
            let found = store::rooms::get(&mut connection, &room).await?;
            Ok(found.filter(|_| entries == count))
        })
        .await
    }

    /// What a customer's message makes of a room in which nobody waited.
    async fn customer(&self, room: &str, number: i32, text: &str) -> Result<(ChatMessage, Room)> {
        self.quiet(room).await?;
        let said = self.say(room, CUSTOMER, number, text).await?;
        Ok((said, self.folded(room, 2).await?))
    }

    async fn stop(self) -> Result<()> {
        self.ingest.stop().await?;
        self.room_state.stop().await
    }
}

fn last(room: &Room) -> &str {
    room.last_lines.last().map_or("", |line| line.text.as_str())
}

fn reply(title: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<msg><appmsg appid=\"\" sdkver=\"0\"><title>{title}</title><type>57</type><refermsg>\
         <type>1</type><svrid>811</svrid><displayname>林小样</displayname><content>报价已经发到群里了</content></refermsg>\
         </appmsg></msg>"
    )
}

/// M1.
#[tokio::test]
async fn a_quoted_reply_is_what_it_says() -> Result<()> {
    let world = world().await?;
    for (n, (number, head)) in [(7, true), (0, true), (7, false), (0, false)].into_iter().enumerate() {
        let raw = |title: &str| {
            if head { reply(title) } else { reply(title).replace("<?xml version=\"1.0\"?>\n", "") }
        };
        let (said, room) = world.customer(&format!("closing-{n}"), number, &raw("好的")).await?;
        assert_eq!(
            (said.kind, said.text.as_str(), said.quote.as_deref()),
            (MessageKind::Text, "好的", Some("811"))
        );
        let quoted = said.quoted.unwrap();
        assert_eq!((quoted.who.as_str(), quoted.text.as_str()), ("林小样", "报价已经发到群里了"));
        assert_eq!((&*room.state.open, last(&room)), (&[][..], "好的"));
        let (_, room) = world.customer(&format!("request-{n}"), number, &raw("发票什么时候开？")).await?;
        assert!(!room.state.open.is_empty());
        assert_eq!(last(&room), "发票什么时候开？");
    }
    let stored: (String, serde_json::Value) = store::sqlx::query_as(
        "select body, fact::jsonb -> 'quote' from timeline where room = 'wechaty:closing-0' and fact::jsonb ? 'quote'",
    )
    .fetch_one(&world.stack.admin)
    .await?;
    let quote = serde_json::json!({ "id": "811", "who": "林小样", "text": "报价已经发到群里了" });
    assert_eq!(stored, ("好的".into(), quote), "kept with the entry");
    world.stop().await
}

/// M2.
#[tokio::test]
async fn appmsg_of_any_type_never_shows_its_xml() -> Result<()> {
    let world = world().await?;
    for (number, shown) in [
        (5, "[链接]"),
        (6, "[文件：3月对账单.pdf]"),
        (33, "[小程序]"),
        (36, "[小程序]"),
        (51, "[视频]"),
        (19, "[聊天记录]"),
        (2000, "[转账]"),
        (2001, "[红包]"),
        (4_242, "[其他消息]"),
    ] {
        let xml = format!("<msg><appmsg><title>3月对账单.pdf</title><type>{number}</type></appmsg></msg>");
        for wire in [7, 0] {
            let (said, room) = world.customer(&format!("app-{number}-{wire}"), wire, &xml).await?;
            assert!(!said.text.contains('<'), "{}", said.text);
            assert_eq!(last(&room), shown, "{number}");
            let money = [2000, 2001].contains(&number);
            assert_eq!(room.state.open.is_empty(), money, "{number}: somebody has to look at it");
        }
    }
    world.stop().await
}

/// M3, M5.
#[tokio::test]
async fn lines_of_the_room_are_nobodys() -> Result<()> {
    let world = world().await?;
    for (n, (talker, number, text)) in [
        ("", 0, "\"林小样\" 拍了拍 \"蓝先生\""),
        ("", 7, "\"青助理\"邀请\"蓝先生\"加入了群聊"),
        ("room-2", 7, "\"青助理\"邀请\"蓝先生\"加入了群聊"),
        ("room-3", 7, "\"青助理\"修改群名为“示例公司-样例”"),
        ("room-4", 7, "\"青助理\"将\"绿店长\"移出了群聊"),
        ("room-5", 7, "\"蓝先生\"撤回了一条消息"),
        ("room-6", 7, "\"蓝先生\"通过扫描\"青助理\"分享的二维码加入群聊"),
        ("room-7", 0, "还没有人见过的一种提示？"),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("room-{n}");
        world.quiet(&name).await?;
        world.say(&name, CUSTOMER, 7, "在吗").await?;
        let waiting = world.folded(&name, 2).await?;
        let said = world.say(&name, talker, number, text).await?;
        assert_eq!((said.kind, said.sender.id.as_str()), (MessageKind::System, name.as_str()), "{text}");
        let room = world.folded(&name, 3).await?;
        assert_eq!(room.state.open, waiting.state.open, "{text}: it ends nothing");
        assert_eq!((room.state.day, last(&room)), (waiting.state.day, "在吗"), "{text}");
        assert!(matches!(room.state.ignored, Some(Ignored::Notice | Ignored::Pat)), "{text}");
    }
    let asked =
        world.gateway.with(|state| state.calls.iter().filter(|call| *call == "message_payload").count());
    assert_eq!(asked, world.said.get(), "each payload was asked for once");
    until("the inbox is empty", || async { Ok(waiting(&world.stack).await? == (0, 0)) }).await?;
    world.stop().await
}

/// M4.
#[tokio::test]
async fn pats_open_and_end_nothing() -> Result<()> {
    let world = world().await?;
    for (n, number) in [7, 0].into_iter().enumerate() {
        let pat = "\"蓝先生\" 拍了拍 \"林小样\"";
        let (said, room) = world.customer(&format!("patted-{n}"), number, pat).await?;
        assert_eq!((said.kind, room.state.open), (MessageKind::System, Vec::new()));
        let name = format!("waiting-{n}");
        world.customer(&name, 7, "在吗").await?;
        world.say(&name, STAFF, number, "“林小样”拍了拍“蓝先生”的肩膀").await?;
        let room = world.folded(&name, 3).await?;
        assert!(!room.state.open.is_empty(), "it answers nothing");
        assert_eq!(room.state.ignored, Some(Ignored::Pat));
    }
    let (said, room) = world.customer("sentence", 7, "他刚才拍了拍机器，还是不动").await?;
    assert!(said.kind == MessageKind::Text && !room.state.open.is_empty());
    world.stop().await
}

/// M6.
#[tokio::test]
async fn html_is_what_it_shows() -> Result<()> {
    let world = world().await?;
    for (n, (html, shown)) in [
        (r#"<img class="emoji emoji1f44c" text="_web" src="/x.gif" />"#, "👌"),
        ("好的<br/>谢谢", "好的\n谢谢"),
        (r#"收到<span class="emoji emoji1f64f"></span>"#, "收到🙏"),
        ("[强]", "[强]"),
    ]
    .into_iter()
    .enumerate()
    {
        let (said, room) = world.customer(&format!("html-{n}"), 7, html).await?;
        assert_eq!((said.text.as_str(), last(&room)), (shown, shown));
        assert_eq!(room.state.open, [], "{html}");
    }
    let (_, room) = world.customer("code", 7, "<div>怎么居中</div> a<b").await?;
    assert_eq!(last(&room), "<div>怎么居中</div> a<b");
    world.stop().await
}

/// M10.
#[tokio::test]
async fn automatic_replies_and_broadcasts_answer_nobody() -> Result<()> {
    let world = world().await?;
    for (n, (said, why)) in [
        ("[自动回复]您好，现在是非工作时间，稍后回复您", Ignored::AutoReply),
        ("@所有人\u{2005}【通知】系统周六升级", Ignored::Broadcast),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("machine-{n}");
        world.customer(&name, 7, "在吗").await?;
        world.say(&name, STAFF, 7, said).await?;
        let room = world.folded(&name, 3).await?;
        assert!(!room.state.open.is_empty(), "{said}");
        assert_eq!((room.state.ignored, last(&room)), (Some(why), said));
    }
    let (_, room) = world.customer("asks-all", 7, "@所有人\u{2005}发票什么时候开？").await?;
    assert!(!room.state.open.is_empty());
    world.stop().await
}

/// M11.
#[tokio::test]
async fn what_no_person_speaks_through_changes_nothing() -> Result<()> {
    let world = world().await?;
    for (talker, of) in
        [("application", ContactType::Application), ("official", ContactType::OfficialAccount)]
    {
        let name = format!("to-{talker}");
        world.quiet(&name).await?;
        let said = world.say(&name, talker, 7, "您有一条新的待办").await?;
        assert_eq!(said.sender.contact_type, Some(of));
        let room = world.folded(&name, 2).await?;
        assert_eq!((room.state.open, room.state.ignored), (Vec::new(), Some(Ignored::Robot)));
        assert_eq!(room.state.day.customer, 0);
    }
    world.customer("answered", 7, "在吗").await?;
    world.say("answered", "colleague", 7, "在的").await?;
    assert_eq!(world.folded("answered", 3).await?.state.open, [], "a coworker replies");
    world.stop().await
}

/// M13.
#[tokio::test]
async fn who_has_no_name_is_called_so() -> Result<()> {
    let world = world().await?;
    world.quiet("to-nameless").await?;
    world.say("to-nameless", "nameless", 7, "在吗").await?;
    let room = world.folded("to-nameless", 2).await?;
    assert_eq!(room.last_lines.last().unwrap().name, "未知成员");
    world.stop().await
}

/// Whose, until when, how many messages.
type Missed = (Option<String>, Option<DateTime<Utc>>, Option<i64>);

/// M15.
#[tokio::test]
async fn a_message_that_cannot_be_had_makes_the_stretch_uncertain() -> Result<()> {
    let world = world().await?;
    let (_, room) = world.customer("waits", 7, "在吗").await?;
    world.gateway.emit(2, r#"{"messageId":"nobody-knows"}"#);
    world.gateway.emit(2, r#"{"messageId":"nor-this"}"#);
    until("both are given up", || async {
        world.stack.clock.advance(std::time::Duration::from_secs(35));
        let counts = store::ingest::inbox::counts(&mut *world.stack.admin.acquire().await?, NAME).await?;
        Ok(counts.missing == 2)
    })
    .await?;
    let found: Vec<Missed> = store::sqlx::query_as(
        "select account, until, messages from capture_gaps where reason = 'payload_missing'",
    )
    .fetch_all(&world.stack.admin)
    .await?;
    assert_eq!(found.len(), 1, "many around one moment are one gap");
    assert_eq!((found[0].0.as_deref(), found[0].2), (Some(ACCOUNT), Some(2)), "counted, by account");
    let mut connection = world.stack.admin.acquire().await?;
    let gaps = store::ingest::gaps::after(&mut connection, world.stack.started - TimeDelta::hours(1)).await?;
    let coverage = CoverageGaps::of(&room.room, &room.state.presence, &gaps);
    let open = room.state.open.into_iter().next().unwrap();
    assert!(coverage.affects(&open, world.stack.clock.now()), "the wait that was open then is 待核实");
    assert!(!coverage.overlaps(found[0].1.unwrap(), world.stack.clock.now()), "what comes later is not");
    world.stop().await
}

/// M16.
#[tokio::test]
async fn a_verification_is_told_and_never_drawn() -> Result<()> {
    let (gateway, stack) = prepared().await?;
    let context = stack.context(Role::Ingest).await?;
    let mut beats = stack.bus.client().subscribe(events::subject::BEAT_ALL).await?;
    let service = tokio::spawn(ingest::run(context.clone()));
    let beating = tokio::spawn(runtime::beat::Beats::new("ingest", &context).run());
    until_state(&stack, "live").await?;
    let client = runtime::http::client()?;
    let page = async || Ok::<_, anyhow::Error>(client.get(url(&stack, "/login")).send().await?.text().await?);
    gateway.logout();
    until_state(&stack, "waiting_login").await?;
    gateway.emit(22, r#"{"status":2,"qrcode":"https://login.example/x"}"#);
    until("the code is shown", || async { Ok(page().await?.contains("<svg")) }).await?;
    for (number, payload, kind) in [
        (33, r#"{"id":"x","message":"请输入验证码","scene":1,"status":1}"#, "code"),
        (34, r#"{"url":"https://verify.example/"}"#, "slide"),
        (22, r#"{"status":33,"qrcode":"https://verify.example/"}"#, "code"),
    ] {
        gateway.emit(number, payload);
        until(&format!("{number} is told"), || async {
            let status: serde_json::Value = client.get(url(&stack, "/status")).send().await?.json().await?;
            Ok(status["verification"] == kind)
        })
        .await?;
        let shown = page().await?;
        assert!(!shown.contains("<svg") && shown.contains("登录需要验证"), "{shown}");
    }
    let told = tokio::time::timeout(PATIENCE, async {
        loop {
            let beat = futures::StreamExt::next(&mut beats).await.unwrap();
            let beat: events::beat::Beat = events::decode(&beat.payload).unwrap();
            if let Some(verification) = beat.verification {
                return (verification.gateway, beat.login);
            }
        }
    });
    assert_eq!(told.await?, (NAME.to_owned(), None), "the beat tells of it, and of no code");
    gateway.login(ACCOUNT);
    until("it is over", || async { Ok(page().await?.contains("账号已登录")) }).await?;
    beating.abort();
    context.shutdown.request();
    service.await?
}

/// The same raw texts forwarded as rows of the webhook.
#[tokio::test]
async fn an_integrator_may_forward_what_it_got() -> Result<()> {
    let world = world().await?;
    let row = |id: &str, sender: &str, text: &str, contact_type: Option<&str>| {
        serde_json::json!({
            "source": "webhook", "account": "main", "id": id, "room": { "id": id, "topic": "示例公司-样例" },
            "sender": { "id": sender, "name": "张三样", "contact_type": contact_type },
            "sent_at": world.stack.started.to_rfc3339(), "kind": "text", "text": text
        })
    };
    let rows = [
        row("w-reply", "u-1", &reply("好的"), None),
        row("w-html", "u-1", r#"好的<img class="emoji emoji1f44c" text="_web" src="/x.gif" />"#, None),
        row("w-file", "u-1", "<msg><appmsg><title>账单.pdf</title><type>6</type></appmsg></msg>", None),
        row("w-pat", "u-1", "\"张三样\" 拍了拍 \"林小样\"", None),
        row("w-room", "w-room", "\"张三样\"退出了群聊", None),
        row("w-robot", "u-2", "您有一条新的待办", Some("application")),
        row("w-code", "u-1", "<div>a<b</div>", None),
    ];
    let client = runtime::http::client()?;
    let body = serde_json::Value::from(rows.to_vec()).to_string();
    let request = client.post(url(&world.stack, "/v1/messages")).bearer_auth("test-token").body(body);
    let answer: serde_json::Value = request.send().await?.json().await?;
    assert_eq!(answer["accepted"], 7, "{answer}");
    for (id, shown, waits) in [
        ("w-reply", "好的", false),
        ("w-html", "好的👌", false),
        ("w-file", "[文件：账单.pdf]", true),
        ("w-pat", "", false),
        ("w-room", "", false),
        ("w-robot", "", false),
        ("w-code", "<div>a<b</div>", true),
    ] {
        let key = domain::id::RoomKey { source: "webhook".into(), id: id.into() };
        let room = until_some(&format!("{id} is folded"), || async {
            Ok(store::rooms::get(&mut *world.stack.admin.acquire().await?, &key).await?)
        })
        .await?;
        assert_eq!((last(&room), !room.state.open.is_empty()), (shown, waits), "{id}");
    }
    let wrong = row("w-wrong", "u-1", "在吗", Some("alien")).to_string();
    let request = client.post(url(&world.stack, "/v1/messages")).bearer_auth("test-token").body(wrong);
    let answer: serde_json::Value = request.send().await?.json().await?;
    assert!(answer["rejected"][0]["reason"].as_str().unwrap().contains("official_account"), "{answer}");
    world.stop().await
}
