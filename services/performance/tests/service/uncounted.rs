//! A room that cannot be counted stops no other, and is told with the heartbeat until it can be.

use std::time::Duration;

use anyhow::{Context as _, Result};
use events::beat::{Beat, Uncounted};
use futures::StreamExt as _;
use runtime::beat::Beats;
use serde_json::json;
use store::role::Role;
use store::sqlx;
use testkit::company::{CHEN, WANG, says};

use crate::support::World;

/// What the first beat tells for which this holds; the clock advances with each of them.
async fn until_told(world: &World, wanted: impl Fn(Option<&Uncounted>) -> bool) -> Result<Option<Uncounted>> {
    let subject = events::subject::beat(Role::Performance.service());
    let mut beats = world.stack.bus.client().subscribe(subject).await?;
    let told = async {
        while let Some(beat) = beats.next().await {
            let beat: Beat = events::decode(&beat.payload)?;
            if wanted(beat.uncounted.as_ref()) {
                return Ok(beat.uncounted);
            }
            world.stack.clock.advance(Duration::from_secs(31));
        }
        anyhow::bail!("no beats any more")
    };
    tokio::time::timeout(Duration::from_mins(1), told).await.context("never told")?
}

#[tokio::test]
async fn a_room_that_cannot_be_counted_is_told_until_it_can_be() -> Result<()> {
    let mut world = World::start().await?;
    world.stack.config.watchdog = Some(serde_json::from_value(
        json!({ "operators_chat": "oc_operators", "beat_every": "1s", "expected": [] }),
    )?);
    sqlx::query("alter table performance_waits add constraint nothing_of_r2 check (room <> 'webhook:r2')")
        .execute(&world.stack.admin)
        .await?;
    let room_state = world.room_state().await?;
    let service = |ctx: runtime::Context| async move {
        let beats = tokio::spawn(Beats::new(Role::Performance.service(), &ctx).run());
        let ended = performance::run(ctx).await;
        beats.abort();
        ended
    };
    let performance = world.stack.run(Role::Performance, service).await?;
    let began = world.stack.clock.now();
    for room in ["r1", "r2"] {
        world
            .publish(&[says(room, CHEN, world.past(0), "在吗？"), says(room, WANG, world.past(60), "在的")])
            .await?;
    }
    let told = until_told(&world, |told| told.is_some()).await?.context("rooms that are not counted")?;
    assert_eq!((told.rooms, &told.first[..]), (1, &["webhook:r2".to_owned()][..]));
    assert!(told.since >= began && world.stack.clock.now() - told.since >= chrono::TimeDelta::seconds(90));
    assert_eq!(world.of("王小售").await?.rooms, 1, "the other room is counted");
    sqlx::query("alter table performance_waits drop constraint nothing_of_r2")
        .execute(&world.stack.admin)
        .await?;
    until_told(&world, |told| told.is_none()).await?;
    world.settled(4, 0).await?;
    assert_eq!(world.of("王小售").await?.rooms, 2);
    performance.stop().await?;
    room_state.stop().await
}
