//! What can be wrong with a configuration, and how it is told.

use std::fmt;

use super::path::Path;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where: `rules.roster[2].name`. Empty for the configuration as a whole.
    pub path: String,
    /// What is wrong and what was expected. Never a secret.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.path, self.message)
        }
    }
}

/// Problems as they are found.
#[derive(Default)]
pub(crate) struct Problems(Vec<Problem>);

impl Problems {
    pub(crate) fn add(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.0.push(Problem { path: path.into(), message: message.into() });
    }
}

impl From<Problems> for Vec<Problem> {
    fn from(problems: Problems) -> Self {
        problems.0
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read or is no JSON.
    #[error("the configuration cannot be read: {0}")]
    Unreadable(String),
    /// It can be read, but these things are wrong with it.
    #[error("{}", list(.0))]
    Problems(Vec<Problem>),
}

fn list(problems: &[Problem]) -> String {
    let mut text = match problems.len() {
        1 => "the configuration has a problem:".to_owned(),
        count => format!("the configuration has {count} problems:"),
    };
    for problem in problems {
        text.push_str("\n  ");
        text.push_str(&problem.to_string());
    }
    text
}

/// What has to be done with a faulty place so that the rest can still be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remedy {
    /// Take it out: it is an unknown key.
    Remove,
    /// Put a stand-in there.
    StandIn,
    /// Nothing: a stand-in is there already.
    Done,
}

/// A fault of form: a key, a type, a syntax, a file.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    pub(super) problem: Problem,
    /// The place in the merged configuration.
    pub(super) path: Path,
    /// What to do there.
    pub(super) remedy: Remedy,
}

impl Fault {
    /// A fault at a place.
    pub(super) fn at(path: Path, message: String, remedy: Remedy) -> Self {
        Self { problem: Problem { path: path.to_string(), message }, path, remedy }
    }

    /// A secret's file that gave no secret.
    pub(super) fn unread(section: &Path, key: &str, name: &str, message: String) -> Self {
        let problem = Problem { path: section.key(key).to_string(), message };
        Self { problem, path: section.key(name), remedy: Remedy::Done }
    }
}
