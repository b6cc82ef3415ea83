//! The original's alert schedule of a stage as a ladder: levels by minutes, private up to a threshold and public above it, then
//! a card every so often until an end.

use domain::rules::Severity;
use serde_json::{Value, json};

use super::wording;

/// The colour of what comes after the last level.
const ABOVE: &str = "above";
/// As the original was shipped.
const THRESHOLD: u64 = 20;

/// `None`: there are no levels that could be taken. What could not be taken is added to `left`, with its place.
pub(super) fn ladder(schedule: &Value, place: &str, left: &mut Vec<String>) -> Option<Value> {
    let colours = schedule["color_level"].as_object()?;
    let threshold = number(&schedule["group_alert_threshold"]).unwrap_or_else(|| {
        left.push(wording::threshold_missing(place, THRESHOLD));
        THRESHOLD
    });
    let audience = |minutes: u64| {
        if minutes > threshold { json!(["owner", "public"]) } else { json!(["owner"]) }
    };
    let mut levels: Vec<(u64, &Value)> = Vec::new();
    for (key, colour) in colours.iter().filter(|(key, _)| *key != ABOVE) {
        match number(&json!(key)) {
            Some(minutes) if minutes > 0 => levels.push((minutes, colour)),
            _ => left.push(wording::no_minutes(&format!("{place}.color_level"), key)),
        }
    }
    levels.sort_by_key(|(minutes, _)| *minutes);
    levels.dedup_by_key(|(minutes, _)| *minutes);
    let (last, _) = *levels.last()?;
    let mut rungs = Vec::new();
    for (minutes, colour) in levels {
        let place = format!("{place}.color_level.{minutes}");
        let colour = colour_of(colour, &place, left);
        rungs
            .push(json!({ "after": format!("{minutes}m"), "colour": colour, "audience": audience(minutes) }));
    }
    let mut ladder = json!({ "rungs": rungs });
    let (every, until) = (number(&schedule["cycle_time"]), number(&schedule["until"]));
    match (every.filter(|every| *every > 0), until) {
        (Some(every), Some(until)) if until >= last + every => {
            let colour = match colours.get(ABOVE) {
                Some(colour) => colour_of(colour, &format!("{place}.color_level.{ABOVE}"), left),
                None => json!(Severity::Grey),
            };
            ladder["repeat"] = json!({
                "every": format!("{every}m"),
                "colour": colour,
                "audience": audience(last + every),
                "until": format!("{until}m"),
            });
        }
        (Some(_), Some(_)) => ladder["repeat"] = Value::Null,
        _ => {
            left.push(wording::no_repeat(place));
            ladder["repeat"] = Value::Null;
        }
    }
    Some(ladder)
}

/// A number of minutes, also one that was written as text.
fn number(value: &Value) -> Option<u64> {
    let number = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())?;
    u32::try_from(number).ok().map(u64::from)
}

fn colour_of(colour: &Value, place: &str, left: &mut Vec<String>) -> Value {
    if serde_json::from_value::<Severity>(colour.clone()).is_ok() {
        return colour.clone();
    }
    left.push(wording::no_colour(place));
    json!(Severity::Grey)
}
