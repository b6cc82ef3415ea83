//! Two replicas: every card once, in order.

use anyhow::Result;
use chrono::{DateTime, TimeDelta, Utc};
use feishu_alerter::point;
use serde_json::json;
use store::sqlx;
use testkit::company::{WANG, says};

use crate::support::{Scene, TO_WANG};

const ROOMS: usize = 12;
/// Between two cards of a chat, a little less than is kept.
const SPACING: TimeDelta = TimeDelta::milliseconds(240);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_send_every_card_once_and_in_order() -> Result<()> {
    let mut scene = Scene::start().await?;
    // So many are told together otherwise.
    for rung in &mut scene.stack.config.rules.ladders.pre_sales.rungs {
        rung.breakthrough = true;
    }
    scene.stack.apply_rules(TimeDelta::zero()).await?;
    let (one, two) = (scene.alerter().await?, scene.alerter().await?);
    for n in 0..ROOMS {
        scene.asks(&format!("r{n}"), WANG).await?;
    }
    scene.advance(6);
    scene.until_count("select count(*) from notifications where state = 'sent'", ROOMS.try_into()?).await?;
    assert_in_order(&scene, ROOMS).await?;
    assert_paced(&scene).await?;

    // The next rung: whoever has the chat dies with a card in the air, and so does the one that takes over.
    let (first, second) = (one.faults.arm(point::BEFORE_RECORD), two.faults.arm(point::BEFORE_RECORD));
    let (mut first, mut second) = (Box::pin(first), Box::pin(second));
    scene.advance(5);
    tokio::select! {
        () = &mut first => {
            one.kill().await;
            scene.advance(2);
            second.await;
            two.kill().await;
        }
        () = &mut second => {
            two.kill().await;
            scene.advance(2);
            first.await;
            one.kill().await;
        }
    }
    let third = scene.alerter().await?;
    scene.advance(2);
    scene
        .until_count("select count(*) from notifications where state = 'sent'", (2 * ROOMS).try_into()?)
        .await?;
    assert_in_order(&scene, 2 * ROOMS).await?;
    scene.stop(third).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_slept_over_its_claim_takes_no_card_back() -> Result<()> {
    let mut scene = Scene::start().await?;
    let sleeper = scene.alerter().await?;
    scene.fault("send", TO_WANG, 1, json!({ "kind": "code", "code": 230_028 })).await?;
    let (asleep, wake) = sleeper.faults.hold(point::BEFORE_RECORD);
    scene.asks("r1", WANG).await?;
    scene.advance(5);
    asleep.await;
    let other = scene.alerter().await?;
    scene.advance(2);
    scene.until_count("select count(*) from notifications where state = 'sent' and attempts = 2", 1).await?;
    wake.send(()).ok();
    sleeper.stop().await?;
    assert_eq!(
        scene.count("select count(*) from notifications where state = 'sent' and generation = 0").await?,
        1
    );
    assert_in_order(&scene, 1).await?;
    scene.stop(other).await
}

/// Stopped between its attempt's commit and the call, for longer than Feishu remembers the uuid.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_wakes_up_too_late_does_not_call() -> Result<()> {
    let mut scene = Scene::start().await?;
    let sleeper = scene.alerter().await?;
    let (asleep, wake) = sleeper.faults.hold(point::BEFORE_SEND);
    scene.asks("r1", WANG).await?;
    scene.advance(5);
    asleep.await;
    let other = scene.alerter().await?;
    scene.advance(2);
    scene.until_count("select count(*) from notifications where state = 'sent'", 1).await?;
    scene.publish(&says("r1", WANG, scene.now(), "开好了")).await?;
    scene.until_titled(TO_WANG, "已回复").await?;
    scene.advance(70);
    wake.send(()).ok();
    sleeper.stop().await?;
    assert_in_order(&scene, 1).await?;
    scene.stop(other).await
}

/// One replica at a time works on a chat, or their bots together would be too fast for it.
async fn assert_paced(scene: &Scene) -> Result<()> {
    let seen = scene.control("GET", &format!("messages?chat={TO_WANG}"), &json!({})).await?;
    let sent = seen["messages"].as_array().into_iter().flatten();
    let sent =
        sent.map(|message| message["create_time"].as_str().unwrap_or_default().parse::<DateTime<Utc>>());
    let sent: Vec<DateTime<Utc>> = sent.collect::<Result<_, _>>()?;
    for pair in sent.windows(2) {
        assert!(pair[1] - pair[0] >= SPACING, "{pair:?}");
    }
    Ok(())
}

/// The chat holds every card once, in the order in which they were decided.
async fn assert_in_order(scene: &Scene, count: usize) -> Result<()> {
    let cards = scene.cards(TO_WANG).await?;
    let there: Vec<&str> = cards.iter().map(|card| card.message_id.as_str()).collect();
    let decided: Vec<String> = sqlx::query_scalar("select message_id from notifications order by id")
        .fetch_all(&scene.stack.admin)
        .await?;
    assert_eq!((there.len(), there), (count, decided.iter().map(String::as_str).collect()));
    Ok(())
}
