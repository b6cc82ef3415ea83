//! The configuration, the files that hold its secrets, and calendars.

use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use chrono::NaiveDate;
use domain::rules::Rules;
use runtime::config::{ConfigError, SecretFile};

use super::report::{Finding, Group};
use super::{problems, wording};
use crate::installation::Installation;

/// Permission bits of those who are neither the owner nor of the group.
const OTHERS: u32 = 0o007;
/// Where secrets are mounted in a container. Nobody else is in there, and on the host their folder keeps others out.
const MOUNTED: &str = "/run/secrets";

/// Each file can be read by us, and not by everybody. One that is not `used` here may be kept elsewhere, for the service
/// that uses it.
pub(super) fn secret_files(installation: &Installation, used: &[String]) -> Vec<Finding> {
    let mut secrets = runtime::config::secret_files(installation.source());
    secrets.retain(|secret| !(installation.is_home() && is_of_servers(&secret.key)));
    let is_used = |secret: &&SecretFile| used.iter().any(|place| secret.key.starts_with(place.as_str()));
    let is_elsewhere =
        |secret: &&SecretFile| std::fs::metadata(&secret.file).map_or(true, |file| file.len() == 0);
    let (here, elsewhere): (Vec<_>, Vec<_>) =
        secrets.iter().partition(|secret| is_used(secret) || !is_elsewhere(secret));
    let unneeded =
        elsewhere.into_iter().map(|secret| Group::Config.skipped(wording::secret_elsewhere(secret)));
    here.into_iter().map(secret_file).chain(unneeded).collect()
}

/// A home has its own.
fn is_of_servers(key: &str) -> bool {
    key.starts_with("database.") || key.starts_with("bus.")
}

fn secret_file(secret: &SecretFile) -> Finding {
    let mut begin = [0; 1];
    let read = std::fs::File::open(&secret.file).and_then(|mut file| {
        let mode = file.metadata()?.permissions().mode();
        Ok((mode, file.read(&mut begin)?))
    });
    judge(secret, read)
}

fn judge(secret: &SecretFile, read: std::io::Result<(u32, usize)>) -> Finding {
    match read {
        Err(error) => Group::Config.failed(wording::secret_unreadable(secret, error.kind())),
        Ok((_, 0)) => Group::Config.failed(wording::secret_empty(secret)),
        Ok(_) if is_mounted(&secret.file) => Group::Config.ok(wording::secret_mounted(secret)),
        Ok((mode, _)) if mode & OTHERS != 0 => Group::Config.warning(wording::secret_open_to_all(secret)),
        Ok(_) => Group::Config.ok(wording::secret_readable(secret)),
    }
}

fn is_mounted(file: &Path) -> bool {
    file.starts_with(MOUNTED)
}

/// Everything that is wrong with the configuration. What is wrong with a secret's file has its own line.
pub(super) fn unsound(error: &ConfigError) -> Vec<Finding> {
    let others = problems(error).into_iter().filter(|(path, _)| !path.ends_with("_file"));
    let mut findings: Vec<Finding> = others
        .map(|(path, message)| Group::Config.failed(wording::config_problem(&path, &message)))
        .collect();
    if findings.is_empty() {
        findings.push(Group::Config.skipped(wording::CONFIG_LACKS_SECRETS));
    }
    findings
}

/// The public holidays that calendars go by are known, as far as they should be on a day.
pub(super) fn calendar(rules: &Rules, today: NaiveDate) -> Vec<Finding> {
    let missing = rules.missing_holidays(today);
    let known: Vec<i32> =
        rules.holidays.iter().filter(|year| year.is_announced()).map(|year| year.year).collect();
    if !rules.go_by_holidays() {
        return vec![Group::Calendar.skipped(wording::NO_HOLIDAYS_NEEDED)];
    }
    let mut findings = Vec::new();
    if !known.is_empty() {
        findings.push(Group::Calendar.ok(wording::holidays_known(&known)));
    }
    findings.extend(missing.into_iter().map(|year| Group::Calendar.warning(wording::holidays_missing(year))));
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Status;

    fn stands(file: &str, mode: u32) -> Status {
        let secret = SecretFile { key: "feishu.app_secret_file".into(), file: file.into() };
        judge(&secret, Ok((mode, 1))).status
    }

    /// The deployment in containers writes every secret 0444 on purpose.
    #[test]
    fn a_secret_that_is_mounted_into_a_container_is_not_said_to_be_open() {
        assert_eq!(stands("/run/secrets/feishu_app_secret", 0o100_444), Status::Ok);
        assert_eq!(stands("/run/secrets-of-others/feishu_app_secret", 0o100_444), Status::Warning);
        assert_eq!(stands("/etc/huiyin/feishu_app_secret", 0o100_444), Status::Warning);
        assert_eq!(stands("/etc/huiyin/feishu_app_secret", 0o100_600), Status::Ok);
    }
}
