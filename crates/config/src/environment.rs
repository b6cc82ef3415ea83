//! What the environment overrides: `HUIYIN_FEISHU__APP_SECRET` is `feishu.app_secret`.
//!
//! Whether a value is text or JSON is decided by what the schema expects at its place, so that a secret made of digits
//! stays a text.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::path::Path;
use super::schema::Shape;

/// Prefix of the variables.
const PREFIX: &str = "HUIYIN_";
/// What steps into a section.
const SEPARATOR: &str = "__";

pub(super) struct Overrides {
    /// Its values, as a configuration file would hold them.
    pub(super) values: Value,
    /// Which variable set a place.
    pub(super) variables: BTreeMap<String, String>,
}

impl Overrides {
    /// From variables. One that names no section and steps into none is somebody else's, like the one that names the
    /// configuration file; any other unknown one shows as an unknown key.
    pub(super) fn read(variables: impl IntoIterator<Item = (String, String)>, shape: &Shape) -> Self {
        let mut overrides = Self { values: Value::Object(Map::new()), variables: BTreeMap::new() };
        for (name, text) in variables {
            let Some(rest) = name.strip_prefix(PREFIX) else { continue };
            let keys: Vec<String> = rest.to_lowercase().split(SEPARATOR).map(str::to_owned).collect();
            let path = Path::of_keys(&keys);
            if keys.len() > 1 || shape.at(&path).is_some() {
                let value = read_value(text, &path, shape);
                insert(&mut overrides.values, &keys, value);
                overrides.variables.insert(path.to_string(), name);
            }
        }
        overrides
    }

    /// The variable that a place, or what it lies in, comes from.
    pub(super) fn variable_of(&self, path: &str) -> Option<&str> {
        let set = |(place, _): &(&String, &String)| {
            path.strip_prefix(place.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        self.variables.iter().find(set).map(|(_, variable)| variable.as_str())
    }
}

fn read_value(text: String, path: &Path, shape: &Shape) -> Value {
    if shape.takes_text(path) || shape.at(path).is_none() {
        return Value::String(text);
    }
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

fn insert(node: &mut Value, keys: &[String], value: Value) {
    let Some((first, rest)) = keys.split_first() else { return };
    if !node.is_object() {
        *node = Value::Object(Map::new());
    }
    let Value::Object(object) = node else { return };
    if rest.is_empty() {
        object.insert(first.clone(), value);
    } else {
        insert(object.entry(first.clone()).or_insert(Value::Null), rest, value);
    }
}
