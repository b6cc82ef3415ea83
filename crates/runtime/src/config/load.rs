//! Reading the configuration: merge, read secrets from files, check everything, report every problem at once.

use std::fmt;
use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Env, Format, Json};
use serde_json::{Map, Value};

use super::schema::merged_schema;
use super::sections::Config;

/// The embedded defaults: what hardly anybody changes.
const DEFAULTS: &str = include_str!("defaults.json");
/// Prefix of overriding environment variables; `__` steps into a section: `HUIYIN_FEISHU__APP_SECRET`.
const ENVIRONMENT_PREFIX: &str = "HUIYIN_";
/// A key of this ending names the file that holds the key without it.
const FILE_SUFFIX: &str = "_file";

/// Where configuration comes from besides the defaults.
#[derive(Debug, Clone)]
pub struct Source {
    /// The file.
    pub file: PathBuf,
    /// Whether the environment may override it.
    pub environment: bool,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where, as a dotted path.
    pub path: String,
    /// What is wrong and what was expected.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read or is no JSON; also an environment variable that cannot be merged.
    #[error("the configuration cannot be read: {0}")]
    Unreadable(String),
    /// It can be read, but these things are wrong with it.
    #[error("{}", list(.0))]
    Problems(Vec<Problem>),
}

fn list(problems: &[Problem]) -> String {
    let mut text = format!("the configuration has {} problem(s):", problems.len());
    for problem in problems {
        text.push_str("\n  ");
        text.push_str(&problem.to_string());
    }
    text
}

/// Reads, merges and checks.
pub fn load(source: &Source) -> Result<Config, ConfigError> {
    let text = std::fs::read_to_string(&source.file)
        .map_err(|error| ConfigError::Unreadable(format!("{}: {error}", source.file.display())))?;
    let folder = source.file.parent().unwrap_or(Path::new("."));
    load_text(&text, &source.file.display().to_string(), folder, source.environment)
}

/// The same for a text at hand. `name` stands in messages; `*_file` paths are relative to `folder`.
pub fn load_text(text: &str, name: &str, folder: &Path, environment: bool) -> Result<Config, ConfigError> {
    if let Err(error) = serde_json::from_str::<Value>(text) {
        return Err(ConfigError::Unreadable(format!("{name} is not JSON: {error}")));
    }
    let mut figment = Figment::new().merge(Json::string(DEFAULTS)).merge(Json::string(text));
    if environment {
        figment = figment.merge(Env::prefixed(ENVIRONMENT_PREFIX).split("__"));
    }
    let mut merged: Value =
        figment.extract().map_err(|error| ConfigError::Unreadable(format!("{name}: {error}")))?;
    let mut problems = Vec::new();
    read_files(&mut merged, folder, "", &mut problems);
    check_shape(&merged, &mut problems);
    if !problems.is_empty() {
        return Err(ConfigError::Problems(problems));
    }
    let config: Config = serde_json::from_value(merged)
        .map_err(|error| ConfigError::Unreadable(format!("{name}: {}", redacted(&error))))?;
    check_meaning(&config, &mut problems);
    if problems.is_empty() { Ok(config) } else { Err(ConfigError::Problems(problems)) }
}

/// A conversion error may quote a value; only its kind is shown, since the value may be a secret.
fn redacted(error: &serde_json::Error) -> String {
    format!("{:?} error in a value", error.classify())
}

/// Replaces every `NAME_file` by `NAME` with the file's contents.
fn read_files(node: &mut Value, folder: &Path, path: &str, problems: &mut Vec<Problem>) {
    match node {
        Value::Object(object) => {
            let names: Vec<String> =
                object.keys().filter(|key| key.ends_with(FILE_SUFFIX)).cloned().collect();
            for name in names {
                read_file(object, &name, folder, path, problems);
            }
            for (key, value) in object {
                read_files(value, folder, &join(path, key), problems);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                read_files(item, folder, &join(path, &index.to_string()), problems);
            }
        }
        _ => {}
    }
}

fn read_file(
    object: &mut Map<String, Value>,
    name: &str,
    folder: &Path,
    path: &str,
    problems: &mut Vec<Problem>,
) {
    let mut problem = |message: String| problems.push(Problem { path: join(path, name), message });
    let Some(Value::String(file)) = object.remove(name) else {
        return problem("expected the path of a file".to_owned());
    };
    let target = name.trim_end_matches(FILE_SUFFIX);
    match std::fs::read_to_string(folder.join(&file)) {
        Ok(text) => {
            object.insert(target.to_owned(), Value::String(text.trim_end_matches(['\r', '\n']).to_owned()));
        }
        Err(error) => problem(format!("cannot read {file}: {error}")),
    }
}

/// Checks types, unknown and missing keys, everywhere at once.
fn check_shape(merged: &Value, problems: &mut Vec<Problem>) {
    let schema = merged_schema();
    let Ok(validator) = jsonschema::validator_for(&schema) else { return };
    for error in validator.iter_errors(merged) {
        let path = dotted(&error.instance_path().to_string());
        problems.push(Problem { path, message: error.masked().to_string() });
    }
}

fn check_meaning(config: &Config, problems: &mut Vec<Problem>) {
    for problem in config.rules.validate() {
        let message = format!("found {}, expected {}", problem.found, problem.expected);
        problems.push(Problem { path: join("rules", &problem.path), message });
    }
    for name in config.feishu.chats.keys() {
        if config.rules.staff_by_name(name.as_str()).is_err() {
            problems.push(Problem {
                path: format!("feishu.chats.{name}"),
                message: "is not in rules.roster: expected the name of a member of staff".to_owned(),
            });
        }
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn dotted(pointer: &str) -> String {
    match pointer.trim_start_matches('/') {
        "" => "(top level)".to_owned(),
        path => path.replace('/', "."),
    }
}
