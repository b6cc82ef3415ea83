//! Stopping in two stages: stop taking work and finish what is in flight; then, after a grace time, stop hard.

use std::future::Future;
use std::time::Duration;

use anyhow::bail;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::Clock;

/// How long work in flight may take after the first signal.
pub const GRACE: Duration = Duration::from_secs(8);

/// How long a call of an outside service that was under way at the first signal may still take.
const LAST_CALL: Duration = Duration::from_secs(1);

/// Tells tasks when to stop. Clones share the signal.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    soft: CancellationToken,
    clock: Clock,
}

impl Shutdown {
    /// A fresh signal, not yet given.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same; its sleeps are measured by this clock.
    pub fn by(clock: &Clock) -> Self {
        Self { clock: clock.clone(), ..Self::default() }
    }

    /// A signal of its own that is given with this one, at the latest.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { soft: self.soft.child_token(), clock: self.clock.clone() }
    }

    /// Gives the signal: take no new work.
    pub fn request(&self) {
        self.soft.cancel();
    }

    /// Whether it was given.
    pub fn requested(&self) -> bool {
        self.soft.is_cancelled()
    }

    /// Resolves once it is given.
    pub async fn wait(&self) {
        self.soft.cancelled().await;
    }

    /// Waits this long on the clock, or less if the signal comes. `false`: it came.
    pub async fn sleep(&self, time: Duration) -> bool {
        tokio::select! {
            () = self.clock.sleep(time) => true,
            () = self.soft.cancelled() => false,
        }
    }

    /// Does work that waits for an outside service: once the signal has come, for a second at most, since nobody knows when
    /// such a service answers. `None`: it was cut off, which has to be as good as a crash at that place.
    pub async fn cut<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let end = async {
            self.soft.cancelled().await;
            tokio::time::sleep(LAST_CALL).await;
        };
        tokio::select! {
            biased;
            done = work => Some(done),
            () = end => None,
        }
    }

    /// Gives the signal when the process is asked to end (SIGINT, SIGTERM).
    ///
    /// # Errors
    /// If signal handlers cannot be installed.
    pub fn on_signals(&self) -> std::io::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        let (mut interrupt, mut terminate) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let shutdown = self.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            tracing::info!("asked to stop");
            shutdown.request();
        });
        Ok(())
    }
}

/// The tasks that make up a service. All of them run until the shutdown; one that ends or panics before it ends the
/// service with an error, so that a half-dead service is never taken for a live one.
#[derive(Debug)]
pub struct Tasks {
    shutdown: Shutdown,
    running: JoinSet<&'static str>,
}

impl Tasks {
    pub fn new(shutdown: Shutdown) -> Self {
        Self { shutdown, running: JoinSet::new() }
    }

    /// Starts one. It is to watch the shutdown itself.
    pub fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let task = async move {
            task.await;
            name
        };
        match crate::panics::service() {
            Some(service) => self.running.spawn(crate::panics::within(service, task)),
            None => self.running.spawn(task),
        };
    }

    /// Waits until all have ended.
    ///
    /// # Errors
    /// As soon as one panics, or ends although no shutdown was requested.
    pub async fn finish(mut self) -> anyhow::Result<()> {
        while let Some(ended) = self.running.join_next().await {
            match ended {
                Ok(_) if self.shutdown.requested() => {}
                Ok(name) => bail!("the task `{name}` ended by itself"),
                Err(error) if error.is_panic() => bail!("a task panicked"),
                Err(_cancelled) => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_call_that_hangs_holds_up_the_end_for_a_second() {
        let shutdown = Shutdown::new();
        assert_eq!(shutdown.cut(std::future::ready(1)).await, Some(1));
        let begun = tokio::time::Instant::now();
        let hanging = shutdown.cut(std::future::pending::<()>());
        let (cut, ()) = tokio::join!(hanging, async { shutdown.request() });
        assert_eq!(cut, None);
        assert!(begun.elapsed() >= LAST_CALL, "what answers in time is not cut off");
        assert_eq!(shutdown.cut(std::future::ready(2)).await, Some(2));
    }
}
