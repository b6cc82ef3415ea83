//! Spaces' nodes, sheets and columns.

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    client::{Call, Client, QueueScope},
    error::Error,
    ids::{FieldId, SheetId, SpaceId, ViewId},
    records::decode,
};

/// A node of a space.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Node {
    /// Its id; a sheet's starts with `dst`.
    pub id: String,
    /// Its name; not unique.
    pub name: String,
    /// `Datasheet`, `Folder` …
    #[serde(rename = "type")]
    pub kind: String,
}

/// A column as the service describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldInfo {
    /// Its id, which a rename does not change.
    pub id: FieldId,
    /// Its name now.
    pub name: String,
    /// Its type as the API calls it, for example `SingleText`.
    pub kind: String,
    /// Names of a select column's options.
    pub options: Vec<String>,
}

/// A column to be created.
#[derive(Debug, Clone, PartialEq)]
pub struct NewField {
    /// Its name.
    pub name: String,
    /// Its type as the API calls it.
    pub kind: &'static str,
    /// Its property; some types want none.
    pub property: Option<Value>,
}

/// A sheet that was created.
#[derive(Debug, Clone, Deserialize)]
pub struct NewSheet {
    /// Its id.
    pub id: SheetId,
}

#[derive(Deserialize)]
struct Nodes {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct WireFields {
    fields: Vec<WireField>,
}

#[derive(Deserialize)]
struct WireField {
    id: FieldId,
    name: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    property: Value,
}

/// A view as the service lists it. Names are not unique.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct NamedView {
    /// Its id.
    pub id: ViewId,
    /// Its name.
    pub name: String,
}

#[derive(Deserialize)]
struct Views {
    views: Vec<NamedView>,
}

#[derive(Deserialize)]
struct NewFieldId {
    id: FieldId,
}

impl From<WireField> for FieldInfo {
    fn from(wire: WireField) -> Self {
        let options = wire.property["options"].as_array().map(Vec::as_slice).unwrap_or_default();
        let options = options.iter().filter_map(|o| o["name"].as_str()).map(str::to_owned).collect();
        Self { id: wire.id, name: wire.name, kind: wire.kind, options }
    }
}

impl Client {
    /// The nodes at the top of a space.
    pub async fn nodes(&self, space: &SpaceId) -> Result<Vec<Node>, Error> {
        let path = format!("fusion/v1/spaces/{space}/nodes");
        nodes(self.call(get(QueueScope::Space(space.clone()), path)).await?)
    }

    /// The views of a sheet, in order.
    pub async fn views(&self, sheet: &SheetId) -> Result<Vec<NamedView>, Error> {
        let path = format!("fusion/v1/datasheets/{sheet}/views");
        let views: Views = decode(self.call(get(QueueScope::Sheet(sheet.clone()), path)).await?)?;
        Ok(views.views)
    }

    /// The columns of a sheet, in order.
    pub async fn fields(&self, sheet: &SheetId) -> Result<Vec<FieldInfo>, Error> {
        let path = format!("fusion/v1/datasheets/{sheet}/fields");
        columns(self.call(get(QueueScope::Sheet(sheet.clone()), path)).await?)
    }

    /// Makes a sheet; the first column is its primary one. It comes with blank rows.
    /// [`Error::Ambiguous`]: look it up among the nodes before making another.
    pub async fn create_datasheet(
        &self,
        space: &SpaceId,
        name: &str,
        fields: &[NewField],
    ) -> Result<NewSheet, Error> {
        let fields: Vec<Value> = fields.iter().map(describe).collect();
        let call = Call {
            scope: QueueScope::Space(space.clone()),
            method: Method::POST,
            path: format!("fusion/v1/spaces/{space}/datasheets"),
            query: Vec::new(),
            body: Some(json!({"name": name, "fields": fields})),
        };
        decode(self.call(call).await?)
    }

    /// Adds a column at the end. [`Error::Ambiguous`]: read the columns before adding it again. Whether a second one of
    /// the same name is refused was observed of a server of one's own (room-server 1.10.0), not of the hosted service.
    pub async fn add_field(
        &self,
        space: &SpaceId,
        sheet: &SheetId,
        field: &NewField,
    ) -> Result<FieldId, Error> {
        let call = Call {
            scope: QueueScope::Sheet(sheet.clone()),
            method: Method::POST,
            path: format!("fusion/v1/spaces/{space}/datasheets/{sheet}/fields"),
            query: Vec::new(),
            body: Some(describe(field)),
        };
        let made: NewFieldId = decode(self.call(call).await?)?;
        Ok(made.id)
    }
}

/// The nodes of an answer.
pub(crate) fn nodes(data: Value) -> Result<Vec<Node>, Error> {
    decode::<Nodes>(data).map(|nodes| nodes.nodes)
}

/// The columns of an answer.
pub(crate) fn columns(data: Value) -> Result<Vec<FieldInfo>, Error> {
    decode::<WireFields>(data).map(|fields| fields.fields.into_iter().map(FieldInfo::from).collect())
}

fn get(scope: QueueScope, path: String) -> Call {
    Call { scope, method: Method::GET, path, query: Vec::new(), body: None }
}

fn describe(field: &NewField) -> Value {
    let mut described = json!({"name": field.name, "type": field.kind});
    if let Some(property) = &field.property {
        described["property"] = property.clone();
    }
    described
}
