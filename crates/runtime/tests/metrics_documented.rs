//! `docs/metrics.md` names every metric that the source sets, and no other; what watches them knows these names alone.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Metrics whose names are chosen at run time, in `ingest`'s record: the macro is called with a variable.
const NAMED_AT_RUN_TIME: [&str; 3] =
    ["ingest_inbox_waiting", "ingest_inbox_payloads_missing", "ingest_outbox_waiting"];

fn sources(folder: &Path, into: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "tests" && name != "target") {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(fs::read_to_string(&path).unwrap());
        }
    }
}

/// The names in a source's calls of the metric macros, and the calls that hold none.
fn names(source: &str) -> (BTreeSet<String>, usize) {
    let (mut found, mut unnamed) = (BTreeSet::new(), 0);
    for kind in ["counter!(", "gauge!(", "histogram!("] {
        for call in source.split(&format!("metrics::{kind}")).skip(1) {
            match call.trim_start().strip_prefix('"').and_then(|call| call.split_once('"')) {
                Some((name, _)) => drop(found.insert(name.to_owned())),
                None => unnamed += 1,
            }
        }
    }
    (found, unnamed)
}

/// The metrics on the page.
fn documented(root: &Path) -> BTreeSet<String> {
    let page = fs::read_to_string(root.join("docs/metrics.md")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let metrics = rows.filter(|(_, rest)| {
        ["counter", "gauge", "histogram"].iter().any(|kind| rest.starts_with(&format!("{kind} |")))
    });
    metrics.map(|(name, _)| name.to_owned()).collect()
}

/// The metrics in a query: its words with an underscore. A histogram is asked for by the names of its parts.
fn asked_for(query: &str) -> impl Iterator<Item = &str> {
    let words = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let parts = ["_bucket", "_sum", "_count"];
    words
        .filter(|word| word.contains('_') && *word != "histogram_quantile")
        .map(move |word| parts.iter().find_map(|part| word.strip_suffix(part)).unwrap_or(word))
}

#[test]
fn rules_and_dashboard_ask_for_metrics_that_there_are() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let documented = documented(&root);
    let dashboard = fs::read_to_string(root.join("deploy/grafana/dashboards/waiting.json")).unwrap();
    let rules = fs::read_to_string(root.join("deploy/prometheus/alerts.yml")).unwrap();
    let in_dashboard = dashboard.lines().filter_map(|line| line.trim().strip_prefix("\"expr\": "));
    let in_rules = rules.split("expr:").skip(1).map(|rest| {
        let end = ["for:", "labels:"].iter().filter_map(|key| rest.find(key)).min();
        &rest[..end.unwrap_or(rest.len())]
    });
    let queries: Vec<&str> = in_dashboard.chain(in_rules).collect();
    assert!(queries.len() >= 30, "{} queries", queries.len());
    let unknown: BTreeSet<&str> = queries
        .iter()
        .flat_map(|query| asked_for(query))
        .filter(|name| !documented.contains(*name))
        .collect();
    assert!(unknown.is_empty(), "nobody sets these: {unknown:?}");
}

#[test]
fn the_page_names_every_metric_and_no_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut all = Vec::new();
    for folder in ["crates", "services"] {
        sources(&root.join(folder), &mut all);
    }
    let (mut set, mut unnamed) = (BTreeSet::new(), 0);
    for source in &all {
        let (found, without) = names(source);
        set.extend(found);
        unnamed += without;
    }
    assert_eq!(unnamed, 1, "calls without a name, of which this test knows the one in ingest's record");
    let record =
        all.iter().filter(|source| NAMED_AT_RUN_TIME.iter().all(|name| source.contains(name))).count();
    assert!(record >= 1, "the names chosen at run time are not in the source any more");
    set.extend(NAMED_AT_RUN_TIME.map(str::to_owned));

    let documented = documented(&root);
    let missing: Vec<_> = set.difference(&documented).collect();
    let too_many: Vec<_> = documented.difference(&set).collect();
    assert!(
        missing.is_empty() && too_many.is_empty(),
        "not on the page: {missing:?}; only there: {too_many:?}"
    );
}
