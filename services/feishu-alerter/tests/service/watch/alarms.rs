//! Each alarm is exactly one card, which turns over in place.

use anyhow::Result;
use chrono::{Datelike as _, NaiveDate, TimeDelta};
use domain::calendar::{Calendar, TimeOfDay};
use events::beat::{Beat, BeatKind, Disk, Lag, OutsideFailure, OutsideProblem, Panic, Uncounted};
use feishu_alerter::point;
use store::role::Role;
use testkit::company::WANG;
use testkit::until;

use crate::support::TO_WANG;

use super::login::with_gateway;
use super::support::{
    TO_OPERATORS, beat, beating, publish, scene, scene_with, stop, until_titles, until_watching,
};

const SILENT: &str = "⚠️ W01 服务没有心跳：room-state";
const SILENT_OVER: &str = "✅ 已恢复：W01 服务没有心跳：room-state";

#[tokio::test]
async fn a_silent_service_is_one_card_that_turns_over_in_place() -> Result<()> {
    let mut scene = scene().await?;
    let service = beating(&scene, Role::RoomState).await?;
    let alerter = scene.alerter().await?;
    until_watching(&scene).await?;
    service.abort();
    let raised = until_titles(&scene, &[SILENT]).await?;
    assert_eq!(raised[0].colour, "red");
    for words in ["消息仍在保存", "docker compose restart room-state", "W01"] {
        assert!(raised[0].text.contains(words), "{words} in {}", raised[0].text);
    }
    let service = beating(&scene, Role::RoomState).await?;
    let over = until_titles(&scene, &[SILENT_OVER]).await?;
    assert_eq!((over[0].colour.as_str(), &over[0].message_id), ("grey", &raised[0].message_id));
    assert!(over[0].text.contains("持续"), "{}", over[0].text);
    service.abort();
    let again = until_titles(&scene, &[SILENT]).await?;
    assert_eq!(again[0].message_id, raised[0].message_id, "soon again, so on the same card");
    let service = beating(&scene, Role::RoomState).await?;
    until_titles(&scene, &[SILENT_OVER]).await?;
    scene.advance(11);
    service.abort();
    until_titles(&scene, &[SILENT_OVER, SILENT]).await?;
    stop(scene, alerter, []).await
}

/// Everything that beats tell, one after the other.
#[tokio::test]
async fn what_beats_tell_is_one_card_each() -> Result<()> {
    let mut scene = scene_with(serde_json::json!({ "expected": [] })).await?;
    let alerter = scene.alerter().await?;
    until_watching(&scene).await?;
    let gib = 1 << 30;
    let plain = || beat(&scene, "a");
    let lag = || Lag { consumer: "vika-sync".into(), pending: 4_321, behind_seconds: 61 };
    let disk = |free: u64| Disk { path: "/data".into(), free_bytes: free * gib, total_bytes: 100 * gib };
    let uncounted =
        || Uncounted { rooms: 7, first: vec!["webhook:r1".into(), "webhook:r2".into()], since: scene.now() };
    let columns = || OutsideProblem {
        columns: vec!["提问顾客数".into()],
        ..OutsideProblem::new(OutsideFailure::Columns, Some("销售每日响应"), scene.now())
    };
    let cases: [(&str, Beat, Beat); 5] = [
        (
            "W02 服务的一部分停了：room-state",
            Beat { silent: [("refold".to_owned(), 61)].into(), ..plain() },
            plain(),
        ),
        ("W07 处理跟不上：vika-sync", Beat { lags: vec![lag()], ..plain() }, plain()),
        (
            "W09 磁盘快满了",
            Beat { disks: vec![disk(9)], ..plain() },
            Beat { disks: vec![disk(30)], ..plain() },
        ),
        ("W21 有群的业绩没有统计", Beat { uncounted: Some(uncounted()), ..plain() }, plain()),
        ("W24 伙伴云的列被改动：销售每日响应", Beat { huoban: vec![columns()], ..plain() }, plain()),
    ];
    let (mut titles, mut told): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for (title, wrong, well) in cases {
        titles.push(format!("⚠️ {title}"));
        let expected: Vec<&str> = titles.iter().map(String::as_str).collect();
        until_beaten(&scene, &wrong, &expected).await?;
        told.extend(scene.cards(TO_OPERATORS).await?.pop().map(|card| card.text));
        *titles.last_mut().unwrap() = format!("✅ 已恢复：{title}");
        let expected: Vec<&str> = titles.iter().map(String::as_str).collect();
        until_beaten(&scene, &well, &expected).await?;
    }
    for words in ["7 个群", "r2等"] {
        assert!(told[3].contains(words), "{words} in {}", told[3]);
    }
    assert!(told[4].contains("提问顾客数"), "{}", told[4]);
    stop(scene, alerter, []).await
}

#[tokio::test]
async fn messages_that_the_gateway_cannot_give_are_one_card() -> Result<()> {
    let mut scene = scene_with(serde_json::json!({ "expected": [] })).await?;
    with_gateway(&mut scene, "live").await?;
    let alerter = scene.alerter().await?;
    until_watching(&scene).await?;
    let title = "⚠️ W18 有消息取不到内容：main";
    for n in 1..=2_i64 {
        let missed = scene.now();
        store::ingest::gateways::note_missing(
            &mut *scene.stack.admin.acquire().await?,
            "main",
            Some("me"),
            missed,
            (missed, missed + TimeDelta::seconds(1)),
        )
        .await?;
        let cards = until_titles(&scene, &[title]).await?;
        let count = format!("通知了 {n} 条消息");
        until("the card counts it", || async {
            let cards = scene.cards(TO_OPERATORS).await?;
            Ok(cards.len() == 1 && cards[0].text.contains(&count))
        })
        .await?;
        assert!(cards[0].text.contains("待核实"), "{}", cards[0].text);
        scene.advance(2);
    }
    scene.advance(61);
    until_titles(&scene, &["✅ 已恢复：W18 有消息取不到内容：main"]).await?;
    stop(scene, alerter, []).await
}

/// From the first of December on, once, until the year is known.
#[tokio::test]
async fn the_next_year_s_holidays_are_asked_for_in_december() -> Result<()> {
    let mut scene = scene_with(serde_json::json!({ "expected": [] })).await?;
    let known = |year: i32| {
        let day = serde_json::json!({ "name": "元旦", "date": format!("{year}-01-01"), "isOffDay": true });
        serde_json::from_value(serde_json::json!({ "year": year, "days": [day] }))
    };
    let today = scene.stack.config.rules.day_of(scene.now());
    let year = if today.month() == 12 { today.year() + 1 } else { today.year() };
    let december = NaiveDate::from_ymd_opt(year, 12, 1).unwrap_or_default();
    let begins = TimeOfDay::MIDNIGHT.on(december, chrono_tz::Asia::Shanghai).unwrap_or_default();
    let rules = &mut scene.stack.config.rules;
    rules.calendars.after_sales = Calendar::default();
    rules.holidays = (today.year()..=year).map(known).collect::<Result<_, _>>()?;
    rules.settle_calendars();
    scene.stack.apply_rules(TimeDelta::zero()).await?;
    let alerter = scene.alerter().await?;
    until_watching(&scene).await?;
    scene.stack.clock.advance((begins - TimeDelta::minutes(1) - scene.now()).to_std()?);
    // Longer than a state must be seen before it is believed.
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    until_titles(&scene, &[]).await?;
    scene.advance(2);
    let title = format!("W20 缺少 {} 年的节假日", year + 1);
    let raised = until_titles(&scene, &[&format!("⚠️ {title}")]).await?;
    assert!(raised[0].text.contains(&format!("{}.json", year + 1)), "{}", raised[0].text);
    scene.stack.config.rules.holidays.push(known(year + 1)?);
    scene.stack.apply_rules(TimeDelta::zero()).await?;
    let over = until_titles(&scene, &[&format!("✅ 已恢复：{title}")]).await?;
    assert_eq!(over[0].message_id, raised[0].message_id);
    stop(scene, alerter, []).await
}

/// Beats again and again until the operators see this.
async fn until_beaten(scene: &crate::support::Scene, beat: &Beat, expected: &[&str]) -> Result<()> {
    until(&format!("the operators see {expected:?}"), || async move {
        publish(scene, beat).await?;
        let cards = scene.cards(TO_OPERATORS).await?;
        Ok(cards.len() == expected.len()
            && cards.iter().zip(expected).all(|(card, title)| card.title.starts_with(title)))
    })
    .await
}

#[tokio::test]
async fn a_panic_and_a_loop_of_restarts_last_until_none_follows() -> Result<()> {
    let mut scene = scene_with(
        serde_json::json!({ "expected": [], "thresholds": { "restarts": 3, "silent_after": "3s" } }),
    )
    .await?;
    let alerter = scene.alerter().await?;
    until_watching(&scene).await?;
    let panicked = Panic { at: scene.now(), location: "services/room-state/src/fold.rs:7".into() };
    let told = Beat { kind: BeatKind::Panicked, panicked: Some(panicked), ..beat(&scene, "") };
    publish(&scene, &told).await?;
    let card = until_titles(&scene, &["⚠️ W04 程序崩溃：room-state"]).await?.remove(0);
    assert!(card.text.contains("services/room-state/src/fold.rs"), "{}", card.text);
    for instance in ["a", "b", "c"] {
        publish(&scene, &beat(&scene, instance)).await?;
        // Three beats later it is gone.
        tokio::time::sleep(std::time::Duration::from_millis(3_200)).await;
    }
    until_titles(&scene, &["⚠️ W04", "⚠️ W03 服务反复重启：room-state"]).await?;
    // The second alerter knows nothing of it but what is stored.
    alerter.stop().await?;
    let alerter = scene.alerter().await?;
    scene.advance(4);
    scene.until_looked().await?;
    until_titles(&scene, &["⚠️ W04", "⚠️ W03"]).await?;
    scene.advance(7);
    until_titles(&scene, &["✅ 已恢复：W04", "✅ 已恢复：W03"]).await?;
    stop(scene, alerter, []).await
}

/// Two things see to it, either of which is enough.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_raise_one_card_and_one_takes_over() -> Result<()> {
    let mut scene = scene().await?;
    let service = beating(&scene, Role::RoomState).await?;
    let (one, two) = (scene.alerter().await?, scene.alerter().await?);
    until_watching(&scene).await?;
    service.abort();
    let raised = until_titles(&scene, &[SILENT]).await?;
    one.kill().await;
    let service = beating(&scene, Role::RoomState).await?;
    // A claim of the one that died ends.
    scene.advance(2);
    let over = until_titles(&scene, &[SILENT_OVER]).await?;
    assert_eq!(over[0].message_id, raised[0].message_id);
    assert_eq!(scene.count("select count(*) from alert_watch_alarms").await?, 1);
    stop(scene, two, [service]).await
}

#[tokio::test]
async fn killed_between_send_and_record_there_is_one_card() -> Result<()> {
    let mut scene = scene().await?;
    let service = beating(&scene, Role::RoomState).await?;
    let alerter = scene.alerter().await?;
    until_watching(&scene).await?;
    let reached = alerter.faults.arm(point::BEFORE_RECORD);
    service.abort();
    reached.await;
    alerter.kill().await;
    assert_eq!(scene.count("select count(*) from notifications where state = 'sending'").await?, 1);
    let alerter = scene.alerter().await?;
    scene.advance(2);
    scene.until_count("select count(*) from notifications where state = 'sent' and attempts = 2", 1).await?;
    assert_eq!(scene.cards(TO_OPERATORS).await?.len(), 1, "tried twice, there once");
    let service = beating(&scene, Role::RoomState).await?;
    until_titles(&scene, &[SILENT_OVER]).await?;
    stop(scene, alerter, [service]).await
}

#[tokio::test]
async fn dead_letters_are_one_card_until_none_has_come_for_long() -> Result<()> {
    let mut scene = scene().await?;
    let service = beating(&scene, Role::RoomState).await?;
    let alerter = scene.alerter().await?;
    until_watching(&scene).await?;
    for (n, reason) in ["refused", "undecodable"].iter().enumerate() {
        let subject = events::subject::dead("room-state", reason);
        scene.stack.bus.jetstream().publish(subject, "words".into()).await?.await?;
        scene.until_count("select count(*) from alert_watch_letters", i64::try_from(n + 1)?).await?;
    }
    let card = until_titles(&scene, &["⚠️ W08 有消息无法处理：room-state"]).await?.remove(0);
    scene.advance(1);
    until("the card counts both", || async {
        Ok(scene.cards(TO_OPERATORS).await?.iter().any(|card| card.text.contains("2 条消息")))
    })
    .await?;
    scene.advance(31);
    let over = until_titles(&scene, &["✅ 已恢复：W08"]).await?.remove(0);
    assert_eq!(over.message_id, card.message_id);
    assert!(over.text.contains("huiyin dead list"), "they are still there: {}", over.text);
    assert!(!over.text.contains("words"));
    stop(scene, alerter, [service]).await
}

/// A gateway that is gone holds cards of waits back, and not the card that says so.
#[tokio::test]
async fn a_lost_gateway_is_told_although_cards_are_held_back() -> Result<()> {
    let mut scene = scene().await?;
    super::login::with_gateway(&mut scene, "live").await?;
    let service = beating(&scene, Role::RoomState).await?;
    let alerter = scene.alerter().await?;
    until_watching(&scene).await?;
    super::login::gateway_is(&scene, "connecting", TimeDelta::seconds(31)).await?;
    until_titles(&scene, &["⚠️ W05 微信网关断开：main"]).await?;
    super::login::gateway_is(&scene, "live", TimeDelta::zero()).await?;
    until_titles(&scene, &["✅ 已恢复：W05"]).await?;
    stop(scene, alerter, [service]).await
}

/// A change of a card notifies nobody.
#[tokio::test]
async fn what_is_wrong_again_and_lasts_gets_a_new_card() -> Result<()> {
    let mut scene = scene().await?;
    let service = beating(&scene, Role::RoomState).await?;
    let alerter = scene.alerter().await?;
    until_watching(&scene).await?;
    service.abort();
    until_titles(&scene, &[SILENT]).await?;
    // It comes and goes, each time for less than five minutes.
    for _ in 0..2 {
        let service = beating(&scene, Role::RoomState).await?;
        until_titles(&scene, &[SILENT_OVER]).await?;
        scene.advance(6);
        service.abort();
        until_titles(&scene, &[SILENT]).await?;
    }
    scene.until_looked().await?;
    assert_eq!(scene.cards(TO_OPERATORS).await?.len(), 1, "nobody is nagged");
    scene.advance(5);
    until_titles(&scene, &["已重新提醒，请看新的卡片：W01", SILENT]).await?;
    stop(scene, alerter, []).await
}

/// Tried long ago, and parked now.
#[tokio::test]
async fn a_card_that_is_parked_late_is_told() -> Result<()> {
    let mut scene = scene().await?;
    let service = beating(&scene, Role::RoomState).await?;
    let alerter = scene.alerter().await?;
    until_watching(&scene).await?;
    scene.fault("send", TO_WANG, 1, serde_json::json!({ "kind": "accept_then_drop" })).await?;
    scene.fault("send", TO_WANG, 100, serde_json::json!({ "kind": "drop" })).await?;
    scene.asks("r1", WANG).await?;
    scene.advance(5);
    scene.until_count("select count(*) from notifications where unconfirmed and attempts >= 2", 1).await?;
    scene.control("DELETE", "faults", &serde_json::json!({})).await?;
    scene.advance(70);
    scene.until_count("select count(*) from notifications where state = 'parked'", 1).await?;
    until("the operators are told", || async {
        Ok(scene.cards(TO_OPERATORS).await?.iter().any(|card| card.title.starts_with("⚠️ W11")))
    })
    .await?;
    stop(scene, alerter, [service]).await
}

#[tokio::test]
async fn a_lost_bus_makes_nobody_silent() -> Result<()> {
    let thresholds = serde_json::json!({ "silent_after": "8s", "restarts": 100 });
    let mut scene = scene_with(serde_json::json!({ "thresholds": thresholds })).await?;
    let mut proxy = scene.bus_proxy()?;
    proxy.open().await?;
    let alerter = scene.alerter().await?;
    until_watching(&scene).await?;
    publish(&scene, &beat(&scene, "a")).await?;
    proxy.shut().await;
    until_titles(&scene, &["⚠️ W12 消息总线断开"]).await?;
    // For longer than a service may be silent.
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    proxy.open().await?;
    until_titles(&scene, &["✅ 已恢复：W12"]).await?;
    // As long as a new alarm takes to be believed and told.
    tokio::time::sleep(std::time::Duration::from_millis(4_500)).await;
    until_titles(&scene, &["✅ 已恢复：W12"]).await?;
    stop(scene, alerter, []).await
}
