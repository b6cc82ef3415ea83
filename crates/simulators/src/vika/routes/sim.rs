//! The simulator's own routes under `/_sim`: faults and switches in, calls and sheets out. No token is asked for.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::{delete, get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::vika::{
    Sim,
    config::SettingsChange,
    faults::Fault,
    field::{Field, Kind},
    limits,
    render::Scene,
    state::{FilteredView, Sheet, World},
};

type Shared = State<Arc<Sim>>;

/// All routes under `/_sim`.
pub(in super::super) fn router() -> Router<Arc<Sim>> {
    Router::new()
        .route("/_sim/faults", post(add_fault).delete(clear_faults))
        .route("/_sim/settings", get(show_settings).post(change_settings))
        .route("/_sim/usage", post(set_usage))
        .route("/_sim/columns", post(change_column))
        .route("/_sim/views", post(add_view))
        .route("/_sim/calls", get(show_calls).delete(clear_calls))
        .route("/_sim/sheets", get(show_sheets))
        .route("/_sim/sheets/{id}", delete(delete_sheet))
        .route("/_sim/reset", post(reset))
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
    world.settings.apply(&change);
    Json(json!(world.settings))
}

/// Sets how many calls a space has used of this month.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Usage {
    space: String,
    used: u64,
}

async fn set_usage(State(sim): Shared, Json(usage): Json<Usage>) -> StatusCode {
    let month = limits::month(sim.now_ms());
    sim.world().usage.insert((usage.space, month), usage.used);
    StatusCode::NO_CONTENT
}

async fn show_calls(State(sim): Shared) -> Json<Value> {
    Json(json!(sim.world().calls))
}

async fn clear_calls(State(sim): Shared) -> StatusCode {
    sim.world().calls.clear();
    StatusCode::NO_CONTENT
}

/// Takes back faults, calls, windows and usage; the sheets too when asked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reset {
    #[serde(default)]
    sheets: bool,
}

async fn reset(State(sim): Shared, Json(reset): Json<Reset>) -> StatusCode {
    let mut world = sim.world();
    world.faults.clear();
    world.calls.clear();
    world.windows.clear();
    world.usage.clear();
    if reset.sheets {
        world.sheets.clear();
    }
    StatusCode::NO_CONTENT
}

/// What somebody does to a column in the user interface, where the API has no route for it.
#[derive(Deserialize)]
struct ColumnChange {
    sheet: String,
    /// Name or id.
    column: String,
    #[serde(flatten)]
    action: ColumnAction,
}

#[derive(Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
enum ColumnAction {
    Rename {
        to: String,
    },
    Delete,
    /// Hides the column in the sheet's view.
    Hide,
    Show,
    /// Turns the column into plain text, or a text column into numbers; what does not fit is lost.
    Retype {
        to: TextOrNumber,
    },
    /// Takes an option of a select column away; cells that had it are empty.
    RemoveOption {
        option: String,
    },
}

#[derive(Deserialize)]
enum TextOrNumber {
    SingleText,
    Text,
    Number,
}

async fn change_column(State(sim): Shared, Json(change): Json<ColumnChange>) -> (StatusCode, String) {
    let mut world = sim.world();
    match apply_column(&mut world, change, sim.now_ms()) {
        Some(()) => (StatusCode::NO_CONTENT, String::new()),
        None => (StatusCode::NOT_FOUND, "no such sheet or column".to_owned()),
    }
}

/// A manager makes a view.
#[derive(Deserialize)]
struct NewView {
    sheet: String,
    name: String,
    /// As in `filterByFormula`.
    filter: String,
}

async fn add_view(State(sim): Shared, Json(view): Json<NewView>) -> StatusCode {
    let mut world = sim.world();
    let id = world.ids.next("viw", 10);
    let Some(sheet) = world.sheet_mut(&view.sheet) else { return StatusCode::NOT_FOUND };
    sheet.views.push(FilteredView { id, name: view.name, filter: view.filter });
    StatusCode::NO_CONTENT
}

fn apply_column(world: &mut World, change: ColumnChange, now_ms: i64) -> Option<()> {
    let sheet = world.sheet(&change.sheet)?;
    let field = sheet.find(&change.column, false).or_else(|| sheet.field(&change.column))?;
    let id = field.id.clone();
    if let ColumnAction::Retype { to } = change.action {
        let cells = retyped_cells(world, &change.sheet, field, &to, now_ms)?;
        return retype(world.sheet_mut(&change.sheet)?, &id, &to, cells);
    }
    let sheet = world.sheet_mut(&change.sheet)?;
    match change.action {
        ColumnAction::Rename { to } => sheet.field_mut(&id)?.name = to,
        ColumnAction::Delete => sheet.remove_field(&id),
        ColumnAction::Hide => drop(sheet.hidden.insert(id)),
        ColumnAction::Show => drop(sheet.hidden.remove(&id)),
        ColumnAction::RemoveOption { option } => remove_option(sheet, &id, &option)?,
        ColumnAction::Retype { .. } => {}
    }
    Some(())
}

fn remove_option(sheet: &mut Sheet, field_id: &str, name: &str) -> Option<()> {
    let options = sheet.field_mut(field_id)?.kind.options_mut()?;
    let index = options.iter().position(|o| o.name == name)?;
    let gone = json!(options.remove(index).id);
    for row in &mut sheet.rows {
        if row.cells.get(field_id) == Some(&gone) {
            row.cells.remove(field_id);
        }
    }
    Some(())
}

/// The new value of each row's cell, in row order.
fn retyped_cells(
    world: &World,
    dst: &str,
    field: &Field,
    to: &TextOrNumber,
    now_ms: i64,
) -> Option<Vec<Option<Value>>> {
    let sheet = world.sheet(dst)?;
    let scene = Scene { sheet, space: world.space(&sheet.space)?, now_ms };
    let convert = |text: String| match to {
        TextOrNumber::SingleText | TextOrNumber::Text => Some(json!(text)),
        TextOrNumber::Number => text.parse::<f64>().ok().map(|n| json!(n)),
    };
    Some(sheet.rows.iter().map(|row| scene.text(row, field).and_then(convert)).collect())
}

fn retype(sheet: &mut Sheet, field_id: &str, to: &TextOrNumber, cells: Vec<Option<Value>>) -> Option<()> {
    sheet.field_mut(field_id)?.kind = match to {
        TextOrNumber::SingleText => Kind::SingleText,
        TextOrNumber::Text => Kind::Text,
        TextOrNumber::Number => Kind::Number { precision: 0 },
    };
    for (row, cell) in sheet.rows.iter_mut().zip(cells) {
        match cell {
            Some(value) => drop(row.cells.insert(field_id.to_owned(), value)),
            None => drop(row.cells.remove(field_id)),
        }
    }
    Some(())
}

async fn delete_sheet(State(sim): Shared, Path(id): Path<String>) -> StatusCode {
    sim.world().sheets.retain(|s| s.id != id);
    StatusCode::NO_CONTENT
}

/// Every sheet as a person sees it: columns in order, and each row's cells as display texts in the same order.
async fn show_sheets(State(sim): Shared) -> Json<Value> {
    let now_ms = sim.now_ms();
    let world = sim.world();
    let shown = world.sheets.iter().filter_map(|sheet| {
        let space = world.space(&sheet.space)?;
        Some(dump(&Scene { sheet, space, now_ms }))
    });
    Json(json!({"sheets": shown.collect::<Vec<_>>()}))
}

fn dump(scene: &Scene<'_>) -> Value {
    let sheet = scene.sheet;
    let column = |(index, field): (usize, &Field)| {
        let mut shown = field.describe(index == 0, scene.space);
        shown["hidden"] = json!(sheet.hidden.contains(&field.id));
        shown["computed"] = json!(field.kind.computed_label().is_some());
        shown
    };
    let row = |row: &crate::vika::state::Row| {
        let texts: Vec<_> = sheet.fields.iter().map(|f| scene.text(row, f).unwrap_or_default()).collect();
        let values = scene.fields(row, sheet.fields.iter(), false, false);
        json!({"recordId": row.id, "cells": texts, "values": values})
    };
    json!({
        "id": sheet.id, "space": sheet.space, "name": sheet.name,
        "columns": sheet.fields.iter().enumerate().map(column).collect::<Vec<_>>(),
        "rows": sheet.rows.iter().map(row).collect::<Vec<_>>(),
    })
}
