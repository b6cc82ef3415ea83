//! What counts, for whom, and what is left out.

use std::time::Duration;

use anyhow::Result;
use chrono::TimeDelta;
use domain::figures::Quantile;
use report::By;
use store::sqlx;
use testkit::company::{CHEN, LI, WANG, says};
use testkit::until;

use crate::support::{World, assign, cancel};

fn minutes(minutes: i64) -> TimeDelta {
    TimeDelta::minutes(minutes)
}

#[tokio::test]
async fn waits_count_for_the_owner_and_replies_for_whoever_gave_them() -> Result<()> {
    let world = World::start().await?;
    let (room_state, performance) = (world.room_state().await?, world.performance().await?);
    let asked = says("r2", CHEN, world.past(1_000), "还有货吗？");
    world
        .publish(&[
            says("r1", WANG, world.past(0), "您好"),
            says("r1", CHEN, world.past(10), "在吗？"),
            says("r1", WANG, world.past(130), "在的"),
            says("r1", CHEN, world.past(200), "报价多少？"),
            says("r1", LI, world.past(800), "三千元"),
            says("r2", WANG, world.past(900), "您好"),
            asked.clone(),
            says("r3", WANG, world.past(0), "您好"),
            says("r3", CHEN, world.past(9_000), "有人吗？"),
        ])
        .await?;
    world.settled(9, 0).await?;
    world.ask("c1", "r2", world.past(1_300), cancel(&asked)).await?;
    world.settled(9, 1).await?;
    let wang = world.of("王小售").await?;
    let figures = &wang.figures;
    assert_eq!((figures.asked, figures.answered, figures.open, figures.cancelled), (4, 2, 1, 1));
    assert_eq!(figures.cancelled_after, minutes(5));
    assert_eq!(figures.mean, Some(minutes(6)));
    assert_eq!(figures.median, Some(Quantile { time: minutes(10), at_least: false }));
    let within: Vec<(usize, usize)> = figures.within.iter().map(|(_, w)| (w.within, w.of)).collect();
    assert_eq!(within, [(1, 3), (2, 3), (2, 3), (2, 3)], "who still waits has waited for longer");
    assert!(figures.is_few());
    let replied = wang.replied.as_ref().map(|replied| (replied.answered, replied.mean));
    assert_eq!((replied, wang.said, wang.rooms), (Some((1, Some(minutes(2)))), Some(4), 3));
    let li = world.figures(By::Replier).await?;
    let li = li.iter().find(|line| line.key.person == "李小后").expect("who replied");
    let replied = li.replied.as_ref().map(|replied| (replied.answered, replied.mean));
    assert_eq!((replied, li.said), (Some((1, Some(minutes(10)))), Some(1)));
    let rooms = world.figures(By::Room).await?;
    let messages = rooms[0].messages.expect("messages of a room");
    assert_eq!((messages.pre_sales, messages.after_sales, messages.customer, messages.total()), (2, 1, 2, 5));
    performance.stop().await?;
    room_state.stop().await
}

#[tokio::test]
async fn a_handover_leaves_the_wait_with_whom_was_asked() -> Result<()> {
    let world = World::start().await?;
    let (room_state, performance) = (world.room_state().await?, world.performance().await?);
    world
        .publish(&[says("r1", WANG, world.past(0), "您好"), says("r1", CHEN, world.past(60), "在吗？")])
        .await?;
    world.settled(2, 0).await?;
    world.ask("a1", "r1", world.past(120), assign("李小后", "after-sales")).await?;
    world.settled(2, 1).await?;
    world.publish(&[says("r1", LI, world.stack.clock.now(), "在的")]).await?;
    world.settled(3, 1).await?;
    let wang = world.of("王小售").await?;
    assert_eq!((wang.figures.asked, wang.figures.answered), (1, 1));
    let stages = world.figures(By::Stage).await?;
    assert_eq!(stages.iter().map(|line| line.key.stage.as_str()).collect::<Vec<_>>(), ["after-sales"]);
    let li = world.of("李小后").await?;
    assert_eq!((li.figures.asked, li.replied.map(|replied| replied.answered)), (0, Some(1)));
    performance.stop().await?;
    room_state.stop().await
}

#[tokio::test]
async fn what_nobody_saw_what_was_imported_and_what_came_before_go_live_stays_out_and_is_counted()
-> Result<()> {
    let world = World::start().await?;
    world.stack.never_live().await?;
    world.stack.go_live(true, world.past(1_000)).await?;
    let (room_state, performance) = (world.room_state().await?, world.performance().await?);
    let conversation = |room: &str, from: i64| {
        [says(room, CHEN, world.past(from), "在吗？"), says(room, WANG, world.past(from + 60), "在的")]
    };
    let mut imported = conversation("r3", 2_000);
    imported[0].history = true;
    world.publish(&conversation("r1", 0)).await?;
    world.publish(&conversation("r1", 2_000)).await?;
    world.publish(&conversation("r2", 3_000)).await?;
    world.publish(&imported).await?;
    world.settled(8, 0).await?;
    let left_out =
        async || Ok::<_, anyhow::Error>(world.figures(By::Stage).await?.remove(0).figures.left_out);
    let before = left_out().await?;
    assert_eq!((before.rehearsal, before.history, before.unverified), (1, 1, 0));
    world.stack.capture_gap("main", world.past(3_010), Some(world.past(3_020))).await?;
    until("the gap is seen", || async { Ok(left_out().await?.unverified == 1) }).await?;
    let figures = world.figures(By::Stage).await?.remove(0).figures;
    assert_eq!((figures.asked, figures.answered), (1, 1), "only the second of r1");
    // It turns out that the gap was elsewhere. What is changed by hand is seen when everything is looked at.
    sqlx::query("update capture_gaps set account = 'second'").execute(&world.stack.admin).await?;
    world.stack.clock.advance(Duration::from_secs(61));
    until("the gap is gone", || async { Ok(left_out().await?.unverified == 0) }).await?;
    performance.stop().await?;
    room_state.stop().await
}

#[tokio::test]
async fn rules_that_reach_back_count_the_past_by_them() -> Result<()> {
    let mut world = World::start().await?;
    let (room_state, performance) = (world.room_state().await?, world.performance().await?);
    world
        .publish(&[
            says("r1", WANG, world.past(0), "您好"),
            says("r1", CHEN, world.past(100), "在吗？"),
            says("r1", LI, world.past(160), "在的"),
            says("r1", CHEN, world.past(200), "价格呢？"),
        ])
        .await?;
    world.settled(4, 0).await?;
    assert_eq!(world.figures(By::Replier).await?.len(), 2);
    world.stack.config.rules.excluded_rooms.names = vec!["*r1".into()];
    world.stack.apply_rules(TimeDelta::hours(5)).await?;
    until("the room is left out", || async {
        let stages = world.figures(By::Stage).await?;
        let figures = &stages[0].figures;
        Ok((figures.left_out.excluded, figures.asked) == (2, 0))
    })
    .await?;
    performance.stop().await?;
    room_state.stop().await
}

#[tokio::test]
async fn a_room_that_cannot_be_read_stops_no_other() -> Result<()> {
    let world = World::start().await?;
    let room_state = world.room_state().await?;
    world
        .publish(&[says("r1", CHEN, world.past(0), "在吗？"), says("r2", CHEN, world.past(0), "在吗？")])
        .await?;
    until("both are folded", || async {
        let folded: i64 =
            sqlx::query_scalar("select count(*) from waits").fetch_one(&world.stack.admin).await?;
        Ok(folded == 2)
    })
    .await?;
    let state: String = sqlx::query_scalar("select state from rooms where room = 'webhook:r1'")
        .fetch_one(&world.stack.admin)
        .await?;
    let put = async |state: &str| {
        sqlx::query("update rooms set state = $1 where room = 'webhook:r1'")
            .bind(state)
            .execute(&world.stack.admin)
            .await
    };
    put("{\"owner\": 7}").await?;
    let performance = world.performance().await?;
    until("the other one is counted", || async { Ok(world.figures(By::Room).await?.len() == 1) }).await?;
    put(&state).await?;
    world.stack.clock.advance(Duration::from_secs(61));
    until("this one too", || async { Ok(world.figures(By::Room).await?.len() == 2) }).await?;
    performance.stop().await?;
    room_state.stop().await
}
