//! Finds the tables. The API makes neither tables nor columns, so that people do by hand what is missing.

use crate::{
    client::Client,
    error::Error,
    ids::{SpaceId, TableId},
    schema::{FieldInfo, TableInfo},
    tables::Table,
};

/// How the configuration names a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TableRef {
    /// By its id.
    Id(TableId),
    /// By its name in the space.
    Name(String),
}

impl TableRef {
    /// An id if it is one; nothing means the usual name.
    pub fn read(text: &str, table: Table) -> Self {
        match (text.trim(), text.trim().parse()) {
            ("", _) => Self::Name(table.title().to_owned()),
            (_, Ok(id)) => Self::Id(id),
            (name, Err(_)) => Self::Name(name.to_owned()),
        }
    }
}

/// A table that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its id.
    pub id: TableId,
    /// Its columns as they are.
    pub fields: Vec<FieldInfo>,
}

/// Why a table was not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotFound {
    /// No table of the space has the name.
    #[error("there is no table called {0}")]
    NoSuchName(String),
    /// Several have it: the configuration has to give the id of the one that is meant.
    #[error("there are {1} tables called {0}")]
    Several(String, usize),
    /// It is named by its name, and no space was given in which to look.
    #[error("there is no space in which to look for the table {0}")]
    NoSpace(String),
    /// The service refused the question.
    #[error(transparent)]
    Call(#[from] Error),
}

/// Finds a table with its columns.
pub async fn look(client: &Client, space: Option<&SpaceId>, table: &TableRef) -> Result<Found, NotFound> {
    let id = match table {
        TableRef::Id(id) => id.clone(),
        TableRef::Name(name) => {
            let space = space.ok_or_else(|| NotFound::NoSpace(name.clone()))?;
            by_name(client.tables(space).await?, name)?
        }
    };
    let fields = client.fields(&id).await?;
    Ok(Found { id, fields })
}

fn by_name(tables: Vec<TableInfo>, name: &str) -> Result<TableId, NotFound> {
    let mut named: Vec<TableInfo> = tables.into_iter().filter(|table| table.name.trim() == name).collect();
    match named.len() {
        0 => Err(NotFound::NoSuchName(name.to_owned())),
        1 => Ok(named.remove(0).id),
        several => Err(NotFound::Several(name.to_owned(), several)),
    }
}
