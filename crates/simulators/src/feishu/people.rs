//! Looking people up: by the id that this app knows them by, and by mobile number or e-mail address.

use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::dispatch::Call;
use super::world::{PersonSpec, World};

/// Most numbers, and most addresses, of one look-up (documented).
const LOOKED_UP_AT_ONCE: usize = 50;

/// `GET /contact/v3/users/:user_id?user_id_type=open_id`: needs a scope, and the person within the app's range.
pub(super) fn one(world: &World, call: &Call) -> Result<Value, Answer> {
    permitted(world)?;
    if call.param("user_id_type").is_some_and(|kind| kind != "open_id") {
        return Err(Answer::refuse_because(40_001, "only open_id is known here"));
    }
    let person = world.people.get(call.message_id()?).ok_or_else(|| Answer::refuse(99_992_351))?;
    if !person.available {
        return Err(Answer::refuse_with(403, 41_050, super::answer::message_of(41_050)));
    }
    Ok(json!({"user": {"open_id": person.open_id, "name": person.name}}))
}

/// `POST /contact/v3/users/batch_get_id`: one entry for each number and address asked for; the ones that nobody has, or
/// that the app may not see, come back without `user_id`.
pub(super) fn ids(world: &World, call: &Call) -> Result<Value, Answer> {
    permitted(world)?;
    let body = call.json()?;
    let found: Result<Vec<Vec<Value>>, Answer> = [("mobile", "mobiles"), ("email", "emails")]
        .into_iter()
        .map(|(field, list)| {
            let asked = body[list].as_array().map(Vec::as_slice).unwrap_or_default();
            if asked.len() > LOOKED_UP_AT_ONCE {
                return Err(Answer::refuse_because(99_992_402, "field validation failed"));
            }
            Ok(asked.iter().filter_map(Value::as_str).map(|text| entry(world, field, text)).collect())
        })
        .collect();
    Ok(json!({"user_list": found?.concat()}))
}

fn entry(world: &World, field: &str, asked: &str) -> Value {
    let has = |person: &&PersonSpec| {
        let own = if field == "mobile" { &person.mobile } else { &person.email };
        !asked.is_empty() && own == asked && person.available
    };
    let mut entry = Map::from_iter([(field.to_owned(), json!(asked))]);
    if let Some(person) = world.people.values().find(has) {
        entry.insert("user_id".to_owned(), json!(person.open_id));
    }
    Value::Object(entry)
}

fn permitted(world: &World) -> Result<(), Answer> {
    if world.switches.no_contact_scope { Err(Answer::refuse(99_991_672)) } else { Ok(()) }
}
