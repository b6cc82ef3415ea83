//! The calls that were made, so that a test can say which cells were written, by whom and how far apart.

use serde::Serialize;
use serde_json::Value;

/// One call of the Fusion API, as `GET /_sim/calls` shows it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Call {
    /// From 0, without gaps until the list is cleared.
    pub seq: usize,
    /// Arrival by the injected clock.
    pub at_ms: i64,
    /// Arrival in real time since the simulator started; what spacing is measured by.
    pub elapsed_ms: u128,
    pub method: String,
    pub path: String,
    pub query: Vec<(String, String)>,
    /// Name of the route, as faults name it; empty for an unknown one.
    pub route: &'static str,
    pub sheet: Option<String>,
    /// Display name of the token's user; absent for a token nobody has.
    pub user: Option<String>,
    /// The (sample) token itself, since two may belong to one user.
    pub token: Option<String>,
    /// Records in the body, or record ids of a DELETE.
    pub records: usize,
    /// Cells in the body.
    pub cells: usize,
    pub body: Value,
    /// HTTP status and `code` of the answer; absent when none was given.
    pub status: Option<u16>,
    pub code: Option<u16>,
    /// The fault that met the call.
    pub fault: Option<&'static str>,
}

/// Records and cells that a body wants to write.
pub(super) fn count(body: &Value) -> (usize, usize) {
    let records = body["records"].as_array().map(Vec::as_slice).unwrap_or_default();
    let cells = records.iter().filter_map(|r| r["fields"].as_object()).map(serde_json::Map::len).sum();
    (records.len(), cells)
}
