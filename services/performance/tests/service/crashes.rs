//! Killed anywhere: the same rows.

use anyhow::Result;
use performance::point;
use testkit::company::{CHEN, WANG, says};

use crate::support::World;

#[tokio::test]
async fn killed_before_a_commit_and_between_a_change_for_all_and_the_rooms() -> Result<()> {
    let world = World::start().await?;
    let (room_state, performance) = (world.room_state().await?, world.performance().await?);
    let reached = performance.faults.arm(point::BEFORE_COMMIT);
    world
        .publish(&[says("r1", CHEN, world.past(0), "在吗？"), says("r1", WANG, world.past(60), "在的")])
        .await?;
    reached.await;
    performance.kill().await;
    let performance = world.performance().await?;
    world.settled(2, 0).await?;
    assert_eq!(world.of("王小售").await?.figures.answered, 1);
    let reached = performance.faults.arm(point::INPUTS_NOTED);
    world.stack.capture_gap("main", world.past(10), Some(world.past(20))).await?;
    reached.await;
    performance.kill().await;
    let performance = world.performance().await?;
    world.settled(2, 0).await?;
    let figures = world.of("王小售").await?.figures;
    assert_eq!((figures.answered, figures.left_out.unverified), (0, 1));
    performance.stop().await?;
    room_state.stop().await
}
