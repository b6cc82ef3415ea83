//! Columns: their types, the property each wants on creation, and what `GET fields` shows of them.

use serde_json::{Map, Value, json};

use super::{
    config::VikaSpace,
    dates::DateFormat,
    messages::{self, ApiError},
    state::IdSource,
};

const MAX_NAME_CHARS: usize = 100;

/// An option of a select column.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SelectOption {
    pub id: String,
    pub name: String,
}

/// Which columns an edit stamp watches; empty = every column.
pub(super) type Collect = Vec<String>;

/// A column's type with what the simulator needs of its property.
///
/// Attachment, Link, Lookup, Button and `WorkDoc` are not simulated: creating one is refused.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    SingleText,
    Text,
    Phone,
    Email,
    SingleSelect(Vec<SelectOption>),
    MultiSelect(Vec<SelectOption>),
    Number { precision: usize },
    Currency { precision: usize, symbol: String },
    Percent { precision: usize },
    Rating { max: u64 },
    DateTime(DateFormat),
    Checkbox,
    Member { multi: bool },
    Url,
    Formula { expression: String },
    AutoNumber { next: u64 },
    CreatedTime(DateFormat),
    CreatedBy,
    LastModifiedTime(DateFormat, Collect),
    LastModifiedBy(Collect),
}

/// A column of a sheet.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    pub id: String,
    pub name: String,
    pub kind: Kind,
}

impl Kind {
    /// The name of the type in requests and answers.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::SingleText => "SingleText",
            Self::Text => "Text",
            Self::Phone => "Phone",
            Self::Email => "Email",
            Self::SingleSelect(_) => "SingleSelect",
            Self::MultiSelect(_) => "MultiSelect",
            Self::Number { .. } => "Number",
            Self::Currency { .. } => "Currency",
            Self::Percent { .. } => "Percent",
            Self::Rating { .. } => "Rating",
            Self::DateTime(_) => "DateTime",
            Self::Checkbox => "Checkbox",
            Self::Member { .. } => "Member",
            Self::Url => "URL",
            Self::Formula { .. } => "Formula",
            Self::AutoNumber { .. } => "AutoNumber",
            Self::CreatedTime(_) => "CreatedTime",
            Self::CreatedBy => "CreatedBy",
            Self::LastModifiedTime(..) => "LastModifiedTime",
            Self::LastModifiedBy(_) => "LastModifiedBy",
        }
    }

    /// The words for a column that the system fills; `None` for one that can be written.
    pub fn computed_label(&self) -> Option<&'static str> {
        match self {
            Self::Formula { .. } => Some("公式列"),
            Self::AutoNumber { .. } => Some("自增数字列"),
            Self::CreatedTime(_) => Some("创建时间列"),
            Self::CreatedBy => Some("创建人列"),
            Self::LastModifiedTime(..) => Some("修改时间列"),
            Self::LastModifiedBy(_) => Some("修改人列"),
            _ => None,
        }
    }

    fn may_be_primary(&self) -> bool {
        !matches!(
            self,
            Self::Member { .. }
                | Self::Checkbox
                | Self::Rating { .. }
                | Self::SingleSelect(_)
                | Self::MultiSelect(_)
                | Self::CreatedBy
                | Self::LastModifiedBy(_)
        )
    }

    /// The options of a select column.
    pub fn options(&self) -> &[SelectOption] {
        match self {
            Self::SingleSelect(options) | Self::MultiSelect(options) => options,
            _ => &[],
        }
    }

    /// The options of a select column, to add one.
    pub fn options_mut(&mut self) -> Option<&mut Vec<SelectOption>> {
        match self {
            Self::SingleSelect(options) | Self::MultiSelect(options) => Some(options),
            _ => None,
        }
    }
}

impl Field {
    /// Reads the description of a column from a creating call.
    pub fn create(description: &Value, primary: bool, ids: &mut IdSource) -> Result<Self, ApiError> {
        let name = description["name"].as_str().unwrap_or_default();
        if name.is_empty() || name.chars().count() > MAX_NAME_CHARS {
            return Err(messages::bad("[name]的值不正确"));
        }
        let kind = kind(description["type"].as_str().unwrap_or_default(), &description["property"], ids)?;
        if primary && !kind.may_be_primary() {
            return Err(messages::primary_not_allowed(kind.type_name()));
        }
        Ok(Self { id: ids.next("fld", 10), name: name.to_owned(), kind })
    }

    /// The column as `GET fields` shows it. What an edit stamp watches is not shown, as on the real service.
    pub fn describe(&self, primary: bool, space: &VikaSpace) -> Value {
        let mut shown = json!({
            "id": self.id, "name": self.name, "type": self.kind.type_name(),
            "editable": self.kind.computed_label().is_none(),
        });
        if primary {
            shown["isPrimary"] = json!(true);
        }
        if let Some(property) = self.property(space) {
            shown["property"] = property;
        }
        shown
    }

    fn property(&self, space: &VikaSpace) -> Option<Value> {
        let dates =
            |format: &DateFormat| json!({"format": format.joined(), "includeTime": format.include_time});
        let users = || space.members.iter().map(|m| json!({"id": m.unit_id, "name": m.name, "avatar": ""}));
        Some(match &self.kind {
            // The Python SDK cannot read a column of these types without its property.
            Kind::SingleText => json!({}),
            Kind::CreatedBy => json!({"options": users().collect::<Vec<_>>()}),
            Kind::LastModifiedBy(_) => json!({"options": []}),
            Kind::SingleSelect(options) | Kind::MultiSelect(options) => {
                let show = |o: &SelectOption| json!({"id": o.id, "name": o.name, "color": {"name": "deepPurple_0", "value": "#E5E1FC"}});
                json!({"options": options.iter().map(show).collect::<Vec<_>>()})
            }
            Kind::Number { precision } | Kind::Percent { precision } => json!({"precision": precision}),
            Kind::Currency { precision, symbol } => json!({"precision": precision, "symbol": symbol}),
            Kind::Rating { max } => json!({"icon": "⭐", "max": max}),
            Kind::DateTime(format) | Kind::CreatedTime(format) | Kind::LastModifiedTime(format, _) => {
                dates(format)
            }
            Kind::Checkbox => json!({"icon": "✅"}),
            Kind::Member { multi } => {
                let options: Vec<_> = space
                    .members
                    .iter()
                    .map(|m| json!({"id": m.unit_id, "name": m.name, "type": "Member"}))
                    .collect();
                json!({"options": options, "isMulti": multi, "shouldSendMsg": false})
            }
            Kind::Formula { expression } => json!({"expression": expression}),
            Kind::Text | Kind::Phone | Kind::Email | Kind::Url | Kind::AutoNumber { .. } => return None,
        })
    }
}

fn kind(type_name: &str, property: &Value, ids: &mut IdSource) -> Result<Kind, ApiError> {
    Ok(match type_name {
        // An absent property is refused for this type only.
        "SingleText" => {
            object(property, "value")?;
            Kind::SingleText
        }
        "Text" => Kind::Text,
        "Phone" => Kind::Phone,
        "Email" => Kind::Email,
        "SingleSelect" => Kind::SingleSelect(options(property, ids)?),
        "MultiSelect" => Kind::MultiSelect(options(property, ids)?),
        "Number" => Kind::Number { precision: precision(property)? },
        "Percent" => Kind::Percent { precision: precision(property)? },
        "Currency" => Kind::Currency {
            precision: precision(property)?,
            symbol: property["symbol"].as_str().unwrap_or("¥").to_owned(),
        },
        "Rating" => Kind::Rating { max: property["max"].as_u64().unwrap_or(5) },
        "DateTime" => Kind::DateTime(date_format(property)?),
        "Checkbox" => checkbox(property)?,
        "Member" => Kind::Member {
            multi: object(property, "value")?.get("isMulti").and_then(Value::as_bool).unwrap_or(true),
        },
        "URL" => Kind::Url,
        "Formula" => Kind::Formula {
            expression: object(property, "value")?
                .get("expression")
                .and_then(Value::as_str)
                .ok_or_else(|| messages::bad("\"expression\" is required"))?
                .to_owned(),
        },
        "AutoNumber" => Kind::AutoNumber { next: 1 },
        "CreatedTime" => Kind::CreatedTime(date_format(property)?),
        "CreatedBy" => Kind::CreatedBy,
        "LastModifiedTime" => Kind::LastModifiedTime(date_format(property)?, collect(property)?),
        "LastModifiedBy" => Kind::LastModifiedBy(collect(property)?),
        _ => return Err(messages::bad_type()),
    })
}

fn object<'a>(property: &'a Value, what: &str) -> Result<&'a Map<String, Value>, ApiError> {
    property.as_object().ok_or_else(|| messages::bad(format!("\"{what}\" must be of type object")))
}

fn precision(property: &Value) -> Result<usize, ApiError> {
    let precision = object(property, "value")?.get("precision").and_then(Value::as_u64);
    precision
        .and_then(|p| usize::try_from(p).ok())
        .ok_or_else(|| messages::bad("\"precision\" must be a number"))
}

fn date_format(property: &Value) -> Result<DateFormat, ApiError> {
    let property = object(property, "value")?;
    let text = |key: &str| property.get(key).and_then(Value::as_str).map(str::to_owned);
    Ok(DateFormat {
        date: text("dateFormat").ok_or_else(|| messages::bad("\"dateFormat\" is required"))?,
        time: text("timeFormat").unwrap_or_else(|| "HH:mm".to_owned()),
        include_time: property.get("includeTime").and_then(Value::as_bool).unwrap_or(false),
    })
}

fn checkbox(property: &Value) -> Result<Kind, ApiError> {
    match property["icon"].as_str() {
        Some(icon) if icon.is_ascii() && !icon.is_empty() => Ok(Kind::Checkbox),
        _ => Err(messages::bad("icon is not Emoji slug")),
    }
}

fn options(property: &Value, ids: &mut IdSource) -> Result<Vec<SelectOption>, ApiError> {
    let Some(listed) = object(property, "value")?.get("options").and_then(Value::as_array) else {
        return Err(messages::bad("\"options\" is required"));
    };
    let mut read = Vec::with_capacity(listed.len());
    for (index, option) in listed.iter().enumerate() {
        let Some(name) = option["name"].as_str() else {
            return Err(messages::bad(format!("\"options[{index}].name\" is required")));
        };
        if option.get("color").is_some_and(|color| !color.is_number()) {
            return Err(messages::bad(format!("\"options[{index}].color\" must be a number")));
        }
        read.push(SelectOption { id: ids.next("opt", 10), name: name.to_owned() });
    }
    Ok(read)
}

fn collect(property: &Value) -> Result<Collect, ApiError> {
    let property = object(property, "value")?;
    if property.get("collectType").and_then(Value::as_u64) != Some(1) {
        return Ok(Collect::new());
    }
    let listed = property.get("fieldIdCollection").and_then(Value::as_array);
    let ids = listed.map(|ids| ids.iter().filter_map(Value::as_str).map(str::to_owned).collect::<Collect>());
    ids.filter(|ids| !ids.is_empty()).ok_or_else(|| messages::bad("\"fieldIdCollection\" is required"))
}
