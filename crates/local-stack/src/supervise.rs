//! Keeping children running: one that dies is started again where it was, with a growing pause, until it cannot be.
//!
//! What is said about it, and what becomes of the process when a child cannot be brought back, is the caller's
//! business. A child that is asked to stop is not missed.

use std::fmt;
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How soon a dead child is started again, and how often in vain.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// The pause before the first start; doubled for each further one.
    pub first: Duration,
    pub longest: Duration,
    /// A child that lived this long begins with the first pause again.
    pub steady: Duration,
    /// Starts in a row that may fail before it is given up.
    pub attempts: u32,
}

impl Pace {
    /// For people who wait: half a minute of starts in vain.
    pub const USUAL: Self = Self {
        first: Duration::from_secs(1),
        longest: Duration::from_secs(30),
        steady: Duration::from_secs(30),
        attempts: 5,
    };
}

/// What happened to a child; shown, it is one line.
#[derive(Debug, Clone)]
pub struct Event {
    /// Its name in messages.
    pub child: &'static str,
    pub what: What,
}

/// What can happen to a child.
#[derive(Debug, Clone)]
pub enum What {
    /// It ended by itself.
    Died {
        /// Its exit status or the signal.
        how: String,
        /// Until it is started again.
        pause: Duration,
    },
    /// It did not start.
    Refused {
        why: String,
        /// Which start in a row this was, from 1.
        attempt: u32,
        /// After how many it is given up.
        attempts: u32,
        /// Until the next one.
        pause: Duration,
    },
    Back {
        /// Since it died.
        after: Duration,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let child = self.child;
        match &self.what {
            What::Died { how, pause } => {
                write!(f, "{child} died ({how}): starting it again in {}", seconds(*pause))
            }
            What::Refused { why, attempt, attempts, pause } => {
                let next = seconds(*pause);
                write!(f, "{child} did not start ({attempt} of {attempts}): {why}: once more in {next}")
            }
            What::Back { after } => write!(f, "{child} runs again after {}", seconds(*after)),
        }
    }
}

fn seconds(time: Duration) -> String {
    if time.subsec_millis() == 0 {
        format!("{} s", time.as_secs())
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}

/// A child that cannot be brought back.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{child} died and cannot be started again: {why}")]
pub struct GaveUp {
    /// Its name in messages.
    pub child: &'static str,
    /// Why, on one line.
    pub why: String,
}

/// Why a start failed.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// On one line.
    pub why: String,
    /// Whether another try may help.
    pub passing: bool,
}

/// Something that can be started again where it was.
pub trait Child: Sync {
    /// Its name in messages.
    fn name(&self) -> &'static str;
    /// Resolves with how it ended once it has died by itself; the dead one is collected by then.
    fn death(&self) -> impl Future<Output = String> + Send;
    /// Starts it again on the same address, with the same data.
    fn revive(&self) -> impl Future<Output = Result<(), Refusal>> + Send;
}

/// Keeps a child running until it cannot be; `tell` hears of everything at once. May be dropped at any time.
pub async fn keep(child: &impl Child, pace: Pace, tell: impl Fn(&Event) + Send + Sync) -> GaveUp {
    let tell = |what| tell(&Event { child: child.name(), what });
    let mut pause = pace.first;
    loop {
        let born = Instant::now();
        let how = child.death().await;
        let died = Instant::now();
        if died - born >= pace.steady {
            pause = pace.first;
        }
        tell(What::Died { how, pause });
        if let Err(gave_up) = again(child, pace, &mut pause, &tell).await {
            return gave_up;
        }
        tell(What::Back { after: died.elapsed() });
    }
}

async fn again(
    child: &impl Child,
    pace: Pace,
    pause: &mut Duration,
    tell: &(impl Fn(What) + Send + Sync),
) -> Result<(), GaveUp> {
    let mut attempt = 1;
    loop {
        sleep(*pause).await;
        *pause = (*pause * 2).min(pace.longest);
        let Err(Refusal { why, passing }) = child.revive().await else { return Ok(()) };
        if !passing {
            return Err(GaveUp { child: child.name(), why });
        }
        if attempt >= pace.attempts {
            let why = format!("{why} (the last of {attempt} starts in a row)");
            return Err(GaveUp { child: child.name(), why });
        }
        tell(What::Refused { why, attempt, attempts: pace.attempts, pause: *pause });
        attempt += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Lives as long as its script says each time, and starts as it says.
    struct Scripted {
        lives: Mutex<Vec<u64>>,
        starts: Mutex<Vec<Result<(), bool>>>,
    }

    impl Child for Scripted {
        fn name(&self) -> &'static str {
            "the child"
        }

        async fn death(&self) -> String {
            let life = self.lives.lock().unwrap().pop().unwrap_or(u64::MAX / 4);
            sleep(Duration::from_secs(life)).await;
            "signal: 9 (SIGKILL)".to_owned()
        }

        async fn revive(&self) -> Result<(), Refusal> {
            let start = self.starts.lock().unwrap().pop().unwrap_or(Ok(()));
            start.map_err(|passing| Refusal { why: "its port is taken".to_owned(), passing })
        }
    }

    /// What is told within ten minutes, and whether it was given up.
    async fn told(lives: &[u64], starts: &[Result<(), bool>]) -> (Vec<String>, Option<String>) {
        let backwards = |list: &[Result<(), bool>]| list.iter().rev().copied().collect();
        let child = Scripted {
            lives: Mutex::new(lives.iter().rev().copied().collect()),
            starts: Mutex::new(backwards(starts)),
        };
        let heard = Mutex::new(Vec::new());
        let kept = keep(&child, Pace::USUAL, |event| heard.lock().unwrap().push(event.to_string()));
        let gave_up = tokio::time::timeout(Duration::from_mins(10), kept).await.ok();
        (heard.into_inner().unwrap(), gave_up.map(|gave_up| gave_up.to_string()))
    }

    #[tokio::test(start_paused = true)]
    async fn the_pause_grows_and_begins_anew_after_a_steady_life() {
        let (lines, gave_up) = told(&[5, 5, 40], &[]).await;
        let again =
            |pause: &str| format!("the child died (signal: 9 (SIGKILL)): starting it again in {pause}");
        let back = |after: &str| format!("the child runs again after {after}");
        let expected = [again("1 s"), back("1 s"), again("2 s"), back("2 s"), again("1 s"), back("1 s")];
        assert_eq!((lines, gave_up), (expected.to_vec(), None));
    }

    #[tokio::test(start_paused = true)]
    async fn starts_in_vain_end_in_a_sentence() {
        let (lines, gave_up) = told(&[5], &[Err(true); 9]).await;
        assert_eq!(lines.len(), 5, "one death, four refusals: {lines:?}");
        assert_eq!(lines[1], "the child did not start (1 of 5): its port is taken: once more in 2 s");
        let sentence = gave_up.unwrap();
        assert!(sentence.ends_with("its port is taken (the last of 5 starts in a row)"), "{sentence}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_no_other_try_can_help_is_not_tried_again() {
        let (lines, gave_up) = told(&[5], &[Err(false)]).await;
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert_eq!(gave_up.unwrap(), "the child died and cannot be started again: its port is taken");
    }
}
