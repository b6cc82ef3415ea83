//! `POST /item/list`: filter, order, page.

use std::cmp::Ordering;

use serde_json::{Value, json};

use super::world::{Field, Item, NO_FIELD, Refusal, Table, World, bad_call, refusal};

/// Operators that the official page names.
const OPERATORS: [&str; 10] = ["eq", "ne", "gt", "gte", "lt", "lte", "in", "nin", "contains", "em"];

pub(super) fn list(world: &World, body: &Value) -> Result<Value, Refusal> {
    let table = world.table(text(body, "table_id")?)?;
    let conditions = conditions(table, &body["filter"])?;
    let matches = |item: &&Item| conditions.iter().all(|asked| asked.holds(item, world.settings.loose_texts));
    // Nothing is promised of the order that nobody asked for: the newest first, as people see it.
    let mut found: Vec<&Item> = table.items.iter().rev().filter(matches).collect();
    let order = &body["order"];
    if !order.is_null() {
        let field = field(table, text(order, "field_id")?)?;
        found.sort_by(|a, b| compare(a.fields.get(&field.id), b.fields.get(&field.id)));
        match order["type"].as_str() {
            Some("asc") | None => {}
            Some("desc") => found.reverse(),
            Some(_) => return Err(bad_call("order.type 无效")),
        }
    }
    let limit = body["limit"].as_u64().unwrap_or(20).min(world.settings.page_cap as u64);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let offset = usize::try_from(body["offset"].as_u64().unwrap_or(0)).unwrap_or(usize::MAX);
    let page = found.iter().skip(offset).take(limit);
    let items: Vec<Value> = page.map(|item| world.shown_item(table, item)).collect();
    let has_more = offset.saturating_add(items.len()) < found.len();
    Ok(json!({ "total": table.items.len(), "filtered": found.len(), "has_more": has_more, "items": items }))
}

fn text<'a>(body: &'a Value, key: &str) -> Result<&'a str, Refusal> {
    body[key].as_str().ok_or_else(|| bad_call(&format!("缺少 {key}")))
}

fn field<'a>(table: &'a Table, id: &str) -> Result<&'a Field, Refusal> {
    table.field(id).ok_or_else(|| refusal(NO_FIELD, format!("字段 {id} 不存在")))
}

struct Condition<'a> {
    field: &'a str,
    operator: &'a str,
    value: &'a Value,
}

fn conditions<'a>(table: &'a Table, filter: &'a Value) -> Result<Vec<Condition<'a>>, Refusal> {
    if filter.is_null() {
        return Ok(Vec::new());
    }
    // Only this group was ever seen.
    let group = filter["and"].as_array().ok_or_else(|| bad_call("filter 只支持 and"))?;
    let mut read = Vec::new();
    for asked in group {
        let field = field(table, text(asked, "field")?)?;
        let query = asked["query"].as_object().ok_or_else(|| bad_call("缺少 query"))?;
        for (operator, value) in query {
            if !OPERATORS.contains(&operator.as_str()) {
                return Err(bad_call("query 的运算符无效"));
            }
            read.push(Condition { field: &field.id, operator, value });
        }
    }
    Ok(read)
}

impl Condition<'_> {
    fn holds(&self, item: &Item, loose: bool) -> bool {
        let held = item.fields.get(self.field);
        let ordering = held.map(|held| compare(Some(held), Some(self.value)));
        let is_one_of = |list: &Value| {
            let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
            held.is_some_and(|held| list.contains(held))
        };
        match self.operator {
            "eq" if loose => held.map(loosened) == Some(loosened(self.value)),
            "eq" => held == Some(self.value),
            "ne" => held != Some(self.value),
            "gt" => ordering == Some(Ordering::Greater),
            "gte" => ordering.is_some_and(Ordering::is_ge),
            "lt" => ordering == Some(Ordering::Less),
            "lte" => ordering.is_some_and(Ordering::is_le),
            "in" => is_one_of(self.value),
            "nin" => !is_one_of(self.value),
            "contains" => {
                let part = self.value.as_str().unwrap_or_default();
                held.and_then(Value::as_str).is_some_and(|held| held.contains(part))
            }
            _ => held.is_none() == self.value.as_bool().unwrap_or(true),
        }
    }
}

/// Numbers by size, everything else as text; nothing before everything.
fn compare(a: Option<&Value>, b: Option<&Value>) -> Ordering {
    match (a.and_then(Value::as_f64), b.and_then(Value::as_f64)) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        _ => a.map(plain).cmp(&b.map(plain)),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn loosened(value: &Value) -> String {
    plain(value).trim().to_lowercase()
}
