//! Wake-ups: a change of a room only makes convergers read the store, which alone says what is so.

use std::sync::Arc;

use events::decode;
use events::room::RoomChanged;
use tokio::sync::Notify;

use super::{Bus, Consumer, Delivery, Handler, Outcome, consume};
use crate::Shutdown;
use crate::health::Health;

struct Waker<F> {
    note: F,
    wake: Arc<Notify>,
}

impl<F: FnMut(Option<RoomChanged>) + Send> Handler for Waker<F> {
    async fn handle(&mut self, batch: &[Delivery]) -> Vec<Outcome> {
        for delivery in batch {
            (self.note)(decode(delivery.payload()).ok());
        }
        self.wake.notify_one();
        vec![Outcome::Done; batch.len()]
    }
}

/// Notifies `wake` whenever a room changes, until the shutdown is requested. A lost wake-up is made up for by the sweep
/// that every converger runs anyway.
pub async fn wake_on_room_changes(
    bus: &Bus,
    consumer: Consumer,
    wake: Arc<Notify>,
    shutdown: &Shutdown,
    health: &Health,
) {
    note_room_changes(bus, consumer, |_| {}, wake, shutdown, health).await;
}

/// The same, and notes which room has which version before it notifies. `None`: some room, by a message that this release
/// cannot read.
pub async fn note_room_changes(
    bus: &Bus,
    consumer: Consumer,
    note: impl FnMut(Option<RoomChanged>) + Send,
    wake: Arc<Notify>,
    shutdown: &Shutdown,
    health: &Health,
) {
    consume(bus, consumer, &mut Waker { note, wake }, shutdown, health).await;
}
