//! The passwords of the sections `database` and `bus`: one for each login, each given itself or as a file.

use std::collections::BTreeMap;

use domain::login::Role;
use domain::secret::Secret;
use serde_json::{Map, Value};

use crate::problem::Problems;
use crate::schema::listed;
use crate::secrets::SUFFIX;

/// Who sets everything up.
pub(super) const ADMIN: &str = "admin";
/// What stands for the login's name in `password_files`.
const ROLE: &str = "{role}";

/// The names under which passwords stand.
pub(super) fn logins() -> impl Iterator<Item = &'static str> {
    Role::ALL.iter().map(|role| role.name()).chain([ADMIN])
}

/// What is wrong with the passwords of a section.
pub(super) fn check(
    section: &str,
    passwords: &BTreeMap<String, Secret>,
    pattern: Option<&str>,
    problems: &mut Problems,
) {
    let known: Vec<&str> = logins().collect();
    for name in passwords.keys().filter(|name| !known.contains(&name.as_str())) {
        let message = format!("unknown role: expected one of {}", listed(&known));
        problems.add(format!("{section}.passwords.{name}"), message);
    }
    // One file for all would make every service's password that of the superuser.
    if pattern.is_some_and(|pattern| !pattern.contains(ROLE)) {
        let message = format!("expected a path that holds `{ROLE}` in the place of each role's name");
        problems.add(format!("{section}.password_files"), message);
    }
}

/// Which of these passwords a section lacks.
pub(super) fn check_given(
    section: &str,
    passwords: &BTreeMap<String, Secret>,
    needed: impl Iterator<Item = &'static str>,
    problems: &mut Problems,
) {
    for name in needed.filter(|name| !passwords.contains_key(*name)) {
        let message = format!(
            "is missing: expected a password (or `{name}_file` with the path of a file that holds it)"
        );
        problems.add(format!("{section}.passwords.{name}"), message);
    }
}

/// Writes `password_files` of the sections `database` and `bus` out: a `NAME_file` for each login whose password is not
/// given otherwise.
pub(crate) fn name_files(root: &mut Value) {
    for section in super::SERVERS {
        let Some(Value::Object(section)) = root.get_mut(section) else { continue };
        let Some(pattern) = section.get("password_files").and_then(Value::as_str).map(str::to_owned) else {
            continue;
        };
        let passwords = section.entry("passwords").or_insert_with(|| Value::Object(Map::new()));
        let Value::Object(passwords) = passwords else { continue };
        for name in logins() {
            let key = format!("{name}{SUFFIX}");
            if !passwords.contains_key(name) && !passwords.contains_key(&key) {
                passwords.insert(key, pattern.replace(ROLE, name).into());
            }
        }
    }
}
