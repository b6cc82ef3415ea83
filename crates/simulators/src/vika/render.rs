//! A stored cell as the API shows it: as JSON, as display text, and as a formula sees it.

use serde_json::{Map, Value, json};

use super::{
    config::VikaSpace,
    field::{Field, Kind, SelectOption},
    formula::{self, Operand},
    state::{Edit, Row, Sheet},
};

/// What a cell is looked at from.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub sheet: &'a Sheet,
    pub space: &'a VikaSpace,
    pub now_ms: i64,
}

/// Formula columns may refer to formula columns; deeper than this is a circle.
const MAX_FORMULA_DEPTH: usize = 8;

impl Scene<'_> {
    /// The cell as `cellFormat=json` gives it; `None` for an empty cell, which is left out.
    pub fn json(&self, row: &Row, field: &Field) -> Option<Value> {
        match &field.kind {
            Kind::CreatedTime(_) => Some(json!(row.created.at)),
            Kind::CreatedBy => Some(person(&row.created.by)),
            Kind::LastModifiedTime(_, watched) => row.last_edit(watched).map(|edit| json!(edit.at)),
            Kind::LastModifiedBy(watched) => row.last_edit(watched).map(|edit: &Edit| person(&edit.by)),
            Kind::Formula { .. } => self.operand(row, field, 0).to_json(),
            kind => row.cells.get(&field.id).and_then(|stored| self.stored_json(kind, stored)),
        }
    }

    fn stored_json(&self, kind: &Kind, stored: &Value) -> Option<Value> {
        Some(match kind {
            Kind::SingleSelect(options) => json!(option_name(options, stored)?),
            Kind::MultiSelect(options) => {
                let names: Vec<_> =
                    stored.as_array()?.iter().filter_map(|id| option_name(options, id)).collect();
                json!(names)
            }
            Kind::Member { .. } => {
                let members = stored.as_array()?.iter().filter_map(|id| self.member_json(id));
                Value::Array(members.collect())
            }
            Kind::Url => json!({"title": stored["title"], "text": stored["text"], "favicon": ""}),
            Kind::Checkbox if *stored == json!(false) => return None,
            _ => stored.clone(),
        })
    }

    fn member_name(&self, unit_id: &Value) -> Option<&str> {
        let id = unit_id.as_str()?;
        self.space.members.iter().find(|m| m.unit_id == id).map(|m| m.name.as_str())
    }

    fn member_json(&self, unit_id: &Value) -> Option<Value> {
        let name = self.member_name(unit_id)?;
        Some(json!({"id": unit_id, "unitId": unit_id, "type": "Member", "name": name, "avatar": ""}))
    }

    /// The cell as people see it.
    pub fn text(&self, row: &Row, field: &Field) -> Option<String> {
        match &field.kind {
            Kind::CreatedTime(format) => Some(format.show(row.created.at)),
            Kind::LastModifiedTime(format, watched) => {
                row.last_edit(watched).map(|edit| format.show(edit.at))
            }
            Kind::DateTime(format) => row.cells.get(&field.id)?.as_i64().map(|ms| format.show(ms)),
            Kind::Number { precision } => row.cells.get(&field.id).map(|n| fixed(n, 1.0, *precision)),
            Kind::Percent { precision } => {
                row.cells.get(&field.id).map(|n| format!("{}%", fixed(n, 100.0, *precision)))
            }
            Kind::Currency { precision, symbol } => {
                row.cells.get(&field.id).map(|n| format!("{symbol}{}", fixed(n, 1.0, *precision)))
            }
            _ => self.operand(row, field, 0).to_text(),
        }
    }

    /// The cell as a formula sees it.
    pub fn operand(&self, row: &Row, field: &Field, depth: usize) -> Operand {
        match &field.kind {
            Kind::CreatedTime(_) => Operand::from_ms(row.created.at),
            Kind::CreatedBy => Operand::Text(row.created.by.clone()),
            Kind::LastModifiedTime(_, watched) => {
                row.last_edit(watched).map_or(Operand::Null, |edit| Operand::from_ms(edit.at))
            }
            Kind::LastModifiedBy(watched) => {
                row.last_edit(watched).map_or(Operand::Null, |edit| Operand::Text(edit.by.clone()))
            }
            Kind::Formula { expression } if depth < MAX_FORMULA_DEPTH => {
                // Only ids count in a formula column; names give a column in error, which reads as empty.
                let parsed = formula::parse(expression, &|key| self.sheet.field(key).map(|f| f.id.clone()));
                parsed.map_or(Operand::Null, |expr| formula::evaluate(&expr, self, row, depth + 1))
            }
            Kind::Formula { .. } => Operand::Null,
            kind => match row.cells.get(&field.id) {
                Some(stored) => self.stored_operand(kind, stored),
                None if matches!(kind, Kind::Checkbox) => Operand::Bool(false),
                None => Operand::Null,
            },
        }
    }

    fn stored_operand(&self, kind: &Kind, stored: &Value) -> Operand {
        let joined = |names: Vec<&str>| {
            if names.is_empty() { Operand::Null } else { Operand::Text(names.join(", ")) }
        };
        let list = || stored.as_array().map(Vec::as_slice).unwrap_or_default().iter();
        match kind {
            Kind::SingleSelect(options) => joined(option_name(options, stored).into_iter().collect()),
            Kind::MultiSelect(options) => joined(list().filter_map(|id| option_name(options, id)).collect()),
            Kind::Member { .. } => joined(list().filter_map(|id| self.member_name(id)).collect()),
            Kind::Url => stored["text"].as_str().map_or(Operand::Null, |text| Operand::Text(text.to_owned())),
            _ => match stored {
                Value::Bool(ticked) => Operand::Bool(*ticked),
                Value::Number(number) => number.as_f64().map_or(Operand::Null, Operand::Number),
                Value::String(text) => Operand::Text(text.clone()),
                _ => Operand::Null,
            },
        }
    }

    /// The cell as `cellFormat=string` gives it: a box that was ticked before, or written unticked, is no empty cell.
    fn api_text(&self, row: &Row, field: &Field) -> Option<String> {
        let unticked = || matches!(field.kind, Kind::Checkbox) && row.cells.contains_key(&field.id);
        self.text(row, field).or_else(|| unticked().then(|| "0".to_owned()))
    }

    /// `fields` of a record: the given columns, empty cells left out.
    pub fn fields<'f>(
        &self,
        row: &Row,
        shown: impl Iterator<Item = &'f Field>,
        by_id: bool,
        as_text: bool,
    ) -> Map<String, Value> {
        let cell = |field: &'f Field| {
            let value =
                if as_text { self.api_text(row, field).map(Value::String) } else { self.json(row, field) }?;
            Some((if by_id { field.id.clone() } else { field.name.clone() }, value))
        };
        shown.filter_map(cell).collect()
    }
}

fn option_name<'a>(options: &'a [SelectOption], id: &Value) -> Option<&'a str> {
    let id = id.as_str()?;
    options.iter().find(|o| o.id == id).map(|o| o.name.as_str())
}

/// A user as the *By columns show one. The id is a uuid that has nothing to do with the unit id.
fn person(name: &str) -> Value {
    let sum = name.bytes().fold(0_u64, |sum, byte| sum.wrapping_mul(131).wrapping_add(u64::from(byte)));
    json!({"id": format!("{sum:032x}"), "name": name, "avatar": ""})
}

/// A number with so many digits behind the point. What lies just between two of them is rounded away from zero, not to
/// the even one.
fn fixed(number: &Value, factor: f64, precision: usize) -> String {
    /// More digits than a double of this size can fill.
    const EXACT: usize = 30;
    let number = number.as_f64().unwrap_or_default() * factor;
    let digits = format!("{:.*}", precision + EXACT, number.abs());
    let rest = &digits[digits.len() - EXACT..];
    let between = rest.strip_prefix('5').is_some_and(|more| more.bytes().all(|digit| digit == b'0'));
    let places = i32::try_from(precision).unwrap_or_default();
    let number = if between { number + 0.5_f64.copysign(number) * 10_f64.powi(-places) } else { number };
    format!("{number:.precision$}")
}
