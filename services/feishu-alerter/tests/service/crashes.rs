//! Killed at the worst moments: no card twice, none lost.

use anyhow::Result;
use feishu_alerter::point;
use testkit::company::WANG;

use crate::support::{Scene, TO_WANG};

#[tokio::test]
async fn killed_between_send_and_record() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    let reached = alerter.faults.arm(point::BEFORE_RECORD);
    scene.asks("r1", WANG).await?;
    scene.advance(5);
    reached.await;
    alerter.kill().await;
    let there = scene.until_colours(TO_WANG, &["turquoise"]).await?;
    assert_eq!(scene.count("select count(*) from notifications where state = 'sending'").await?, 1);

    let alerter = scene.alerter().await?;
    // The dead replica's claim ends.
    scene.advance(2);
    scene.until_count("select count(*) from notifications where state = 'sent' and attempts = 2", 1).await?;
    assert_eq!(scene.cards(TO_WANG).await?, there, "tried twice, there once");
    let known: String = store::sqlx::query_scalar("select message_id from notifications")
        .fetch_one(&scene.stack.admin)
        .await?;
    assert_eq!(known, there[0].message_id);
    scene.stop(alerter).await
}

#[tokio::test]
async fn killed_between_decision_and_send() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    let reached = alerter.faults.arm(point::BEFORE_SEND);
    scene.asks("r1", WANG).await?;
    scene.advance(5);
    reached.await;
    alerter.kill().await;
    assert!(scene.cards(TO_WANG).await?.is_empty());

    let alerter = scene.alerter().await?;
    scene.advance(2);
    scene.until_colours(TO_WANG, &["turquoise"]).await?;
    scene.until_count("select count(*) from notifications where state = 'sent'", 1).await?;
    scene.stop(alerter).await
}

#[tokio::test]
async fn postgres_gone_for_a_while_costs_nothing() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    let reached = alerter.faults.arm(point::BEFORE_SEND);
    store::sqlx::query("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'feishu_alerter' and datname = current_database()")
        .execute(&scene.stack.admin)
        .await?;
    scene.advance(5);
    reached.await;
    assert!(!alerter.ended());
    alerter.kill().await;
    let alerter = scene.alerter().await?;
    scene.advance(2);
    scene.until_colours(TO_WANG, &["turquoise"]).await?;
    scene.stop(alerter).await
}
