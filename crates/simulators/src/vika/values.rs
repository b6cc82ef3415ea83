//! What becomes of a written value: refused, stored, or accepted, echoed and silently dropped.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    config::VikaSpace,
    dates,
    field::{Field, Kind, SelectOption},
    formula,
    messages::{self, ApiError},
    state::IdSource,
};

/// Unit ids shorter than this pass the outer check and fail the inner one.
const MIN_UNIT_ID_DIGITS: usize = 10;

/// The fate of one accepted cell.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Fate {
    /// Stored as given, in the sheet's own form.
    Store(Value),
    /// The cell is emptied.
    Clear,
    /// The answer echoes the value, and the sheet keeps what it had.
    Drop(Value),
}

/// Options that a batch wants to exist, by (column id, name). One batch makes each only once.
pub(super) type NewOptions = BTreeMap<(String, String), String>;

/// Judges values of one batch; collects the options it would create.
pub(super) struct Judge<'a> {
    pub space: &'a VikaSpace,
    pub new_options: NewOptions,
    /// Columns are named by their ids, in refusals too.
    pub by_id: bool,
    pub ids: &'a mut IdSource,
}

impl Judge<'_> {
    /// What the service does with `value` in `field`.
    pub fn judge(&mut self, field: &Field, value: &Value) -> Result<Fate, ApiError> {
        if let Some(label) = field.kind.computed_label() {
            return Err(messages::computed(label));
        }
        if value.is_null() {
            return Ok(Fate::Clear);
        }
        let name = self.name(field);
        let refuse = |reason: &str| Err(messages::bad_cell(name, reason));
        match &field.kind {
            Kind::SingleText => text(name, value, "单行文本字段必须是字符串"),
            Kind::Text => text(name, value, "文本字段必须是字符串"),
            Kind::Phone => text(name, value, "电话字段必须是字符串"),
            Kind::Email => text(name, value, "邮箱字段必须是字符串"),
            Kind::Number { .. } => number(name, value, "数字字段的值必须是数字"),
            Kind::Currency { .. } => number(name, value, "货币字段的值必须是数字"),
            Kind::Percent { .. } => number(name, value, "百分比字段的值必须是数字"),
            Kind::Rating { max } => match value.as_u64() {
                Some(0) => Ok(Fate::Clear),
                Some(stars) if stars <= *max => Ok(Fate::Store(value.clone())),
                _ => refuse("评分字段的值必须是数字"),
            },
            // A number that is no time of the service's language is taken, and becomes nothing.
            Kind::DateTime(_) if dates::is_beyond(value) => Ok(Fate::Clear),
            Kind::DateTime(_) => match dates::accept(value) {
                Some(ms) => Ok(Fate::Store(json!(ms))),
                None => refuse("日期字段必须是 UTC 时间或者时间戳"),
            },
            Kind::Checkbox => match value.as_bool() {
                Some(ticked) => Ok(Fate::Store(json!(ticked))),
                None => refuse("勾选字段必须是布尔值"),
            },
            Kind::SingleSelect(options) => match value.as_str() {
                Some("") => Ok(Fate::Clear),
                Some(name) => Ok(Fate::Store(json!(self.option(field, options, name)))),
                None => refuse("单选字段必须是字符串"),
            },
            Kind::MultiSelect(options) => self.multi_select(field, options, value),
            Kind::Member { multi } => self.members(field, *multi, value),
            Kind::Url => url(name, value),
            _ => Err(messages::bad_type()),
        }
    }

    /// What a refusal calls a column.
    fn name<'f>(&self, field: &'f Field) -> &'f str {
        if self.by_id { &field.id } else { &field.name }
    }

    /// The id of the option with this very name. An unknown name makes one, spaces, option ids and all.
    fn option(&mut self, field: &Field, options: &[SelectOption], name: &str) -> String {
        if let Some(option) = options.iter().find(|o| o.name == name) {
            return option.id.clone();
        }
        let ids = &mut *self.ids;
        let key = (field.id.clone(), name.to_owned());
        self.new_options.entry(key).or_insert_with(|| ids.next("opt", 10)).clone()
    }

    fn multi_select(
        &mut self,
        field: &Field,
        options: &[SelectOption],
        value: &Value,
    ) -> Result<Fate, ApiError> {
        let name = self.name(field);
        let refusal = || messages::bad_cell(name, "多选字段必须是数组类型");
        let names = value.as_array().ok_or_else(refusal)?;
        if names.is_empty() {
            return Ok(Fate::Clear);
        }
        let mut ids = Vec::with_capacity(names.len());
        for name in names {
            ids.push(self.option(field, options, name.as_str().ok_or_else(refusal)?));
        }
        Ok(Fate::Store(json!(ids)))
    }

    fn members(&self, field: &Field, multi: bool, value: &Value) -> Result<Fate, ApiError> {
        let refuse = |reason: &str| messages::bad_cell(self.name(field), reason);
        let units = value.as_array().ok_or_else(|| refuse("成员字段必须是数组类型"))?;
        if units.is_empty() {
            return Ok(Fate::Clear);
        }
        if !multi && units.len() > 1 {
            return Err(messages::single_unit_only());
        }
        let mut ids = Vec::with_capacity(units.len());
        for unit in units {
            ids.push(self.unit(unit, &refuse)?);
        }
        if ids.iter().any(|id| id.len() < MIN_UNIT_ID_DIGITS) {
            return Ok(Fate::Drop(value.clone()));
        }
        Ok(Fate::Store(json!(ids)))
    }

    fn unit(&self, unit: &Value, refuse: &dyn Fn(&str) -> ApiError) -> Result<String, ApiError> {
        let members = &self.space.members;
        if let Some(id) = unit.get("id").or_else(|| unit.get("unitId")) {
            let id = id.as_str().ok_or_else(|| refuse("成员 ID 必须是字符串"))?;
            return members
                .iter()
                .find(|m| m.unit_id == id)
                .map(|m| m.unit_id.clone())
                .ok_or_else(messages::unknown_unit_id);
        }
        let typed_as_member = unit["type"] == json!(3) || unit["type"] == json!("Member");
        let name =
            unit["name"].as_str().filter(|_| typed_as_member).ok_or_else(messages::unknown_unit_name)?;
        members
            .iter()
            .find(|m| m.name == name)
            .map(|m| m.unit_id.clone())
            .ok_or_else(messages::unknown_unit_name)
    }
}

fn text(name: &str, value: &Value, reason: &str) -> Result<Fate, ApiError> {
    match value.as_str() {
        Some("") => Ok(Fate::Clear),
        Some(text) => Ok(Fate::Store(json!(text))),
        None => Err(messages::bad_cell(name, reason)),
    }
}

fn number(name: &str, value: &Value, reason: &str) -> Result<Fate, ApiError> {
    match value.as_f64() {
        // The service knows one kind of number: 5.0 is 5, and so is -0.0 just 0.
        Some(float) if value.is_f64() => Ok(Fate::Store(formula::number_json(float))),
        Some(_) => Ok(Fate::Store(value.clone())),
        None => Err(messages::bad_cell(name, reason)),
    }
}

/// A link: a text, or an object. One with an empty `favicon`, exactly what a read returns, is dropped silently.
fn url(name: &str, value: &Value) -> Result<Fate, ApiError> {
    if let Some(text) = value.as_str() {
        return Ok(if text.is_empty() {
            Fate::Clear
        } else {
            Fate::Store(json!({"title": text, "text": text}))
        });
    }
    let Some(text) = value.get("text").and_then(Value::as_str) else {
        return Err(messages::bad_cell(name, "网址字段必须是字符串"));
    };
    if value.get("favicon").is_some_and(|icon| icon.as_str() == Some("")) {
        return Ok(Fate::Drop(value.clone()));
    }
    let title = value.get("title").and_then(Value::as_str).unwrap_or(text);
    Ok(Fate::Store(json!({"title": title, "text": text})))
}
