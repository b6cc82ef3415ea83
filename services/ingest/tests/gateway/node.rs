//! Against the project's own Node gateway with the real packages over a mock account. Skipped, with a line that says
//! so, only where this machine has no Node.

use std::path::PathBuf;
use std::time::Duration;

use ingest::gateway::payload::{Conversation, Kind};
use ingest::gateway::*;
use local_stack::gateway::{self as stack, NodeGateway};
use serde_json::json;

use crate::support::control::Control;
use crate::support::harness::{Harness, TOKEN, now, settings};

const MORNING: &str = "示例公司-晨光贸易";
const STARS: &str = "示例公司-星河食品";

/// The mock answers a ding after a second, on a busy machine later.
fn timings() -> Timings {
    Timings {
        silence: Duration::from_millis(1_500),
        dong: Duration::from_secs(4),
        backoff_last: Duration::from_millis(500),
        occupied_retry: (Duration::from_millis(100), Duration::from_millis(200)),
        ..Timings::default()
    }
}

fn node_settings(port: u16) -> stack::Settings {
    // Shared over crates and worktrees, since the packages are many.
    let work_dir = local_stack::testing::settings("unused").unwrap().tools.unwrap();
    stack::Settings { work_dir, token: TOKEN.to_owned(), world: None::<PathBuf>, port, control_port: 0 }
}

async fn start_on(port: u16) -> Option<NodeGateway> {
    match NodeGateway::start(&node_settings(port), |line| println!("{line}")).await {
        Ok(gateway) => Some(gateway),
        Err(stack::GatewayError::NotInstalled { program }) => {
            println!("SKIPPED: this machine has no {program}, so the real gateway was not tested");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// A gateway, its world, and a session that is live on it.
async fn live() -> Option<(NodeGateway, Control, Harness)> {
    let gateway = start_on(0).await?;
    let control = Control::new(gateway.control_url());
    let harness = Harness::start(gateway.endpoint(), timings());
    harness.until(State::Live).await;
    Some((gateway, control, harness))
}

fn room(text: &str) -> RoomId {
    RoomId::parse(text).unwrap()
}

fn contact(text: &str) -> ContactId {
    ContactId::parse(text).unwrap()
}

#[tokio::test]
async fn messages_of_all_kinds() {
    let Some((gateway, control, mut harness)) = live().await else { return };
    let id = control.say(MORNING, "蓝先生", "在吗？发货了没有").await;
    let message = harness.message().await;
    assert_eq!((message.id.as_str(), message.text.as_str()), (id.as_str(), "在吗？发货了没有"));
    assert_eq!((message.kind, message.wire_type), (Kind::Text, 7));
    assert_eq!(message.conversation, Conversation::Room(room("R:10000000000001@chatroom")));
    assert_eq!(message.talker, Some(contact("7881300000000401")));

    let mention =
        json!({ "room": STARS, "talker": "橙女士", "text": "@周例安\u{2005}请看", "mentions": ["周例安"] });
    control.post("/say", mention).await;
    assert_eq!(harness.message().await.mentions, [contact("1688850000000102")]);

    let seconds = now().timestamp() - 30;
    let slow = json!({ "room": STARS, "talker": "橙女士", "text": "秒", "timestamp": seconds });
    control.post("/say", slow).await;
    assert_eq!(harness.message().await.sent.at.timestamp(), seconds);

    for (number, kind) in [(6, Kind::Image), (15, Kind::Video), (4_242, Kind::Other)] {
        control.post("/say", json!({ "room": STARS, "talker": "橙女士", "text": "", "type": number })).await;
        let message = harness.message().await;
        assert_eq!((message.kind, message.wire_type), (kind, number));
    }

    let recall = control.post("/recall", json!({ "message_id": id })).await;
    let recalled = harness.message().await;
    assert_eq!(recalled.id.as_str(), recall["message_id"].as_str().unwrap());
    assert_eq!(recalled.kind, Kind::Recalled { original: MessageId::parse(id) });

    harness.client().send_text(&room("R:10000000000001@chatroom"), "您好，已发货").await.unwrap();
    assert_eq!(harness.message().await.talker, harness.status.borrow().account);
    harness.stop().await;
    gateway.stop().await.unwrap();
}

#[tokio::test]
async fn rooms_and_people() {
    let Some((gateway, control, mut harness)) = live().await else { return };
    let client = harness.client();
    assert_eq!(client.rooms().await.unwrap().len(), 4);
    let morning = room("R:10000000000001@chatroom");
    assert_eq!(client.room(&morning).await.unwrap().topic, MORNING);
    assert_eq!(client.members(&morning).await.unwrap().len(), 5);
    let seller = client.contact(&contact("1688850000000101")).await.unwrap();
    assert!(seller.coworker && seller.corporation == "示例公司" && seller.r#type == 3);
    let customer = client.contact(&contact("7881300000000401")).await.unwrap();
    assert!(!customer.coworker && customer.r#type == 1);

    control.post("/join", json!({ "room": MORNING, "contact": "橙女士", "inviter": "林小样" })).await;
    let joined = harness.event(|event| matches!(event, Event::RoomJoin { .. })).await;
    let Event::RoomJoin { room: where_to, invitees, inviter, at } = joined.event else { unreachable!() };
    assert_eq!((where_to, invitees), (morning.clone(), vec![contact("7881300000000402")]));
    assert_eq!(inviter, Some(contact("1688850000000101")));
    assert!(at.is_some_and(|at| (now() - at).num_seconds() < 30));

    control.post("/leave", json!({ "room": MORNING, "contact": "橙女士" })).await;
    let left = harness.event(|event| matches!(event, Event::RoomLeave { .. })).await;
    let Event::RoomLeave { removees, remover, .. } = left.event else { unreachable!() };
    assert_eq!((removees, remover), (vec![contact("7881300000000402")], Some(contact("7881300000000402"))));

    control.post("/topic", json!({ "room": MORNING, "topic": "示例公司-晨光新名" })).await;
    let renamed = harness.event(|event| matches!(event, Event::RoomTopic { .. })).await;
    assert!(matches!(renamed.event, Event::RoomTopic { topic, .. } if topic == "示例公司-晨光新名"));
    harness.stop().await;
    gateway.stop().await.unwrap();
}

#[tokio::test]
async fn logout_and_login_on_one_stream() {
    let Some((gateway, control, mut harness)) = live().await else { return };
    control.post("/logout", json!({})).await;
    harness.lost(Loss::LoggedOut).await;
    harness.until(State::WaitingLogin).await;
    control.say(MORNING, "蓝先生", "没人看见").await;
    control.post("/scan", json!({ "qrcode": "https://login.example/l/x" })).await;
    // The unseen message would have come before the code.
    let next = harness.event(|event| matches!(event, Event::Scan(_) | Event::Message(_))).await;
    assert!(matches!(next.event, Event::Scan(_)), "{next:?}");
    control.post("/login", json!({})).await;
    let status = harness.until(State::Live).await;
    assert_eq!(status.epoch, 1);
    control.say(MORNING, "蓝先生", "看见了").await;
    assert_eq!(harness.message().await.text, "看见了");
    harness.stop().await;
    gateway.stop().await.unwrap();
}

#[tokio::test]
async fn only_one_client_and_only_with_the_token() {
    let Some((gateway, control, mut harness)) = live().await else { return };
    let second = Harness::start(gateway.endpoint(), timings());
    second.until(State::Occupied).await;
    let wrong = settings(gateway.endpoint(), "not_the_token");
    let stranger = Harness::start_with(wrong, timings(), Resume::default());
    stranger.until(State::AuthFailed).await;
    stranger.stop().await;
    control.say(MORNING, "蓝先生", "第一个还在").await;
    assert_eq!(harness.message().await.text, "第一个还在");
    harness.stop().await;
    second.until(State::Live).await;
    second.stop().await;
    assert_eq!(control.state().await["logged_in"], true, "leaving must not log the account out");
    gateway.stop().await.unwrap();
}

#[tokio::test]
async fn a_frozen_process_is_left_and_found_again() {
    let Some((gateway, control, mut harness)) = live().await else { return };
    gateway.freeze().unwrap();
    harness.until(State::Suspect).await;
    harness.lost(Loss::Silent).await;
    gateway.thaw().unwrap();
    harness.until(State::Live).await;
    control.say(MORNING, "蓝先生", "又好了").await;
    assert_eq!(harness.message().await.text, "又好了");
    harness.stop().await;
    gateway.stop().await.unwrap();
}

#[tokio::test]
async fn a_killed_gateway_is_found_again() {
    let Some((gateway, _, mut harness)) = live().await else { return };
    let port = gateway.endpoint().rsplit_once(':').unwrap().1.parse().unwrap();
    gateway.kill().await.unwrap();
    harness.lost(Loss::StreamEnded).await;
    let gateway = start_on(port).await.unwrap();
    let live = harness.notice(|notice| matches!(notice, Notice::Live { epoch, .. } if *epoch > 1)).await;
    assert!(matches!(live, Notice::Live { account, .. } if account == contact("1688850000000000")));
    harness.stop().await;
    gateway.stop().await.unwrap();
}
