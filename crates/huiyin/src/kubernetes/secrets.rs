//! Secrets of a deployment: each service is handed its own files, as in containers.

use std::fmt::Write as _;

use runtime::bus::User;
use runtime::services::{SERVICES, Service};
use serde_json::Value;
use store::role::Role;

/// The folder's files, into one Secret for each program. Values stay out of manifests.
const SCRIPT: &str = r#"#!/bin/sh
# Written by `huiyin kubernetes`: do not edit.
# Puts the files of a folder that `huiyin secrets FOLDER` made into the cluster; what is there is replaced.
set -eu
cd "${1:?the folder of the secrets}"
put() {
  name=$1
  shift
  for file; do
    set -- "$@" "--from-file=$file"
    shift
  done
  kubectl -n NAMESPACE create secret generic "$name" "$@" --dry-run=client -o yaml | kubectl apply -f -
}
"#;

/// A service's own files.
pub(super) fn files(service: &Service) -> Vec<String> {
    let logins = ["postgres", "nats"].map(|server| format!("{server}_{}", service.role));
    let own = service.secrets.iter().flat_map(|secrets| secrets.files).map(|file| (*file).to_owned());
    logins.into_iter().chain(own).collect()
}

/// Those of the one-shot, which is also the operator's place: everything.
pub(super) fn all_files() -> Vec<String> {
    let mut files = vec!["postgres_admin".to_owned()];
    files.extend(Role::ALL.map(|role| format!("postgres_{role}")));
    files.extend(User::ALL.map(|user| format!("nats_{user}")));
    let own = SERVICES.iter().flat_map(|service| service.secrets).flat_map(|secrets| secrets.files);
    for file in own {
        if !files.iter().any(|known| known == file) {
            files.push((*file).to_owned());
        }
    }
    files
}

pub(super) fn script(namespace: &str, gateway: bool) -> String {
    let mut script = SCRIPT.replace("NAMESPACE", namespace);
    let mut put = |name: &str, files: &[String]| {
        // Writing to a string never fails.
        let _ = writeln!(script, "put {name} {}", files.join(" "));
    };
    put("apply", &all_files());
    for service in SERVICES {
        put(service.program(), &files(service));
    }
    if gateway {
        put("gateway", &["gateway_token".to_owned()]);
    }
    script
}

/// The places of secrets that stand in a configuration itself.
pub(super) fn by_value(config: &Value) -> Vec<String> {
    let schema = runtime::config::schema();
    let mut found = Vec::new();
    walk(&schema, &schema, config, "", &mut found);
    found
}

fn walk(schema: &Value, node: &Value, value: &Value, place: &str, found: &mut Vec<String>) {
    if let Some(name) = node["$ref"].as_str().and_then(|name| name.strip_prefix("#/$defs/")) {
        if name == "Secret" && value.is_string() {
            found.push(place.trim_start_matches('.').to_owned());
        }
        return walk(schema, &schema["$defs"][name], value, place, found);
    }
    for choice in node["anyOf"].as_array().into_iter().flatten() {
        walk(schema, choice, value, place, found);
    }
    for (key, value) in value.as_object().into_iter().flatten() {
        let named = &node["properties"][key];
        let node = if named.is_null() { &node["additionalProperties"] } else { named };
        walk(schema, node, value, &format!("{place}.{key}"), found);
    }
    for (index, value) in value.as_array().into_iter().flatten().enumerate() {
        walk(schema, &node["items"], value, &format!("{place}.{index}"), found);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_by_value_are_found_wherever_they_stand() {
        let config = json!({
            "database": { "passwords": { "ingest": "a" } }, "bus": { "url": "nats://n", "password_files": "/x/{role}" },
            "ingest": { "webhook_tokens": [{ "token_file": "/x" }, { "token": "b" }], "gateway": { "token": "c" } },
            "watchdog": { "fallback": { "url": "d" }, "heartbeat_url": null }
        });
        let places = [
            "database.passwords.ingest",
            "ingest.gateway.token",
            "ingest.webhook_tokens.1.token",
            "watchdog.fallback.url",
        ];
        assert_eq!(by_value(&config), places);
    }
}
