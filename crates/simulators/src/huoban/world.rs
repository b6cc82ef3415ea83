//! What the simulator knows: tables with their columns and rows, calls made, faults to come.
//!
//! Plain data behind one lock. Nothing here answers a request or waits.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::{Duration, Instant};

use super::{
    config::Settings,
    faults::Fault,
    values::{FieldKind, Wrong},
};

/// A refusal: `code` and `message` under HTTP 200.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    pub code: i64,
    pub message: String,
}

/// The two codes that public code knows.
pub(super) const KEY_REFUSED: i64 = 9_600_001;
pub(super) const NO_TABLE: i64 = 3_500_002;
/// Invented ones.
pub(super) const NO_ITEM: i64 = 4_000_404;
pub(super) const NO_FIELD: i64 = 4_000_405;
pub(super) const WRONG_VALUE: i64 = 4_000_406;
pub(super) const BAD_CALL: i64 = 4_000_400;
pub(super) const USED_UP: i64 = 9_600_029;

pub(super) fn refusal(code: i64, message: impl Into<String>) -> Refusal {
    Refusal { code, message: message.into() }
}

pub(super) fn bad_call(message: &str) -> Refusal {
    refusal(BAD_CALL, message)
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct Field {
    pub id: String,
    pub name: String,
    pub kind: FieldKind,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct Item {
    pub id: String,
    pub created_on: String,
    pub updated_on: String,
    /// Cells by column id; an empty one has no entry.
    pub fields: BTreeMap<String, Value>,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct Table {
    pub id: String,
    pub name: String,
    pub fields: Vec<Field>,
    pub items: Vec<Item>,
}

impl Table {
    pub fn field(&self, id: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.id == id)
    }

    pub fn field_mut(&mut self, name_or_id: &str) -> Option<&mut Field> {
        self.fields.iter_mut().find(|field| field.id == name_or_id || field.name == name_or_id)
    }
}

/// A call of the API, as `GET /_sim/calls` shows it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Call {
    pub method: String,
    pub path: String,
    pub body: Value,
    /// Arrival in real time since the simulator started; what spacing is measured by.
    pub elapsed_ms: u128,
    /// `code` of the answer; absent when none was given.
    pub code: Option<i64>,
    /// The fault that met the call.
    pub fault: Option<&'static str>,
}

/// Everything behind the lock.
pub(super) struct World {
    pub key: String,
    pub space: String,
    pub tables: Vec<Table>,
    pub settings: Settings,
    pub faults: Vec<Fault>,
    pub calls: Vec<Call>,
    pub started: Instant,
    window: VecDeque<Instant>,
    last_id: u64,
}

impl World {
    pub fn new(key: String, space: String) -> Self {
        Self {
            key,
            space,
            tables: Vec::new(),
            settings: Settings::default(),
            faults: Vec::new(),
            calls: Vec::new(),
            started: Instant::now(),
            window: VecDeque::new(),
            last_id: 0,
        }
    }

    /// Sixteen digits, of which the first two say of what kind: 21 table, 22 column, 23 row.
    pub fn new_id(&mut self, kind: u64) -> String {
        self.last_id += 1;
        (kind * 100_000_000_000_000 + self.last_id).to_string()
    }

    pub fn table(&self, id: &str) -> Result<&Table, Refusal> {
        let found = self.tables.iter().find(|table| table.id == id);
        found.ok_or_else(|| refusal(NO_TABLE, "table_id 无效"))
    }

    pub fn table_mut(&mut self, name_or_id: &str) -> Result<&mut Table, Refusal> {
        let found = self.tables.iter_mut().find(|table| table.id == name_or_id || table.name == name_or_id);
        found.ok_or_else(|| refusal(NO_TABLE, "table_id 无效"))
    }

    pub fn table_of_item(&mut self, item: &str) -> Result<(&mut Table, usize), Refusal> {
        for table in &mut self.tables {
            if let Some(index) = table.items.iter().position(|held| held.id == item) {
                return Ok((table, index));
            }
        }
        Err(refusal(NO_ITEM, "数据不存在"))
    }

    /// The cells as they are stored; every one of them is sound, or nothing is stored.
    pub fn checked(&self, table: &str, cells: &Value) -> Result<Vec<(String, Option<Value>)>, Refusal> {
        let table = self.table(table)?;
        let cells = cells.as_object().ok_or_else(|| bad_call("fields 必须是对象"))?;
        let mut stored = Vec::new();
        for (id, value) in cells {
            let field = table.field(id).ok_or_else(|| refusal(NO_FIELD, format!("字段 {id} 不存在")))?;
            let value = match field.kind.store(value, &self.settings) {
                Ok(value) => value,
                Err(Wrong(what)) => {
                    return Err(refusal(WRONG_VALUE, format!("字段「{}」：{what}", field.name)));
                }
            };
            stored.push((id.clone(), value));
        }
        Ok(stored)
    }

    /// Creates a row and gives its id.
    pub fn create(&mut self, table: &str, cells: &Value, now: &str) -> Result<String, Refusal> {
        let stored = self.checked(table, cells)?;
        let id = self.new_id(23);
        let mut item = Item {
            id: id.clone(),
            created_on: now.to_owned(),
            updated_on: now.to_owned(),
            fields: BTreeMap::new(),
        };
        put(&mut item, stored);
        self.table_mut(table)?.items.push(item);
        Ok(id)
    }

    /// Changes the cells that are named.
    pub fn update(&mut self, item: &str, cells: &Value, now: &str) -> Result<(), Refusal> {
        let table = self.table_of_item(item)?.0.id.clone();
        let stored = self.checked(&table, cells)?;
        let (table, index) = self.table_of_item(item)?;
        let item = &mut table.items[index];
        now.clone_into(&mut item.updated_on);
        put(item, stored);
        Ok(())
    }

    pub fn delete(&mut self, item: &str) -> Result<(), Refusal> {
        let (table, index) = self.table_of_item(item)?;
        table.items.remove(index);
        Ok(())
    }

    /// Whether another call may come within this second.
    pub fn admits(&mut self) -> bool {
        let now = Instant::now();
        while self.window.front().is_some_and(|first| now - *first >= Duration::from_secs(1)) {
            self.window.pop_front();
        }
        let limit = self.settings.rate_limit as usize;
        if limit > 0 && self.window.len() >= limit {
            return false;
        }
        self.window.push_back(now);
        true
    }

    /// An id as answers write it.
    pub fn shown_id(&self, id: &str) -> Value {
        match id.parse::<u64>() {
            Ok(number) if self.settings.numeric_ids => json!(number),
            _ => json!(id),
        }
    }

    /// A row as answers show it.
    pub fn shown_item(&self, table: &Table, item: &Item) -> Value {
        let cells = item.fields.iter().filter_map(|(id, value)| {
            let kind = table.field(id)?.kind;
            Some((id.clone(), kind.show(value, &self.settings)))
        });
        let title = table.fields.first().and_then(|first| item.fields.get(&first.id));
        json!({
            "item_id": self.shown_id(&item.id),
            "table_id": self.shown_id(&table.id),
            "title": title.cloned().unwrap_or_default(),
            "created_on": item.created_on,
            "updated_on": item.updated_on,
            "created_by": { "user_id": "1000001", "name": "回音" },
            "fields": cells.collect::<serde_json::Map<_, _>>(),
        })
    }
}

fn put(item: &mut Item, stored: Vec<(String, Option<Value>)>) {
    for (id, value) in stored {
        match value {
            Some(value) => drop(item.fields.insert(id, value)),
            None => drop(item.fields.remove(&id)),
        }
    }
}
