//! Ladders for some rooms: whose stage, name or owner asks for other steps than those of all.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::StaffName;
use crate::rules::exclusion::matches;
use crate::rules::{Ladder, Stage};
use crate::wait::WaitKind;

/// What a ladder is chosen by, besides the kind of wait: the room as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoomView<'a> {
    /// Its stage.
    pub stage: Stage,
    /// Its name; empty when unknown.
    pub name: &'a str,
    /// Its owner.
    pub owner: Option<&'a StaffName>,
}

impl RoomView<'_> {
    /// Of a room of which only the stage matters.
    pub const fn of_stage(stage: Stage) -> Self {
        Self { stage, name: "", owner: None }
    }
}

/// A ladder in the place of that of its stage, for the rooms that fulfil every condition that is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LadderException {
    /// For which kind of wait.
    #[serde(default)]
    pub kind: WaitKind,
    /// Rooms in this stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// Rooms whose whole name is one of these patterns: `*` is any text, `?` any one character.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rooms: Vec<String>,
    /// Rooms that one of these owns, by their names in the roster.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owners: Vec<StaffName>,
    /// What they go by.
    pub ladder: Ladder,
}

impl LadderException {
    /// Whether it holds for a kind of wait in a room.
    pub(super) fn covers(&self, kind: WaitKind, room: RoomView<'_>) -> bool {
        let is_owner = |owner: &StaffName| self.owners.contains(owner);
        self.kind == kind
            && self.stage.is_none_or(|stage| stage == room.stage)
            && (self.owners.is_empty() || room.owner.is_some_and(is_owner))
            && (self.rooms.is_empty() || self.rooms.iter().any(|pattern| matches(pattern, room.name)))
    }

    /// Whether it would hold for every room.
    pub(super) const fn is_unconditional(&self) -> bool {
        self.stage.is_none() && self.rooms.is_empty() && self.owners.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Rules;
    use crate::span::Span;
    use crate::testing::rules;

    fn with(exceptions: serde_json::Value) -> Rules {
        let mut rules = rules();
        rules.ladders.exceptions = serde_json::from_value(exceptions).unwrap();
        assert_eq!(rules.validate(), Vec::new());
        rules
    }

    /// `minutes`: the only step.
    fn ladder(minutes: u64) -> serde_json::Value {
        let rung = serde_json::json!({
            "after": Span::seconds(minutes * 60).to_string(), "colour": "red", "audience": ["owner"]
        });
        serde_json::json!({ "rungs": [rung] })
    }

    #[test]
    fn the_first_that_fits_is_gone_by() {
        let rules = with(serde_json::json!([
            { "rooms": ["*VIP*"], "owners": ["王小售"], "ladder": ladder(1) },
            { "rooms": ["*vip*", "重点-*"], "ladder": ladder(2) },
            { "stage": "after-sales", "owners": ["李小后"], "ladder": ladder(3) },
            { "kind": "promise", "owners": ["王小售"], "ladder": ladder(4) }
        ]));
        let (wang, li) = (StaffName("王小售".into()), StaffName("李小后".into()));
        let first = |kind, stage, name, owner| {
            let ladder = rules.ladder(kind, RoomView { stage, name, owner });
            ladder.rungs[0].after.as_seconds() / 60
        };
        let (request, pre, after) = (WaitKind::Request, Stage::PreSales, Stage::AfterSales);
        for (kind, stage, name, owner, expected) in [
            (request, pre, "云帆-VIP群", Some(&wang), 1),
            (request, pre, "云帆-VIP群", Some(&li), 2),
            (request, pre, "云帆-VIP群", None, 2),
            (request, after, "重点-云帆", Some(&li), 2),
            (request, after, "云帆", Some(&li), 3),
            (request, pre, "云帆", Some(&li), 5),
            (request, after, "云帆", None, 5),
            (request, pre, "", Some(&wang), 5),
            (WaitKind::Promise, pre, "云帆-VIP群", Some(&wang), 4),
            (WaitKind::Promise, pre, "云帆-VIP群", Some(&li), 30),
            (WaitKind::Soft, pre, "云帆-VIP群", Some(&wang), 30),
        ] {
            assert_eq!(first(kind, stage, name, owner), expected, "{kind} {stage} {name} {owner:?}");
        }
    }
}
