//! Whoever waits is told that something moves.

use std::future::Future;
use std::time::Duration;

/// How long a step stays silent, at its beginning and between two lines.
pub const TELL_EVERY: Duration = Duration::from_secs(3);

/// Works, and meanwhile says again and again what is being done and for how many seconds already. A step that is quick
/// says nothing.
pub async fn telling<T>(
    progress: impl Fn(&str),
    doing: impl Fn() -> String,
    work: impl Future<Output = T>,
) -> T {
    let began = tokio::time::Instant::now();
    tokio::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            () = tokio::time::sleep(TELL_EVERY) => {
                progress(&format!("still {} ({} s so far)", doing(), began.elapsed().as_secs()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_long_step_says_that_it_moves_and_a_quick_one_nothing() {
        let told = RefCell::new(Vec::new());
        let tell = |line: &str| told.borrow_mut().push(line.to_owned());
        let doing = || "fetching packages".to_owned();
        telling(tell, doing, tokio::time::sleep(Duration::from_secs(1))).await;
        assert!(told.borrow().is_empty());
        let done = telling(tell, doing, async {
            tokio::time::sleep(Duration::from_secs(10)).await;
            7
        });
        assert_eq!(done.await, 7);
        assert_eq!(
            *told.borrow(),
            [3, 6, 9].map(|seconds| format!("still fetching packages ({seconds} s so far)"))
        );
    }
}
