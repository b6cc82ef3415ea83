//! A row that is to stand in a table, and whether the one that stands there is it.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use serde_json::{Map, Value as Json};
use sha2::{Digest as _, Sha256};

use crate::{
    items::Item,
    schema::Columns,
    tables::{BusinessKey, Column},
    value::{self, Value},
};

/// A row, with all of its values: a column without one is emptied. The columns 业务键 and 日期 follow from the key.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What it is about.
    pub key: BusinessKey,
    /// Its values.
    pub values: BTreeMap<Column, Value>,
}

impl Row {
    fn value(&self, column: Column) -> Option<Value> {
        match column {
            Column::Key => Some(Value::Text(self.key.to_string())),
            Column::Day => Some(Value::Day(self.key.day())),
            other => self.values.get(&other).cloned(),
        }
    }

    fn canonical(&self, column: Column) -> Option<String> {
        self.value(column)?.canonical(column.kind())
    }

    /// The cells for a new row: empty ones are left out.
    pub fn cells(&self, columns: &Columns) -> Map<String, Json> {
        let cells = columns.iter().filter_map(|(column, id)| {
            let value = self.value(column)?.to_json(column.kind());
            (!value.is_null()).then(|| (id.to_string(), value))
        });
        cells.collect()
    }

    /// The cells that make an existing row this one: empty ones are emptied.
    pub fn all_cells(&self, columns: &Columns) -> Map<String, Json> {
        let cell =
            |column: Column| self.value(column).map_or(Json::Null, |value| value.to_json(column.kind()));
        columns.iter().map(|(column, id)| (id.to_string(), cell(column))).collect()
    }

    /// Tells apart what is to stand in the row: another one whenever a value or a column's id changes.
    pub fn digest(&self, columns: &Columns) -> String {
        let mut hash = Sha256::new();
        for (column, id) in columns.iter() {
            let value = self.canonical(column).unwrap_or_default();
            hash.update(format!("{id}\u{0}{value}\u{0}"));
        }
        HEXLOWER.encode(&hash.finalize())
    }

    /// The columns in which an item holds something else.
    pub fn differences(&self, item: &Item, columns: &Columns) -> Vec<Column> {
        let differs = |column: Column, id: &str| {
            let held = item.fields.get(id).and_then(|cell| value::read(cell, column.kind()));
            held != self.canonical(column)
        };
        columns
            .iter()
            .filter(|(column, id)| differs(*column, id.as_str()))
            .map(|(column, _)| column)
            .collect()
    }
}
