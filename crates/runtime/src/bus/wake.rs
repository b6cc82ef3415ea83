//! Wake-ups: a change of a room only tells convergers to look; they read truth from the store.

use std::sync::Arc;

use events::decode;
use events::room::RoomChanged;
use tokio::sync::Notify;

use super::{Bus, Consumer, Delivery, Handler, Outcome, consume};
use crate::Shutdown;
use crate::health::Health;

struct Waker<F> {
    note: F,
    bell: Arc<Notify>,
}

impl<F: FnMut(Option<RoomChanged>) + Send> Handler for Waker<F> {
    async fn handle(&mut self, batch: &[Delivery]) -> Vec<Outcome> {
        for delivery in batch {
            (self.note)(decode(delivery.payload()).ok());
        }
        self.bell.notify_one();
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
    note_room_changes(bus, consumer, |_| {}, bell, shutdown, health).await;
}

/// The same, and notes which room has which version before it rings. `None`: some room, by a message that this release
/// cannot read.
pub async fn note_room_changes(
    bus: &Bus,
    consumer: Consumer,
    note: impl FnMut(Option<RoomChanged>) + Send,
    bell: Arc<Notify>,
    shutdown: &Shutdown,
    health: &Health,
) {
    consume(bus, consumer, &mut Waker { note, bell }, shutdown, health).await;
}
