//! The id of a manager's edit: the same edit read twice has the same id.

use std::{fmt, str::FromStr};

use crate::ids::{InvalidId, RecordId, SheetId};

/// An edit: which row, and its edit stamp. In text `vika:<sheet>:<record>:<stamp>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EditId {
    /// The sheet that was edited.
    pub sheet: SheetId,
    /// The row that was edited.
    pub record: RecordId,
    /// When the columns that managers own were last changed, in milliseconds of the service's clock.
    pub stamp_ms: i64,
}

/// A text that is no edit id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an edit: expected `vika:<sheet>:<record>:<stamp>`")]
pub struct InvalidEdit;

impl From<InvalidId> for InvalidEdit {
    fn from(_: InvalidId) -> Self {
        Self
    }
}

impl fmt::Display for EditId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "vika:{}:{}:{}", self.sheet, self.record, self.stamp_ms)
    }
}

impl FromStr for EditId {
    type Err = InvalidEdit;

    fn from_str(text: &str) -> Result<Self, InvalidEdit> {
        let parts: Vec<&str> = text.split(':').collect();
        let ["vika", sheet, record, stamp] = parts.as_slice() else { return Err(InvalidEdit) };
        let stamp_ms = stamp.parse().map_err(|_| InvalidEdit)?;
        Ok(Self { sheet: sheet.parse()?, record: record.parse()?, stamp_ms })
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
        for wrong in
            ["", "feishu:dstA1:recB2:1", "vika:dstA1:recB2", "vika:recB2:dstA1:1", "vika:dstA1:recB2:x"]
        {
            assert_eq!(wrong.parse::<EditId>(), Err(InvalidEdit), "{wrong}");
        }
    }
}
