//! Messages that change nothing: notices, 拍一拍, robots, automatic replies, words to everybody. They neither open nor end
//! a wait, and are in no count.
//!
//! What was seen in a text is taken once, when its entry is stored, so that judging survives the blanking of old text.
//! Whether it counts for nothing depends on who said it, which is derived each time.

use serde::{Deserialize, Serialize};

use crate::closing::own_words;
use crate::message::MessageKind;
use crate::role::{Role, identify};
use crate::rules::{RosterEntry, Rules};
use crate::text::plain;
use crate::timeline::Message;

/// The id that mentions of everybody have.
pub const EVERYBODY: &str = "notify@all";

/// The ids and words of a mention of everybody.
const MENTIONS_OF_EVERYBODY: [&str; 4] = [EVERYBODY, "@all", "announcement@all", "all"];
const AT_EVERYBODY: [&str; 5] = ["@所有人", "@全体成员", "@所有成员", "@everyone", "@all"];
/// What ends a mention's name in a text.
const MENTION_END: char = '\u{2005}';

/// What was seen in a message when it was stored that may make it change nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Nature {
    /// Nothing of the kind.
    #[default]
    Ordinary,
    /// 拍一拍.
    Pat,
    /// An automatic reply, by the beginnings that the rules list.
    AutoReply,
    /// It speaks to everybody in the room.
    ToEverybody,
}

/// Why a message changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ignored {
    /// The chat system says it, and nobody else.
    Notice,
    /// 拍一拍.
    Pat,
    /// A bot says it.
    Robot,
    /// A machine answers for somebody.
    AutoReply,
    /// Staff speak to everybody in the room and ask nothing.
    Broadcast,
    /// Staff speak to colleagues alone: it is in the counts of messages, and answers nobody. See [`crate::turn`].
    ToColleagues,
}

impl Nature {
    /// Takes it from a message.
    pub fn of<'m>(
        kind: MessageKind,
        text: &str,
        mentioned: impl IntoIterator<Item = &'m str>,
        rules: &Rules,
    ) -> Self {
        match kind {
            MessageKind::System if is_pat(text) => Self::Pat,
            MessageKind::Text => {
                let text = comparable(own_words(text));
                let (to_everybody, words) = without_mentions(&text);
                if rules.auto_replies.iter().any(|begin| begins(words, begin)) {
                    return Self::AutoReply;
                }
                let mut mentioned = mentioned.into_iter();
                if to_everybody || mentioned.any(|id| MENTIONS_OF_EVERYBODY.contains(&id)) {
                    return Self::ToEverybody;
                }
                Self::Ordinary
            }
            _ => Self::Ordinary,
        }
    }
}

/// A text as it is compared, with the ends of its mentions left in.
fn comparable(text: &str) -> String {
    text.trim().chars().filter_map(|c| if c == MENTION_END { Some(c) } else { plain(c) }).collect()
}

/// A notice with the words that 拍一拍 has in the clients' languages.
fn is_pat(text: &str) -> bool {
    ["拍了拍", "tickled", "nudged", "拍一拍"].iter().any(|words| text.contains(words))
}

fn begins(text: &str, begin: &str) -> bool {
    let (mut text, mut begin) = (text.chars(), begin.trim().chars().filter_map(plain).peekable());
    begin.peek().is_some() && begin.all(|c| text.next() == Some(c))
}

/// A text without the mentions before it, and whether everybody is mentioned in it.
fn without_mentions(text: &str) -> (bool, &str) {
    let everybody = AT_EVERYBODY.iter().any(|name| {
        text.match_indices(name).any(|(at, _)| {
            let after = text[at + name.len()..].chars().next();
            after.is_none_or(|c| !c.is_ascii_alphanumeric() && c != '.' && c != '_')
        })
    });
    let mut words = text.trim_start();
    while let Some((_, after)) =
        words.split_once(MENTION_END).filter(|(name, _)| name.starts_with('@') && !name.contains('\n'))
    {
        words = after.trim_start();
    }
    for name in AT_EVERYBODY {
        words = words.strip_prefix(name).unwrap_or(words).trim_start();
    }
    (everybody, words)
}

impl Message {
    /// Why it changes nothing, said by somebody in this role. `None`: it counts.
    pub fn ignored(&self, role: Role) -> Option<Ignored> {
        match (self.kind, self.nature) {
            (MessageKind::System | MessageKind::Recalled, Nature::Pat) => Some(Ignored::Pat),
            (MessageKind::System | MessageKind::Recalled, _) => Some(Ignored::Notice),
            _ if role == Role::Bot => Some(Ignored::Robot),
            // A customer who asks something behind such words waits all the same.
            (_, Nature::AutoReply) if role.is_staff() || !self.features.question => Some(Ignored::AutoReply),
            (_, Nature::ToEverybody) if role.is_staff() && !self.features.question => {
                Some(Ignored::Broadcast)
            }
            _ => None,
        }
    }

    /// Who said it, if it is one of the messages that are counted (总回复数): of a customer or of staff, not taken back, and
    /// none of those that change nothing.
    pub fn counted<'r>(&self, rules: &'r Rules) -> Option<(Role, Option<&'r RosterEntry>)> {
        let (role, entry) = identify(rules, &self.sender);
        (role != Role::Bot && self.recalled.is_none() && self.ignored(role).is_none())
            .then_some((role, entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::rules;

    fn of(text: &str) -> Nature {
        Nature::of(MessageKind::Text, text, [], &rules())
    }

    #[test]
    fn automatic_replies_are_known_by_how_they_begin() {
        for text in [
            "[自动回复]您好，现在是非工作时间，稍后回复您",
            "［自动回复］ 您好",
            "【自动回复】您好",
            "自动回复：我在开会",
            "自动回复:我在开会",
            "@蓝先生\u{2005}[自动回复]您好",
            "您好，我现在有事不在，一会再和您联系。",
            "【系统自动回复】您好",
            "这是一条自动回复。我在开会",
            "[auto reply] I am out of office",
            "[自動回覆] 您好",
        ] {
            assert_eq!(of(text), Nature::AutoReply, "{text}");
        }
        for text in [
            "稍后回复您",
            "我看到[自动回复]了，人呢",
            "现在有事，不在公司",
            "你们的自动回复：怎么关",
            "自动回复功能已经给您开通",
            "",
        ] {
            assert_eq!(of(text), Nature::Ordinary, "{text}");
        }
    }

    #[test]
    fn words_to_everybody() {
        for text in
            ["@所有人\u{2005}【通知】系统周六升级", "@所有人 放假通知", "通知 @所有人", "@all 放假通知"]
        {
            assert_eq!(of(text), Nature::ToEverybody, "{text}");
        }
        for text in ["发到 info@all.example", "所有人都收到了吗", "@全先生\u{2005}您好"] {
            assert_eq!(of(text), Nature::Ordinary, "{text}");
        }
        let mentioned = Nature::of(MessageKind::Text, "放假通知", ["u1", EVERYBODY], &rules());
        assert_eq!(mentioned, Nature::ToEverybody);
    }
}
