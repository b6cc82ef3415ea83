//! What every service logged, at every level, against every secret and every text.

use std::path::Path;

use anyhow::Result;

/// Words that a service logs when it does what it must never do.
const PANICS: [&str; 2] = ["panicked at", "a task panicked"];

/// Every secret, text or panic in the logs of a folder. What was found is not shown, but where.
pub fn leaks(folder: &Path, secrets: &[String], marker: &str) -> Result<(Vec<String>, u64)> {
    let mut problems = Vec::new();
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "log") {
            continue;
        }
        let log = String::from_utf8_lossy(&std::fs::read(&path)?).into_owned();
        bytes += log.len() as u64;
        for (number, line) in log.lines().enumerate() {
            let place = || format!("{}:{}", path.display(), number + 1);
            if secrets.iter().any(|secret| line.contains(secret)) {
                problems.push(format!("logs: a secret at {}", place()));
            }
            if line.contains(marker) {
                problems.push(format!("logs: a message's text at {}", place()));
            }
            if PANICS.iter().any(|panic| line.contains(panic)) {
                problems.push(format!("logs: a panic at {}", place()));
            }
        }
    }
    problems.truncate(6);
    Ok((problems, bytes))
}
