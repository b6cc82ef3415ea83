//! Finds the declared columns of a table, and what people did to them.

use std::{collections::BTreeMap, fmt};

use serde_json::{Value as Json, json};

use crate::{
    client::{Call, Client},
    error::Error,
    ids::{self, FieldId, SpaceId, TableId},
    tables::{Column, Fit, Table},
};

/// A column as the service describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldInfo {
    /// Its id.
    pub id: FieldId,
    /// Its name.
    pub name: String,
    /// Its type, as the schema calls it.
    pub kind: String,
}

/// A table as the service lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableInfo {
    /// Its id.
    pub id: TableId,
    /// Its name.
    pub name: String,
}

/// A difference between a declared column and the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnProblem {
    /// It is not there.
    Missing {
        /// The declared column.
        column: Column,
        /// A column of a fitting type that nobody declared: perhaps it was renamed to this.
        candidate: Option<String>,
    },
    /// It has another name now. It is still written: ids survive a rename.
    Renamed {
        /// The declared column.
        column: Column,
        /// Its name now.
        now: String,
    },
    /// It has a type that does not serve.
    Retyped {
        /// The declared column.
        column: Column,
        /// The type it has.
        found: String,
    },
    /// There are several columns of this name.
    Duplicate {
        /// The declared column.
        column: Column,
    },
    /// It has a type that nobody knows. It is written all the same.
    Unsure {
        /// The declared column.
        column: Column,
        /// The type it has.
        found: String,
    },
}

impl ColumnProblem {
    /// What it is about.
    pub const fn column(&self) -> Column {
        match self {
            Self::Missing { column, .. }
            | Self::Renamed { column, .. }
            | Self::Retyped { column, .. }
            | Self::Duplicate { column }
            | Self::Unsure { column, .. } => *column,
        }
    }

    /// Whether the column is not written because of it.
    pub const fn leaves_it_out(&self) -> bool {
        matches!(self, Self::Missing { .. } | Self::Retyped { .. } | Self::Duplicate { .. })
    }
}

impl fmt::Display for ColumnProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.column().name();
        match self {
            Self::Missing { candidate: Some(other), .. } => {
                write!(f, "{name} is missing, perhaps renamed to {other}")
            }
            Self::Missing { candidate: None, .. } => write!(f, "{name} is missing"),
            Self::Renamed { now, .. } => write!(f, "{name} is now called {now}"),
            Self::Retyped { found, .. } => write!(f, "{name} is a {found} column"),
            Self::Duplicate { .. } => write!(f, "{name} is there more than once"),
            Self::Unsure { found, .. } => write!(f, "{name} is of the unknown type {found}"),
        }
    }
}

/// The columns of a table that can be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    ids: BTreeMap<Column, FieldId>,
}

impl Columns {
    /// Finds the declared columns by name, and those that were renamed by the ids that are `known` of before.
    pub fn find(
        table: Table,
        fields: &[FieldInfo],
        known: &BTreeMap<Column, FieldId>,
    ) -> (Self, Vec<ColumnProblem>) {
        let (mut ids, mut problems) = (BTreeMap::new(), Vec::new());
        for column in table.columns() {
            let named: Vec<&FieldInfo> =
                fields.iter().filter(|field| field.name.trim() == column.name()).collect();
            let field = match named.as_slice() {
                [field] => Some(*field),
                [] => {
                    let renamed = fields.iter().find(|field| known.get(&column) == Some(&field.id));
                    problems.push(renamed.map_or_else(
                        || missing(table, column, fields),
                        |field| ColumnProblem::Renamed { column, now: field.name.clone() },
                    ));
                    renamed
                }
                _ => {
                    problems.push(ColumnProblem::Duplicate { column });
                    None
                }
            };
            let Some(field) = field else { continue };
            let found = field.kind.clone();
            match column.kind().fit(&field.kind) {
                Fit::No => problems.push(ColumnProblem::Retyped { column, found }),
                fit => {
                    if fit == Fit::Unknown {
                        problems.push(ColumnProblem::Unsure { column, found });
                    }
                    ids.insert(column, field.id.clone());
                }
            }
        }
        (Self { ids }, problems)
    }

    /// A column's id, if it can be written.
    pub fn id(&self, column: Column) -> Option<&FieldId> {
        self.ids.get(&column)
    }

    /// The ids of the columns without which nothing can be written: key and day.
    pub fn needed(&self) -> Option<(&FieldId, &FieldId)> {
        Some((self.id(Column::Key)?, self.id(Column::Day)?))
    }

    /// Every column that can be written.
    pub fn iter(&self) -> impl Iterator<Item = (Column, &FieldId)> {
        self.ids.iter().map(|(column, id)| (*column, id))
    }
}

fn missing(table: Table, column: Column, fields: &[FieldInfo]) -> ColumnProblem {
    let undeclared = |field: &&FieldInfo| table.columns().all(|column| column.name() != field.name.trim());
    let mut candidates = fields.iter().filter(undeclared);
    let candidate = candidates.find(|field| column.kind().fit(&field.kind) == Fit::Yes);
    ColumnProblem::Missing { column, candidate: candidate.map(|field| field.name.clone()) }
}

impl Client {
    /// The tables of a space. `POST /table/list` (documented; medium confidence).
    pub async fn tables(&self, space: &SpaceId) -> Result<Vec<TableInfo>, Error> {
        let data = self.call(Call::read("table/list", json!({ "space_id": space.as_str() }))).await?;
        let tables = data["tables"].as_array().ok_or(Error::Unreadable("no tables"))?;
        let read = |table: &Json| {
            let id = ids::of_json(&table["table_id"])?;
            Some(TableInfo { id, name: table["name"].as_str()?.to_owned() })
        };
        Ok(tables.iter().filter_map(read).collect())
    }

    /// The columns of a table. `POST /table/{table_id}` (documented; the shape is not: `data.table.fields` or
    /// `data.fields`, and of a field `type` or `field_type`, so that all are accepted).
    pub async fn fields(&self, table: &TableId) -> Result<Vec<FieldInfo>, Error> {
        let data =
            self.call(Call::read(format!("table/{table}"), json!({ "table_id": table.as_str() }))).await?;
        let within = data["table"]["fields"].as_array();
        let fields = within.or_else(|| data["fields"].as_array()).ok_or(Error::Unreadable("no fields"))?;
        tracing::debug!(table.id = %table, nested = within.is_some(), "Huoban told a table's columns");
        let read = |field: &Json| {
            let kind = field["type"].as_str().or_else(|| field["field_type"].as_str()).unwrap_or_default();
            Some(FieldInfo {
                id: ids::of_json(&field["field_id"])?,
                name: field["name"].as_str()?.to_owned(),
                kind: kind.to_owned(),
            })
        };
        Ok(fields.iter().filter_map(read).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields() -> Vec<FieldInfo> {
        let kind = |column: Column| match column.kind() {
            crate::Kind::Text => "text",
            crate::Kind::Number(_) | crate::Kind::Share => "number",
            crate::Kind::Day => "date",
        };
        let columns = Table::PersonDays.columns().enumerate();
        let field = |(index, column): (usize, Column)| FieldInfo {
            id: format!("22{index:03}").parse().unwrap(),
            name: column.name().to_owned(),
            kind: kind(column).to_owned(),
        };
        columns.map(field).collect()
    }

    fn find(fields: &[FieldInfo], known: &Columns) -> (Columns, Vec<ColumnProblem>) {
        Columns::find(Table::PersonDays, fields, &known.ids)
    }

    #[test]
    fn what_people_do_to_columns_is_told_and_the_others_are_written() {
        let sound = fields();
        let nothing = BTreeMap::new();
        let (columns, problems) = Columns::find(Table::PersonDays, &sound, &nothing);
        assert_eq!((columns.ids.len(), problems), (sound.len(), vec![]));

        let at = |column: Column| sound.iter().position(|field| field.name == column.name()).unwrap();
        let mut changed = sound.clone();
        changed[at(Column::Team)].name = "小组".into();
        changed[at(Column::Asked)].kind = "text".into();
        changed[at(Column::Replies)].kind = "hologram".into();
        let twin = FieldInfo { id: "9".parse().unwrap(), ..changed[at(Column::Rooms)].clone() };
        changed.push(twin);
        let (after, problems) = find(&changed, &columns);
        let expected = [
            ColumnProblem::Renamed { column: Column::Team, now: "小组".into() },
            ColumnProblem::Duplicate { column: Column::Rooms },
            ColumnProblem::Retyped { column: Column::Asked, found: "text".into() },
            ColumnProblem::Unsure { column: Column::Replies, found: "hologram".into() },
        ];
        assert_eq!(problems, expected);
        assert_eq!(after.id(Column::Team), columns.id(Column::Team), "a rename keeps the id");
        assert_eq!((after.id(Column::Asked), after.id(Column::Rooms)), (None, None));

        // Nothing is known of before, as on the first start.
        let (_, problems) = Columns::find(Table::PersonDays, &changed[..=at(Column::Team)], &nothing);
        let renamed = ColumnProblem::Missing { column: Column::Team, candidate: Some("小组".into()) };
        assert!(problems.contains(&renamed), "{problems:?}");
        // Made anew, beside the old one under another name.
        let mut again = changed.clone();
        again.push(FieldInfo { id: "7".parse().unwrap(), name: "团队".into(), kind: "text".into() });
        assert_eq!(find(&again, &columns).0.id(Column::Team).unwrap().as_str(), "7");
        let (without, _) = find(&changed[1..], &columns);
        assert_eq!(without.needed(), None, "no key, no rows");
    }
}
