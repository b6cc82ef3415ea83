//! Takes events from the reader: ids of messages into the inbox, changes of rooms to whoever keeps them, login codes to
//! the operator. It never fetches anything.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::{DateTime, Utc};
use store::ingest::inbox::{self, Arrived};
use tokio::sync::mpsc;

use super::Capture;
use super::room_sync::RoomChange;
use crate::gateway::event::{Scan, ScanStatus};
use crate::gateway::{Arrival, Event, MessageId, qr};
use runtime::telemetry::chain;

/// Events handled in one go: one statement for all ids among them.
const BATCH: usize = 500;
/// The pause before ids are offered to a failing database again.
const RETRY_PAUSE: Duration = Duration::from_millis(500);
/// The numbers of payload types that matter here.
const CONTACT: i32 = 2;
const ROOM: i32 = 3;
const ROOM_MEMBER: i32 = 4;

/// Runs until the reader is gone, so that nothing read is left behind at a shutdown.
pub async fn run(
    capture: Arc<Capture>,
    mut arrivals: mpsc::Receiver<Arrival>,
    changes: mpsc::UnboundedSender<RoomChange>,
) {
    let mut batch = Vec::with_capacity(BATCH);
    while arrivals.recv_many(&mut batch, BATCH).await > 0 {
        let mut messages = Vec::new();
        for arrival in batch.drain(..) {
            capture.last_event_ms.store(arrival.arrived_at.timestamp_millis(), Ordering::Relaxed);
            match arrival.event {
                Event::Message(ref id) => messages.push(arrived(&capture, &arrival, id)),
                event => handle(&capture, event, arrival.arrived_at, &changes),
            }
        }
        if !messages.is_empty() {
            commit(&capture, &messages).await;
            capture.arrived.notify_one();
        }
    }
}

/// When it came is its place in the order of capture as well.
fn arrived(capture: &Capture, arrival: &Arrival, message: &MessageId) -> Arrived {
    let captured = capture.order.next(arrival.arrived_at);
    Arrived {
        message: message.to_string(),
        wire_id: message.long_wire().map(ToOwned::to_owned),
        account: capture.account().map(|account| account.to_string()),
        epoch: i64::try_from(arrival.epoch).unwrap_or(i64::MAX),
        sequence: i64::try_from(arrival.sequence).unwrap_or(i64::MAX),
        at: DateTime::from_timestamp_micros(captured).unwrap_or(arrival.arrived_at),
    }
}

fn handle(
    capture: &Capture,
    event: Event,
    arrived_at: DateTime<Utc>,
    changes: &mpsc::UnboundedSender<RoomChange>,
) {
    let change = match event {
        Event::Login(account) => {
            capture.logged_in(account, arrived_at);
            RoomChange::InitialSync
        }
        Event::Ready => RoomChange::InitialSync,
        Event::Scan(scan) => return show_login(capture, &scan),
        Event::Verify(kind) => return capture.verification_asked(kind),
        Event::RoomJoin { room, invitees, inviter, at } => {
            RoomChange::Joined { room, people: invitees, inviter, at: at.unwrap_or(arrived_at) }
        }
        Event::RoomLeave { room, removees, remover, at } => {
            RoomChange::Left { room, people: removees, remover, at: at.unwrap_or(arrived_at) }
        }
        Event::RoomTopic { room, topic, at, .. } => {
            // At once, so that a message that came after it is not published under the old name.
            capture.rooms.renamed(&room, &topic, capture.now());
            RoomChange::Renamed { room, at: at.unwrap_or(arrived_at) }
        }
        Event::Dirty { payload_type: CONTACT, id } => return capture.people.forget(&id),
        Event::Dirty { payload_type: ROOM | ROOM_MEMBER, id } => RoomChange::Invalidated { id },
        _ => return,
    };
    // The receiver is gone only at a shutdown; the next start reads every room anew.
    changes.send(change).ok();
}

fn show_login(capture: &Capture, scan: &Scan) {
    tracing::info!(status = ?scan.status, "login by QR code");
    match (&scan.qrcode, scan.status) {
        // Numbers that nobody has told us about may stand for anything; 0 is a code of some old puppets.
        (Some(code), ScanStatus::Waiting | ScanStatus::Unknown(0)) => {
            capture.verification.send_replace(None);
            match qr::terminal(code) {
                Ok(art) => tracing::info!("scan this code with the account's phone, or open /login:\n{art}"),
                Err(error) => tracing::error!(%error, "the login code cannot be shown"),
            }
            capture.login_code.send_replace(Some(code.clone()));
        }
        (_, ScanStatus::Cancelled | ScanStatus::TimedOut | ScanStatus::Confirmed) => {
            capture.login_code.send_replace(None);
        }
        _ => {}
    }
}

/// Does not give up while the process lives: the queue in front of it holds minutes of events.
async fn commit(capture: &Capture, messages: &[Arrived]) {
    loop {
        let taken = async {
            let mut connection = capture.ctx.db.acquire().await?;
            inbox::take_in(&mut connection, &capture.name, messages).await
        };
        match taken.await {
            Ok(()) => return,
            Err(error) => {
                tracing::error!(error = chain(&error), ids = messages.len(), "ids wait for the inbox");
            }
        }
        tokio::time::sleep(RETRY_PAUSE).await;
    }
}
