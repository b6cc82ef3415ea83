//! Values as YAML: so much of it as manifests need.

use serde_json::Value;

/// Words that mean something else where they are not quoted.
const RESERVED: [&str; 9] = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
const STEP: usize = 2;

/// One document, which ends with a line's end.
pub(super) fn document(value: &Value) -> String {
    let mut out = String::new();
    block(&mut out, value, 0);
    out
}

fn block(out: &mut String, value: &Value, indent: usize) {
    match value {
        value if !is_nested(value) => {
            out.push_str(&leaf(value));
            out.push('\n');
        }
        Value::Object(entries) => {
            for (key, value) in entries {
                out.push_str(&" ".repeat(indent));
                out.push_str(&scalar(key));
                out.push(':');
                below(out, value, indent);
            }
        }
        Value::Array(items) => {
            for item in items {
                let mut inner = String::new();
                block(&mut inner, item, indent + STEP);
                out.push_str(&" ".repeat(indent));
                out.push_str("- ");
                out.push_str(inner.trim_start());
            }
        }
        _ => {}
    }
}

/// What stands behind a key.
fn below(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::String(text) if text.contains('\n') => lines(out, text, indent + STEP),
        value if is_nested(value) => {
            out.push('\n');
            block(out, value, indent + STEP);
        }
        value => {
            out.push(' ');
            out.push_str(&leaf(value));
            out.push('\n');
        }
    }
}

fn is_nested(value: &Value) -> bool {
    value.as_object().is_some_and(|entries| !entries.is_empty())
        || value.as_array().is_some_and(|items| !items.is_empty())
}

/// A text of several lines, as it is.
fn lines(out: &mut String, text: &str, indent: usize) {
    out.push_str(if text.ends_with('\n') { " |\n" } else { " |-\n" });
    for line in text.lines() {
        if !line.is_empty() {
            out.push_str(&" ".repeat(indent));
            out.push_str(line);
        }
        out.push('\n');
    }
}

fn leaf(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        // Empty lists and sections, numbers and the rest are written as JSON writes them.
        other => other.to_string(),
    }
}

fn scalar(text: &str) -> String {
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    let reserved = RESERVED.contains(&text.to_ascii_lowercase().as_str());
    if begins && text.chars().all(is_plain) && !reserved {
        text.to_owned()
    } else {
        Value::from(text).to_string()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nested_values_and_texts() {
        let value = json!({
            "a": { "list": [{ "x": 1, "y": [] }, "two", {}, ["three"]], "none": {} },
            "text": "{\n  \"k\": \"v\"\n\n}\n", "on": "on", "number": "10", "path": "/run/secrets", "image": "huiyin:1"
        });
        let expected = "a:\n  list:\n    - x: 1\n      \"y\": []\n    - two\n    - {}\n    - - three\n  none: {}\n\
                        image: \"huiyin:1\"\nnumber: \"10\"\n\"on\": \"on\"\npath: /run/secrets\n\
                        text: |\n  {\n    \"k\": \"v\"\n\n  }\n";
        assert_eq!(document(&value), expected);
    }
}
