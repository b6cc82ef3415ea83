//! The simulator's own routes under `/_sim`: faults, switches, and what people do by hand. No key is asked for.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::{delete, get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Sim,
    config::SettingsChange,
    faults::Fault,
    values::FieldKind,
    world::{Field, Refusal, Table, World},
};

type Shared = State<Arc<Sim>>;
/// What went wrong with an order, in the words of the API.
type Ordered<T> = Result<Json<T>, (StatusCode, String)>;

pub(super) fn router() -> Router<Arc<Sim>> {
    Router::new()
        .route("/_sim/faults", post(add_fault).delete(clear_faults))
        .route("/_sim/settings", get(show_settings).post(change_settings))
        .route("/_sim/calls", get(show_calls).delete(clear_calls))
        .route("/_sim/tables", get(show_tables).post(make_table))
        .route("/_sim/tables/{id}", delete(delete_table))
        .route("/_sim/fields", post(change_field))
        .route("/_sim/items", post(make_item))
        .route("/_sim/items/{id}", delete(delete_item).put(change_item))
}

fn refused(refusal: Refusal) -> (StatusCode, String) {
    (StatusCode::NOT_FOUND, refusal.message)
}

async fn add_fault(State(sim): Shared, Json(fault): Json<Fault>) -> StatusCode {
    sim.world().faults.push(fault);
    StatusCode::NO_CONTENT
}

async fn clear_faults(State(sim): Shared) -> StatusCode {
    sim.world().faults.clear();
    StatusCode::NO_CONTENT
}

async fn show_settings(State(sim): Shared) -> Json<Value> {
    Json(json!(sim.world().settings))
}

async fn change_settings(State(sim): Shared, Json(change): Json<SettingsChange>) -> Json<Value> {
    let mut world = sim.world();
    world.settings.apply(change);
    Json(json!(world.settings))
}

async fn show_calls(State(sim): Shared) -> Json<Value> {
    Json(json!(sim.world().calls))
}

async fn clear_calls(State(sim): Shared) -> StatusCode {
    sim.world().calls.clear();
    StatusCode::NO_CONTENT
}

/// Every table; rows with their cells by column name besides.
async fn show_tables(State(sim): Shared) -> Json<Value> {
    let world = sim.world();
    let row = |table: &Table, index: usize| {
        let item = &table.items[index];
        let named = item.fields.iter().filter_map(|(id, value)| {
            let field = table.field(id)?;
            Some((field.name.clone(), value.clone()))
        });
        json!({ "id": item.id, "cells": named.collect::<serde_json::Map<_, _>>() })
    };
    let tables = world.tables.iter().map(|table| {
        let rows: Vec<Value> = (0..table.items.len()).map(|index| row(table, index)).collect();
        json!({ "id": table.id, "name": table.name, "fields": table.fields, "rows": rows })
    });
    Json(tables.collect())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewTable {
    name: String,
    fields: Vec<NewField>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewField {
    name: String,
    kind: FieldKind,
}

async fn make_table(State(sim): Shared, Json(new): Json<NewTable>) -> Json<Value> {
    let mut world = sim.world();
    let id = world.new_id(21);
    let fields = new.fields.into_iter().map(|field| make_field(&mut world, field)).collect();
    world.tables.push(Table { id: id.clone(), name: new.name, fields, items: Vec::new() });
    Json(json!({ "id": id }))
}

fn make_field(world: &mut World, new: NewField) -> Field {
    Field { id: world.new_id(22), name: new.name, kind: new.kind }
}

async fn delete_table(State(sim): Shared, Path(id): Path<String>) -> StatusCode {
    sim.world().tables.retain(|table| table.id != id);
    StatusCode::NO_CONTENT
}

/// What somebody does to a column.
#[derive(Deserialize)]
struct FieldChange {
    /// Name or id.
    table: String,
    #[serde(flatten)]
    action: FieldAction,
}

#[derive(Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
enum FieldAction {
    Rename { field: String, to: String },
    Retype { field: String, to: FieldKind },
    Delete { field: String },
    Add { field: String, kind: FieldKind },
}

async fn change_field(State(sim): Shared, Json(change): Json<FieldChange>) -> Ordered<Value> {
    let mut world = sim.world();
    let id = world.new_id(22);
    let table = world.table_mut(&change.table).map_err(refused)?;
    let missing = || (StatusCode::NOT_FOUND, "no such column".to_owned());
    match change.action {
        FieldAction::Rename { field, to } => table.field_mut(&field).ok_or_else(missing)?.name = to,
        FieldAction::Retype { field, to } => table.field_mut(&field).ok_or_else(missing)?.kind = to,
        FieldAction::Delete { field } => {
            let gone = table.field_mut(&field).ok_or_else(missing)?.id.clone();
            table.fields.retain(|field| field.id != gone);
            table.items.iter_mut().for_each(|item| drop(item.fields.remove(&gone)));
        }
        FieldAction::Add { field, kind } => table.fields.push(Field { id, name: field, kind }),
    }
    Ok(Json(json!({})))
}

/// A row made by hand; cells by column name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ByHand {
    /// Name or id.
    table: String,
    cells: serde_json::Map<String, Value>,
}

/// The cells by column id.
fn by_id(table: &Table, cells: serde_json::Map<String, Value>) -> Value {
    let id = |name: &str| table.fields.iter().find(|field| field.name == name).map(|field| field.id.clone());
    Value::Object(cells.into_iter().filter_map(|(name, value)| Some((id(&name)?, value))).collect())
}

async fn make_item(State(sim): Shared, Json(new): Json<ByHand>) -> Ordered<Value> {
    let now = sim.now();
    let mut world = sim.world();
    let table = world.table_mut(&new.table).map_err(refused)?;
    let (table_id, cells) = (table.id.clone(), by_id(table, new.cells));
    let id = world.create(&table_id, &cells, &now).map_err(refused)?;
    Ok(Json(json!({ "id": id })))
}

async fn change_item(
    State(sim): Shared,
    Path(id): Path<String>,
    Json(change): Json<ByHand>,
) -> Ordered<Value> {
    let now = sim.now();
    let mut world = sim.world();
    let cells = by_id(world.table_mut(&change.table).map_err(refused)?, change.cells);
    world.update(&id, &cells, &now).map_err(refused)?;
    Ok(Json(json!({})))
}

async fn delete_item(State(sim): Shared, Path(id): Path<String>) -> Ordered<Value> {
    sim.world().delete(&id).map_err(refused)?;
    Ok(Json(json!({})))
}
