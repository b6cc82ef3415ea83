//! What a card looks like: pure functions from facts to card JSON of schema 2.0.
//!
//! A card is read on a phone by somebody who is busy: level and time in the title, who and where below, one button.
//! It must not compute anything that moves. The waiting time is the rung's threshold and everything else is
//! absolute, so that a card frozen for a retry is still true. Nothing here reads a clock or talks to Feishu.

mod build;
mod facts;
mod list;

pub(crate) use build::folded_marker;
pub use build::render;
pub use facts::{CardFacts, CardKind, CardState, Form, LastLine, Owner};
pub use list::{List, Setting as ListSetting, render_list};
