//! The declared columns that a sheet really has: what a service works with when managers changed some.
//!
//! [`crate::ColumnIds`] is all or nothing, which is right for a set-up. A running service leaves out the column that
//! does not fit, says so, and goes on with the others.

use std::marker::PhantomData;

use crate::{
    cell::{Cell, Fields},
    ids::FieldId,
    records::{Key, Record},
    schema::{ColumnProblem, misfits, missing},
    sheets::FieldInfo,
    tables::Table,
};

/// Ids of the columns that are there, under their own name, once, with a fitting type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsableColumns<T> {
    ids: Vec<Option<UsableColumn>>,
    table: PhantomData<T>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct UsableColumn {
    id: FieldId,
    /// A select column that lacks an option of ours is read and not written: writing would create the option.
    writable: bool,
}

impl<T: Table> UsableColumns<T> {
    /// Finds the columns. With what was found `before`, a rename can be told from a deletion.
    pub fn find(fields: &[FieldInfo], before: Option<&Self>) -> (Self, Vec<ColumnProblem>) {
        let mut ids = Vec::with_capacity(T::ALL.len());
        let mut problems = Vec::new();
        for column in T::ALL {
            let declared = column.column();
            let named: Vec<&FieldInfo> = fields.iter().filter(|f| f.name == declared.name).collect();
            let usable = match named.as_slice() {
                [] => {
                    let known = before.and_then(|before| before.id(*column));
                    let renamed = known.and_then(|id| fields.iter().find(|field| field.id == *id));
                    problems.push(renamed.map_or_else(
                        || missing::<T>(&declared, fields),
                        |field| ColumnProblem::Renamed { column: declared.name, now: field.name.clone() },
                    ));
                    None
                }
                [field] => {
                    let found = misfits(&declared, field);
                    let retyped = found.iter().any(|p| matches!(p, ColumnProblem::Retyped { .. }));
                    let writable = found.is_empty();
                    problems.extend(found);
                    (!retyped).then(|| UsableColumn { id: field.id.clone(), writable })
                }
                _ => {
                    problems.push(ColumnProblem::Duplicate { column: declared.name });
                    None
                }
            };
            ids.push(usable);
        }
        (Self { ids, table: PhantomData }, problems)
    }

    /// A column's id, if it can be read.
    pub fn id(&self, column: T) -> Option<&FieldId> {
        self.ids[column.index()].as_ref().map(|usable| &usable.id)
    }

    /// A column's id, if it can be written.
    pub fn writable(&self, column: T) -> Option<&FieldId> {
        self.ids[column.index()].as_ref().filter(|usable| usable.writable).map(|usable| &usable.id)
    }

    /// Whether all of these can be read.
    pub fn has_all(&self, columns: &[T]) -> bool {
        columns.iter().all(|column| self.id(*column).is_some())
    }

    /// Ids of those of several columns that can be read, for [`crate::RecordQuery::fields`].
    pub fn ids(&self, columns: &[T]) -> Vec<FieldId> {
        columns.iter().filter_map(|column| self.id(*column).cloned()).collect()
    }

    /// Name and id of a column, for look-ups.
    pub fn key(&self, column: T) -> Option<Key<'_>> {
        self.id(column).map(|field| Key { name: column.name(), field })
    }

    /// A cell of a row; empty if its column is not there.
    pub fn cell<'r>(&self, record: &'r Record, column: T) -> &'r Cell {
        self.id(column).map_or(&Cell::Empty, |id| record.cell(id))
    }

    /// Cells by id, for writing, without those that cannot be written.
    pub fn fields(&self, cells: impl IntoIterator<Item = (T, Cell)>) -> Fields {
        cells.into_iter().filter_map(|(column, cell)| Some((self.writable(column)?.clone(), cell))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::SystemLog;

    fn field(id: &str, name: &str, kind: &str) -> FieldInfo {
        FieldInfo { id: id.parse().unwrap(), name: name.into(), kind: kind.into(), options: Vec::new() }
    }

    fn sheet() -> Vec<FieldInfo> {
        SystemLog::ALL
            .iter()
            .map(|c| field(&format!("fld{}", c.index()), c.name(), c.column().kind.type_name()))
            .collect()
    }

    #[test]
    fn what_does_not_fit_is_left_out_and_named() {
        let (before, problems) = UsableColumns::<SystemLog>::find(&sheet(), None);
        assert!(problems.is_empty() && before.has_all(SystemLog::ALL));
        let mut fields = sheet();
        fields[1].name = "老板".into();
        fields[2].kind = "Number".into();
        fields.push(field("fldX", "操作人", "SingleText"));
        let (now, problems) = UsableColumns::find(&fields, Some(&before));
        let left: Vec<&str> =
            SystemLog::ALL.iter().filter(|c| now.id(**c).is_some()).map(|c| c.name()).collect();
        assert_eq!(left, ["群聊名", "系统信息", "事件ID", "自增"]);
        assert_eq!(
            problems,
            [
                ColumnProblem::Renamed { column: "负责人", now: "老板".into() },
                ColumnProblem::Retyped { column: "时间", wanted: "DateTime", found: "Number".into() },
                ColumnProblem::Duplicate { column: "操作人" },
            ]
        );
        let (back, problems) = UsableColumns::find(&sheet(), Some(&now));
        assert!(problems.is_empty() && back == before, "once repaired, it is used again");
    }
}
