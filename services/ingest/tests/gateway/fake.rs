//! Against the fake gateway: everything that can go wrong on the way.

use std::time::Duration;

use ingest::gateway::payload::Kind;
use ingest::gateway::time::TimeOrigin;
use ingest::gateway::wire::{MessagePayloadResponse, Timestamp};
use ingest::gateway::*;

use crate::support::fake::FakeGateway;
use crate::support::harness::{Harness, TOKEN, now, settings};
use crate::support::proxy::Proxy;

/// Pauses so short that a test need not wait for them; deadlines as in production.
fn quick() -> Timings {
    Timings {
        backoff_first: Duration::from_millis(10),
        backoff_last: Duration::from_millis(50),
        auth_retry: Duration::from_millis(100),
        occupied_retry: (Duration::from_millis(20), Duration::from_millis(50)),
        occupied_alarm: Duration::from_millis(200),
        ..Timings::default()
    }
}

/// Doubts quickly as well.
fn nervous() -> Timings {
    Timings { silence: Duration::from_millis(200), dong: Duration::from_millis(200), ..quick() }
}

fn text(id: &str, text: &str) -> MessagePayloadResponse {
    MessagePayloadResponse {
        id: id.into(),
        talker_id: "u1".into(),
        room_id: "r1".into(),
        text: text.into(),
        r#type: 7,
        receive_time: Some(Timestamp { seconds: now().timestamp(), nanos: 0 }),
        ..MessagePayloadResponse::default()
    }
}

fn is_message(event: &Event) -> bool {
    matches!(event, Event::Message(_))
}

#[tokio::test]
async fn a_message_comes_in_and_the_stream_was_asked_for_first() {
    let gateway = FakeGateway::start(TOKEN).await;
    let mut harness = Harness::start(&gateway.address, quick());
    harness.until(State::Live).await;
    gateway.say(text("m1", "在吗？"));
    let message = harness.message().await;
    assert_eq!((message.kind, message.text.as_str(), message.wire_type), (Kind::Text, "在吗？", 7));
    assert_eq!(gateway.with(|state| state.calls[..2].to_vec()), ["event(0,)", "start"]);
    harness.stop().await;
}

#[tokio::test]
async fn where_the_last_stream_was_left_is_told() {
    let gateway = FakeGateway::start(TOKEN).await;
    let resume = Resume { seq: 77, account: ContactId::parse("me") };
    let harness = Harness::start_with(settings(&gateway.address, TOKEN), quick(), resume);
    harness.until(State::Live).await;
    assert_eq!(gateway.with(|state| state.calls[0].clone()), "event(77,me)");
    harness.stop().await;
}

#[tokio::test]
async fn a_wrong_token_is_an_alarm_and_never_shown() {
    let gateway = FakeGateway::start("the_right_one").await;
    let mut harness = Harness::start(&gateway.address, quick());
    let status = harness.until(State::AuthFailed).await;
    assert_eq!(status.last_error, Some(GatewayError::Unauthenticated));
    let notice = harness.notice(|notice| matches!(notice, Notice::Alarm { .. })).await;
    assert!(matches!(notice, Notice::Alarm { alarm: Alarm::AuthFailed, raised: true, .. }));
    assert!(!format!("{status:?} {notice:?}").contains(TOKEN));
    // Tried again, and refused again, without a second alarm.
    let epoch = status.epoch;
    harness
        .status
        .wait_for(|status| status.epoch > epoch && status.state == State::AuthFailed)
        .await
        .unwrap();
    assert!(harness.notices.try_recv().is_err());
    harness.stop().await;
}

#[tokio::test]
async fn a_second_client_waits_for_the_first_to_go() {
    let gateway = FakeGateway::start(TOKEN).await;
    let mut first = Harness::start(&gateway.address, quick());
    first.until(State::Live).await;
    let mut second = Harness::start(&gateway.address, quick());
    second.until(State::Occupied).await;
    second
        .notice(|notice| matches!(notice, Notice::Alarm { alarm: Alarm::Occupied, raised: true, .. }))
        .await;
    gateway.say(text("m1", "还在"));
    assert_eq!(first.message().await.text, "还在");
    first.stop().await;
    second.until(State::Live).await;
    second
        .notice(|notice| matches!(notice, Notice::Alarm { alarm: Alarm::Occupied, raised: false, .. }))
        .await;
    second.stop().await;
}

#[tokio::test]
async fn a_half_open_predecessor_is_outlasted() {
    let gateway = FakeGateway::start(TOKEN).await;
    gateway.with(|state| state.half_open = Duration::from_millis(300));
    let first = Harness::start(&gateway.address, quick());
    first.until(State::Live).await;
    first.stop().await;
    let second = Harness::start(&gateway.address, quick());
    second.until(State::Occupied).await;
    second.until(State::Live).await;
    second.stop().await;
}

#[tokio::test]
async fn a_cut_stream_is_a_gap_from_the_last_event_on() {
    let gateway = FakeGateway::start(TOKEN).await;
    gateway.with(|state| state.ready = false);
    let mut harness = Harness::start(&gateway.address, quick());
    harness.until(State::Live).await;
    gateway.say(text("m1", "之前"));
    let last = harness.event(is_message).await;
    gateway.cut();
    // Nobody is there: gone, and the gateway says nothing of it.
    gateway.say(text("m2", "之间"));
    let Notice::Lost { since, noticed_at, epoch, .. } = harness.lost(Loss::StreamEnded).await else {
        unreachable!()
    };
    assert!(since.timestamp_millis() >= last.arrived_at.timestamp_millis() && since <= noticed_at);
    let live = harness.notice(|notice| matches!(notice, Notice::Live { .. })).await;
    let Notice::Live { epoch: next, .. } = live else { unreachable!() };
    assert!(next > epoch);
    gateway.say(text("m3", "之后"));
    let arrival = harness.event(is_message).await;
    assert_eq!(arrival.event, Event::Message(MessageId::parse("m3").unwrap()));
    assert_eq!(arrival.epoch, next);
    assert_eq!(gateway.with(|state| state.dropped), 1);
    harness.stop().await;
}

#[tokio::test]
async fn a_frozen_gateway_is_doubted_probed_and_left() {
    let gateway = FakeGateway::start(TOKEN).await;
    let proxy = Proxy::to(&gateway.address).await;
    let mut harness = Harness::start(&proxy.address, nervous());
    harness.until(State::Live).await;
    proxy.block();
    harness.until(State::Suspect).await;
    harness.lost(Loss::Silent).await;
    assert!(harness.client.borrow().is_none());
    proxy.unblock();
    harness.until(State::Live).await;
    harness.stop().await;
}

#[tokio::test]
async fn a_puppet_that_answers_no_ding_is_left() {
    let gateway = FakeGateway::start(TOKEN).await;
    gateway.with(|state| state.dong_after = None);
    let mut harness = Harness::start(&gateway.address, nervous());
    harness.lost(Loss::Silent).await;
    let dings = gateway.with(|state| state.calls.iter().filter(|call| *call == "ding").count());
    assert!(dings >= 2, "{dings}");
    harness.stop().await;
}

#[tokio::test]
async fn a_quiet_gateway_that_answers_is_kept() {
    let gateway = FakeGateway::start(TOKEN).await;
    let timings = Timings { silence: Duration::from_millis(200), ..quick() };
    let mut harness = Harness::start(&gateway.address, timings);
    harness.until(State::Live).await;
    for _ in 0..3 {
        harness.event(|event| matches!(event, Event::Dong { data } if data == session::DING_DATA)).await;
    }
    assert_eq!(harness.status.borrow().epoch, 1);
    harness.stop().await;
}

#[tokio::test]
async fn a_gateway_without_heartbeat_or_login_is_up_and_waits() {
    let gateway = FakeGateway::start(TOKEN).await;
    gateway.with(|state| (state.heartbeat, state.ready, state.account) = (false, false, None));
    let timings = Timings {
        first_event: Duration::from_millis(200),
        start_after: Duration::from_millis(50),
        ..quick()
    };
    let harness = Harness::start(&gateway.address, timings);
    harness.until(State::WaitingLogin).await;
    assert_eq!(gateway.with(|state| state.calls.clone()), ["event(0,)", "start", "ding"]);
    gateway.login("me");
    harness.until(State::Live).await;
    harness.stop().await;
}

#[tokio::test]
async fn a_logout_is_a_gap_on_a_stream_that_stays() {
    let gateway = FakeGateway::start(TOKEN).await;
    gateway.with(|state| state.scan = Some("weixin://login".into()));
    let mut harness = Harness::start(&gateway.address, quick());
    harness.until(State::Live).await;
    let scan = harness.event(|event| matches!(event, Event::Scan(_))).await;
    let Event::Scan(event::Scan { qrcode: Some(code), .. }) = scan.event else { panic!("{scan:?}") };
    assert!(qr::terminal(&code).is_ok());
    gateway.logout();
    harness.lost(Loss::LoggedOut).await;
    assert_eq!(harness.until(State::WaitingLogin).await.account, None);
    gateway.login("another");
    let status = harness.until(State::Live).await;
    assert_eq!((status.epoch, status.account), (1, ContactId::parse("another")));
    harness.stop().await;
}

#[tokio::test]
async fn times_in_seconds_and_unknown_types_are_understood() {
    let gateway = FakeGateway::start(TOKEN).await;
    let mut harness = Harness::start(&gateway.address, quick());
    harness.until(State::Live).await;
    let seconds = now().timestamp() - 60;
    // A stock server handed seconds computes 1970-01-21 from them.
    let as_if_ms = Some(Timestamp {
        seconds: seconds / 1_000,
        nanos: i32::try_from(seconds % 1_000).unwrap() * 1_000_000,
    });
    let raw = u64::try_from(seconds).unwrap();
    gateway.say(MessagePayloadResponse {
        receive_time: as_if_ms,
        timestamp_deprecated: raw,
        ..text("m1", "秒")
    });
    gateway
        .say(MessagePayloadResponse { receive_time: None, timestamp_deprecated: raw, ..text("m2", "旧") });
    gateway.say(MessagePayloadResponse { receive_time: None, ..text("m3", "无") });
    gateway.say(MessagePayloadResponse { r#type: 4_242, ..text("m4", "?") });
    for _ in 0..2 {
        let sent = harness.message().await.sent;
        assert_eq!((sent.at.timestamp(), sent.origin), (seconds, TimeOrigin::Puppet));
    }
    assert_eq!(harness.message().await.sent.origin, TimeOrigin::Absent);
    let odd = harness.message().await;
    assert_eq!((odd.kind, odd.wire_type), (Kind::Other, 4_242));
    harness.stop().await;
}

#[tokio::test]
async fn events_that_nobody_knows_change_nothing() {
    let gateway = FakeGateway::start(TOKEN).await;
    let mut harness = Harness::start(&gateway.address, quick());
    harness.until(State::Live).await;
    gateway.emit(32, r#"{"roomId":"r1","newAnnounce":"x"}"#);
    gateway.emit(9_999, "[");
    gateway.emit(2, "no JSON");
    gateway.emit(23, r#"{"data":"again"}"#);
    gateway.say(text("m1", "好"));
    for number in [32, 9_999] {
        let arrival = harness.event(|event| matches!(event, Event::Other { .. })).await;
        assert_eq!(arrival.event, Event::Other { number });
    }
    let arrival = harness.event(|event| matches!(event, Event::Malformed { .. })).await;
    assert_eq!(arrival.event, Event::Malformed { number: 2 });
    harness.event(is_message).await;
    assert_eq!(harness.status.borrow().epoch, 1);
    harness.stop().await;
}

#[tokio::test]
async fn a_burst_that_nobody_takes_costs_nothing() {
    const BURST: u64 = 20_000;
    let gateway = FakeGateway::start(TOKEN).await;
    gateway.with(|state| state.ready = false);
    let mut harness = Harness::start(&gateway.address, quick());
    harness.until(State::Live).await;
    for number in 0..BURST {
        gateway.emit(2, &format!(r#"{{"messageId":"m{number}"}}"#));
    }
    let mut before = None;
    for number in 0..BURST {
        let arrival = harness.event(is_message).await;
        assert_eq!(arrival.event, Event::Message(MessageId::parse(format!("m{number}")).unwrap()));
        assert!(before.is_none_or(|before| arrival.sequence == before + 1));
        before = Some(arrival.sequence);
    }
    assert_eq!(harness.status.borrow().epoch, 1);
    harness.stop().await;
}

#[tokio::test]
async fn failed_fetches_say_why_and_nothing_more() {
    let gateway = FakeGateway::start(TOKEN).await;
    let harness = Harness::start(&gateway.address, quick());
    harness.until(State::Live).await;
    let client = harness.client();
    let id = MessageId::parse("expired").unwrap();
    let error = client.message(&id).await.unwrap_err();
    assert_eq!(error, GatewayError::Refused { code: tonic::Code::Unknown });
    assert!(!format!("{error} {error:?}").contains("stack"));
    assert_eq!(client.invitation("i1").await.unwrap_err(), GatewayError::Unsupported);
    gateway.with(|state| state.payloads_hang = true);
    assert_eq!(client.message(&id).await.unwrap_err(), GatewayError::Deadline);
    harness.stop().await;
}

#[tokio::test]
async fn what_we_say_comes_back_from_ourselves() {
    let gateway = FakeGateway::start(TOKEN).await;
    let mut harness = Harness::start(&gateway.address, quick());
    let account = harness.until(State::Live).await.account;
    let room = RoomId::parse("r1").unwrap();
    assert_eq!(harness.client().rooms().await.unwrap(), std::slice::from_ref(&room));
    assert_eq!(harness.client().send_text(&room, "您好").await.unwrap(), None);
    assert_eq!(harness.message().await.talker, account);
    harness.stop().await;
}

#[tokio::test]
async fn the_same_id_twice_arrives_twice() {
    let gateway = FakeGateway::start(TOKEN).await;
    let mut harness = Harness::start(&gateway.address, quick());
    harness.until(State::Live).await;
    gateway.say(text("m1", "好"));
    gateway.say(text("m1", "好"));
    let (first, second) = (harness.event(is_message).await, harness.event(is_message).await);
    assert_eq!(first.event, second.event);
    assert!(first.sequence < second.sequence);
    harness.stop().await;
}
