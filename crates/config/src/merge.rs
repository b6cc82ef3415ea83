//! The layers of a configuration laid over each other: embedded defaults, the file, the environment.

use figment::Figment;
use figment::providers::{Format, Json};
use serde_json::{Value, json};

use super::environment::Overrides;
use super::problem::ConfigError;
use super::secrets;
use super::sections::{SERVERS, passwords};

/// The embedded defaults: what hardly anybody changes.
const DEFAULTS: &str = include_str!("defaults.json");

/// Defaults, then the file, then the environment.
pub(super) fn merge(text: &str, name: &str, overrides: &Overrides) -> Result<Value, ConfigError> {
    let mut file = object(text, name)?;
    secrets::drop_overridden(&mut file, &overrides.values);
    let figment = Figment::new()
        .merge(Json::string(DEFAULTS))
        .merge(Json::string(&file.to_string()))
        .merge(Json::string(&overrides.values.to_string()));
    let mut merged = figment
        .extract()
        .map_err(|_| ConfigError::Unreadable(format!("{name} cannot be merged with the defaults")))?;
    passwords::name_files(&mut merged);
    Ok(merged)
}

fn object(text: &str, name: &str) -> Result<Value, ConfigError> {
    let text = text.trim_start_matches('\u{feff}');
    let file: Value = serde_json::from_str(text)
        .map_err(|error| ConfigError::Unreadable(format!("{name} is not JSON: {error}")))?;
    if !file.is_object() {
        return Err(ConfigError::Unreadable(format!("{name}: expected one JSON object `{{…}}`")));
    }
    Ok(file)
}

/// A file's text with stand-ins for what it says of the servers.
pub(super) fn without_servers(text: &str, name: &str) -> Result<String, ConfigError> {
    let mut file = object(text, name)?;
    file["database"] = json!({});
    file["bus"] = json!({ "url": "nats://private" });
    Ok(file.to_string())
}

/// Whether a variable says something of the servers.
pub(super) fn is_of_servers(variable: &str) -> bool {
    SERVERS.iter().any(|section| {
        let prefix = format!("HUIYIN_{}", section.to_uppercase());
        variable.strip_prefix(&prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with("__"))
    })
}
