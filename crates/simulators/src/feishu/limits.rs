//! Sliding windows for the documented call limits.
//!
//! Only admitted requests count: a client that waits as long as it was told gets through.

use std::collections::{HashMap, VecDeque};

use chrono::{DateTime, TimeDelta, Utc};

use super::answer::{Answer, RateStyle};

/// Messages to one chat or one user, and updates of one message, a second.
pub(super) const PER_TARGET_PER_SECOND: usize = 5;
/// Calls of one app to one route a second.
const PER_APP_PER_SECOND: usize = 50;
/// Calls of one app to one route a minute.
const PER_APP_PER_MINUTE: usize = 1_000;

/// The admitted requests by window.
#[derive(Debug, Default)]
pub(super) struct Limits {
    windows: HashMap<String, VecDeque<DateTime<Utc>>>,
    pub(super) style: RateStyle,
}

impl Limits {
    /// One call of an app to a route: 50 a second and 1,000 a minute, whichever trips first.
    pub(super) fn admit_app(&mut self, app: &str, route: &str, now: DateTime<Utc>) -> Result<(), Answer> {
        let second = TimeDelta::seconds(1);
        let minute = TimeDelta::minutes(1);
        self.check(&format!("app:{app}:{route}:s"), second, PER_APP_PER_SECOND, now)?;
        self.check(&format!("app:{app}:{route}:m"), minute, PER_APP_PER_MINUTE, now)?;
        self.count(&format!("app:{app}:{route}:s"), now);
        self.count(&format!("app:{app}:{route}:m"), now);
        Ok(())
    }

    /// One message into a chat, shared by all bots in it, or one update of a message.
    pub(super) fn admit_target(&mut self, target: &str, now: DateTime<Utc>) -> Result<(), Answer> {
        let key = format!("target:{target}");
        self.check(&key, TimeDelta::seconds(1), PER_TARGET_PER_SECOND, now)?;
        self.count(&key, now);
        Ok(())
    }

    /// One call of a custom bot.
    pub(super) fn admit_hook(
        &mut self,
        token: &str,
        per_second: usize,
        per_minute: usize,
        now: DateTime<Utc>,
    ) -> Result<(), ()> {
        let windows = [("s", TimeDelta::seconds(1), per_second), ("m", TimeDelta::minutes(1), per_minute)];
        for (name, window, max) in windows {
            self.check(&format!("hook:{token}:{name}"), window, max, now).map_err(drop)?;
        }
        for (name, ..) in windows {
            self.count(&format!("hook:{token}:{name}"), now);
        }
        Ok(())
    }

    fn check(&mut self, key: &str, window: TimeDelta, max: usize, now: DateTime<Utc>) -> Result<(), Answer> {
        let Some(seen) = self.windows.get_mut(key) else { return Ok(()) };
        while seen.front().is_some_and(|&at| now - at >= window) {
            seen.pop_front();
        }
        match seen.front() {
            Some(&oldest) if seen.len() >= max => {
                let reset = (oldest + window - now).num_milliseconds();
                let seconds = reset.max(1).unsigned_abs().div_ceil(1_000);
                Err(Answer::rate_limited(self.style, max, i64::try_from(seconds).unwrap_or(1)))
            }
            _ => Ok(()),
        }
    }

    fn count(&mut self, key: &str, now: DateTime<Utc>) {
        self.windows.entry(key.to_owned()).or_default().push_back(now);
    }
}
