//! Rows that name a room and lack its key, 群ID: managers typed them, or another program left them.

use crate::{
    client::Client,
    error::Error,
    formula,
    ids::{RecordId, SheetId},
    records::RecordQuery,
    tables::{AllRooms, Table},
    usable_columns::UsableColumns,
};

/// A row without a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnclaimedRow {
    /// The row.
    pub record: RecordId,
    /// The first of the names that is not empty.
    pub name: String,
}

/// The columns of 群聊总表 that name a room, the whole name first.
pub const ROOM_NAMES: [AllRooms; 2] = [AllRooms::FullTopic, AllRooms::Topic];

/// The rows whose `key` is empty and one of whose `names` is not, in the order of the sheet. None where no formula can ask for
/// the key.
pub async fn unclaimed_rows<T: Table>(
    client: &Client,
    sheet: &SheetId,
    columns: &UsableColumns<T>,
    key: T,
    names: [T; 2],
) -> Result<Vec<UnclaimedRow>, Error> {
    let Some(room) = columns.key(key) else { return Ok(Vec::new()) };
    let query = RecordQuery {
        formula: Some(formula::is_blank(room.name)),
        fields: [vec![room.field.clone()], columns.ids(&names)].concat(),
        ..RecordQuery::default()
    };
    let rows = client.records(sheet, &query).await?;
    let unclaimed = rows.into_iter().filter(|row| row.cell(room.field).is_empty()).filter_map(|row| {
        let name = names.iter().map(|column| columns.cell(&row, *column).as_text());
        let name = name.into_iter().find(|name| !name.is_empty())?.to_owned();
        Some(UnclaimedRow { record: row.id, name })
    });
    Ok(unclaimed.collect())
}
