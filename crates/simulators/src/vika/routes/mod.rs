//! The routes that the simulator has, and what each answers.
//!
//! The handlers are plain functions over the locked [`World`]: waiting, faults and limits are the gate's business.

mod read;
mod sheets;
pub(super) mod sim;
pub(super) mod write;

use axum::http::Method;
use serde_json::Value;

use super::{
    gate::Incoming,
    messages::{self, ApiError},
    state::{Sheet, World},
};

/// A route with the ids of its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    ReadRecords(String),
    CreateRecords(String),
    UpdateRecords(String),
    DeleteRecords(String),
    Fields(String),
    Views(String),
    CreateSheet(String),
    AddField(String, String),
    DeleteField(String, String, String),
    Spaces,
    Nodes(String),
    SearchNodes(String),
    Node(String),
    TimeMachine(String),
}

impl Route {
    /// The route of a request; `None` is answered 404, also for a known path with an unknown method.
    pub fn parse(method: &Method, path: &str) -> Option<Self> {
        let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        let owned = |id: &&str| (*id).to_owned();
        Some(match (method.as_str(), segments.as_slice()) {
            ("GET", ["fusion", "v1", "datasheets", dst, "records"]) => Self::ReadRecords(owned(dst)),
            ("POST", ["fusion", "v1", "datasheets", dst, "records"]) => Self::CreateRecords(owned(dst)),
            ("PATCH" | "PUT", ["fusion", "v1", "datasheets", dst, "records"]) => {
                Self::UpdateRecords(owned(dst))
            }
            ("DELETE", ["fusion", "v1", "datasheets", dst, "records"]) => Self::DeleteRecords(owned(dst)),
            ("GET", ["fusion", "v1", "datasheets", dst, "fields"]) => Self::Fields(owned(dst)),
            ("GET", ["fusion", "v1", "datasheets", dst, "views"]) => Self::Views(owned(dst)),
            ("POST", ["fusion", "v1", "spaces", spc, "datasheets"]) => Self::CreateSheet(owned(spc)),
            ("POST", ["fusion", "v1", "spaces", spc, "datasheets", dst, "fields"]) => {
                Self::AddField(owned(spc), owned(dst))
            }
            ("DELETE", ["fusion", "v1", "spaces", spc, "datasheets", dst, "fields", fld]) => {
                Self::DeleteField(owned(spc), owned(dst), owned(fld))
            }
            ("GET", ["fusion", "v1", "spaces"]) => Self::Spaces,
            ("GET", ["fusion", "v1", "spaces", spc, "nodes"]) => Self::Nodes(owned(spc)),
            ("GET", ["fusion", "v2", "spaces", spc, "nodes"]) => Self::SearchNodes(owned(spc)),
            ("GET", ["fusion", "v1", "nodes", id] | ["fusion", "v1", "spaces", _, "nodes", id]) => {
                Self::Node(owned(id))
            }
            ("GET", ["fusion", "v1", "timemachine", dst]) => Self::TimeMachine(owned(dst)),
            _ => return None,
        })
    }

    /// The name by which faults and the list of calls know it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ReadRecords(_)
            | Self::CreateRecords(_)
            | Self::UpdateRecords(_)
            | Self::DeleteRecords(_) => "records",
            Self::Fields(_) | Self::AddField(..) | Self::DeleteField(..) => "fields",
            Self::Views(_) => "views",
            Self::CreateSheet(_) => "datasheets",
            Self::Spaces => "spaces",
            Self::Nodes(_) | Self::SearchNodes(_) | Self::Node(_) => "nodes",
            Self::TimeMachine(_) => "timemachine",
        }
    }

    /// The sheet in the path, if any.
    pub fn sheet(&self) -> Option<&str> {
        match self {
            Self::ReadRecords(dst)
            | Self::CreateRecords(dst)
            | Self::UpdateRecords(dst)
            | Self::DeleteRecords(dst)
            | Self::Fields(dst)
            | Self::Views(dst)
            | Self::AddField(_, dst)
            | Self::DeleteField(_, dst, _)
            | Self::TimeMachine(dst) => Some(dst),
            Self::Node(id) => id.starts_with("dst").then_some(id),
            Self::CreateSheet(_) | Self::Spaces | Self::Nodes(_) | Self::SearchNodes(_) => None,
        }
    }

    /// The space in the path, if any.
    pub fn space(&self) -> Option<&str> {
        match self {
            Self::CreateSheet(spc)
            | Self::AddField(spc, _)
            | Self::DeleteField(spc, ..)
            | Self::Nodes(spc)
            | Self::SearchNodes(spc) => Some(spc),
            _ => None,
        }
    }
}

/// Who asks, and when.
pub(super) struct Caller {
    pub user: String,
    pub now_ms: i64,
}

/// Answers everything except creating and changing records, which may have to wait between plan and commit.
/// `None` is a success without `data`.
pub(super) fn answer(
    world: &mut World,
    route: &Route,
    incoming: &Incoming,
    caller: &Caller,
) -> Result<Option<Value>, ApiError> {
    match route {
        Route::ReadRecords(dst) => read::records(world, dst, &incoming.query, caller).map(Some),
        Route::DeleteRecords(dst) => write::delete(world, dst, &incoming.query).map(|()| None),
        Route::Fields(dst) => sheets::fields(world, dst, &incoming.query).map(Some),
        Route::Views(dst) => sheets::views(world, dst).map(Some),
        Route::CreateSheet(spc) => sheets::create(world, spc, incoming.body()?, caller).map(Some),
        Route::AddField(_, dst) => sheets::add_field(world, dst, incoming.body()?).map(Some),
        Route::DeleteField(_, dst, fld) => sheets::delete_field(world, dst, fld).map(Some),
        Route::Spaces => Ok(Some(sheets::spaces(world, &caller.user))),
        Route::Nodes(spc) => Ok(Some(sheets::nodes(world, spc))),
        Route::SearchNodes(spc) => Ok(Some(sheets::search_nodes(world, spc, &incoming.query))),
        Route::Node(id) => sheets::node(world, id).map(Some),
        Route::TimeMachine(dst) => sheets::deleted_rows(world, dst).map(Some),
        Route::CreateRecords(_) | Route::UpdateRecords(_) => Err(messages::no_route()),
    }
}

/// The sheet, or the refusal for one that is missing.
fn sheet<'a>(world: &'a World, dst: &str) -> Result<&'a Sheet, ApiError> {
    world.sheet(dst).ok_or_else(messages::sheet_missing)
}

fn sheet_mut<'a>(world: &'a mut World, dst: &str) -> Result<&'a mut Sheet, ApiError> {
    world.sheet_mut(dst).ok_or_else(messages::sheet_missing)
}

/// `fieldKey` of a call: true for ids.
fn keyed_by_id(field_key: Option<&str>) -> Result<bool, ApiError> {
    match field_key {
        None | Some("name") => Ok(false),
        Some("id") => Ok(true),
        Some(_) => Err(messages::bad_field_key()),
    }
}
