//! The id of a manager's edit: the same edit read twice has the same id.

use std::{fmt, str::FromStr};

use crate::ids::{InvalidId, RecordId, SheetId};

/// An edit: which row, and its edit stamp. In text `vika:<sheet>:<record>:<stamp>`, with `:<part>` behind it where one edit of
/// a row asks for several things.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EditId {
    /// The sheet that was edited.
    pub sheet: SheetId,
    /// The row that was edited.
    pub record: RecordId,
    /// When the columns that managers own were last changed, in milliseconds of the service's clock.
    pub stamp_ms: i64,
    /// What of the row it is about.
    pub part: EditPart,
}

/// What of a row an edit is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum EditPart {
    /// What is decided by itself: a tick of 今日群聊; owner, stage and approval in 群聊总表.
    #[default]
    Main,
    /// 客户等级, 不计时 and 不再跟进 of 群聊总表.
    Marks,
}

/// In text, the part of an edit of marks.
const MARKS: &str = "marks";

/// A text that is no edit id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an edit: expected `vika:<sheet>:<record>:<stamp>` or `vika:<sheet>:<record>:<stamp>:marks`")]
pub struct InvalidEdit;

impl From<InvalidId> for InvalidEdit {
    fn from(_: InvalidId) -> Self {
        Self
    }
}

impl fmt::Display for EditId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "vika:{}:{}:{}", self.sheet, self.record, self.stamp_ms)?;
        match self.part {
            EditPart::Main => Ok(()),
            EditPart::Marks => write!(f, ":{MARKS}"),
        }
    }
}

impl FromStr for EditId {
    type Err = InvalidEdit;

    fn from_str(text: &str) -> Result<Self, InvalidEdit> {
        let parts: Vec<&str> = text.split(':').collect();
        let (sheet, record, stamp, part) = match parts.as_slice() {
            ["vika", sheet, record, stamp] => (sheet, record, stamp, EditPart::Main),
            ["vika", sheet, record, stamp, MARKS] => (sheet, record, stamp, EditPart::Marks),
            _ => return Err(InvalidEdit),
        };
        let stamp_ms = stamp.parse().map_err(|_| InvalidEdit)?;
        Ok(Self { sheet: sheet.parse()?, record: record.parse()?, stamp_ms, part })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_form_comes_back() {
        let text = "vika:dstA1:recB2:1795337500123";
        let edit: EditId = text.parse().unwrap();
        assert_eq!((edit.stamp_ms, edit.to_string().as_str()), (1_795_337_500_123, text));
        let marks = EditId { part: EditPart::Marks, ..edit };
        assert_eq!(marks.to_string().parse(), Ok(marks));
        for wrong in [
            "",
            "feishu:dstA1:recB2:1",
            "vika:dstA1:recB2",
            "vika:recB2:dstA1:1",
            "vika:dstA1:recB2:x",
            "vika:dstA1:recB2:1:owner",
            "vika:dstA1:recB2:1:marks:",
        ] {
            assert_eq!(wrong.parse::<EditId>(), Err(InvalidEdit), "{wrong}");
        }
    }
}
