//! The JSON Schema of the configuration, generated from the types, and the questions asked of it.

use std::net::{IpAddr, SocketAddr};

use domain::address::{FeishuAccount, FeishuChat};
use domain::calendar::{Interval, TimeOfDay};
use domain::span::Span;
use serde_json::{Map, Value, json};

use super::config::Config;
use super::path::{Path, Step};

/// Where the secret type is defined within the schema.
const SECRET: &str = "#/$defs/Secret";
/// The format of a length of time.
const SPAN: &str = "length-of-time";
/// The format of an address to listen on.
const LISTEN: &str = "address-and-port";
/// The format of an address without a port.
const ADDRESS: &str = "ip-address";
/// The format of a time zone's name.
const ZONE: &str = "time-zone";
/// The format of a time of the day.
const TIME: &str = "time-of-day";
/// What marks the working hours among the forms of a calendar.
const CALENDAR: &str = "calendar";
/// The format of a day, which every validator knows.
const DAY: &str = "date";

/// The schema of a configuration file: every secret may also be given as `NAME_file`, and everything that the embedded
/// defaults or the environment provide may be left out.
pub fn schema() -> Value {
    let mut schema = generated();
    loosen(&mut schema);
    schema
}

/// The types' own schema, with formats where a text has a syntax that no pattern says completely.
fn generated() -> Value {
    let mut schema = schemars::schema_for!(Config).to_value();
    for (pointer, format) in [
        ("/$defs/Span", SPAN),
        ("/$defs/Ingest/properties/listen", LISTEN),
        ("/$defs/Feishu/properties/listen", LISTEN),
        ("/$defs/Board/properties/listen", LISTEN),
        ("/$defs/Feishu/properties/unanswered_at", TIME),
        ("/$defs/Feishu/properties/follow_ups_at", TIME),
        ("/$defs/Huoban/properties/compare_at", TIME),
        ("/$defs/Rules/properties/approvals_at", TIME),
        ("/$defs/FigureCards/properties/day", TIME),
        ("/$defs/FigureCards/properties/week", TIME),
        ("/$defs/FigureCards/properties/own", TIME),
        ("/properties/health_listen", LISTEN),
        ("/$defs/Http/properties/trusted_proxies/items", ADDRESS),
        ("/$defs/Rules/properties/time_zone", ZONE),
        ("/$defs/Hours", CALENDAR),
    ] {
        if let Some(Value::Object(node)) = schema.pointer_mut(pointer) {
            node.insert("format".to_owned(), json!(format));
        }
    }
    schema
}

fn loosen(node: &mut Value) {
    match node {
        Value::Object(object) => {
            let secrets = secret_properties(object);
            if let Some(Value::Object(properties)) = object.get_mut("properties") {
                for name in &secrets {
                    let file = json!({ "type": "string", "description": format!("Path of a file that holds `{name}`.") });
                    properties.insert(format!("{name}_file"), file);
                }
            }
            // A file may leave out whatever the defaults or the environment give; the merged result is checked whole.
            object.remove("required");
            object.values_mut().for_each(loosen);
        }
        Value::Array(items) => items.iter_mut().for_each(loosen),
        _ => {}
    }
}

/// A secret, or a secret or nothing.
fn is_secret(node: &Value) -> bool {
    let named = |node: &Value| node.get("$ref").and_then(Value::as_str) == Some(SECRET);
    named(node)
        || node.get("anyOf").and_then(Value::as_array).is_some_and(|choices| choices.iter().any(named))
}

fn secret_properties(object: &Map<String, Value>) -> Vec<String> {
    let Some(Value::Object(properties)) = object.get("properties") else { return Vec::new() };
    properties.iter().filter(|(_, property)| is_secret(property)).map(|(name, _)| name.clone()).collect()
}

/// The schema of the merged configuration, in which secrets have been read.
pub(super) struct Shape {
    root: Value,
}

impl Shape {
    /// The one there is.
    pub(super) fn new() -> Self {
        Self { root: generated() }
    }

    /// What checks a value against it.
    pub(super) fn validator(&self) -> Result<jsonschema::Validator, String> {
        jsonschema::options()
            .with_format(SPAN, |text| text.parse::<Span>().is_ok())
            .with_format(LISTEN, |text| text.parse::<SocketAddr>().is_ok())
            .with_format(ADDRESS, |text| text.parse::<IpAddr>().is_ok())
            .with_format(ZONE, |text| text.parse::<chrono_tz::Tz>().is_ok())
            .with_format(TIME, |text| text.parse::<TimeOfDay>().is_ok())
            .with_format(Interval::FORMAT, |text| text.parse::<Interval>().is_ok())
            .should_validate_formats(true)
            .build(&self.root)
            .map_err(|error| error.to_string())
    }

    /// What may stand at a place; `None` where nothing may.
    pub(super) fn at(&self, path: &Path) -> Option<&Value> {
        path.steps().iter().try_fold(&self.root, |here, step| {
            let here = self.resolve(here);
            match step {
                Step::Key(key) => here
                    .get("properties")
                    .and_then(|properties| properties.get(key))
                    .or_else(|| here.get("additionalProperties").filter(|inner| inner.is_object())),
                Step::Index(_) => here.get("items"),
            }
        })
    }

    /// Follows references, and looks through "this or nothing" at what this is.
    pub(super) fn resolve<'s>(&'s self, node: &'s Value) -> &'s Value {
        if let Some(target) = node.get("$ref").and_then(Value::as_str) {
            let target = self.root.pointer(target.trim_start_matches('#'));
            return target.map_or(node, |target| self.resolve(target));
        }
        let choices = node.get("anyOf").and_then(Value::as_array);
        let something = choices.and_then(|choices| choices.iter().find(|choice| choice["type"] != "null"));
        something.map_or(node, |something| self.resolve(something))
    }

    /// Whether a secret stands at a place.
    pub(super) fn is_secret(&self, path: &Path) -> bool {
        self.at(path).is_some_and(is_secret)
    }

    /// Whether a text may stand at a place.
    pub(super) fn takes_text(&self, path: &Path) -> bool {
        self.at(path).is_some_and(|node| {
            let node = self.resolve(node);
            let named = |kind: &Value| kind == "string";
            named(&node["type"])
                || node["type"].as_array().is_some_and(|kinds| kinds.iter().any(named))
                || !choices(node).is_empty()
        })
    }

    /// Whether only texts of a certain form may stand at a place, which are no secrets.
    pub(super) fn has_syntax(&self, path: &Path) -> bool {
        let node = self.at(path).map(|node| self.resolve(node));
        node.is_some_and(|node| {
            node["format"].is_string() || node["pattern"].is_string() || !choices(node).is_empty()
        })
    }

    /// The keys of the section at a place.
    pub(super) fn keys(&self, path: &Path) -> Vec<&str> {
        let section = self.at(path).map(|node| self.resolve(node));
        let keys = section.and_then(|section| section["properties"].as_object());
        keys.into_iter().flat_map(Map::keys).map(String::as_str).filter(|key| *key != "$schema").collect()
    }

    /// In words, what may stand at a place.
    pub(super) fn expectation(&self, path: &Path) -> String {
        if self.is_secret(path) {
            return match path.last_key() {
                Some(key) => format!(
                    "a text that is not empty (or `{key}_file` with the path of a file that holds it)"
                ),
                None => "a text that is not empty".to_owned(),
            };
        }
        self.at(path).map_or_else(|| "nothing here".to_owned(), |node| self.in_words(node))
    }

    fn in_words(&self, node: &Value) -> String {
        let optional = node.get("anyOf").is_some()
            || node["type"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "null"));
        let plain = self.plain_words(self.resolve(node));
        if optional { format!("{plain}, or null") } else { plain }
    }

    fn plain_words(&self, node: &Value) -> String {
        let choices = choices(node);
        if !choices.is_empty() {
            return format!("one of {}", listed(&choices));
        }
        match node["format"].as_str() {
            Some(SPAN) => return "a length of time like \"90s\", \"5m\" or \"1h30m\"".to_owned(),
            Some(LISTEN) => return "an IP address and port like \"127.0.0.1:8080\"".to_owned(),
            Some(ADDRESS) => return "an IP address like \"10.0.0.1\"".to_owned(),
            Some(ZONE) => return "an IANA time zone like \"Asia/Shanghai\"".to_owned(),
            Some(TIME) => return "a time of the day like \"09:00\"".to_owned(),
            Some(DAY) => return "a day like \"2026-10-01\"".to_owned(),
            Some(Interval::FORMAT) => return "a part of a day like \"09:00-12:00\"".to_owned(),
            Some(CALENDAR) => return "\"always\", or a section `{…}` of working hours".to_owned(),
            Some(FeishuChat::FORMAT) => return "a chat's id, which begins with `oc_`".to_owned(),
            Some(FeishuAccount::FORMAT) => return "a person's id, which begins with `ou_`".to_owned(),
            _ => {}
        }
        if node["description"] == "source:contact-id" {
            return "a chat account as \"source:contact-id\", like \"wechaty:7881300\"".to_owned();
        }
        match node["type"].as_str().or_else(|| node["type"][0].as_str()) {
            Some("string") if node["minLength"].is_number() => "a text that is not empty".to_owned(),
            Some("string") => "a text".to_owned(),
            Some("integer") => match (node["minimum"].as_i64(), node["maximum"].as_i64()) {
                (Some(least), Some(most)) => format!("a whole number from {least} to {most}"),
                (Some(least), None) => format!("a whole number, {least} or more"),
                _ => "a whole number".to_owned(),
            },
            Some("number") => "a number".to_owned(),
            Some("boolean") => "true or false".to_owned(),
            Some("array") => format!("a list `[…]`, each item {}", self.in_words(&node["items"])),
            _ => "a section `{…}`".to_owned(),
        }
    }

    /// Something that may stand in a place of this kind, so that the rest can be checked although what stands there is
    /// wrong.
    pub(super) fn stand_in(&self, node: &Value) -> Value {
        if node.get("anyOf").is_some() {
            return Value::Null;
        }
        if let Some(default) = node.get("default") {
            return default.clone();
        }
        let node = self.resolve(node);
        if let Some(last) = choices(node).last() {
            return json!(last);
        }
        match (node["type"].as_str(), node["format"].as_str()) {
            (_, Some(SPAN)) => json!("1s"),
            (_, Some(LISTEN)) => json!("127.0.0.1:0"),
            (_, Some(ADDRESS)) => json!("127.0.0.1"),
            (_, Some(ZONE)) => json!("UTC"),
            (_, Some(TIME)) => json!("09:00"),
            (_, Some(DAY)) => json!("2000-01-01"),
            (_, Some(Interval::FORMAT)) => json!("09:00-12:00"),
            (Some("string"), _) => json!("x:x"),
            (Some("integer"), _) => json!(node["minimum"].as_i64().unwrap_or(0)),
            (Some("boolean"), _) => json!(false),
            (Some("array"), _) => json!([]),
            (Some("object"), _) => {
                let required = node["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
                let filled = required.map(|key| (key.to_owned(), self.stand_in(&node["properties"][key])));
                Value::Object(filled.collect())
            }
            _ => Value::Null,
        }
    }
}

/// The words that a node allows, if it allows only certain ones.
fn choices(node: &Value) -> Vec<&str> {
    let constants = node["oneOf"].as_array().into_iter().flatten().flat_map(|choice| {
        let listed = choice["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
        choice["const"].as_str().into_iter().chain(listed)
    });
    let listed = node["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
    constants.chain(listed).collect()
}

/// Words for a sentence: `a`, `b`, `c`.
pub(super) fn listed(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}
