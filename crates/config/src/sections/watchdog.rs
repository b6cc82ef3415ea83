//! The section `watchdog`: who hears of it when Huiyin itself is not well.

use std::path::PathBuf;

use domain::login::Role;
use domain::secret::Secret;
use domain::span::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::checks;
use super::feishu::{CHAT_PREFIX, PERSON_PREFIX};
use crate::operated::Operated;
use crate::problem::Problems;
use crate::schema::listed;

/// Who hears of it when Huiyin itself is not well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Watchdog {
    /// The chat of those who look after Huiyin, `oc_…`.
    pub operators_chat: String,
    /// Those of them, `ou_…`, who are pressed when the account has to be logged in again. They must be in the chat.
    #[serde(default)]
    pub operators: Vec<String>,
    /// A custom bot of another group, for when our own app cannot speak; `null`: none.
    #[serde(default)]
    pub fallback: Option<CustomBot>,
    /// Called every minute while alarms can reach people, so that somebody outside notices when that ends; `null`:
    /// none.
    #[serde(default)]
    pub heartbeat_url: Option<Secret>,
    /// The services that must beat; `null`: those that are enabled.
    #[serde(default)]
    pub expected: Option<Vec<String>>,
    /// How often each service beats.
    #[serde(default = "default_beat_every")]
    pub beat_every: Span,
    /// Paths on the file systems that must not fill up. Each service looks at those that it has.
    #[serde(default = "default_disks")]
    pub disks: Vec<PathBuf>,
    /// Where operators open the login page of `ingest`, as cards link to it; `null`: no link.
    #[serde(default)]
    pub login_page: Option<String>,
    /// Where operators read the runbook, as cards link to it; `null`: cards name the section only.
    #[serde(default)]
    pub runbook: Option<String>,
    /// From when on something is an alarm.
    #[serde(default)]
    pub thresholds: Thresholds,
    /// How operators give the commands that they are told. No setting: whoever runs the services knows it.
    #[serde(skip)]
    pub operated: Operated,
}

/// A custom bot of a Feishu group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomBot {
    /// Its webhook address, which holds its token.
    pub url: Secret,
    /// Its signature secret; `null`: it does not check signatures.
    #[serde(default)]
    pub secret: Option<Secret>,
}

/// From when on something is an alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Thresholds {
    /// A service, or a part of one, that has not been heard of for this long.
    pub silent_after: Span,
    /// So many starts of a service within `restart_window` are a loop.
    #[schemars(range(min = 2, max = 100))]
    pub restarts: u32,
    /// See `restarts`.
    pub restart_window: Span,
    /// A gateway that has not been live for this long.
    pub gateway_lost_after: Span,
    /// An account that has not been logged in for this long.
    pub login_lost_after: Span,
    /// How often a lost login is told again, day and night.
    pub login_repeat_every: Span,
    /// A consumer that has been behind for this long.
    pub lag_after: Span,
    /// A file system with less than this share free.
    #[schemars(range(min = 1, max = 90))]
    pub disk_free_percent: u32,
    /// A file system with less than this free, in GiB.
    #[schemars(range(min = 0, max = 100_000))]
    pub disk_free_gib: u32,
    /// How long cards may be refused before the fallback is told.
    pub fallback_after: Span,
    /// How often `heartbeat_url` is called.
    pub heartbeat_every: Span,
    /// An alarm that comes back within this time is the same alarm, on the same card.
    pub reopen_within: Span,
}

impl Default for Thresholds {
    fn default() -> Self {
        let minutes = |minutes: u64| Span::seconds(minutes * 60);
        Self {
            silent_after: minutes(1),
            restarts: 3,
            restart_window: minutes(5),
            gateway_lost_after: Span::seconds(30),
            login_lost_after: Span::seconds(10),
            login_repeat_every: minutes(15),
            lag_after: minutes(1),
            disk_free_percent: 10,
            disk_free_gib: 2,
            fallback_after: minutes(5),
            heartbeat_every: minutes(1),
            reopen_within: minutes(10),
        }
    }
}

const fn default_beat_every() -> Span {
    Span::seconds(10)
}

fn default_disks() -> Vec<PathBuf> {
    vec!["/".into()]
}

impl Watchdog {
    pub(crate) fn check(&self, problems: &mut Problems) {
        self.check_receivers(problems);
        self.check_addresses(problems);
        self.check_expected(problems);
        self.check_thresholds(problems);
    }

    fn check_receivers(&self, problems: &mut Problems) {
        if !self.operators_chat.starts_with(CHAT_PREFIX) {
            let message = format!("expected a chat's id, which begins with `{CHAT_PREFIX}`");
            problems.add("watchdog.operators_chat", message);
        }
        let strange = self.operators.iter().enumerate().filter(|(_, id)| !id.starts_with(PERSON_PREFIX));
        for (index, _) in strange {
            let message = format!("expected a person's id, which begins with `{PERSON_PREFIX}`");
            problems.add(format!("watchdog.operators[{index}]"), message);
        }
    }

    fn check_addresses(&self, problems: &mut Problems) {
        let fallback = self.fallback.as_ref().map(|bot| ("watchdog.fallback.url", bot.url.expose()));
        let heartbeat = self.heartbeat_url.as_ref().map(|url| ("watchdog.heartbeat_url", url.expose()));
        let login = self.login_page.as_deref().map(|url| ("watchdog.login_page", url));
        let runbook = self.runbook.as_deref().map(|url| ("watchdog.runbook", url));
        for (path, url) in [fallback, heartbeat, login, runbook].into_iter().flatten() {
            let begins = url.starts_with("https://") || url.starts_with("http://");
            if !begins || url.contains(char::is_whitespace) {
                problems.add(path, "expected a web address, which begins with `https://`");
            }
        }
    }

    fn check_expected(&self, problems: &mut Problems) {
        let known = Role::SERVICES.map(Role::service);
        for (index, service) in self.expected.iter().flatten().enumerate() {
            if !known.contains(&service.as_str()) {
                let message = format!("unknown service: expected one of {}", listed(&known));
                problems.add(format!("watchdog.expected[{index}]"), message);
            }
        }
    }

    fn check_thresholds(&self, problems: &mut Problems) {
        let Thresholds {
            silent_after,
            restarts: _,
            restart_window,
            gateway_lost_after,
            login_lost_after,
            login_repeat_every,
            lag_after,
            disk_free_percent: _,
            disk_free_gib: _,
            fallback_after,
            heartbeat_every,
            // Nothing: what comes back is a new alarm each time.
            reopen_within: _,
        } = self.thresholds;
        for (path, span) in [
            ("watchdog.beat_every", self.beat_every),
            ("watchdog.thresholds.restart_window", restart_window),
            ("watchdog.thresholds.gateway_lost_after", gateway_lost_after),
            ("watchdog.thresholds.login_lost_after", login_lost_after),
            ("watchdog.thresholds.login_repeat_every", login_repeat_every),
            ("watchdog.thresholds.lag_after", lag_after),
            ("watchdog.thresholds.fallback_after", fallback_after),
            ("watchdog.thresholds.heartbeat_every", heartbeat_every),
        ] {
            checks::period(path, span, problems);
        }
        let two_beats =
            Span::seconds(self.beat_every.max(checks::SHORTEST_PERIOD).as_seconds().saturating_mul(2));
        if silent_after < two_beats {
            let message =
                format!("{}, twice watchdog.beat_every", checks::too_short(silent_after, two_beats));
            problems.add("watchdog.thresholds.silent_after", message);
        }
    }
}
