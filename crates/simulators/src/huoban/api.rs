//! What each call of the API does, as plain functions over the locked [`World`].

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    query,
    world::{BAD_CALL, NO_FIELD, NO_TABLE, Refusal, World, bad_call, refusal},
};

/// Rows that one batch may hold.
const MAX_BATCH: usize = 100;
/// What a batch stores of itself when it does as one public source says.
const FIRST: usize = 20;

/// What an admitted call comes to.
pub(super) enum Done {
    /// `data` of the answer.
    Data(Value),
    /// Accepted; to be done later by [`run_batch`].
    Batch(Value),
}

/// Answers a call below `/openapi/v1/`.
pub(super) fn answer(
    world: &mut World,
    method: &str,
    path: &str,
    body: &Value,
    now: &str,
) -> Result<Done, Refusal> {
    let segments: Vec<&str> = path.split('/').collect();
    let data = match (method, segments.as_slice()) {
        ("POST", ["table", "list"]) => tables(world, body)?,
        ("POST", ["table", id]) => schema(world, id)?,
        ("POST", ["item", "list"]) => query::list(world, body)?,
        ("POST", ["item"]) => {
            let table = body["table_id"].as_str().ok_or_else(|| bad_call("缺少 table_id"))?;
            let id = world.create(table, &body["fields"], now)?;
            detail(world, &id)?
        }
        ("POST", ["item", id]) => detail(world, id)?,
        ("PUT", ["item", id]) => {
            world.update(id, &body["fields"], now)?;
            detail(world, id)?
        }
        ("DELETE", ["item", id]) => {
            world.delete(id)?;
            json!({})
        }
        ("POST" | "PUT", ["items"]) => return accept_batch(world, body),
        _ => return Err(refusal(BAD_CALL, "接口不存在")),
    };
    Ok(Done::Data(data))
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

fn accept_batch(world: &mut World, body: &Value) -> Result<Done, Refusal> {
    world.table(body["table_id"].as_str().unwrap_or_default())?;
    let rows = body["items"].as_array().map(Vec::len).unwrap_or_default();
    if rows == 0 || rows > MAX_BATCH {
        return Err(bad_call("items 应为 1 至 100 条"));
    }
    Ok(Done::Batch(json!({ "task_id": world.new_id(24) })))
}

/// Does a batch, row by row, and gives what the callback says.
pub(super) fn run_batch(world: &mut World, is_update: bool, body: &Value, now: &str) -> Value {
    let rows = body["items"].as_array().cloned().unwrap_or_default();
    let most = if world.settings.first_20_only { FIRST } else { rows.len() };
    let results: Vec<Value> = rows
        .iter()
        .take(most)
        .map(|row| {
            let done = if is_update { upsert(world, body, row, now) } else { create(world, body, row, now) };
            match done {
                Ok(id) => json!({ "code": 0, "item_id": id }),
                Err(refusal) => json!({ "code": refusal.code, "message": refusal.message }),
            }
        })
        .collect();
    json!({ "results": results })
}

fn create(world: &mut World, body: &Value, row: &Value, now: &str) -> Result<String, Refusal> {
    world.create(body["table_id"].as_str().unwrap_or_default(), &row["fields"], now)
}

/// Several rows that match are left alone; none is created only by an `upsert`.
fn upsert(world: &mut World, body: &Value, row: &Value, now: &str) -> Result<String, Refusal> {
    let table_id = body["table_id"].as_str().unwrap_or_default();
    let by = body["update_by_fields"][0].as_str().ok_or_else(|| bad_call("缺少 update_by_fields"))?;
    let cells: BTreeMap<String, Value> =
        serde_json::from_value(row["fields"].clone()).map_err(|_| bad_call("缺少 fields"))?;
    let table = world.table(table_id)?;
    let matching: Vec<String> = if by == "item_id" {
        row["item_id"].as_str().map(str::to_owned).into_iter().collect()
    } else {
        table.field(by).ok_or_else(|| refusal(NO_FIELD, "字段不存在"))?;
        let wanted = cells.get(by);
        let same = table.items.iter().filter(|item| item.fields.get(by) == wanted);
        same.map(|item| item.id.clone()).collect()
    };
    match (matching.as_slice(), body["update_type"].as_str()) {
        ([one], _) => world.update(one, &row["fields"], now).map(|()| one.clone()),
        ([], Some("upsert")) => world.create(table_id, &row["fields"], now),
        ([], _) => Err(refusal(NO_TABLE, "没有匹配的数据")),
        _ => Err(bad_call("匹配到多条数据，未更新")),
    }
}
