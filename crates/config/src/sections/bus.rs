//! The section `bus`: where the NATS servers are.

use std::collections::BTreeMap;

use domain::secret::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::passwords;
use crate::problem::Problems;

/// On how many servers a stream can be kept to some purpose.
const REPLICAS: [usize; 3] = [1, 3, 5];

/// Where the bus is. Each service logs in as the user of its own name, with that user's rights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bus {
    /// `nats://host:port`, or `tls://host:port`, without user and password; of a cluster all servers, separated by commas.
    pub url: String,
    /// On how many servers each stream is kept: 1, or 3 or 5 of a cluster.
    #[serde(default = "one")]
    pub replicas: usize,
    /// Passwords by user: each service's own (`room_state` for `room-state`), `operator`, `reader`, and `admin`, who
    /// declares streams and consumers.
    #[serde(default)]
    pub passwords: BTreeMap<String, Secret>,
    /// Path of the files that hold the passwords that are not given above, with `{role}` in the place of the user's
    /// name: `/run/secrets/nats_{role}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_files: Option<String>,
}

const fn one() -> usize {
    1
}

impl Bus {
    pub(crate) fn check(&self, problems: &mut Problems) {
        passwords::check("bus", &self.passwords, self.password_files.as_deref(), problems);
        for url in self.url.split(',') {
            check_url(url, problems);
        }
        if !REPLICAS.contains(&self.replicas) {
            let message = format!(
                "found {}, expected 1, 3 or 5: an even number survives no more losses",
                self.replicas
            );
            problems.add("bus.replicas", message);
        }
    }

    pub(crate) fn check_complete(&self, problems: &mut Problems) {
        passwords::check_given("bus", &self.passwords, [passwords::ADMIN].into_iter(), problems);
    }
}

/// One address for all users, so it names none. What stands there is not shown, for it may hold a password.
fn check_url(url: &str, problems: &mut Problems) {
    match url.trim().parse::<async_nats::ServerAddr>() {
        Ok(bus) if bus.username().is_some() || bus.password().is_some() => problems.add(
            "bus.url",
            "names a user: expected \"nats://host:port\", and each user's password in bus.passwords",
        ),
        Ok(bus) if !bus.host().is_empty() => {}
        _ => problems.add("bus.url", "expected \"nats://host:port\""),
    }
}
