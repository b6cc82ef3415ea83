//! A channel of another shape beside Feishu: a robot of a group that takes text alone. It has no buttons, changes nothing
//! that it has sent, and says twice whatever is sent twice.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use domain::notification::{Step, Subject};
use feishu_alerter::channel::{Channel, DeliveryError, Limits, Remedy};
use feishu_alerter::content::card::{Block, Card, Form, Line, Span};
use serde_json::{Value, json};
use store::role::Role;
use store::sqlx;
use testkit::Running;
use testkit::company::WANG;

use crate::support::{Scene, TO_WANG, free_address};
use crate::watch::support::scene_with;

const GROUP: &str = "group-1";

/// What the robot does with the next message instead of taking it.
type Failing = (Remedy, bool);

#[derive(Default)]
struct Robot {
    said: Mutex<Vec<String>>,
    failing: Mutex<VecDeque<Failing>>,
}

impl Robot {
    fn fail(&self, failing: Failing) {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner).push_back(failing);
    }

    fn said(&self) -> Vec<String> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn error(remedy: Remedy, unconfirmed: bool) -> DeliveryError {
    DeliveryError { channel: "robot", remedy, unconfirmed, code: Some(45_009), reason: "as told".into() }
}

fn text(spans: &[Span]) -> String {
    let text = |span: &Span| match span {
        Span::Words(text) | Span::Own(text) | Span::Stranger(text) | Span::Strong(text) => text.clone(),
        Span::Mention { person, .. } => format!("@{person}"),
        Span::Link { url, .. } => url.clone(),
    };
    spans.iter().map(text).collect()
}

#[async_trait]
impl Channel for Robot {
    fn name(&self) -> &'static str {
        "robot"
    }

    fn limits(&self) -> Limits {
        Limits {
            call_spacing: Duration::ZERO,
            address_spacing: Duration::ZERO,
            deduplicates_for: TimeDelta::zero(),
            changeable_for: None,
        }
    }

    fn delivery_key(&self, address: &str, subject: &Subject, step: Step, generation: u32) -> String {
        format!("{address}/{subject}/{step}/{generation}")
    }

    fn render(&self, card: &Card, _: Form, _: &str) -> Value {
        let mut lines: Vec<String> = card.title.iter().map(|title| title.text.clone()).collect();
        for block in &card.blocks {
            match block {
                Block::Lines { lines: of_block, .. } => {
                    lines.extend(of_block.iter().map(|line| match line {
                        Line::Text(spans) => text(spans),
                        Line::Field { label, value } => format!("{label} {}", text(value)),
                        Line::Section { label, .. } => (*label).to_owned(),
                    }));
                }
                Block::Transcript(said) => lines.extend(said.iter().cloned()),
                Block::Picture { .. } => {}
            }
        }
        json!(lines.join("\n"))
    }

    fn can_send(&self, payload: &Value) -> bool {
        payload.is_string()
    }

    fn simpler(&self, _: &Value, _: Form) -> Option<Form> {
        None
    }

    async fn send(
        &self,
        address: &str,
        payload: &Value,
        _: &str,
        _: DateTime<Utc>,
    ) -> Result<String, DeliveryError> {
        assert_eq!(address, GROUP);
        let failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        // What is not confirmed was said all the same.
        if failing.is_none_or(|(_, unconfirmed)| unconfirmed) {
            self.said
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(payload.as_str().unwrap_or_default().to_owned());
        }
        match failing {
            Some((remedy, unconfirmed)) => Err(error(remedy, unconfirmed)),
            None => Ok(format!("message-{}", self.said().len())),
        }
    }

    async fn update(&self, _: &str, _: &Value, _: DateTime<Utc>) -> Result<(), DeliveryError> {
        panic!("it cannot change anything");
    }

    async fn push_urgent(&self, _: &str, _: &[String]) -> Result<Vec<String>, DeliveryError> {
        Err(error(Remedy::GiveUp, false))
    }
}

/// An alerter with the robot beside Feishu.
async fn beside(scene: &mut Scene, robot: &Arc<Robot>) -> Result<Running> {
    scene.stack.config.feishu.listen = free_address()?;
    let robot = robot.clone();
    let service = async move |ctx| {
        let other: Arc<dyn Channel> = robot;
        feishu_alerter::run_over(ctx, |feishu| vec![feishu, other]).await
    };
    scene.stack.run(Role::FeishuAlerter, service).await
}

/// The group is to hear that the bus is lost.
async fn for_the_group(scene: &Scene) -> Result<()> {
    let now = scene.now();
    let wanted = json!({ "kind": { "kind": "bus_lost" }, "since": now, "state": { "state": "active" } });
    sqlx::query(
        "insert into notifications (subject_kind, subject, step, channel, address, follows, threshold_seconds, severity,
                                    due_at, created_at, state, next_attempt_at, wanted, next_change_at)
         values ('alarm', $1, '0', 'robot', $2, $1, 0, 'red', $3, $3, 'pending', $3, $4, $3)",
    )
    .bind(format!("watch:bus_lost@{}", now.timestamp_millis()))
    .bind(GROUP)
    .bind(now)
    .bind(wanted)
    .execute(&scene.stack.admin)
    .await?;
    Ok(())
}

macro_rules! of_robot {
    ($condition:literal) => {
        concat!("select count(*) from notifications where channel = 'robot' and ", $condition)
    };
}

#[tokio::test]
async fn what_it_cannot_do_is_not_asked_of_it() -> Result<()> {
    let mut scene = scene_with(json!({ "expected": [] })).await?;
    let robot = Arc::new(Robot::default());
    let alerter = beside(&mut scene, &robot).await?;
    for_the_group(&scene).await?;
    scene.until_count(of_robot!("state = 'sent' and message_id = 'message-1'"), 1).await?;
    let said = robot.said();
    assert!(said[0].contains("W12 消息总线断开") && said[0].contains("处理手册"), "{said:?}");
    sqlx::query("update notifications set wanted = jsonb_set(wanted, '{state}', $1) where channel = 'robot'")
        .bind(json!({ "state": "over", "at": scene.now() }))
        .execute(&scene.stack.admin)
        .await?;
    scene.until_count(of_robot!("not changeable and attempts = 1"), 1).await?;
    assert_eq!(robot.said().len(), 1);
    scene.stop(alerter).await
}

/// It says twice whatever is sent twice, so that nobody tries again.
#[tokio::test]
async fn what_is_unconfirmed_is_parked_at_once() -> Result<()> {
    let mut scene = scene_with(json!({ "expected": [] })).await?;
    let robot = Arc::new(Robot::default());
    robot.fail((Remedy::Retry { after: None }, true));
    let alerter = beside(&mut scene, &robot).await?;
    scene.asks("r1", WANG).await?;
    for_the_group(&scene).await?;
    scene.until_count(of_robot!("unconfirmed and attempts = 1"), 1).await?;
    scene.advance(5);
    scene.until_count(of_robot!("state = 'parked' and attempts = 1"), 1).await?;
    scene.until_colours(TO_WANG, &["turquoise"]).await?;
    assert_eq!(robot.said().len(), 1);
    scene.stop(alerter).await
}

#[tokio::test]
async fn a_channel_that_is_stopped_stops_no_other() -> Result<()> {
    let mut scene = scene_with(json!({ "expected": [] })).await?;
    let robot = Arc::new(Robot::default());
    robot.fail((Remedy::StopForQuota, false));
    let alerter = beside(&mut scene, &robot).await?;
    scene.asks("r1", WANG).await?;
    for_the_group(&scene).await?;
    scene.until_count(of_robot!("last_code = 45009 and state = 'pending'"), 1).await?;
    scene.advance(5);
    scene.until_colours(TO_WANG, &["turquoise"]).await?;
    assert!(robot.said().is_empty());
    scene.fault("send", TO_WANG, 1, json!({ "kind": "code", "code": 99_991_403 })).await?;
    scene.advance(6);
    scene.until_count("select count(*) from notifications where last_code = 99991403", 1).await?;
    scene.until_count(of_robot!("state = 'sent'"), 1).await?;
    scene.stop(alerter).await
}
