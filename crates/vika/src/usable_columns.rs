//! The declared columns that a sheet really has: what a service works with when managers changed some.
//!
//! A column is found by its id once that is known, so that it may be renamed, and by its name before. [`crate::ColumnIds`]
//! is all or nothing, which is right where a sheet was just made. A running service leaves out the column that does not fit,
//! says so, and goes on with the others.

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;

use crate::{
    cell::{Cell, Fields},
    formula,
    ids::FieldId,
    records::{Key, Record},
    schema::{ColumnProblem, misfits, missing},
    sheets::FieldInfo,
    tables::{Column, Table},
};

/// Ids of a sheet's columns, by declared name, as they were once found.
pub type KnownColumns = BTreeMap<String, FieldId>;

/// Reads ids that were stored; whatever is no id is left out.
pub fn known_columns(stored: impl IntoIterator<Item = (String, String)>) -> KnownColumns {
    stored.into_iter().filter_map(|(declared, id)| Some((declared, id.parse().ok()?))).collect()
}

/// The columns that are there, once, with a fitting type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsableColumns<T> {
    columns: Vec<Option<UsableColumn>>,
    table: PhantomData<T>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct UsableColumn {
    id: FieldId,
    /// Its name now.
    name: String,
    /// A formula names a column: it must be the only one of its name, and formulas must be able to say the name.
    in_formulas: bool,
    /// A select column that lacks an option of ours is read and not written: writing would create the option.
    writable: bool,
}

impl<T: Table> UsableColumns<T> {
    /// Finds the columns: by the ids that are `known`, else by name.
    pub fn find(fields: &[FieldInfo], known: &KnownColumns) -> (Self, Vec<ColumnProblem>) {
        let mut problems = Vec::new();
        let columns = T::ALL.iter().map(|column| {
            let declared = column.column();
            match find_column::<T>(&declared, fields, known) {
                Ok(field) => usable(&declared, field, fields, &mut problems),
                Err(problem) => {
                    problems.push(problem);
                    None
                }
            }
        });
        let columns = columns.collect();
        (Self { columns, table: PhantomData }, problems)
    }

    fn column(&self, column: T) -> Option<&UsableColumn> {
        self.columns[column.index()].as_ref()
    }

    /// A column's id, if it can be read.
    pub fn id(&self, column: T) -> Option<&FieldId> {
        self.column(column).map(|usable| &usable.id)
    }

    /// A column's id, if it can be written.
    pub fn writable(&self, column: T) -> Option<&FieldId> {
        self.column(column).filter(|usable| usable.writable).map(|usable| &usable.id)
    }

    /// Whether all of these can be read.
    pub fn has_all(&self, columns: &[T]) -> bool {
        columns.iter().all(|column| self.id(*column).is_some())
    }

    /// Ids of those of several columns that can be read, for [`crate::RecordQuery::fields`].
    pub fn ids(&self, columns: &[T]) -> Vec<FieldId> {
        columns.iter().filter_map(|column| self.id(*column).cloned()).collect()
    }

    /// The id of every column that can be read, by declared name.
    pub fn known(&self) -> KnownColumns {
        T::ALL
            .iter()
            .filter_map(|column| Some((column.name().to_owned(), self.id(*column)?.clone())))
            .collect()
    }

    /// Columns that have another name than was declared: that, and their name now.
    pub fn renamed(&self) -> Vec<(&'static str, &str)> {
        let usable =
            T::ALL.iter().filter_map(|column| Some((column.name(), self.column(*column)?.name.as_str())));
        usable.filter(|(declared, now)| declared != now).collect()
    }

    /// Name and id of a column, if formulas can ask for it.
    pub fn key(&self, column: T) -> Option<Key<'_>> {
        let usable = self.column(column).filter(|usable| usable.in_formulas)?;
        Some(Key { name: &usable.name, field: &usable.id })
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

/// The column by its known id or, among those that are not known for another one, by its name.
pub(crate) fn find_column<'f, T: Table>(
    declared: &Column,
    fields: &'f [FieldInfo],
    known: &KnownColumns,
) -> Result<&'f FieldInfo, ColumnProblem> {
    let by_id = known.get(declared.name).and_then(|id| fields.iter().find(|field| field.id == *id));
    if let Some(field) = by_id {
        return Ok(field);
    }
    let taken: BTreeSet<&FieldId> = known.values().collect();
    let mut named = fields.iter().filter(|field| field.name == declared.name && !taken.contains(&field.id));
    match (named.next(), named.next()) {
        (Some(field), None) => Ok(field),
        (None, _) => Err(missing::<T>(declared, fields, &taken)),
        (Some(_), Some(_)) => Err(ColumnProblem::Duplicate { column: declared.name }),
    }
}

/// How far a column that is there can be used.
fn usable(
    declared: &Column,
    field: &FieldInfo,
    fields: &[FieldInfo],
    problems: &mut Vec<ColumnProblem>,
) -> Option<UsableColumn> {
    let found = misfits(declared, field);
    let is_retyped = found.iter().any(|problem| matches!(problem, ColumnProblem::Retyped { .. }));
    let writable = found.is_empty();
    problems.extend(found);
    if is_retyped {
        return None;
    }
    let is_unique = fields.iter().filter(|other| other.name == field.name).count() == 1;
    if !is_unique {
        problems.push(ColumnProblem::Duplicate { column: declared.name });
    }
    let is_sayable = formula::is_column_expressible(&field.name);
    if !is_sayable {
        problems.push(ColumnProblem::Unsayable { column: declared.name, now: field.name.clone() });
    }
    let in_formulas = is_unique && is_sayable;
    Some(UsableColumn { id: field.id.clone(), name: field.name.clone(), in_formulas, writable })
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

    fn left_out(columns: &UsableColumns<SystemLog>) -> Vec<&'static str> {
        SystemLog::ALL.iter().filter(|c| columns.id(**c).is_none()).map(|c| c.name()).collect()
    }

    #[test]
    fn what_does_not_fit_is_left_out_and_named() {
        let nothing = KnownColumns::new();
        let (before, problems) = UsableColumns::<SystemLog>::find(&sheet(), &nothing);
        assert!(problems.is_empty() && before.has_all(SystemLog::ALL) && before.renamed().is_empty());
        let mut fields = sheet();
        fields[1].name = "老板".into();
        fields[2].kind = "Number".into();
        fields.push(field("fldX", "操作人", "SingleText"));
        let (now, problems) = UsableColumns::find(&fields, &nothing);
        assert_eq!(left_out(&now), ["负责人", "时间", "操作人"]);
        assert_eq!(
            problems,
            [
                ColumnProblem::Missing { column: "负责人", candidate: Some("老板".into()) },
                ColumnProblem::Retyped { column: "时间", wanted: "DateTime", found: "Number".into() },
                ColumnProblem::Duplicate { column: "操作人" },
            ]
        );
        let (back, problems) = UsableColumns::find(&sheet(), &now.known());
        assert!(problems.is_empty() && back == before, "once repaired, it is used again");
    }

    #[test]
    fn a_known_column_may_be_renamed() {
        let known = UsableColumns::<SystemLog>::find(&sheet(), &KnownColumns::new()).0.known();
        let (owner, at) = (SystemLog::Owner, SystemLog::At);
        let mut fields = sheet();
        fields[1].name = "老板".into();
        let (now, problems) = UsableColumns::<SystemLog>::find(&fields, &known);
        assert_eq!((problems, now.renamed()), (Vec::new(), vec![("负责人", "老板")]));
        let key = now.key(owner).expect("a key");
        assert_eq!((key.name, key.field.as_str()), ("老板", "fld1"), "formulas say its name of now");

        // Names that changed places.
        (fields[1].name, fields[3].name) = ("操作人".into(), "负责人".into());
        let (now, problems) = UsableColumns::<SystemLog>::find(&fields, &known);
        assert!(problems.is_empty() && now.id(owner).is_some_and(|id| id.as_str() == "fld1"));
        // The known column gone, another of its name is the column.
        let mut replaced = sheet();
        replaced[1] = field("fldNew", "负责人", "Text");
        let (now, problems) = UsableColumns::<SystemLog>::find(&replaced, &known);
        assert!(problems.is_empty() && now.id(owner).is_some_and(|id| id.as_str() == "fldNew"));

        // Read and written, and no formula can ask for it.
        let mut fields = sheet();
        fields[1].name = "老\n板".into();
        fields.push(field("fldX", "时间", "DateTime"));
        let (now, problems) = UsableColumns::<SystemLog>::find(&fields, &known);
        assert!(now.has_all(SystemLog::ALL) && now.key(owner).is_none() && now.key(at).is_none());
        assert_eq!(
            problems,
            [
                ColumnProblem::Unsayable { column: "负责人", now: "老\n板".into() },
                ColumnProblem::Duplicate { column: "时间" },
            ]
        );
    }
}
