//! Spaces, nodes, sheets and columns.

use serde_json::{Value, json};

use super::{Caller, keyed_by_id, sheet, sheet_mut};
use crate::vika::{
    field::Field,
    messages::{self, ApiError},
    query::Query,
    state::{Edit, Sheet, World},
};

const MAX_FIELDS: usize = 200;
const MAX_NAME_CHARS: usize = 100;
/// Rows that the template of a new sheet brings; making columns does not remove them.
const BLANK_ROWS: usize = 3;
const NODE_TYPE: &str = "Datasheet";
/// The permission to manage a node; 3 would be to read it only.
const MANAGER: u8 = 0;

pub(super) fn fields(world: &World, dst: &str, query: &Query) -> Result<Value, ApiError> {
    keyed_by_id(query.get("fieldKey"))?;
    let sheet = sheet(world, dst)?;
    let space = world.space(&sheet.space).ok_or_else(messages::sheet_missing)?;
    let through_view = query.get("viewId").is_some_and(|view| view == sheet.view);
    let described =
        sheet.fields.iter().enumerate().filter(|(_, f)| !(through_view && sheet.hidden.contains(&f.id)));
    let fields: Vec<Value> = described.map(|(index, f)| f.describe(index == 0, space)).collect();
    Ok(json!({"fields": fields}))
}

pub(super) fn views(world: &World, dst: &str) -> Result<Value, ApiError> {
    let sheet = sheet(world, dst)?;
    let first = json!({"id": sheet.view, "name": "维格视图", "type": "Grid"});
    let others = sheet.views.iter().map(|view| json!({"id": view.id, "name": view.name, "type": "Grid"}));
    let views: Vec<Value> = [first].into_iter().chain(others).collect();
    Ok(json!({"views": views}))
}

pub(super) fn create(world: &mut World, spc: &str, body: &Value, caller: &Caller) -> Result<Value, ApiError> {
    let name = body["name"].as_str().ok_or_else(messages::nameless)?.to_owned();
    if name.is_empty() || name.chars().count() > MAX_NAME_CHARS {
        return Err(messages::sheet_without_name());
    }
    // There are no folders here; the Python SDK sends empty texts.
    if !matches!(body["folderId"].as_str(), None | Some("")) {
        return Err(messages::bad_folder());
    }
    let template = [json!({"name": "标题", "type": "SingleText", "property": {}})];
    let descriptions =
        body["fields"].as_array().filter(|f| !f.is_empty()).map_or(&template[..], Vec::as_slice);
    if descriptions.len() > MAX_FIELDS {
        return Err(messages::bad("[fields]的值不正确"));
    }
    let mut fields: Vec<Field> = Vec::with_capacity(descriptions.len());
    let mut unique = true;
    for (index, description) in descriptions.iter().enumerate() {
        let field = Field::create(description, index == 0, &mut world.ids)?;
        unique &= fields.iter().all(|other| other.name != field.name);
        fields.push(field);
    }
    if !unique {
        return Err(messages::not_unique("field.name"));
    }
    let created = Edit { at: world.stamp(caller.now_ms), by: caller.user.clone() };
    let mut sheet = Sheet {
        id: world.ids.next("dst", 15),
        space: spc.to_owned(),
        name,
        view: world.ids.next("viw", 10),
        views: Vec::new(),
        fields,
        rows: Vec::new(),
        hidden: std::collections::BTreeSet::new(),
        deleted: Vec::new(),
    };
    for _ in 0..if world.settings.blank_rows { BLANK_ROWS } else { 0 } {
        let id = world.ids.next("rec", 10);
        sheet.push_row(id, created.clone());
    }
    let listed: Vec<Value> = sheet.fields.iter().map(|f| json!({"id": f.id, "name": f.name})).collect();
    let answer = json!({"id": sheet.id, "createdAt": created.at, "fields": listed});
    world.sheets.push(sheet);
    Ok(answer)
}

pub(super) fn add_field(world: &mut World, dst: &str, body: &Value) -> Result<Value, ApiError> {
    if !body["name"].is_string() {
        return Err(messages::nameless());
    }
    let mut ids = std::mem::take(&mut world.ids);
    let made = Field::create(body, false, &mut ids);
    world.ids = ids;
    let field = made?;
    let sheet = sheet_mut(world, dst)?;
    if sheet.fields.len() >= MAX_FIELDS {
        return Err(messages::bad("[fields]的值不正确"));
    }
    if sheet.find(&field.name, false).is_some() {
        return Err(messages::not_unique("name"));
    }
    let answer = json!({"id": field.id, "name": field.name});
    sheet.push_field(field);
    Ok(answer)
}

pub(super) fn delete_field(world: &mut World, dst: &str, fld: &str) -> Result<Value, ApiError> {
    let sheet = sheet_mut(world, dst)?;
    match sheet.fields.iter().position(|f| f.id == fld) {
        None => Err(messages::field_missing(fld)),
        Some(0) => Err(messages::primary_not_deletable()),
        Some(_) => {
            sheet.remove_field(fld);
            Ok(json!({}))
        }
    }
}

pub(super) fn spaces(world: &World, user: &str) -> Value {
    let mine = world.spaces.iter().filter(|s| world.is_member(&s.id, user));
    let spaces: Vec<Value> = mine.map(|s| json!({"id": s.id, "name": s.name, "isAdmin": false})).collect();
    json!({"spaces": spaces})
}

/// The sheets of a space.
pub(super) fn nodes(world: &World, spc: &str) -> Value {
    json!({"nodes": world.sheets.iter().filter(|s| s.space == spc).map(node_json).collect::<Vec<_>>()})
}

/// Those nodes of a space that are of a type, that the caller has one of some permissions on, and that have a text in
/// their name. There are sheets only, and everybody manages them.
pub(super) fn search_nodes(world: &World, spc: &str, query: &Query) -> Value {
    let permissions = query.list("permissions");
    let any = query.get("type").is_none_or(|kind| kind == NODE_TYPE)
        && (permissions.is_empty() || permissions.iter().any(|p| p.parse() == Ok(MANAGER)));
    let named = |s: &&Sheet| query.get("query").is_none_or(|part| s.name.contains(part));
    let found = world.sheets.iter().filter(|s| any && s.space == spc).filter(named);
    json!({"nodes": found.map(node_json).collect::<Vec<_>>()})
}

pub(super) fn node(world: &World, id: &str) -> Result<Value, ApiError> {
    world.sheet(id).map(node_json).ok_or_else(messages::node_missing)
}

fn node_json(sheet: &Sheet) -> Value {
    json!({
        "id": sheet.id, "name": sheet.name, "type": NODE_TYPE, "icon": "", "isFav": false, "permission": MANAGER,
    })
}

pub(super) fn deleted_rows(world: &World, dst: &str) -> Result<Value, ApiError> {
    Ok(json!(sheet(world, dst)?.deleted))
}
