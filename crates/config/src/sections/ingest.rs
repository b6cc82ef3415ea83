//! The section `ingest`: capture, by the webhook and by the gateway.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;

use domain::secret::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::problem::Problems;

/// Capture: the webhook and the gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ingest {
    /// Where the webhook listens.
    #[schemars(with = "String")]
    pub listen: SocketAddr,
    /// Who may post messages.
    #[serde(default)]
    pub webhook_tokens: Vec<WebhookToken>,
    /// The Wechaty gateway; `null`: the webhook only.
    #[serde(default)]
    pub gateway: Option<Gateway>,
}

/// One sender of webhook messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookToken {
    /// Its name in logs.
    pub name: String,
    /// Its bearer token.
    pub token: Secret,
    /// Which sources and accounts it may speak for; empty: only source `webhook`.
    #[serde(default)]
    pub may_claim: Vec<WebhookClaim>,
}

/// A source and account that a webhook token may speak for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookClaim {
    /// The source, e.g. `wechaty`.
    pub source: String,
    /// The account; `null`: any.
    #[serde(default)]
    pub account: Option<String>,
}

/// A Wechaty Puppet Service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Gateway {
    /// Its name here, in tables and logs.
    pub name: String,
    /// `host:port`.
    pub endpoint: String,
    /// Its token.
    pub token: Secret,
    /// A certificate authority (PEM) that its TLS certificate must come from; `null`: plaintext, for loopback and
    /// private networks only.
    #[serde(default)]
    pub tls_ca: Option<PathBuf>,
    /// The name in its TLS certificate; `null`: the token's part before the last `_`, lower-cased.
    #[serde(default)]
    pub tls_name: Option<String>,
}

impl Ingest {
    pub(crate) fn check(&self, problems: &mut Problems) {
        self.check_senders(problems);
        if let Some(gateway) = &self.gateway {
            gateway.check(problems);
        }
    }

    fn check_senders(&self, problems: &mut Problems) {
        let (mut names, mut tokens) = (BTreeSet::new(), BTreeSet::new());
        for (index, sender) in self.webhook_tokens.iter().enumerate() {
            let path = format!("ingest.webhook_tokens[{index}]");
            if !names.insert(sender.name.as_str()) {
                let message = format!("`{}` once more: expected each name once", sender.name);
                problems.add(format!("{path}.name"), message);
            }
            if !tokens.insert(sender.token.expose()) {
                problems
                    .add(format!("{path}.token"), "another sender has the same: expected a token of its own");
            }
        }
    }
}

impl Gateway {
    fn check(&self, problems: &mut Problems) {
        let port = self.endpoint.rsplit_once(':').filter(|(host, _)| !host.is_empty() && !host.contains('/'));
        if port.is_none_or(|(_, port)| port.parse::<u16>().is_err()) {
            problems.add("ingest.gateway.endpoint", "expected host and port, like \"gateway:8788\"");
        }
    }
}
