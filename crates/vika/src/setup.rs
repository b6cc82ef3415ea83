//! Creates the three sheets, or completes what a crash left of them.
//!
//! Everything is looked up before it is created, so that a second run finds what the first one created: names of sheets and
//! columns are not unique on the service, and a doubled one would be accepted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    MAX_RECORDS,
    client::Client,
    error::Error,
    ids::{FieldId, InvalidId, RecordId, SheetId, SpaceId},
    records::RecordQuery,
    schema::{ColumnProblem, SchemaProblem},
    sheets::{FieldInfo, NewField},
    tables::{AllRooms, Column, SystemLog, Table, Today},
    unclaimed::{ROOM_NAMES, UnclaimedRow, unclaimed_rows},
    usable_columns::{KnownColumns, UsableColumns, find_column},
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

/// What is known already.
#[derive(Debug, Clone, Default)]
pub struct KnownSheets {
    /// The id of 今日群聊, as it is configured. A sheet without one is looked up by name, then created.
    pub today: Option<SheetId>,
    /// That of 群聊总表.
    pub all_rooms: Option<SheetId>,
    /// That of 系统信息.
    pub system_log: Option<SheetId>,
    /// The columns of sheets as they were once found: one of them is not added again because it was renamed.
    pub columns: BTreeMap<SheetId, KnownColumns>,
}

/// The sheets once everything that can be made was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// Their ids.
    pub sheets: SheetIds,
    /// Columns that were there and do not fit, sheet by sheet. Nothing was changed about them, and what depends on them does
    /// not work.
    pub problems: Vec<SchemaProblem>,
    /// Columns that managers write and that were added to a sheet whose edit stamps were there already: these do not watch
    /// them until somebody tells them to, which the API cannot.
    pub unwatched: Vec<Unwatched>,
    /// Rows of 群聊总表 without 群ID.
    pub unclaimed: Vec<UnclaimedRow>,
}

/// A column whose edits are not seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unwatched {
    /// The sheet's name.
    pub sheet: &'static str,
    /// The column.
    pub column: &'static str,
    /// The stamps that are to watch it, by their names now.
    pub stamps: Vec<String>,
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

/// Like [`prepare`], for whoever cannot do with less than all columns.
pub async fn init(client: &Client, space: &SpaceId, known: KnownSheets) -> Result<SheetIds, SetupError> {
    let prepared = prepare(client, space, &known).await?;
    prepared.problems.into_iter().next().map_or(Ok(prepared.sheets), |problem| Err(problem.into()))
}

/// Makes sure that the three sheets exist with all their columns and without the blank rows of a template. May be run again
/// at any time, also for sheets that were there before; columns that nobody declared are left alone.
pub async fn prepare(client: &Client, space: &SpaceId, known: &KnownSheets) -> Result<Prepared, SetupError> {
    let today = prepare_sheet::<Today>(client, space, known, known.today.as_ref()).await?;
    let all_rooms = prepare_sheet::<AllRooms>(client, space, known, known.all_rooms.as_ref()).await?;
    let log = prepare_sheet::<SystemLog>(client, space, known, known.system_log.as_ref()).await?;
    let (key, columns) = (AllRooms::RoomId, &all_rooms.columns);
    let unclaimed = unclaimed_rows(client, &all_rooms.id, columns, key, ROOM_NAMES).await;
    let unclaimed = unclaimed.map_err(|source| SetupError::Call { sheet: AllRooms::TITLE, source })?;
    let sheets = SheetIds { today: today.id, all_rooms: all_rooms.id, system_log: log.id };
    let problems = [today.problem, all_rooms.problem, log.problem].into_iter().flatten().collect();
    let unwatched = [today.unwatched, all_rooms.unwatched, log.unwatched].concat();
    Ok(Prepared { sheets, problems, unwatched, unclaimed })
}

/// A sheet once everything that can be made was made.
struct PreparedSheet<T: 'static> {
    id: SheetId,
    columns: UsableColumns<T>,
    problem: Option<SchemaProblem>,
    unwatched: Vec<Unwatched>,
}

async fn prepare_sheet<T: Table>(
    client: &Client,
    space: &SpaceId,
    known: &KnownSheets,
    configured: Option<&SheetId>,
) -> Result<PreparedSheet<T>, SetupError> {
    let call = |source| SetupError::Call { sheet: T::TITLE, source };
    let sheet = match configured {
        Some(id) => id.clone(),
        None => match find::<T>(client, space).await? {
            Some(id) => id,
            None => create::<T>(client, space).await?,
        },
    };
    let known = known.columns.get(&sheet).cloned().unwrap_or_default();
    let (fields, unwatched) = complete::<T>(client, space, &sheet, &known).await.map_err(call)?;
    delete_blank_rows::<T>(client, &sheet, &fields).await.map_err(call)?;
    let (columns, problems) = UsableColumns::<T>::find(&fields, &known);
    let problem = (!problems.is_empty()).then_some(SchemaProblem { sheet: T::TITLE, problems });
    Ok(PreparedSheet { id: sheet, columns, problem, unwatched })
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

/// Adds the declared columns that are missing, edit stamps last, and gives the columns that are there then, with those of them
/// that stamps do not watch.
async fn complete<T: Table>(
    client: &Client,
    space: &SpaceId,
    sheet: &SheetId,
    known: &KnownColumns,
) -> Result<(Vec<FieldInfo>, Vec<Unwatched>), Error> {
    let mut unwatched = Vec::new();
    let mut fields = client.fields(sheet).await?;
    let mut declared: Vec<Column> = T::ALL.iter().map(|c| c.column()).collect();
    declared.sort_by_key(|column| !column.kind.watches().is_empty());
    for column in declared {
        let is_missing = |fields: &[FieldInfo]| {
            matches!(find_column::<T>(&column, fields, known), Err(ColumnProblem::Missing { .. }))
        };
        if !is_missing(&fields) {
            continue;
        }
        let stamps = stamps_of::<T>(&column, &fields, known);
        if !stamps.is_empty() {
            unwatched.push(Unwatched { sheet: T::TITLE, column: column.name, stamps });
        }
        let watched = T::ALL.iter().map(|c| c.column()).filter(|c| column.kind.watches().contains(&c.name));
        let watched = watched.filter_map(|c| Some(find_column::<T>(&c, &fields, known).ok()?.id.clone()));
        let new = column.new_field(&watched.collect::<Vec<FieldId>>());
        match client.add_field(space, sheet, &new).await {
            Ok(_) => fields = client.fields(sheet).await?,
            Err(error @ Error::Ambiguous { .. }) => {
                tokio::time::sleep(client.pacing().settle).await;
                fields = client.fields(sheet).await?;
                if is_missing(&fields) {
                    return Err(error);
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok((fields, unwatched))
}

/// The names of the edit stamps that are there and should watch a column.
fn stamps_of<T: Table>(column: &Column, fields: &[FieldInfo], known: &KnownColumns) -> Vec<String> {
    let stamps = T::ALL.iter().map(|c| c.column()).filter(|c| c.kind.watches().contains(&column.name));
    let there = stamps.filter_map(|stamp| find_column::<T>(&stamp, fields, known).ok());
    there.map(|field| field.name.clone()).collect()
}

/// Types of columns whose cells fill themselves.
const COMPUTED: &[&str] = &[
    "AutoNumber",
    "CreatedTime",
    "CreatedBy",
    "LastModifiedTime",
    "LastModifiedBy",
    "Formula",
    "MagicLookUp",
];

/// Deletes the blank rows of the template, while the sheet has no other rows: later, an empty row is somebody's.
async fn delete_blank_rows<T: Table>(
    client: &Client,
    sheet: &SheetId,
    fields: &[FieldInfo],
) -> Result<(), Error> {
    // Also of columns that nobody declared: a row with something in one of them is somebody's.
    let written = fields.iter().filter(|field| !COMPUTED.contains(&field.kind.as_str()));
    let query = RecordQuery {
        fields: written.map(|field| field.id.clone()).collect(),
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
