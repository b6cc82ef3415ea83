//! Wake-ups: a change of a room only tells convergers to look; they read truth from the store.

use std::sync::Arc;

use tokio::sync::Notify;

use super::{Bus, Consumer, Delivery, Handler, Outcome, consume};
use crate::Shutdown;
use crate::health::Health;

struct Waker(Arc<Notify>);

impl Handler for Waker {
    async fn handle(&mut self, batch: &[Delivery]) -> Vec<Outcome> {
        self.0.notify_one();
        vec![Outcome::Done; batch.len()]
    }
}

/// Rings `bell` whenever a room changes, until the shutdown is requested. A lost wake-up is made up for by the sweep
/// that every converger runs anyway.
pub async fn wake_on_room_changes(
    bus: &Bus,
    consumer: Consumer,
    bell: Arc<Notify>,
    shutdown: &Shutdown,
    health: &Health,
) {
    consume(bus, consumer, &mut Waker(bell), shutdown, health).await;
}
