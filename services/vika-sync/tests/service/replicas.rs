//! Two replicas: one writes, the other waits and takes over.

use anyhow::Result;
use runtime::config::Secret;
use testkit::company::{CHEN, WANG, says};

use crate::support::{OTHER_TOKEN, World};

#[tokio::test]
async fn of_two_replicas_one_writes() -> Result<()> {
    let mut world = World::start().await?;
    let room_state = world.room_state().await?;
    let first = world.sync().await?;
    let rooms = ["r1", "r2", "r3", "r4"];
    world.publish(&[says("r1", CHEN, world.past(0), "在吗？")]).await?;
    world.until_shows(&world.sheets.today, "r1", &[("等待状态", "等待中")]).await?;
    world.stack.config.vika.sync_token = Secret::new(OTHER_TOKEN);
    let second = world.sync().await?;
    for room in rooms {
        world.publish(&[says(room, CHEN, world.past(5), "在吗？")]).await?;
        world.until_shows(&world.sheets.today, room, &[("等待状态", "等待中")]).await?;
    }
    let by_second =
        |calls: Vec<serde_json::Value>| calls.into_iter().any(|call| call["token"] == OTHER_TOKEN);
    assert!(!by_second(world.calls().await?), "the second is not even reading");
    first.kill().await;
    for room in rooms {
        world.publish(&[says(room, WANG, world.past(20), "在的")]).await?;
    }
    for room in rooms {
        world.until_shows(&world.sheets.today, room, &[("等待状态", "已回复")]).await?;
        world.until_shows(&world.sheets.all_rooms, room, &[("群聊名", room)]).await?;
    }
    assert!(by_second(world.calls().await?), "the second took over");
    second.stop().await?;
    room_state.stop().await
}
