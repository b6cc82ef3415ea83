//! Creates the three sheets, or completes what a crash left of them.
//!
//! Everything is looked up before it is created, so that a second run finds what the first one created: names of sheets and
//! columns are not unique on the service, and a doubled one would be accepted.

use serde::{Deserialize, Serialize};

use crate::{
    MAX_RECORDS,
    client::Client,
    error::Error,
    ids::{FieldId, InvalidId, RecordId, SheetId, SpaceId},
    records::RecordQuery,
    schema::{ColumnIds, SchemaProblem},
    sheets::{FieldInfo, NewField},
    tables::{AllRooms, Column, SystemLog, Table, Today},
};

/// The ids of the three sheets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SheetIds {
    /// 今日群聊
    pub today: SheetId,
    /// 群聊总表
    pub all_rooms: SheetId,
    /// 系统信息
    pub system_log: SheetId,
}

/// A configured id that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("vika.sheets.{key}: expected the id of a sheet; `huiyin init-vika` makes the sheets")]
pub struct InvalidSheet {
    key: &'static str,
    source: InvalidId,
}

impl SheetIds {
    /// Parses the ids of the configuration.
    pub fn parse(today: &str, all_rooms: &str, system_log: &str) -> Result<Self, InvalidSheet> {
        let parse = |key, text: &str| text.parse().map_err(|source| InvalidSheet { key, source });
        Ok(Self {
            today: parse("today", today)?,
            all_rooms: parse("all_rooms", all_rooms)?,
            system_log: parse("system_log", system_log)?,
        })
    }
}

/// Ids that are configured already; a sheet without one is looked up by name, then created.
#[derive(Debug, Clone, Default)]
pub struct KnownSheets {
    /// 今日群聊
    pub today: Option<SheetId>,
    /// 群聊总表
    pub all_rooms: Option<SheetId>,
    /// 系统信息
    pub system_log: Option<SheetId>,
}

/// Why the set-up failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// A call failed. Run again.
    #[error("the sheet {sheet} could not be set up")]
    Call {
        /// The sheet's name.
        sheet: &'static str,
        /// Why.
        #[source]
        source: Error,
    },
    /// A sheet that was there has columns that do not fit; nothing was changed about those.
    #[error(transparent)]
    Schema(#[from] SchemaProblem),
    /// Several sheets have the name: say in the configuration which one is meant.
    #[error("there are {count} sheets called {sheet}: configure the id of the one that is meant")]
    SeveralSheets {
        /// The name.
        sheet: &'static str,
        /// How many.
        count: usize,
    },
}

/// Makes sure that the three sheets exist with all their columns and without blank rows, and gives their ids.
/// May be run again at any time; columns that nobody declared are left alone.
pub async fn init(client: &Client, space: &SpaceId, known: KnownSheets) -> Result<SheetIds, SetupError> {
    Ok(SheetIds {
        today: prepare::<Today>(client, space, known.today).await?,
        all_rooms: prepare::<AllRooms>(client, space, known.all_rooms).await?,
        system_log: prepare::<SystemLog>(client, space, known.system_log).await?,
    })
}

async fn prepare<T: Table>(
    client: &Client,
    space: &SpaceId,
    known: Option<SheetId>,
) -> Result<SheetId, SetupError> {
    let call = |source| SetupError::Call { sheet: T::TITLE, source };
    let sheet = match known {
        Some(id) => id,
        None => match find::<T>(client, space).await? {
            Some(id) => id,
            None => create::<T>(client, space).await?,
        },
    };
    complete::<T>(client, space, &sheet).await.map_err(call)?;
    let columns = ColumnIds::<T>::resolve(&client.fields(&sheet).await.map_err(call)?)?;
    delete_blank_rows(client, &sheet, &columns).await.map_err(call)?;
    Ok(sheet)
}

/// The one sheet of this name.
async fn find<T: Table>(client: &Client, space: &SpaceId) -> Result<Option<SheetId>, SetupError> {
    let nodes = client.nodes(space).await.map_err(|source| SetupError::Call { sheet: T::TITLE, source })?;
    let mut ids: Vec<SheetId> = nodes
        .into_iter()
        .filter(|node| node.kind == "Datasheet" && node.name == T::TITLE)
        .filter_map(|node| SheetId::try_from(node.id).ok())
        .collect();
    match ids.len() {
        0 | 1 => Ok(ids.pop()),
        count => Err(SetupError::SeveralSheets { sheet: T::TITLE, count }),
    }
}

/// Makes the sheet with the columns that need no other column's id.
async fn create<T: Table>(client: &Client, space: &SpaceId) -> Result<SheetId, SetupError> {
    let plain = T::ALL.iter().map(|c| c.column()).filter(|c| c.kind.watches().is_empty());
    let fields: Vec<NewField> = plain.map(|column| column.new_field(&[])).collect();
    match client.create_datasheet(space, T::TITLE, &fields).await {
        Ok(made) => Ok(made.id),
        Err(error @ Error::Ambiguous { .. }) => {
            tokio::time::sleep(client.pacing().settle).await;
            let made = find::<T>(client, space).await?;
            made.ok_or(SetupError::Call { sheet: T::TITLE, source: error })
        }
        Err(source) => Err(SetupError::Call { sheet: T::TITLE, source }),
    }
}

/// Adds the declared columns that are missing, edit stamps last.
async fn complete<T: Table>(client: &Client, space: &SpaceId, sheet: &SheetId) -> Result<(), Error> {
    let mut fields = client.fields(sheet).await?;
    let mut declared: Vec<Column> = T::ALL.iter().map(|c| c.column()).collect();
    declared.sort_by_key(|column| !column.kind.watches().is_empty());
    for column in declared {
        if fields.iter().any(|field| field.name == column.name) {
            continue;
        }
        let watched: Vec<FieldId> =
            column.kind.watches().iter().filter_map(|name| id_of(&fields, name)).collect();
        match client.add_field(space, sheet, &column.new_field(&watched)).await {
            Ok(_) => {}
            Err(error @ Error::Ambiguous { .. }) => {
                tokio::time::sleep(client.pacing().settle).await;
                if client.fields(sheet).await?.iter().all(|field| field.name != column.name) {
                    return Err(error);
                }
            }
            Err(error) => return Err(error),
        }
        fields = client.fields(sheet).await?;
    }
    Ok(())
}

fn id_of(fields: &[FieldInfo], name: &str) -> Option<FieldId> {
    fields.iter().find(|field| field.name == name).map(|field| field.id.clone())
}

/// Deletes the blank rows of the template, while the sheet has no other rows: later, an empty row is somebody's.
async fn delete_blank_rows<T: Table>(
    client: &Client,
    sheet: &SheetId,
    columns: &ColumnIds<T>,
) -> Result<(), Error> {
    let written: Vec<FieldId> = T::ALL
        .iter()
        .filter(|c| c.column().writer != crate::tables::Writer::Vika)
        .map(|c| columns.id(*c).clone())
        .collect();
    let query = RecordQuery {
        fields: written,
        page_size: Some(MAX_RECORDS),
        first_page_only: true,
        ..RecordQuery::default()
    };
    let rows = client.records(sheet, &query).await?;
    // A full page is no template.
    let in_use = rows.len() >= MAX_RECORDS;
    if in_use || rows.iter().any(|row| row.fields.values().any(|cell| !cell.is_empty())) {
        return Ok(());
    }
    let ids: Vec<RecordId> = rows.into_iter().map(|row| row.id).collect();
    match client.delete(sheet, &ids).await {
        // Whatever is left of them, the next run finds.
        Err(Error::Ambiguous { cause }) => {
            tracing::warn!(sheet = T::TITLE, %cause, "blank rows may be left; run the set-up again");
            Ok(())
        }
        other => other,
    }
}
