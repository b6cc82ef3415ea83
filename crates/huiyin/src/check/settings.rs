//! The configuration, the files that hold its secrets, and calendars.

use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;

use runtime::config::{ConfigError, SecretFile, Source};

use super::report::{Finding, Group};
use super::{problems, wording};

/// Permission bits of those who are neither the owner nor of the group.
const OTHERS: u32 = 0o007;

/// Each file can be read by us, and not by everybody.
pub(super) fn secret_files(source: &Source) -> Vec<Finding> {
    runtime::config::secret_files(source).iter().map(secret_file).collect()
}

fn secret_file(secret: &SecretFile) -> Finding {
    let mut begin = [0; 1];
    let read = std::fs::File::open(&secret.file).and_then(|mut file| {
        let mode = file.metadata()?.permissions().mode();
        Ok((mode, file.read(&mut begin)?))
    });
    match read {
        Err(error) => Group::Config.failed(wording::secret_unreadable(secret, error.kind())),
        Ok((_, 0)) => Group::Config.failed(wording::secret_empty(secret)),
        Ok((mode, _)) if mode & OTHERS != 0 => Group::Config.warning(wording::secret_open_to_all(secret)),
        Ok(_) => Group::Config.ok(wording::secret_readable(secret)),
    }
}

/// Everything that is wrong with the configuration. What is wrong with a secret's file has its own line.
pub(super) fn unsound(error: &ConfigError) -> Vec<Finding> {
    let told = problems(error).into_iter().filter(|(path, _)| !path.ends_with("_file"));
    let mut findings: Vec<Finding> =
        told.map(|(path, message)| Group::Config.failed(wording::config_problem(&path, &message))).collect();
    if findings.is_empty() {
        findings.push(Group::Config.skipped(wording::CONFIG_LACKS_SECRETS));
    }
    findings
}

/// There is nothing to prove yet.
pub(super) fn calendar() -> Vec<Finding> {
    vec![Group::Calendar.skipped(wording::NO_CALENDAR)]
}
