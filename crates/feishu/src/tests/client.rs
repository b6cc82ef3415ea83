//! The client: tokens, and what failures mean.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::json;

use super::{CHAT, PERSON, client, marked, stage, to_chat, uuid};
use crate::{Certainty, FeishuError, MessageId, OpenId, OutgoingMessage, Receiver, RetryCause};

#[tokio::test]
async fn a_lost_answer_is_ambiguous_and_the_same_uuid_finds_the_message() {
    let stage = stage().await;
    for fault in [json!({"kind": "accept_then_drop"}), json!({"kind": "accept_then_status", "status": 502})] {
        stage.fault("send", fault).await;
    }
    let (uuid, message) = (uuid(0), marked(&uuid(0)));
    for expected in [RetryCause::Broken, RetryCause::NotFeishu(502)] {
        let error = stage.send(&to_chat(), &message, &uuid).await.unwrap_err();
        assert_eq!(error, FeishuError::RetrySameUuid { cause: expected, after: None });
        assert_eq!(error.certainty(), Certainty::Unknown);
        assert!(!error.is_definite_refusal());
    }
    let sent = stage.send(&to_chat(), &message, &uuid).await.unwrap();
    let there = stage.messages().await;
    assert_eq!(there.len(), 1);
    assert_eq!(there[0]["message_id"], sent.message_id.as_str());
}

#[tokio::test]
async fn rate_limits_say_how_long_to_wait() {
    let stage = stage().await;
    stage.fault("send", json!({"kind": "rate_limited", "reset": 7})).await;
    stage.fault("send", json!({"kind": "rate_limited", "style": "business"})).await;
    for wait in [Some(Duration::from_secs(7)), None] {
        let error = stage.send(&to_chat(), &marked(&uuid(0)), &uuid(0)).await.unwrap_err();
        let FeishuError::RetrySameUuid { cause: RetryCause::Throttled(_), after } = &error else {
            panic!("{error:?}")
        };
        assert_eq!(*after, wait);
        assert_eq!(error.certainty(), Certainty::NotDone);
    }
}

#[tokio::test]
async fn without_a_token_nothing_is_done() {
    let stage = stage().await;
    for fault in [json!({"kind": "drop"}), json!({"kind": "status", "status": 502})] {
        stage.fault("token", fault).await;
        let error = stage.send(&to_chat(), &marked(&uuid(0)), &uuid(0)).await.unwrap_err();
        assert!(
            matches!(error, FeishuError::RetrySameUuid { cause: RetryCause::NoToken(_), .. }),
            "{error:?}"
        );
        assert_eq!(error.certainty(), Certainty::NotDone, "{error}");
    }
    assert_eq!(stage.calls("send").await, 0);
}

/// A network that swallows everything, as a broken one does: only the time for connecting ends it.
#[tokio::test]
async fn a_connection_that_is_never_made_has_done_nothing() {
    let stage = stage().await;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let full = socket.listen(1).unwrap();
    let address = full.local_addr().unwrap();
    let (mut waiting, moment) = (Vec::new(), Duration::from_millis(300));
    while let Ok(connected) = tokio::time::timeout(moment, tokio::net::TcpStream::connect(address)).await {
        waiting.push(connected.unwrap());
    }
    let request = stage.http.post(format!("http://{address}/"));
    let error = crate::wire::exchange(request).await.unwrap_err();
    assert_eq!(error, FeishuError::RetrySameUuid { cause: RetryCause::NoConnection, after: None });
    assert_eq!(error.certainty(), Certainty::NotDone);
}

#[tokio::test]
async fn a_call_whose_time_has_passed_is_not_begun() {
    let stage = stage().await;
    let now = stage.hand.now();
    let error = stage.client.send(&to_chat(), &marked(&uuid(0)), &uuid(0), now).await.unwrap_err();
    assert_eq!(error, FeishuError::RetrySameUuid { cause: RetryCause::TooLate, after: None });
    assert_eq!(error.certainty(), Certainty::NotDone);
    assert_eq!(
        (stage.calls("token").await, stage.calls("send").await),
        (1, 0),
        "the token may take its time"
    );
}

#[tokio::test]
async fn refusals_are_sorted_by_what_to_do() {
    let stage = stage().await;
    stage.fault("send", json!({"kind": "code", "code": 230_099, "sub": 11310})).await;
    let error = stage.send(&to_chat(), &marked(&uuid(0)), &uuid(0)).await.unwrap_err();
    let FeishuError::FixCard(refusal) = &error else { panic!("{error:?}") };
    assert_eq!((refusal.code, refusal.sub, refusal.status), (230_099, Some(11310), 400));
    assert!(refusal.log_id.is_some());
    assert!(error.is_definite_refusal());

    let nowhere = Receiver::Chat(crate::ChatId::new("oc_nowhere"));
    let error = stage.send(&nowhere, &marked(&uuid(0)), &uuid(0)).await.unwrap_err();
    assert!(matches!(&error, FeishuError::Permanent(refusal) if refusal.code == 230_034), "{error:?}");

    stage.control("PATCH", "switches", &json!({"monthly_calls_left": 0})).await;
    let error = stage.send(&to_chat(), &marked(&uuid(0)), &uuid(0)).await.unwrap_err();
    assert!(matches!(error, FeishuError::QuotaExhausted(_)), "{error:?}");
    assert!(stage.messages().await.is_empty());
}

#[tokio::test]
async fn one_token_for_many_callers_and_a_new_one_in_its_last_half_hour() {
    let stage = stage().await;
    let chats = futures::future::join_all((0..8).map(|_| stage.client.list_chats())).await;
    assert!(chats.iter().all(|chats| chats.as_ref().is_ok_and(|chats| chats[0].chat_id.as_str() == CHAT)));
    assert_eq!(stage.calls("token").await, 1, "single flight");
    stage.hand.forward(TimeDelta::minutes(90));
    stage.client.list_chats().await.unwrap();
    assert_eq!(stage.calls("token").await, 1, "half an hour is left");
    stage.hand.forward(TimeDelta::seconds(1));
    stage.client.list_chats().await.unwrap();
    assert_eq!(stage.calls("token").await, 2);
}

#[tokio::test]
async fn a_token_that_cannot_be_renewed_is_used_to_its_end() {
    let stage = stage().await;
    stage.client.list_chats().await.unwrap();
    stage.hand.forward(TimeDelta::minutes(95));
    let order = json!({"route": "token", "times": 2, "fault": {"kind": "status", "status": 503}});
    stage.control("POST", "faults", &order).await;
    stage.client.list_chats().await.unwrap();
    stage.client.list_chats().await.unwrap();
    assert_eq!(stage.calls("token").await, 2, "a pause before the next try");
    stage.hand.forward(TimeDelta::minutes(25));
    let error = stage.client.list_chats().await.unwrap_err();
    let cause = RetryCause::NoToken(Box::new(RetryCause::NotFeishu(503)));
    assert_eq!(error, FeishuError::RetrySameUuid { cause, after: None });
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let stage = stage().await;
    stage.client.list_chats().await.unwrap();
    stage.control("POST", "tokens/expire", &json!({})).await;
    stage.send(&to_chat(), &marked(&uuid(0)), &uuid(0)).await.unwrap();
    assert_eq!((stage.calls("token").await, stage.calls("send").await), (2, 2));
    let order = json!({"route": "send", "times": 9, "fault": {"kind": "code", "code": 99_991_663}});
    stage.control("POST", "faults", &order).await;
    let error = stage.send(&to_chat(), &marked(&uuid(1)), &uuid(1)).await.unwrap_err();
    assert!(matches!(error, FeishuError::RetrySameUuid { cause: RetryCause::Token(_), .. }), "{error:?}");
    assert_eq!(stage.calls("send").await, 4, "once more, and no further");
}

#[tokio::test]
async fn wrong_credentials_blame_the_app_and_show_no_secret() {
    let stage = stage().await;
    let wrong = client(&stage.sim, &stage.hand, &stage.http, "a-wrong-secret");
    let error = wrong.list_chats().await.unwrap_err();
    assert!(matches!(&error, FeishuError::AppRefused(refusal) if refusal.code == 10_015), "{error:?}");
    for shown in [format!("{error:?}"), error.to_string(), format!("{wrong:?}")] {
        assert!(!shown.contains("a-wrong-secret"), "{shown}");
    }
}

#[tokio::test]
async fn updates_say_when_a_message_can_no_longer_be_changed() {
    let stage = stage().await;
    let card = OutgoingMessage::card(&json!({"schema": "2.0", "config": {"update_multi": true},
        "body": {"elements": [{"tag": "markdown", "content": "x"}]}}));
    let to = Receiver::Person(OpenId::new(PERSON));
    let sent = stage.send(&to, &card, &uuid(0)).await.unwrap();
    assert_eq!(stage.update_card(&sent.message_id, &card).await, Ok(()));
    stage.hand.forward(TimeDelta::days(14) + TimeDelta::seconds(1));
    let error = stage.update_card(&sent.message_id, &card).await.unwrap_err();
    assert!(matches!(&error, FeishuError::Unchangeable(refusal) if refusal.code == 230_031), "{error:?}");
    let error = stage.update_card(&MessageId::new("om_unknown"), &card).await.unwrap_err();
    assert!(matches!(error, FeishuError::Permanent(_)), "{error:?}");
}
