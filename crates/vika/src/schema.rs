//! Resolves columns to ids, and says what is wrong with them.
//!
//! A renamed column makes writes by name vanish without an error, so everything goes by id.

use std::{collections::BTreeSet, fmt, marker::PhantomData};

use crate::{
    cell::{Cell, Fields},
    ids::FieldId,
    records::{Key, Record},
    sheets::FieldInfo,
    tables::{Column, ColumnKind, Table},
};

/// The ids of a sheet's columns. There is one for every declared column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnIds<T> {
    ids: Vec<FieldId>,
    table: PhantomData<T>,
}

/// A difference between a declared column and the sheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnProblem {
    /// It is not there.
    Missing {
        /// The declared name.
        column: &'static str,
        /// A column of a fitting type that nobody declared: perhaps it was renamed to this.
        candidate: Option<String>,
    },
    /// It was renamed to something that no formula can say.
    Unsayable {
        /// The declared name.
        column: &'static str,
        /// Its name now.
        now: String,
    },
    /// It has another type.
    Retyped {
        /// The declared name.
        column: &'static str,
        /// The type it should have.
        wanted: &'static str,
        /// The type it has.
        found: String,
    },
    /// There are several columns of this name.
    Duplicate {
        /// The name.
        column: &'static str,
    },
    /// A select column lacks an option that we write; writing it would create it, and could lose cells.
    OptionMissing {
        /// The declared name.
        column: &'static str,
        /// The option.
        option: &'static str,
    },
}

/// Everything that is wrong with a sheet's columns.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct SchemaProblem {
    /// The sheet's declared name.
    pub sheet: &'static str,
    /// Each problem, in the order of the declaration.
    pub problems: Vec<ColumnProblem>,
}

impl fmt::Display for SchemaProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the Vika sheet {} does not have the columns it should:", self.sheet)?;
        self.problems.iter().try_for_each(|problem| write!(f, " {problem};"))
    }
}

impl ColumnProblem {
    /// The declared name of the column that it is about.
    pub const fn column(&self) -> &'static str {
        match self {
            Self::Missing { column, .. }
            | Self::Unsayable { column, .. }
            | Self::Retyped { column, .. }
            | Self::Duplicate { column }
            | Self::OptionMissing { column, .. } => column,
        }
    }
}

impl fmt::Display for ColumnProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { column, candidate: Some(other) } => {
                write!(
                    f,
                    "{column} is missing, perhaps renamed to {other}: rename it back, or run init-vika to add it"
                )
            }
            Self::Missing { column, candidate: None } => {
                write!(f, "{column} is missing: run init-vika to add it")
            }
            Self::Unsayable { column, now } => {
                write!(f, "{column} is now called {now:?}, which no formula can say: rename it")
            }
            Self::Retyped { column, wanted, found } => {
                write!(f, "{column} is a {found} column: change its type back to {wanted}")
            }
            Self::Duplicate { column } => {
                write!(f, "{column} is there more than once: delete or rename the others")
            }
            Self::OptionMissing { column, option } => {
                write!(f, "{column} lacks the option {option}: add it in the column's settings")
            }
        }
    }
}

impl<T: Table> ColumnIds<T> {
    /// Finds every declared column by name.
    pub fn resolve(fields: &[FieldInfo]) -> Result<Self, SchemaProblem> {
        let mut ids = Vec::with_capacity(T::ALL.len());
        let mut problems = Vec::new();
        for column in T::ALL.iter().map(|c| c.column()) {
            let named: Vec<&FieldInfo> = fields.iter().filter(|f| f.name == column.name).collect();
            match named.as_slice() {
                [] => problems.push(missing::<T>(&column, fields, &BTreeSet::new())),
                [field] => {
                    problems.extend(misfits(&column, field));
                    ids.push(field.id.clone());
                }
                _ => problems.push(ColumnProblem::Duplicate { column: column.name }),
            }
        }
        found::<T>(problems).map(|()| Self { ids, table: PhantomData })
    }

    /// A column's id.
    pub fn id(&self, column: T) -> &FieldId {
        &self.ids[column.index()]
    }

    /// Ids of several columns, for [`crate::RecordQuery::fields`].
    pub fn ids(&self, columns: &[T]) -> Vec<FieldId> {
        columns.iter().map(|column| self.id(*column).clone()).collect()
    }

    /// Name and id of a column, for look-ups and sweeps.
    pub fn key(&self, column: T) -> Key<'_> {
        Key { name: column.name(), field: self.id(column) }
    }

    /// A cell of a row.
    pub fn cell<'r>(&self, record: &'r Record, column: T) -> &'r Cell {
        record.cell(self.id(column))
    }

    /// Cells by id, for writing.
    pub fn fields(&self, cells: impl IntoIterator<Item = (T, Cell)>) -> Fields {
        cells.into_iter().map(|(column, cell)| (self.id(column).clone(), cell)).collect()
    }
}

fn found<T: Table>(problems: Vec<ColumnProblem>) -> Result<(), SchemaProblem> {
    if problems.is_empty() { Ok(()) } else { Err(SchemaProblem { sheet: T::TITLE, problems }) }
}

/// `taken`: columns that are known for others.
pub(crate) fn missing<T: Table>(
    column: &Column,
    fields: &[FieldInfo],
    taken: &BTreeSet<&FieldId>,
) -> ColumnProblem {
    let undeclared = |f: &&FieldInfo| T::ALL.iter().all(|c| c.name() != f.name) && !taken.contains(&f.id);
    let candidate =
        fields.iter().filter(undeclared).find(|f| column.kind.accepts(&f.kind)).map(|f| f.name.clone());
    ColumnProblem::Missing { column: column.name, candidate }
}

/// What does not fit about a column that is there.
pub(crate) fn misfits(column: &Column, field: &FieldInfo) -> Vec<ColumnProblem> {
    if !column.kind.accepts(&field.kind) {
        let wanted = column.kind.type_name();
        return vec![ColumnProblem::Retyped { column: column.name, wanted, found: field.kind.clone() }];
    }
    let ColumnKind::Select(options) = column.kind else { return Vec::new() };
    let absent = options.iter().filter(|option| field.options.iter().all(|name| name != *option));
    absent.map(|option| ColumnProblem::OptionMissing { column: column.name, option }).collect()
}
