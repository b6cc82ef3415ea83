//! What must hold for any bytes whatever at the four places where strangers' bytes come in.
//!
//! Each function takes a fuzzer's input and panics if a property does not hold. The fuzzer (`fuzz/`, a workspace of its
//! own) looks for such inputs; the tests of this package put the committed corpus through the same functions, so that
//! an ordinary test run needs no fuzzer. A property says more than "no panic": it is what the rest of the system relies
//! on, checked by other means than the code uses.

mod callback;
mod gateway;
mod vika_answer;
mod webhook;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::value::RawValue;

pub use callback::feishu_callback;
pub use gateway::gateway_events;
pub use vika_answer::vika_answers;
pub use webhook::webhook_rows;

/// A target: a name for its corpus, and the function.
pub type Target = (&'static str, fn(&[u8]));

pub const TARGETS: [Target; 4] = [
    ("webhook_rows", webhook_rows),
    ("gateway_events", gateway_events),
    ("feishu_callback", feishu_callback),
    ("vika_answers", vika_answers),
];

/// The moment at which everything arrives: 2023-11-14T22:13:20Z, that of the observed callbacks.
const NOW_S: i64 = 1_700_000_000;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(NOW_S, 0).unwrap_or_default()
}

/// The members of a JSON object, unread: those that nobody asks for may hold broken UTF-8 or numbers without measure,
/// which a reader of all would stumble over. Nothing for what is no object.
fn members(body: &[u8]) -> BTreeMap<String, Box<RawValue>> {
    serde_json::from_str(&String::from_utf8_lossy(body)).unwrap_or_default()
}
