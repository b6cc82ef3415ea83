//! What is written of the services elsewhere, against [`runtime::services`]: Compose, Prometheus, and the map of
//! `ARCHITECTURE.md`. A service that is missing there, or one too many, fails.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use runtime::bus::Consumer;
use runtime::config::{self, ConfigError, Source};
use runtime::services::{self, Redundancy, SERVICES, Service};
use store::role::Role;

fn read(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file)).unwrap()
}

fn programs() -> BTreeSet<String> {
    SERVICES.iter().map(|service| service.program().to_owned()).collect()
}

/// The lines below a key of a YAML file, as far as they are indented more than it.
fn block<'y>(yaml: &'y str, key: &str) -> Vec<&'y str> {
    let indent = key.len() - key.trim_start().len();
    let below = yaml.lines().skip_while(|line| *line != key).skip(1);
    below.take_while(|line| line.trim().is_empty() || line.len() - line.trim_start().len() > indent).collect()
}

/// The value of a key within a block: a list in brackets, or one item a line.
fn list(block: &[&str], key: &str) -> BTreeSet<String> {
    let Some(at) = block.iter().position(|line| line.trim_start().starts_with(key)) else {
        return BTreeSet::new();
    };
    if let Some((_, items)) = block[at].split_once('[') {
        return items.trim_end_matches(']').split(',').map(|item| item.trim().to_owned()).collect();
    }
    let items = block[at + 1..].iter().map_while(|line| {
        let line = line.trim_start();
        (line.starts_with("- ") || line.starts_with('#')).then_some(line)
    });
    items.filter_map(|line| line.strip_prefix("- ")).map(str::to_owned).collect()
}

#[test]
fn every_login_of_a_service_and_every_consumer_is_in_the_table_once() {
    let roles: Vec<Role> = SERVICES.iter().map(|service| service.role).collect();
    assert_eq!(roles, Role::SERVICES);
    let mut owned: Vec<&str> =
        SERVICES.iter().flat_map(|service| service.consumers).map(|consumer| consumer.name()).collect();
    let mut all: Vec<&str> = Consumer::ALL.iter().map(|consumer| consumer.name()).collect();
    owned.sort_unstable();
    all.sort_unstable();
    assert_eq!(owned, all);
    for service in SERVICES {
        assert!(!service.title.is_empty() && !service.impact.is_empty(), "{}", service.program());
    }
}

/// Each has a container that runs its program, with its own secrets and no others; the one-shot has all of them.
#[test]
fn compose_runs_each_service_with_its_own_secrets() {
    let compose = read("docker-compose.yml");
    let everything = list(&block(&compose, "  apply:"), "secrets: &everything");
    let defined: BTreeSet<String> = block(&compose, "secrets:")
        .iter()
        .filter_map(|line| line.trim().split_once(':').map(|(name, _)| name.to_owned()))
        .collect();
    for service in SERVICES {
        let container = block(&compose, &format!("  {}:", service.program()));
        let program = BTreeSet::from([service.program().to_owned()]);
        assert_eq!(list(&container, "command:"), program, "{}", service.program());
        let files = service.secrets.iter().flat_map(|secrets| secrets.files).map(|file| (*file).to_owned());
        let logins = ["postgres", "nats"].map(|server| format!("{server}_{}", service.role));
        let expected: BTreeSet<String> = logins.into_iter().chain(files).collect();
        assert_eq!(list(&container, "secrets:"), expected, "{}", service.program());
        assert!(expected.is_subset(&everything) && expected.is_subset(&defined), "{}", service.program());
    }
    let containers = block(&compose, "services:");
    let ours =
        containers.iter().zip(containers.iter().skip(1)).filter(|(_, next)| next.trim() == "<<: *service");
    let ours: BTreeSet<String> = ours.map(|(name, _)| name.trim().trim_end_matches(':').to_owned()).collect();
    assert_eq!(ours, programs());
    let forwarded = list(&block(&compose, "  front:"), "command:");
    for service in SERVICES {
        let route = service.port.map(|port| format!("\"0.0.0.0:{port}={}:{port}\"", service.program()));
        assert!(route.is_none_or(|route| forwarded.contains(&route)), "{}", service.program());
    }
}

/// Of a configuration whose secrets are all files that are missing, a service misses its own and no others.
#[test]
fn a_service_is_asked_for_its_own_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("huiyin.json");
    fs::write(&file, read("config/default.json").replace("/run/secrets", "none")).unwrap();
    let source = Source { file, environment: false };
    let everything = config::secret_files(&source);
    for service in SERVICES {
        let mut expected: BTreeSet<String> = everything
            .iter()
            .map(|secret| secret.key.clone())
            .filter(|key| service.secret_paths().any(|path| key.starts_with(path)))
            .collect();
        expected
            .extend(["database", "bus"].map(|server| format!("{server}.passwords.{}_file", service.role)));
        let Err(ConfigError::Problems(problems)) = services::load_for(&source, service.role) else {
            panic!("{} misses nothing", service.program())
        };
        let missing: BTreeSet<String> = problems.into_iter().map(|problem| problem.path).collect();
        assert_eq!(missing, expected, "{}", service.program());
    }
}

/// What is switched off is not expected to send heartbeats, and neither is the watchdog itself.
#[test]
fn heartbeats_are_expected_of_whoever_has_work() {
    let mut value: serde_json::Value = serde_json::from_str(&read("config/demo.json")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("huiyin.json");
    let source = Source { file, environment: false };
    let expected = |value: &serde_json::Value| {
        fs::write(&source.file, value.to_string()).unwrap();
        services::expected(&config::load_using(&source, &[]).unwrap())
    };
    assert_eq!(expected(&value), ["ingest", "room-state", "vika-sync", "vika-reconcile", "performance"]);
    value["vika"]["enabled"] = false.into();
    assert_eq!(expected(&value), ["ingest", "room-state", "performance"]);
    value["watchdog"]["expected"] = serde_json::json!(["room-state"]);
    assert_eq!(expected(&value), ["room-state"]);
}

#[test]
fn prometheus_asks_each_service() {
    let prometheus = read("deploy/prometheus/prometheus.yml");
    let lines: Vec<&str> = prometheus.lines().collect();
    assert_eq!(list(&lines, "- names:"), programs());
}

#[test]
fn the_map_shows_each_service() {
    let map = read("ARCHITECTURE.md");
    let rows = map.lines().filter_map(|line| line.strip_prefix("| `services/")?.split_once('`'));
    let rows: BTreeSet<String> = rows.map(|(program, _)| program.to_owned()).collect();
    assert_eq!(rows, programs());
    let scaled = "a second `ingest`, `room-state`, `vika-sync`, `vika-reconcile` or `performance` stands by";
    let containers = read("docs/containers.md").replace("\n  ", " ");
    let singletons: BTreeSet<&str> = SERVICES
        .iter()
        .filter(|service| service.redundancy != Redundancy::ActiveActive)
        .map(Service::program)
        .collect();
    assert!(containers.contains(scaled), "docs/containers.md says which stand by");
    assert_eq!(singletons, scaled.split('`').skip(1).step_by(2).collect());
}
