//! Tells open pages of today that something changed. One task looks, for all of them; pages then fetch what they show.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use board_session::Session;
use futures::Stream;
use futures::stream;
use runtime::telemetry::chain;
use store::performance::board;
use tokio::sync::watch::{Receiver, Sender};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::failure::Failure;
use super::{Board, Who};

/// What [`runtime::health`] knows the task by.
const PART: &str = "board-live";
/// What an event says: browsers drop those that say nothing.
const CHANGED: &str = "1";
/// How often it looks.
const EVERY: Duration = Duration::from_secs(1);
/// Pages that are told at the same time.
const MOST_PAGES: usize = 500;
/// A silent connection says so often that it lives, so that proxies leave it open.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How often it is looked whether a session has come to its end.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The version of what pages show, and who follows it.
pub struct Live {
    /// `None`: nobody has looked yet.
    version: Sender<Option<i64>>,
    room: Arc<Semaphore>,
}

impl Default for Live {
    fn default() -> Self {
        Self { version: Sender::new(None), room: Arc::new(Semaphore::new(MOST_PAGES)) }
    }
}

impl Live {
    fn note(&self, version: i64) {
        self.version.send_if_modified(|known| known.replace(version) != Some(version));
    }
}

/// Looks whether anything changed, while any page is open; until the shutdown is requested.
pub(super) async fn watch(board: &Board) {
    let (ctx, live) = (&board.ctx, &board.live);
    while !ctx.shutdown.requested() {
        ctx.health.beat(PART);
        if live.version.receiver_count() > 0 {
            match board.version().await {
                Ok(version) => live.note(version),
                Err(error) => {
                    tracing::warn!(error = chain(&error), "it is not known whether anything changed");
                }
            }
        }
        tokio::select! {
            () = ctx.shutdown.wait() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
    ctx.health.done(PART);
}

impl Board {
    async fn version(&self) -> Result<i64, Failure> {
        let now = self.ctx.clock.now();
        let mut connection = self.database().await?;
        let rules = self.rules.get(&mut connection).await?;
        Ok(board::version(&mut connection, rules.at(now).day_of(now)).await?)
    }
}

/// An event whenever something changed, until the session ends.
pub(super) async fn events(State(board): State<Arc<Board>>, who: Who) -> Response {
    let Ok(permit) = board.live.room.clone().try_acquire_owned() else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let versions = board.live.version.subscribe();
    let listener = Listener { board, session: who.session, versions, _permit: permit };
    Sse::new(listener.events()).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
}

struct Listener {
    board: Arc<Board>,
    session: Session,
    versions: Receiver<Option<i64>>,
    _permit: OwnedSemaphorePermit,
}

impl Listener {
    fn events(self) -> impl Stream<Item = Result<Event, Infallible>> {
        stream::unfold(self, |mut listener| async move {
            let told = listener.changed().await;
            told.then(|| (Ok(Event::default().event("changed").data(CHANGED)), listener))
        })
    }

    /// Waits until something changed. `false`: the session or the service has ended.
    async fn changed(&mut self) -> bool {
        let shutdown = self.board.ctx.shutdown.clone();
        loop {
            let changed = tokio::select! {
                () = shutdown.wait() => return false,
                changed = self.versions.changed() => match changed {
                    Ok(()) => true,
                    Err(_closed) => return false,
                },
                () = tokio::time::sleep(LOOK_EVERY) => false,
            };
            let now = self.board.ctx.clock.now();
            if now >= self.session.expires {
                return false;
            }
            if changed {
                return matches!(self.board.who_is(self.session.clone(), now).await, Ok(Some(_)));
            }
        }
    }
}
