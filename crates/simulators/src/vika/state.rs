//! What the simulator knows: sheets with their columns and rows, calls made, faults to come.
//!
//! Plain data behind one lock. Nothing here answers a request or waits.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;
use tokio::time::Instant;

use super::{
    calls::Call,
    config::{Settings, VikaConfig, VikaSpace, VikaToken},
    faults::Fault,
    field::{Field, Kind},
    limits::Window,
};

/// Who changed a cell, and when (ms).
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Edit {
    pub at: i64,
    pub by: String,
}

/// A row. A cell that is empty has no entry.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub id: String,
    pub created: Edit,
    pub updated_at: i64,
    /// Stored values by column id; a select cell holds option ids, a Member cell unit ids.
    pub cells: BTreeMap<String, Value>,
    /// The last edit of each cell that was ever written, also of one emptied since.
    pub edits: BTreeMap<String, Edit>,
}

impl Row {
    /// The latest edit among the given columns; of all columns when none are given.
    pub fn last_edit(&self, fields: &[String]) -> Option<&Edit> {
        let watched = |id: &String| fields.is_empty() || fields.contains(id);
        self.edits.iter().filter(|(id, _)| watched(id)).map(|(_, edit)| edit).max_by_key(|edit| edit.at)
    }
}

/// A view with a filter, as a manager makes it by hand.
#[derive(Debug, Clone)]
pub(super) struct FilteredView {
    pub id: String,
    pub name: String,
    /// As in `filterByFormula`.
    pub filter: String,
}

/// A sheet (维格表).
#[derive(Debug, Clone)]
pub(super) struct Sheet {
    pub id: String,
    pub space: String,
    pub name: String,
    pub view: String,
    pub fields: Vec<Field>,
    pub rows: Vec<Row>,
    /// Further views, which hide nothing.
    pub views: Vec<FilteredView>,
    /// Columns that the first view hides.
    pub hidden: BTreeSet<String>,
    pub deleted: Vec<String>,
}

impl Sheet {
    pub fn field(&self, id: &str) -> Option<&Field> {
        self.fields.iter().find(|f| f.id == id)
    }

    pub fn field_mut(&mut self, id: &str) -> Option<&mut Field> {
        self.fields.iter_mut().find(|f| f.id == id)
    }

    /// By name or by id, as the call's `fieldKey` says; of two columns with one name the first.
    pub fn find(&self, key: &str, by_id: bool) -> Option<&Field> {
        self.fields.iter().find(|f| if by_id { f.id == key } else { f.name == key })
    }

    pub fn row(&self, id: &str) -> Option<&Row> {
        // From the end: what is asked for is mostly what was made last.
        self.rows.iter().rfind(|r| r.id == id)
    }

    pub fn row_mut(&mut self, id: &str) -> Option<&mut Row> {
        self.rows.iter_mut().rfind(|r| r.id == id)
    }

    /// Appends a row without cells; the numbering columns get their next number.
    pub fn push_row(&mut self, id: String, created: Edit) -> &mut Row {
        let mut cells = BTreeMap::new();
        for field in &mut self.fields {
            if let Kind::AutoNumber { next } = &mut field.kind {
                cells.insert(field.id.clone(), Value::from(*next));
                *next += 1;
            }
        }
        let updated_at = created.at;
        let index = self.rows.len();
        self.rows.push(Row { id, created, updated_at, cells, edits: BTreeMap::new() });
        &mut self.rows[index]
    }

    /// Adds a column; a numbering column numbers the rows that are there.
    pub fn push_field(&mut self, mut field: Field) {
        if let Kind::AutoNumber { next } = &mut field.kind {
            for row in &mut self.rows {
                row.cells.insert(field.id.clone(), Value::from(*next));
                *next += 1;
            }
        }
        self.fields.push(field);
    }

    pub fn remove_field(&mut self, id: &str) {
        self.fields.retain(|f| f.id != id);
        for row in &mut self.rows {
            row.cells.remove(id);
            row.edits.remove(id);
        }
    }
}

/// Everything behind the lock.
pub(super) struct World {
    pub spaces: Vec<VikaSpace>,
    pub tokens: Vec<VikaToken>,
    pub sheets: Vec<Sheet>,
    pub settings: Settings,
    pub faults: Vec<Fault>,
    pub calls: Vec<Call>,
    pub windows: HashMap<String, Window>,
    /// Calls recorded by (space, `YYYY-MM`).
    pub usage: HashMap<(String, String), u64>,
    pub ids: IdSource,
    pub started: Instant,
    last_stamp: i64,
}

impl World {
    pub fn new(config: &VikaConfig) -> Self {
        Self {
            spaces: config.spaces.clone(),
            tokens: config.tokens.clone(),
            sheets: Vec::new(),
            settings: Settings::new(config.rate_limit),
            faults: Vec::new(),
            calls: Vec::new(),
            windows: HashMap::new(),
            usage: HashMap::new(),
            ids: IdSource::default(),
            started: Instant::now(),
            last_stamp: i64::MIN,
        }
    }

    pub fn space(&self, id: &str) -> Option<&VikaSpace> {
        self.spaces.iter().find(|s| s.id == id)
    }

    pub fn sheet(&self, id: &str) -> Option<&Sheet> {
        self.sheets.iter().find(|s| s.id == id)
    }

    pub fn sheet_mut(&mut self, id: &str) -> Option<&mut Sheet> {
        self.sheets.iter_mut().find(|s| s.id == id)
    }

    /// Whether this user is a member of the space.
    pub fn is_member(&self, space: &str, user: &str) -> bool {
        self.space(space).is_some_and(|s| s.members.iter().any(|m| m.name == user))
    }

    /// The stamp of a change set. Two changes never share one, as two requests one after the other never do.
    pub fn stamp(&mut self, now_ms: i64) -> i64 {
        self.last_stamp = now_ms.max(self.last_stamp.saturating_add(1));
        self.last_stamp
    }
}

/// Ids in the service's form: a prefix and letters and digits. Repeatable, so that a failing test can be read.
#[derive(Debug, Default)]
pub(super) struct IdSource(u64);

impl IdSource {
    pub fn next(&mut self, prefix: &str, length: usize) -> String {
        const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let mut id = prefix.to_owned();
        while id.len() < prefix.len() + length {
            // splitmix64
            self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut mixed = self.0;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            let index = usize::try_from((mixed ^ (mixed >> 31)) % 62).unwrap_or_default();
            id.push(char::from(ALPHABET[index]));
        }
        id
    }
}
