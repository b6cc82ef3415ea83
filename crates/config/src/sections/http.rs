//! The section `http`: what stands before our listeners.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What stands before our listeners.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// Addresses of the reverse proxies whose `X-Forwarded-For` is believed. Limits count for each client; without
    /// this, everybody behind a proxy is one client.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub trusted_proxies: Vec<IpAddr>,
}
