//! Rooms that are none of ours to watch: internal groups, test groups, families.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::RoomKey;

/// Which rooms are left alone, by their present name or by their key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExcludedRooms {
    /// Patterns of whole names: `*` is any text, `?` any one character; the case of letters makes no difference.
    #[serde(default)]
    pub names: Vec<String>,
    /// Single rooms, as `source:room-id`; 群ID in 群聊总表.
    #[serde(default)]
    pub rooms: Vec<RoomKey>,
}

impl ExcludedRooms {
    /// Whether nothing is excluded.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.rooms.is_empty()
    }

    /// Whether a room of this name is excluded. One whose name is not known can be so only by its key.
    pub fn cover(&self, room: &RoomKey, name: &str) -> bool {
        self.rooms.contains(room) || self.names.iter().any(|pattern| matches(pattern, name))
    }
}

/// Whether a pattern would exclude every room.
pub(super) fn is_everything(pattern: &str) -> bool {
    pattern.contains('*') && pattern.chars().all(|c| matches!(c, '*' | '?'))
}

/// Compares letter by letter. Where it fails behind a `*`, that one takes in one letter more, and all is tried again
/// from there: only the last `*` needs to be tried, so the work is at most the product of both lengths.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.trim().to_lowercase().chars().collect();
    let name: Vec<char> = name.trim().to_lowercase().chars().collect();
    let (mut at, mut letter) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while letter < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, letter));
                at += 1;
            }
            Some(wanted) if *wanted == '?' || *wanted == name[letter] => {
                at += 1;
                letter += 1;
            }
            _ => {
                let Some((star_at, taken)) = star else { return false };
                star = Some((star_at, taken + 1));
                at = star_at + 1;
                letter = taken + 1;
            }
        }
    }
    !name.is_empty() && pattern[at..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_whole() {
        for (pattern, name, expected) in [
            ("*内部*", "示例公司-内部讨论", true),
            ("*内部*", "内部", true),
            ("*内部*", "示例公司-晨光贸易", false),
            ("测试*", "测试一群", true),
            ("测试*", "软件测试", false),
            ("测试", "测试一群", false),
            ("家人?", "家人们", true),
            ("家人?", "家人", false),
            ("家人?", "家人们们", false),
            ("*a*bc", "xxaybbabc", true),
            ("*a*bc", "xxaybbab", false),
            ("TEST-*", "test-1", true),
            (" 相亲相爱 ", "相亲相爱", true),
            ("*", "", false),
            ("", "", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} and {name}");
        }
        assert!(is_everything("*") && is_everything("?*") && !is_everything("?") && !is_everything("*a"));
    }

    #[test]
    fn a_room_without_a_name_is_excluded_by_its_key_only() {
        let room = |id: &str| RoomKey { source: "wechaty".into(), id: id.into() };
        let excluded = ExcludedRooms { names: vec!["*群".into()], rooms: vec![room("r1")] };
        assert!(ExcludedRooms::default().is_empty() && !excluded.is_empty());
        assert!(!ExcludedRooms { names: Vec::new(), ..excluded.clone() }.is_empty());
        assert!(!ExcludedRooms { rooms: Vec::new(), ..excluded.clone() }.is_empty());
        assert!(excluded.cover(&room("r1"), ""));
        assert!(!excluded.cover(&room("r2"), ""));
        assert!(excluded.cover(&room("r2"), "家人群"));
    }
}
