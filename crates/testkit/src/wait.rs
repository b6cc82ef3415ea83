//! Waiting for a state, bounded.

use std::time::Duration;

use anyhow::{Result, bail};

/// The longest that any state is waited for.
const PATIENCE: Duration = Duration::from_mins(1);
/// The pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Waits until `look` finds something.
///
/// # Errors
/// If it does not within a minute, or fails. `what` names the awaited state.
pub async fn until_some<T, F, Fut>(what: &str, mut look: F) -> Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<Option<T>>>,
{
    let end = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        if tokio::time::Instant::now() >= end {
            bail!("waited {} s in vain until {what}", PATIENCE.as_secs());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Waits until `look` says yes.
///
/// # Errors
/// As [`until_some`].
pub async fn until<F, Fut>(what: &str, mut look: F) -> Result<()>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<bool>>,
{
    until_some(what, || {
        let looked = look();
        async move { Ok(looked.await?.then_some(())) }
    })
    .await
}
