//! What managers note of a room, besides who owns it.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::id::CommandId;

/// The name of the mark, and why waits end with it, as people read it.
pub const NOT_TIMED: &str = "不计时";
/// Letters that a grade may have.
pub const LONGEST_GRADE: usize = 20;

/// The marks of a room.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Marks {
    /// 客户等级, as the company grades its customers; empty: not graded.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub grade: String,
    /// 不计时: nobody waits in the room, whatever is asked there.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub not_timed: bool,
    /// 不再跟进: its silence is nobody's to follow up.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub not_followed_up: bool,
}

impl Marks {
    /// A grade as somebody wrote it, without blanks around it. `None`: it is longer than [`LONGEST_GRADE`], or has what is
    /// no letter, as line ends.
    pub fn read_grade(written: &str) -> Option<String> {
        let grade = written.trim();
        let is_short = grade.chars().count() <= LONGEST_GRADE;
        (is_short && !grade.contains(char::is_control)).then(|| grade.to_owned())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A stretch of time in which a room was marked as not to be followed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowUpStop {
    /// When it was marked.
    pub from: Timestamp,
    /// When the mark was taken away; `None`: it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl FollowUpStop {
    /// Whether the mark was there just before a moment.
    pub fn covers(&self, moment: Timestamp) -> bool {
        self.from < moment && self.until.is_none_or(|until| until >= moment)
    }
}

/// A manager's decision which marks a room has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marking {
    /// The command that asked for it.
    pub command: CommandId,
    /// Who asked, as shown to people.
    pub by: String,
    /// All marks, as they are from now on.
    pub marks: Marks,
}
