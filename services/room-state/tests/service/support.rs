//! What these tests do again and again.

use anyhow::Result;
use chrono::{DateTime, TimeDelta, Utc};
use domain::id::RoomKey;
use events::chat::ChatMessage;
use store::role::Role;
use store::rooms::waits::{StoredWait, Which, list};
use testkit::company::captured;
use testkit::{Running, Stack, until};

/// A room of the sample company.
pub fn room(id: &str) -> RoomKey {
    RoomKey { source: "webhook".into(), id: id.into() }
}

/// A moment some minutes ago, plus seconds: the past needs no moved clock.
pub fn past(stack: &Stack, seconds: i64) -> DateTime<Utc> {
    stack.started - TimeDelta::minutes(30) + TimeDelta::seconds(seconds)
}

/// Publishes messages in this order.
pub async fn publish(stack: &Stack, messages: &[ChatMessage]) -> Result<()> {
    for message in messages {
        stack.bus.publish(&captured(message)?).await?;
    }
    Ok(())
}

/// Runs the service.
pub async fn start(stack: &Stack) -> Result<Running> {
    stack.run(Role::RoomState, room_state::run).await
}

/// Runs the service beside another that works, as if each of them had the lease.
pub async fn start_out_of_turn(stack: &Stack) -> Result<Running> {
    stack.run(Role::RoomState, room_state::run_without_lease).await
}

/// Entries in the timeline.
pub async fn entries(stack: &Stack) -> Result<i64> {
    Ok(store::sqlx::query_scalar("select count(*) from timeline").fetch_one(&stack.admin).await?)
}

/// Waits until the timeline has this many entries.
pub async fn until_entries(stack: &Stack, count: i64) -> Result<()> {
    until(&format!("the timeline has {count} entries"), || async move { Ok(entries(stack).await? == count) })
        .await
}

/// The live waits of a room, in order of opening.
pub async fn live(stack: &Stack, room: &RoomKey) -> Result<Vec<StoredWait>> {
    let mut connection = stack.admin.acquire().await?;
    let keys = [room.to_string()];
    Ok(list(&mut connection, Which::OfRooms(&keys, DateTime::UNIX_EPOCH)).await?)
}
