//! Every card of the watchdog is one that Feishu takes, in every state and form, and the runbook says more of each.

use chrono::TimeDelta;
use feishu::CardUuid;
use serde_json::json;

use super::{CHAT, PERSON, Stage, stage, to_chat};
use crate::channel::feishu as feishu_channel;
use crate::content::card::Form;
use crate::watchdog::alarm_kind::AlarmKind;
use crate::watchdog::card::{Setting, Shown, State, alarm};
use events::beat::VerificationKind;

const RUNBOOK: &str = include_str!("../../../../docs/runbook.md");

fn all() -> Vec<AlarmKind> {
    let service = || "room-state".to_owned();
    vec![
        AlarmKind::Silent { service: service() },
        AlarmKind::PartSilent { service: service(), part: "refold".into() },
        AlarmKind::Restarting { service: service(), starts: 4 },
        AlarmKind::Panicked { service: service(), location: "services/room-state/src/fold.rs:7".into() },
        AlarmKind::GatewayLost { gateway: "main".into(), state: "auth_failed".into() },
        AlarmKind::LoginLost { gateway: "main".into(), picture: None, verification: None },
        AlarmKind::LoginLost {
            gateway: "main".into(),
            picture: None,
            verification: Some(VerificationKind::Code),
        },
        AlarmKind::PayloadsMissing { gateway: "main".into(), count: 3 },
        AlarmKind::Lagging { consumer: "room-state-chat".into(), pending: 4_000 },
        AlarmKind::DeadLetters { service: service(), count: 3, reasons: vec!["refused".into()] },
        AlarmKind::DiskFull { path: "/var/lib/x_y".into(), service: service(), free_gib: 1, free_percent: 4 },
        AlarmKind::FeishuRefuses,
        AlarmKind::CardsUndelivered { count: 2 },
        AlarmKind::BusLost,
        AlarmKind::HolidaysMissing { year: 2027 },
        AlarmKind::VikaQuota,
        AlarmKind::VikaFull { sheet: "今日群聊".into() },
        AlarmKind::VikaAccess { service: "vika-sync".into(), sheet: None },
        AlarmKind::VikaColumns { sheet: "今日群聊".into(), columns: vec!["群ID".into()] },
        AlarmKind::VikaStalled { service: "vika-reconcile".into(), sheet: Some("群聊总表".into()) },
        AlarmKind::VikaRows { sheet: "今日群聊".into(), rooms: vec!["webhook:r1".into()] },
        AlarmKind::RoomsUncounted { count: 9, first: vec!["webhook:r1".into(), "webhook:r2".into()] },
        AlarmKind::HuobanQuota,
        AlarmKind::HuobanAccess { table: None },
        AlarmKind::HuobanAccess { table: Some("销售每日响应".into()) },
        AlarmKind::HuobanColumns { table: "销售每日响应".into(), columns: vec!["业务键".into()] },
        AlarmKind::HuobanRows { table: "群聊每日响应".into(), rows: vec!["room:r1:2026-11-22".into()] },
        AlarmKind::HuobanStrays,
        AlarmKind::HuobanStalled,
    ]
}

async fn taken(stage: &Stage, shown: &Shown, form: Form, n: u32) -> String {
    let watchdog = serde_json::from_value(json!({ "operators_chat": CHAT, "operators": [PERSON],
        "login_page": "https://huiyin.example/login", "runbook": "https://wiki.example/runbook" }));
    let marker = CardUuid::new(CHAT, "watch", "0", n);
    let setting = Setting { watchdog: &watchdog.unwrap(), zone: chrono_tz::Asia::Shanghai };
    let message = feishu_channel::render(&alarm(shown, &setting), form, marker.as_str());
    assert!(message.content.contains(marker.as_str()), "it can be found again");
    stage.send(&to_chat(), &message, &marker).await.unwrap_or_else(|error| panic!("{error}: {message:?}"));
    stage.hand.forward(TimeDelta::seconds(1));
    message.content
}

#[tokio::test]
async fn every_card_is_taken() {
    let stage = stage().await;
    let mut n = 0;
    for kind in all() {
        let since = stage.hand.now();
        for state in [State::Active, State::Repeated, State::Over { at: since + TimeDelta::minutes(12) }] {
            let shown = Shown { kind: kind.clone(), since, state };
            for form in [Form::Full, Form::WithoutMention, Form::Minimal, Form::PlainText] {
                n += 1;
                let content = taken(&stage, &shown, form, n).await;
                assert!(content.contains(kind.code()), "{content}");
            }
        }
    }
}

#[tokio::test]
async fn a_code_is_shown_where_there_is_one() {
    let stage = stage().await;
    let key = stage.client.upload(b"\x89PNG\r\n\x1a\n").await.unwrap();
    let kind =
        AlarmKind::LoginLost { gateway: "main".into(), picture: Some(key.clone()), verification: None };
    let mut shown = Shown { kind, since: stage.hand.now(), state: State::Active };
    let content = taken(&stage, &shown, Form::Full, 1).await;
    assert!(content.contains(key.as_str()) && content.contains(&format!("<at id={PERSON}>")), "{content}");
    shown.state = State::Over { at: shown.since };
    assert!(!taken(&stage, &shown, Form::Full, 2).await.contains(key.as_str()), "an old code helps nobody");
}

/// Cards name a section by its code: it must be there.
#[test]
fn the_runbook_has_a_section_for_every_code() {
    let codes = all().iter().map(AlarmKind::code).chain(["W13"]).collect::<Vec<_>>();
    for code in codes {
        let heading = RUNBOOK.lines().find(|line| line.starts_with(&format!("## {code} ")));
        assert!(heading.is_some(), "{code} has no heading in docs/runbook.md");
        assert!(RUNBOOK.contains(&format!("<a id=\"{}\"></a>", code.to_lowercase())), "{code} has no anchor");
    }
}
