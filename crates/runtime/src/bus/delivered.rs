//! What the server has delivered to a consumer's loop and does not know to be handled: a batch that is being handled, and
//! what was delivered ahead of it.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use async_nats::jetstream::consumer::pull::{MessagesError, Stream};
use async_nats::jetstream::{AckKind, Message};
use futures::{FutureExt, StreamExt};
use tokio::time::Instant;

/// So many times within its acknowledgement wait the server is told that what it delivered is in progress.
const TOLD: u32 = 4;
/// A batch that takes longer hangs, as far as anybody knows: whoever else there is may try.
const HANGS_AFTER: Duration = Duration::from_mins(1);
/// Of what was delivered ahead no more than so many messages or bytes are looked at before it is their turn.
const AHEAD: usize = 16_384;
const AHEAD_BYTES: usize = 16 * 1024 * 1024;

pub(super) struct Delivered {
    stream: Stream,
    /// Taken from the stream, and not handed out.
    ahead: VecDeque<Message>,
    ahead_bytes: usize,
    tell_every: Duration,
    tell_at: Instant,
}

impl Delivered {
    pub(super) fn new(stream: Stream, ack_wait: Duration) -> Self {
        let tell_every = ack_wait / TOLD;
        let tell_at = Instant::now() + tell_every;
        Self { stream, ahead: VecDeque::new(), ahead_bytes: 0, tell_every, tell_at }
    }

    /// Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<Result<Message, MessagesError>> {
        match self.take() {
            Some(message) => Some(Ok(message)),
            None => self.stream.next().await,
        }
    }

    fn take(&mut self) -> Option<Message> {
        let message = self.ahead.pop_front()?;
        self.ahead_bytes -= message.payload.len();
        Some(message)
    }

    /// The next one that is there already.
    ///
    /// Unconstrained, because the scheduler's budget for one turn of a task would end a batch after some 60 messages as if
    /// there were no more.
    fn there(&mut self) -> Option<Message> {
        // An error here shows again at the next call of `next`.
        tokio::task::unconstrained(self.stream.next()).now_or_never()??.ok()
    }

    /// What is there already, up to `most` messages or so many bytes; never waits for more.
    pub(super) fn gather(&mut self, first: Message, most: usize, most_bytes: usize) -> Vec<Message> {
        let mut bytes = first.payload.len();
        let mut batch = vec![first];
        while batch.len() < most && bytes < most_bytes {
            let Some(message) = self.take().or_else(|| self.there()) else { break };
            bytes += message.payload.len();
            batch.push(message);
        }
        batch
    }

    /// Handles a batch. However long that takes, the server does not take it, or what is delivered ahead, for lost.
    pub(super) async fn in_progress_while(&mut self, handling: impl Future<Output = ()>, batch: &[&Message]) {
        let mut handling = pin!(handling);
        let hangs_at = Instant::now() + HANGS_AFTER;
        let telling = async {
            while self.tell_at < hangs_at {
                tokio::time::sleep_until(self.tell_at).await;
                self.tell(batch).await;
            }
            std::future::pending::<()>().await;
        };
        // Side by side: without a connection telling waits for one, and the batch is not to wait with it.
        tokio::select! {
            biased;
            () = &mut handling => {}
            () = telling => {}
        }
    }

    async fn tell(&mut self, batch: &[&Message]) {
        self.look_ahead();
        for message in batch.iter().copied().chain(&self.ahead) {
            // Else it is delivered again, and recognised.
            message.ack_with(AckKind::Progress).await.ok();
        }
        self.tell_at = Instant::now() + self.tell_every;
    }

    fn look_ahead(&mut self) {
        while self.ahead.len() < AHEAD && self.ahead_bytes < AHEAD_BYTES {
            let Some(message) = self.there() else { return };
            self.ahead_bytes += message.payload.len();
            self.ahead.push_back(message);
        }
    }

    /// What was delivered ahead goes to whoever asks next, and not only after the acknowledgement wait.
    pub(super) async fn give_back(mut self) {
        while let Some(message) = self.take().or_else(|| self.there()) {
            // Else it is delivered again later.
            message.ack_with(AckKind::Nak(None)).await.ok();
        }
    }
}
