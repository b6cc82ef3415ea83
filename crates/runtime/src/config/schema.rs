//! The JSON Schema of the configuration file, generated from the types.

use serde_json::{Value, json};

use super::sections::Config;

/// Where the secret type is defined within the schema.
const SECRET: &str = "#/$defs/Secret";

/// The schema of a configuration file: every secret may also be given as `NAME_file`, and everything that the embedded
/// defaults provide may be left out.
pub fn schema() -> Value {
    let mut schema = schemars::schema_for!(Config).to_value();
    allow_files(&mut schema);
    schema
}

/// The schema of the merged configuration, in which secrets have been read.
pub(super) fn merged_schema() -> Value {
    schemars::schema_for!(Config).to_value()
}

fn allow_files(node: &mut Value) {
    match node {
        Value::Object(object) => {
            let secrets = secret_properties(object);
            if let Some(Value::Object(properties)) = object.get_mut("properties") {
                for name in &secrets {
                    let file = json!({ "type": "string", "description": format!("path of a file that holds `{name}`") });
                    properties.insert(format!("{name}_file"), file);
                }
            }
            // A file may leave out whatever the defaults or the environment give; the merged result is checked whole.
            object.remove("required");
            object.values_mut().for_each(allow_files);
        }
        Value::Array(items) => items.iter_mut().for_each(allow_files),
        _ => {}
    }
}

fn secret_properties(object: &serde_json::Map<String, Value>) -> Vec<String> {
    let Some(Value::Object(properties)) = object.get("properties") else { return Vec::new() };
    properties
        .iter()
        .filter(|(_, property)| property.get("$ref").and_then(Value::as_str) == Some(SECRET))
        .map(|(name, _)| name.clone())
        .collect()
}
