//! Wake-ups: a change of a room only makes convergers read the store, which alone says what is so.

use std::sync::Arc;

use events::decode;
use events::room::RoomChanged;
use tokio::sync::Notify;

use super::{Bus, Consumer, Delivery, Handler, Outcome, consume};
use crate::Shutdown;
use crate::changes::Changes;
use crate::health::Health;

struct Waker<'c, C> {
    changes: &'c Changes<C>,
    wake: Arc<Notify>,
    opened: bool,
}

impl<C: Copy + PartialEq + Send> Handler for Waker<'_, C> {
    fn opened(&mut self) {
        if std::mem::replace(&mut self.opened, true) {
            self.changes.want_scan();
            self.wake.notify_one();
        }
    }

    async fn handle(&mut self, batch: &[Delivery]) -> Vec<Outcome> {
        for delivery in batch {
            match decode::<RoomChanged>(delivery.payload()) {
                Ok(changed) => self.changes.note(&changed),
                // Some room, by a message that this release cannot read.
                Err(_) => self.changes.want_scan(),
            }
        }
        self.wake.notify_one();
        vec![Outcome::Done; batch.len()]
    }
}

/// Notes which rooms change, and notifies `wake`, until the shutdown is requested. After the bus was away all rooms are to
/// be read. What is lost all the same is made up for by the scan that every converger makes anyway.
pub async fn note_room_changes<C: Copy + PartialEq + Send>(
    bus: &Bus,
    consumer: Consumer,
    changes: &Changes<C>,
    wake: Arc<Notify>,
    shutdown: &Shutdown,
    health: &Health,
) {
    let mut waker = Waker { changes, wake, opened: false };
    consume(bus, consumer, &mut waker, shutdown, health).await;
}
