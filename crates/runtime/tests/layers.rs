//! Dependencies point one way: what each crate may know of ours, by its manifest.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// What the crates below the services may depend on.
const CRATES: [(&str, &[&str]); 11] = [
    ("domain", &[]),
    ("config", &["domain"]),
    ("events", &["domain"]),
    ("store", &["domain"]),
    ("report", &["domain", "store"]),
    ("feishu", &["domain"]),
    ("vika", &["domain"]),
    ("huoban", &["domain"]),
    ("board-session", &["domain"]),
    ("local-stack", &["domain"]),
    ("runtime", &["config", "domain", "events", "store"]),
];
/// The same for every service.
const SERVICE: &[&str] = &[
    "board-session",
    "config",
    "domain",
    "events",
    "feishu",
    "huoban",
    "report",
    "runtime",
    "store",
    "vika",
];

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Names that stand before `=` or `.` in the sections that begin so.
fn names(manifest: &str, section: &str, is_ours: impl Fn(&str) -> bool) -> BTreeSet<String> {
    let lines = manifest.lines().skip_while(|line| *line != section).skip(1);
    let lines = lines.take_while(|line| !line.starts_with('['));
    let named = lines.filter(|line| is_ours(line)).filter_map(|line| line.split(['.', ' ', '=']).next());
    named.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// Our crates and services, each with what it depends on of ours, its tests excepted.
fn dependencies(folder: &str) -> BTreeMap<String, BTreeSet<String>> {
    let workspace = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let ours = names(&workspace, "[workspace.dependencies]", |line| line.contains("path = \""));
    let manifests = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap());
    let read = manifests.map(|entry| {
        let manifest = fs::read_to_string(entry.path().join("Cargo.toml")).unwrap();
        let used = names(&manifest, "[dependencies]", |_| true);
        (entry.file_name().into_string().unwrap(), used.intersection(&ours).cloned().collect())
    });
    read.collect()
}

#[test]
fn no_crate_knows_what_is_built_on_it() {
    let crates = dependencies("crates");
    for (name, allowed) in CRATES {
        let strange: Vec<_> = crates[name].iter().filter(|used| !allowed.contains(&used.as_str())).collect();
        assert!(strange.is_empty(), "crates/{name} depends on {strange:?}");
    }
}

#[test]
fn no_service_knows_another() {
    let services = dependencies("services");
    assert!(services.values().all(|used| used.contains("runtime")), "{services:?}");
    for (name, used) in services {
        let strange: Vec<_> = used.iter().filter(|used| !SERVICE.contains(&used.as_str())).collect();
        assert!(strange.is_empty(), "services/{name} depends on {strange:?}");
    }
}
