//! Many rooms are behind.

use anyhow::Result;
use domain::id::RoomKey;
use events::room::RoomChanged;
use runtime::bus::Outgoing;
use store::sqlx;
use testkit::company::{CHEN, WANG, says};
use testkit::until;

use crate::support::World;

/// Besides the one that is talked in.
const ROOMS: i64 = 1_000;

/// As the release before left it, which knew no silences.
#[tokio::test]
async fn a_room_of_which_less_was_derived_is_taken_in_anew() -> Result<()> {
    let world = World::start().await?;
    let (room_state, performance) = (world.room_state().await?, world.performance().await?);
    world
        .publish(&[says("r1", CHEN, world.past(0), "在吗？"), says("r1", WANG, world.past(60), "在的")])
        .await?;
    world.settled(2, 0).await?;
    performance.stop().await?;
    let silences = async || {
        let count = "select count(*) from performance_silences";
        anyhow::Ok(sqlx::query_scalar::<_, i64>(count).fetch_one(&world.stack.admin).await?)
    };
    let before = silences().await?;
    assert!(before > 0, "days to come");
    sqlx::raw_sql("delete from performance_silences; update performance_rooms set derivation = 0")
        .execute(&world.stack.admin)
        .await?;
    let performance = world.performance().await?;
    until("they are there again", || async { Ok(silences().await? == before) }).await?;
    performance.stop().await?;
    room_state.stop().await
}

#[tokio::test]
async fn a_room_that_is_named_does_not_wait_for_all_that_are_behind() -> Result<()> {
    let world = World::start().await?;
    let (room_state, performance) = (world.room_state().await?, world.performance().await?);
    world
        .publish(&[says("r1", CHEN, world.past(0), "在吗？"), says("r1", WANG, world.past(60), "在的")])
        .await?;
    world.settled(2, 0).await?;
    room_state.stop().await?;
    performance.stop().await?;
    sqlx::query("delete from performance_rooms").execute(&world.stack.admin).await?;
    sqlx::query(
        "insert into rooms
         select (jsonb_populate_record(rooms, jsonb_build_object('room', room || '#' || lpad(n::text, 5, '0')))).*
         from rooms, generate_series(1, $1) n",
    )
    .bind(ROOMS)
    .execute(&world.stack.admin)
    .await?;
    let performance = world.performance().await?;
    // The last in order.
    let room = RoomKey { source: "webhook".into(), id: format!("r1#{ROOMS:05}") };
    let changed = RoomChanged { room, version: 1 };
    let outgoing = Outgoing {
        subject: events::subject::room_changed(&changed.room),
        id: "named".to_owned(),
        payload: events::encode(&changed)?,
    };
    world.stack.bus.publish(&outgoing).await?;
    until("all are counted", || async {
        let rooms: i64 = sqlx::query_scalar("select count(*) from performance_rooms")
            .fetch_one(&world.stack.admin)
            .await?;
        Ok(rooms == ROOMS + 1)
    })
    .await?;
    let later: i64 = sqlx::query_scalar(
        "select count(*) from performance_rooms
         where xmin::text::bigint > (select xmin::text::bigint from performance_rooms where room = $1)",
    )
    .bind(changed.room.to_string())
    .fetch_one(&world.stack.admin)
    .await?;
    assert!(later > 100, "{later} rooms were counted after it");
    performance.stop().await
}
