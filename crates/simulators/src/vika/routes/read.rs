//! `GET …/records`: selection, order, pages.

use std::cmp::Ordering;

use serde_json::{Value, json};

use super::{Caller, keyed_by_id, sheet};
use crate::vika::{
    field::Field,
    formula::{self, Operand},
    messages::{self, ApiError},
    query::Query,
    render::Scene,
    state::{Row, Sheet, World},
};

const DEFAULT_PAGE_SIZE: i64 = 100;
const MAX_PAGE_SIZE: i64 = 1_000;
const EVERYTHING: i64 = -1;

pub(super) fn records(world: &World, dst: &str, query: &Query, caller: &Caller) -> Result<Value, ApiError> {
    let page = Page::parse(query)?;
    let by_id = keyed_by_id(query.get("fieldKey"))?;
    let as_text = match query.get("cellFormat") {
        None | Some("json") => false,
        Some("string") => true,
        Some(_) => return Err(messages::bad_cell_format()),
    };
    let sheet = sheet(world, dst)?;
    let space = world.space(&sheet.space).ok_or_else(messages::sheet_missing)?;
    let scene = Scene { sheet, space, now_ms: caller.now_ms };
    let shown = shown_fields(sheet, query, by_id)?;

    let mut rows = select(&scene, query, world.settings.formula_ids)?;
    order(&scene, &mut rows, query, by_id)?;
    if let Some(most) = query.get("maxRecords").and_then(|m| m.parse().ok()) {
        rows.truncate(most);
    }
    let on_page = page.cut(&rows);
    let records: Vec<Value> =
        on_page.iter().map(|row| record(&scene, row, row.updated_at, &shown, by_id, as_text)).collect();
    Ok(json!({"total": rows.len(), "pageNum": page.num, "pageSize": records.len(), "records": records}))
}

/// A record as reads and PATCH answers show it; times have one second resolution.
pub(super) fn record(
    scene: &Scene<'_>,
    row: &Row,
    updated_at: i64,
    shown: &[&Field],
    by_id: bool,
    as_text: bool,
) -> Value {
    let whole_second = |ms: i64| ms.div_euclid(1_000) * 1_000;
    json!({
        "recordId": row.id,
        "createdAt": whole_second(row.created.at),
        "updatedAt": whole_second(updated_at),
        "fields": scene.fields(row, shown.iter().copied(), by_id, as_text),
    })
}

struct Page {
    size: i64,
    num: i64,
}

impl Page {
    fn parse(query: &Query) -> Result<Self, ApiError> {
        let number =
            |key: &str, absent: i64| query.get(key).map_or(Some(absent), |text| text.parse::<i64>().ok());
        let size = number("pageSize", DEFAULT_PAGE_SIZE).ok_or_else(messages::page_size_too_small)?;
        let num = number("pageNum", 1).ok_or_else(messages::page_num_too_small)?;
        match (size, num) {
            (MAX_PAGE_SIZE.., _) if size > MAX_PAGE_SIZE => Err(messages::page_size_too_big()),
            (..1, _) if size != EVERYTHING => Err(messages::page_size_too_small()),
            (_, ..1) => Err(messages::page_num_too_small()),
            _ => Ok(Self { size, num }),
        }
    }

    fn cut<'a, 'r>(&self, rows: &'a [&'r Row]) -> &'a [&'r Row] {
        if self.size == EVERYTHING {
            return rows;
        }
        let size = usize::try_from(self.size).unwrap_or_default();
        let before = usize::try_from(self.num - 1).unwrap_or_default().saturating_mul(size);
        let rest = rows.get(before..).unwrap_or_default();
        &rest[..rest.len().min(size)]
    }
}

/// The columns of the answer, in the sheet's order. A view takes its hidden ones away.
fn shown_fields<'a>(sheet: &'a Sheet, query: &Query, by_id: bool) -> Result<Vec<&'a Field>, ApiError> {
    let through_view = match query.get("viewId").filter(|v| !v.is_empty()) {
        None => false,
        Some(view) if view == sheet.view => true,
        Some(view) if sheet.views.iter().any(|other| other.id == view) => false,
        Some(_) => return Err(messages::node_missing()),
    };
    let wanted = query.list("fields");
    if let Some(unknown) = wanted.iter().find(|key| sheet.find(key, by_id).is_none()) {
        return Err(messages::unknown_field(unknown));
    }
    let asked =
        |field: &Field| wanted.is_empty() || wanted.contains(if by_id { &field.id } else { &field.name });
    let visible = |field: &Field| !(through_view && sheet.hidden.contains(&field.id));
    Ok(sheet.fields.iter().filter(|f| asked(f) && visible(f)).collect())
}

fn select<'a>(scene: &Scene<'a>, query: &Query, formula_ids: bool) -> Result<Vec<&'a Row>, ApiError> {
    let sheet = scene.sheet;
    let ids = query.list("recordIds");
    let mut rows: Vec<&Row> = if ids.is_empty() {
        sheet.rows.iter().collect()
    } else {
        sheet.rows.iter().filter(|row| ids.contains(&row.id)).collect()
    };
    let view = query.get("viewId").and_then(|id| sheet.views.iter().find(|view| view.id == id));
    let filters = [view.map(|view| view.filter.as_str()), query.get("filterByFormula")];
    for source in filters.into_iter().flatten().filter(|f| !f.is_empty()) {
        let resolve = |key: &str| {
            let field = sheet.find(key, false).or_else(|| sheet.find(key, true).filter(|_| formula_ids));
            field.map(|f| f.id.clone())
        };
        let expr = formula::parse(source, &resolve).map_err(|_| messages::formula_error())?;
        rows.retain(|row| formula::evaluate(&expr, scene, row, 0).is_true());
    }
    Ok(rows)
}

fn order(scene: &Scene<'_>, rows: &mut [&Row], query: &Query, by_id: bool) -> Result<(), ApiError> {
    let mut keys = Vec::new();
    for sort in query.sorts() {
        let field = scene.sheet.find(&sort.field, by_id);
        keys.push((field.ok_or_else(|| messages::unknown_sort_field(&sort.field))?, sort.descending));
    }
    if keys.is_empty() {
        return Ok(());
    }
    rows.sort_by(|left, right| {
        keys.iter().fold(Ordering::Equal, |found, (field, descending)| {
            found.then_with(|| {
                let order = total(&scene.operand(left, field, 0), &scene.operand(right, field, 0));
                if *descending { order.reverse() } else { order }
            })
        })
    });
    Ok(())
}

/// A total order of cells: empty ones first, then numbers, then texts.
fn total(left: &Operand, right: &Operand) -> Ordering {
    let rank = |operand: &Operand| match operand {
        Operand::Null => 0,
        Operand::Bool(_) | Operand::Number(_) => 1,
        Operand::Text(_) => 2,
    };
    rank(left).cmp(&rank(right)).then_with(|| left.compare(right).unwrap_or(Ordering::Equal))
}
