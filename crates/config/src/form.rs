//! The form of a configuration: keys, types and syntax, checked everywhere at once and told in an operator's words.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use serde_json::Value;

use super::path::Path;
use super::problem::{Fault, Remedy};
use super::schema::{Shape, listed};

/// Longest value shown in a message, in characters.
const LONGEST_SHOWN: usize = 40;

/// Every fault of form.
pub(super) fn check(merged: &Value, shape: &Shape) -> Vec<Fault> {
    let validator = match shape.validator() {
        Ok(validator) => validator,
        Err(message) => return vec![Fault::at(Path::default(), message, Remedy::Done)],
    };
    let mut faults = Vec::new();
    for error in validator.iter_errors(merged) {
        explain(&error, merged, shape, &mut faults);
    }
    // One place can fail a pattern and a format; once told is enough.
    faults.dedup_by(|later, earlier| later.problem == earlier.problem);
    faults
}

fn explain(error: &ValidationError<'_>, merged: &Value, shape: &Shape, faults: &mut Vec<Fault>) {
    let path = Path::of_pointer(error.instance_path(), merged);
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let message = format!("unknown key: expected one of {}", listed(&shape.keys(&path)));
            faults.extend(
                unexpected.iter().map(|key| Fault::at(path.key(key), message.clone(), Remedy::Remove)),
            );
        }
        ValidationErrorKind::Required { property } => {
            let path = path.key(property.as_str().unwrap_or_default());
            let message = format!("is missing: expected {}", shape.expectation(&path));
            faults.push(Fault::at(path, message, Remedy::StandIn));
        }
        // "This or nothing": if it is a section, what is wrong inside it is what matters.
        ValidationErrorKind::AnyOf { context } if !scalar(&path, merged) => {
            let meant =
                context.iter().find(|errors| errors.iter().any(|inner| !is_type_error_at(inner, error)));
            match meant {
                Some(errors) => errors.iter().for_each(|inner| explain(inner, merged, shape, faults)),
                None => faults.push(wrong(path, merged, shape)),
            }
        }
        _ => faults.push(wrong(path, merged, shape)),
    }
}

fn is_type_error_at(inner: &ValidationError<'_>, outer: &ValidationError<'_>) -> bool {
    matches!(inner.kind(), ValidationErrorKind::Type { .. })
        && inner.instance_path().as_str() == outer.instance_path().as_str()
}

fn scalar(path: &Path, merged: &Value) -> bool {
    path.find(merged).is_some_and(|value| !value.is_object() && !value.is_array())
}

fn wrong(path: Path, merged: &Value, shape: &Shape) -> Fault {
    let found = path.find(merged).map_or("nothing".to_owned(), |value| found(value, &path, shape));
    let message = format!("found {found}, expected {}", shape.expectation(&path));
    Fault::at(path, message, Remedy::StandIn)
}

/// What stands at a place. Its words are shown only where a fixed syntax is expected, so never a secret's.
fn found(value: &Value, path: &Path, shape: &Shape) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "true or false".to_owned(),
        Value::Number(number) if shape.has_syntax(path) => number.to_string(),
        Value::Number(_) => "a number".to_owned(),
        Value::String(text) if text.is_empty() => "an empty text".to_owned(),
        Value::String(text) if shape.has_syntax(path) => {
            let shown: String = text.chars().take(LONGEST_SHOWN).collect();
            let more = if shown.len() < text.len() { "…" } else { "" };
            format!("\"{}{more}\"", shown.escape_debug())
        }
        Value::String(_) => "a text".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a section".to_owned(),
    }
}

/// The configuration with every fault of form made good, for the checks of meaning.
pub(super) fn mend(merged: &Value, faults: &[Fault], shape: &Shape) -> Value {
    let mut mended = merged.clone();
    for fault in faults {
        let Some(key) = fault.path.last_key().map(str::to_owned) else {
            if let (Some(place), Some(node)) = (fault.path.find_mut(&mut mended), shape.at(&fault.path)) {
                *place = shape.stand_in(node);
            }
            continue;
        };
        let section = fault.path.parent().find_mut(&mut mended).and_then(Value::as_object_mut);
        match (fault.remedy, section, shape.at(&fault.path)) {
            (Remedy::Remove, Some(section), _) => drop(section.remove(&key)),
            (Remedy::StandIn, Some(section), Some(node)) => {
                section.insert(key, shape.stand_in(node));
            }
            _ => {}
        }
    }
    mended
}
