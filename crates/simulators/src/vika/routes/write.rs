//! Creating, changing and deleting records: the whole batch is judged first, then written in one change set.

use serde_json::{Map, Value, json};

use super::{Caller, keyed_by_id, read, sheet, sheet_mut};
use crate::vika::{
    field::{Field, Kind, SelectOption},
    gate::Incoming,
    messages::{self, ApiError},
    query::Query,
    render::Scene,
    state::{Edit, Sheet, World},
    values::{Fate, Judge, NewOptions},
};

const MAX_RECORDS: usize = 10;

/// A batch that passed every check. Options it needs are not made yet: between plan and commit another call may
/// make the same ones, and then the cells of the later commit are lost.
pub(in super::super) struct Plan {
    sheet: String,
    by_id: bool,
    creating: bool,
    records: Vec<PlannedRecord>,
    new_options: NewOptions,
}

struct PlannedRecord {
    /// The row to change; `None` for a new one.
    row: Option<String>,
    /// (column id, what becomes of it, the value as sent).
    cells: Vec<(String, Fate, Value)>,
}

impl Plan {
    pub fn needs_options(&self) -> bool {
        !self.new_options.is_empty()
    }
}

/// Judges the batch of a POST or PATCH.
pub(in super::super) fn plan(
    world: &mut World,
    dst: &str,
    incoming: &Incoming,
    creating: bool,
) -> Result<Plan, ApiError> {
    let body = incoming.body()?;
    let records = body["records"].as_array().filter(|r| !r.is_empty()).ok_or_else(messages::records_empty)?;
    for (index, record) in records.iter().enumerate() {
        if !record["fields"].is_object() {
            return Err(messages::record_without_fields(index));
        }
        if !creating && !record["recordId"].is_string() {
            return Err(messages::record_without_id(index));
        }
    }
    let by_id = keyed_by_id(body["fieldKey"].as_str())?;
    if records.len() > MAX_RECORDS {
        return Err(messages::too_many_records());
    }
    if creating {
        check_creation(world, sheet(world, dst)?, &incoming.query, records.len())?;
    }
    let World { spaces, sheets, ids, .. } = world;
    let target = sheets.iter().find(|sheet| sheet.id == dst).ok_or_else(messages::sheet_missing)?;
    let space = spaces.iter().find(|space| space.id == target.space).ok_or_else(messages::sheet_missing)?;
    let mut judge = Judge { space, new_options: NewOptions::new(), by_id, ids };
    let mut planned: Vec<PlannedRecord> = Vec::with_capacity(records.len());
    for record in records {
        let row = record["recordId"].as_str().filter(|_| !creating).map(str::to_owned);
        if row.as_ref().is_some_and(|id| target.row(id).is_none()) {
            return Err(messages::record_missing());
        }
        let cells = judge_cells(target, &record["fields"], by_id, &mut judge)?;
        // The same record twice: the later one counts, and one record is answered.
        planned.retain(|earlier| row.is_none() || earlier.row != row);
        planned.push(PlannedRecord { row, cells });
    }
    let new_options = judge.new_options;
    Ok(Plan { sheet: target.id.clone(), by_id, creating, records: planned, new_options })
}

fn check_creation(world: &World, sheet: &Sheet, query: &Query, count: usize) -> Result<(), ApiError> {
    if let Some(view) = query.get("viewId").filter(|v| !v.is_empty() && *v != sheet.view) {
        return Err(messages::unknown_view_on_post(view));
    }
    if sheet.rows.len() + count > world.settings.row_limit { Err(messages::row_limit()) } else { Ok(()) }
}

/// Unknown columns are ignored as long as one is known.
fn judge_cells(
    sheet: &Sheet,
    fields: &Value,
    by_id: bool,
    judge: &mut Judge<'_>,
) -> Result<Vec<(String, Fate, Value)>, ApiError> {
    let mut cells = Vec::new();
    for (key, value) in fields.as_object().into_iter().flatten() {
        if let Some(field) = sheet.find(key, by_id) {
            cells.push((field.id.clone(), judge.judge(field, value)?, value.clone()));
        }
    }
    if cells.is_empty() { Err(messages::unusable_fields()) } else { Ok(cells) }
}

/// Writes a judged batch and gives the answer's `data`. With `swallow` the answer is the same and nothing is stored.
pub(in super::super) fn commit(
    world: &mut World,
    plan: &Plan,
    caller: &Caller,
    swallow: bool,
) -> Result<Value, ApiError> {
    let edit = Edit { at: world.stamp(caller.now_ms), by: caller.user.clone() };
    let row_ids: Vec<String> =
        plan.records.iter().map(|r| r.row.clone().unwrap_or_else(|| world.ids.next("rec", 10))).collect();
    let before = if swallow { Some(sheet(world, &plan.sheet)?.clone()) } else { None };
    let target = sheet_mut(world, &plan.sheet)?;
    add_options(target, &plan.new_options);
    let mut touched = Vec::with_capacity(row_ids.len());
    for (planned, id) in plan.records.iter().zip(row_ids) {
        if planned.row.is_none() {
            target.push_row(id.clone(), edit.clone());
        }
        if let Some(stale) = write_row(target, &id, planned, &edit) {
            touched.push((planned, id, stale));
        }
    }
    let answer = answer(world, plan, &touched, caller)?;
    if let Some(before) = before {
        *sheet_mut(world, &plan.sheet)? = before;
    }
    Ok(answer)
}

fn add_options(sheet: &mut Sheet, wanted: &NewOptions) {
    for ((field_id, name), id) in wanted {
        let Some(options) = sheet.field_mut(field_id).and_then(|f| f.kind.options_mut()) else { continue };
        // Somebody else made it since the plan: our id is not an option, and cells that hold it will be lost.
        if options.iter().all(|o| o.name != *name) {
            options.push(SelectOption { id: id.clone(), name: name.clone() });
        }
    }
}

/// Stores one row's cells; gives the time of the change before, which is what a PATCH answers.
fn write_row(sheet: &mut Sheet, id: &str, planned: &PlannedRecord, edit: &Edit) -> Option<i64> {
    let fields = sheet.fields.clone();
    let row = sheet.row_mut(id)?;
    let stale = row.updated_at;
    // An unticked box is as empty as one that was never written.
    let not_unticked = |value: &&Value| **value != json!(false);
    for (field_id, fate, _) in &planned.cells {
        let Some(field) = fields.iter().find(|f| f.id == *field_id) else { continue };
        let changed = match fate {
            Fate::Store(value) => existing_options(field, value).is_some_and(|value| {
                let before = row.cells.insert(field_id.clone(), value.clone());
                before.as_ref().filter(not_unticked) != Some(&value).filter(not_unticked)
            }),
            Fate::Clear => row.cells.remove(field_id).is_some_and(|cell| not_unticked(&&cell)),
            Fate::Drop(_) => false,
        };
        if changed {
            row.edits.insert(field_id.clone(), edit.clone());
            row.updated_at = edit.at;
        }
    }
    Some(stale)
}

/// The value without option ids that do not exist; `None` when nothing is left of it.
fn existing_options(field: &Field, value: &Value) -> Option<Value> {
    let known = |id: &&Value| field.kind.options().iter().any(|o| Some(o.id.as_str()) == id.as_str());
    match &field.kind {
        Kind::SingleSelect(_) => Some(value).filter(known).cloned(),
        Kind::MultiSelect(_) => {
            let kept: Vec<&Value> = value.as_array()?.iter().filter(known).collect();
            (!kept.is_empty()).then(|| json!(kept))
        }
        _ => Some(value.clone()),
    }
}

type Touched<'a> = (&'a PlannedRecord, String, i64);

fn answer(world: &World, plan: &Plan, touched: &[Touched<'_>], caller: &Caller) -> Result<Value, ApiError> {
    let sheet = sheet(world, &plan.sheet)?;
    let space = world.space(&sheet.space).ok_or_else(messages::sheet_missing)?;
    let scene = Scene { sheet, space, now_ms: caller.now_ms };
    // What a POST answers of people is not to be relied on: seen missing there, and right when read again. With an option
    // that it makes, it tells who changed the row.
    let unreliable = |f: &Field| match f.kind {
        Kind::Member { .. } | Kind::CreatedBy => true,
        Kind::LastModifiedBy(_) => !plan.needs_options(),
        _ => false,
    };
    let shown: Vec<&Field> = sheet.fields.iter().filter(|f| !(plan.creating && unreliable(f))).collect();
    let mut records = Vec::with_capacity(touched.len());
    for (planned, id, stale) in touched {
        let Some(row) = sheet.row(id) else { continue };
        let mut record = read::record(&scene, row, *stale, &shown, plan.by_id, false);
        if let Some(fields) = record["fields"].as_object_mut() {
            echo(sheet, planned, plan.by_id, fields);
        }
        if plan.creating
            && let Some(record) = record.as_object_mut()
        {
            record.remove("createdAt");
            record.remove("updatedAt");
        }
        records.push(record);
    }
    Ok(json!({"records": records}))
}

/// Puts the values that were lost back into the answer: it says what was asked for, not what was stored.
fn echo(sheet: &Sheet, planned: &PlannedRecord, by_id: bool, fields: &mut Map<String, Value>) {
    for (field_id, fate, sent) in &planned.cells {
        let Some(field) = sheet.field(field_id) else { continue };
        let key = if by_id { &field.id } else { &field.name };
        let select = matches!(field.kind, Kind::SingleSelect(_) | Kind::MultiSelect(_));
        match fate {
            Fate::Drop(value) => drop(fields.insert(key.clone(), value.clone())),
            Fate::Store(_) if select => drop(fields.insert(key.clone(), sent.clone())),
            Fate::Store(_) | Fate::Clear => {}
        }
    }
}

/// `DELETE …/records`: one missing id refuses all.
pub(super) fn delete(world: &mut World, dst: &str, query: &Query) -> Result<(), ApiError> {
    let ids = query.list("recordIds");
    if ids.is_empty() {
        return Err(messages::record_ids_missing());
    }
    if ids.len() > MAX_RECORDS {
        return Err(messages::too_many_records());
    }
    let sheet = sheet_mut(world, dst)?;
    if ids.iter().any(|id| sheet.row(id).is_none()) {
        return Err(messages::record_missing());
    }
    sheet.rows.retain(|row| !ids.contains(&row.id));
    sheet.deleted.extend(ids);
    Ok(())
}
