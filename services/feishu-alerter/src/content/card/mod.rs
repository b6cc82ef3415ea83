//! What a card says: pure functions from facts to a card.
//!
//! A card is read on a phone by somebody who is busy: level and time in the title, who and what below, then what can be done.
//! It must not compute anything that moves. The waiting time is the rung's threshold and everything else is
//! absolute, so that a card frozen for a retry is still true. Nothing here reads a clock or knows a channel.

mod approvals;
mod digest;
mod facts;
mod figures;
mod follow_ups;
mod lines;
mod list;
mod model;
mod opening;
mod room;

pub use approvals::{Pending, approvals};
pub use digest::{DigestLine, digest};
pub use facts::{CardFacts, CardKind, CardState, LastLine, Owner, Said};
pub use figures::{Figured, Reader, figures};
pub use follow_ups::{FollowUpState, Silence, SilentRoom, follow_ups};
pub use list::{List, Named, list};
pub use model::{Block, Button, Card, Form, Line, Menu, Span, Title, Weight};
pub use opening::{ListedWait, OpeningState, opening};
pub use room::{room, time_of};
