//! What each call of the API does, as plain functions over the locked [`World`].

use serde_json::{Value, json};

use super::{
    query,
    world::{BAD_CALL, Refusal, World, bad_call, refusal},
};

/// `data` of the answer to a call below `/openapi/v1/`.
pub(super) fn answer(
    world: &mut World,
    method: &str,
    path: &str,
    body: &Value,
    now: &str,
) -> Result<Value, Refusal> {
    let segments: Vec<&str> = path.split('/').collect();
    match (method, segments.as_slice()) {
        ("POST", ["table", "list"]) => tables(world, body),
        ("POST", ["table", id]) => schema(world, id),
        ("POST", ["item", "list"]) => query::list(world, body),
        ("POST", ["item"]) => {
            let table = body["table_id"].as_str().ok_or_else(|| bad_call("缺少 table_id"))?;
            let id = world.create(table, &body["fields"], now)?;
            detail(world, &id)
        }
        ("POST", ["item", id]) => detail(world, id),
        ("PUT", ["item", id]) => {
            world.update(id, &body["fields"], now)?;
            detail(world, id)
        }
        ("DELETE", ["item", id]) => {
            world.delete(id)?;
            Ok(json!({}))
        }
        _ => Err(refusal(BAD_CALL, "接口不存在")),
    }
}

fn tables(world: &World, body: &Value) -> Result<Value, Refusal> {
    if body["space_id"].as_str() != Some(&world.space) {
        return Err(bad_call("space_id 无效"));
    }
    let tables: Vec<Value> = world
        .tables
        .iter()
        .map(|table| {
            json!({ "table_id": world.shown_id(&table.id), "name": table.name, "alias": "", "space_id": world.space })
        })
        .collect();
    Ok(json!({ "tables": tables }))
}

fn schema(world: &World, id: &str) -> Result<Value, Refusal> {
    let table = world.table(id)?;
    let fields: Vec<Value> = table
        .fields
        .iter()
        .map(|field| {
            // The two pieces of public code that disagree about the place disagree about the name as well.
            let kind = if world.settings.nested_schema { "field_type" } else { "type" };
            let mut shown =
                json!({ "field_id": world.shown_id(&field.id), "name": field.name, "config": {} });
            shown[kind] = json!(field.kind.name());
            shown
        })
        .collect();
    if world.settings.nested_schema {
        let (id, name) = (world.shown_id(&table.id), &table.name);
        return Ok(json!({ "table": { "table_id": id, "name": name, "fields": fields } }));
    }
    Ok(json!({ "fields": fields }))
}

fn detail(world: &mut World, id: &str) -> Result<Value, Refusal> {
    let (table, index) = world.table_of_item(id)?;
    let (table, item) = (table.clone(), table.items[index].clone());
    Ok(json!({ "item": world.shown_item(&table, &item) }))
}
