//! Does this message ask for a reply? Judged from its own content and from the staff messages just before it, never
//! from what comes later, so that the verdict does not depend on the order of arrival.
//!
//! A line asks for nothing if all of it can be read as words that ask for nothing; what is left over decides. The
//! features of a text are taken once, when its entry is stored, so that judging survives the blanking of old text.

pub mod candidates;
mod grammar;
pub mod holding;
mod kinds;
mod lexicon;
mod line;
mod question;
mod quote;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::message::MessageKind;
use crate::rules::Rules;
use crate::wait::WaitKind;

use self::holding::Holding;

pub use lexicon::LEXICON_VERSION;
pub use question::Invitations;
pub use quote::own_words;

/// The phrase of a verdict about a lone sticker, as it is stored.
pub const LONE_STICKER: &str = "[表情]";
/// The phrase of a verdict about a sign that staff called for (收到请扣1), as it is stored.
const SIGN: &str = "1";
/// The phrase of a verdict about a message that wants no further help, as it is stored.
const NOTHING: &str = "没有";

/// What was seen in a message when it was stored. Holds no text of its own but the matched phrase of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Features {
    /// What the message is, taken alone.
    pub class: Class,
    /// It contains a question that asks for an answer (asked of staff messages only).
    pub question: bool,
    /// It names several things to choose from (asked of staff messages only): a bare assent chooses none of them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub alternatives: bool,
    /// It says no more than that an answer will follow (asked of staff messages only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holding: Option<Holding>,
    /// The version of the company's phrases that were used.
    pub phrases_version: u32,
    /// The version of the lexicon that was used.
    pub lexicon_version: u32,
    /// What it invites to without asking (asked of staff messages only).
    #[serde(default, skip_serializing_if = "Invitations::is_empty")]
    pub invites: Invitations,
    /// The invitations that it accepts, if it is a request without them.
    #[serde(default, skip_serializing_if = "Invitations::is_empty")]
    pub accepts: Invitations,
}

/// What a message is, taken alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Class {
    /// Something that asks for a reply.
    Request,
    /// Nothing but words that ask for nothing.
    Closing {
        /// The first of them that says something, as the list writes it.
        phrase: String,
        /// In which manner it ends the matter.
        #[serde(default, skip_serializing_if = "Manner::is_courtesy")]
        manner: Manner,
    },
    /// Nothing but friendly stickers.
    LoneSticker {
        /// One of them nods: 👌, [强].
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        assents: bool,
    },
    /// A text without anything in it.
    Empty,
    /// A notice of the chat system, said by nobody.
    Notice,
}

/// How a line ends the matter for now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Manner {
    /// 好的, 谢谢, 再见.
    #[default]
    Courtesy,
    /// The customer does something first: 我问下财务, 稍后付款. A question of staff stays open.
    OwnMove,
    /// The customer has not decided: 我再想想. To a question that is an answer.
    Thinking,
}

impl Manner {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    const fn is_courtesy(&self) -> bool {
        matches!(self, Self::Courtesy)
    }
}

/// What staff have left standing before a customer's message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Before {
    /// A question that the customer has not answered yet.
    pub question: bool,
    /// Something to choose from, in any of the messages since the customer's last one.
    pub alternatives: bool,
    /// Invitations of the last message of staff.
    pub invites: Invitations,
}

/// Why somebody waits: what a customer's message asks for, or what staff promised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// It asks for a reply.
    AsksForReply {
        /// What makes it ask.
        why: Why,
    },
    /// A closing word where staff named several things to choose from, or asked to be told of something: an answer that
    /// needs one in turn.
    AnswersQuestion {
        /// The word.
        phrase: String,
    },
    /// A closing word (or a nod) that assents to a question of staff.
    Assents {
        /// The word.
        phrase: String,
    },
    /// Staff promised an answer.
    Promised {
        /// The word that makes their message a holding reply.
        phrase: String,
        /// Who, as shown to people.
        by: String,
        /// When it is due, where that was plainly said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        due: Option<Timestamp>,
    },
    /// A closing word that asks for nothing.
    ClosingNothing {
        /// The word.
        phrase: String,
        /// In which manner.
        #[serde(default, skip_serializing_if = "Manner::is_courtesy")]
        manner: Manner,
    },
    /// It mentions other customers, and nobody else.
    ToCustomersNothing,
    /// A red packet or a transfer, which is its own message.
    MoneyNothing {
        /// Which of the two.
        kind: MessageKind,
    },
    /// A lone sticker that asks for nothing.
    StickerNothing,
    /// An empty text.
    EmptyNothing,
    /// A notice of the chat system.
    NoticeNothing,
}

/// What makes a message ask for a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", content = "kind", rename_all = "snake_case")]
pub enum Why {
    /// Its text is more than a closing.
    Text,
    /// It is a picture, a file, …: somebody has to look at it.
    Sent(MessageKind),
}

impl Verdict {
    /// Which wait the message opens when no other stands in its way; `None`: no reply is needed.
    pub const fn wait(&self) -> Option<WaitKind> {
        match self {
            Self::AsksForReply { .. } | Self::AnswersQuestion { .. } => Some(WaitKind::Request),
            Self::Assents { .. } => Some(WaitKind::Soft),
            Self::Promised { .. } => Some(WaitKind::Promise),
            Self::ClosingNothing { .. }
            | Self::ToCustomersNothing
            | Self::MoneyNothing { .. }
            | Self::StickerNothing
            | Self::EmptyNothing
            | Self::NoticeNothing => None,
        }
    }

    /// Whether the message opens a wait when nobody is waiting.
    pub const fn opens(&self) -> bool {
        self.wait().is_some()
    }
}

impl Verdict {
    /// Whether a question of staff stands open after it: the customer only said that they would see to it, or spoke to
    /// other customers.
    pub const fn leaves_question(&self) -> bool {
        matches!(self, Self::ClosingNothing { manner: Manner::OwnMove, .. } | Self::ToCustomersNothing)
    }
}

impl Features {
    /// Takes the features of a message. For other kinds than text, `text` is not looked at.
    pub fn of(kind: MessageKind, text: &str, rules: &Rules) -> Self {
        let mut features = Self {
            // An unknown thing asks too: better one card too many than a customer lost.
            class: Class::Request,
            question: false,
            alternatives: false,
            holding: None,
            phrases_version: rules.phrases.version,
            lexicon_version: LEXICON_VERSION,
            invites: Invitations::default(),
            accepts: Invitations::default(),
        };
        match kind {
            MessageKind::Text => {
                (features.class, features.accepts) = line::classify(text, rules);
                let asked = question::asked(text);
                (features.question, features.alternatives) = (asked.question, asked.alternatives);
                features.invites = asked.invites;
                features.holding = holding::holding(text, &features.class, rules).filter(|_| !asked.question);
            }
            MessageKind::Emoticon => features.class = Class::LoneSticker { assents: false },
            MessageKind::System | MessageKind::Recalled => features.class = Class::Notice,
            _ => {}
        }
        features
    }
}

/// Judges a customer's message by its features, its kind, and what staff have left standing before it.
pub fn judge(features: &Features, kind: MessageKind, before: Before) -> Verdict {
    match &features.class {
        Class::Request if kind == MessageKind::Text => judge_request(features, before),
        Class::Request if matches!(kind, MessageKind::RedEnvelope | MessageKind::Transfer) => {
            Verdict::MoneyNothing { kind }
        }
        Class::Request => Verdict::AsksForReply { why: Why::Sent(kind) },
        Class::Closing { phrase, .. } if features.accepts.report && before.invites.report => {
            Verdict::AnswersQuestion { phrase: phrase.clone() }
        }
        Class::Closing { phrase, manner } if before.question && *manner != Manner::OwnMove => {
            answer(phrase, before)
        }
        Class::Closing { phrase, manner } => {
            Verdict::ClosingNothing { phrase: phrase.clone(), manner: *manner }
        }
        Class::LoneSticker { assents: true } if before.question => answer(LONE_STICKER, before),
        Class::LoneSticker { .. } => Verdict::StickerNothing,
        Class::Empty => Verdict::EmptyNothing,
        Class::Notice => Verdict::NoticeNothing,
    }
}

/// A word that asks for nothing, said to a question of staff.
fn answer(phrase: &str, before: Before) -> Verdict {
    let phrase = phrase.to_owned();
    if before.alternatives { Verdict::AnswersQuestion { phrase } } else { Verdict::Assents { phrase } }
}

impl Before {
    /// What these messages of staff leave standing, said one after the other without a customer between them.
    pub fn of<'t>(staff: impl IntoIterator<Item = &'t str>) -> Self {
        staff.into_iter().map(question::asked).fold(Self::default(), |mut before, asked| {
            before.question |= asked.question;
            before.alternatives |= asked.alternatives;
            before.invites |= asked.invites;
            before
        })
    }
}

/// 没有 and 1 are requests but where staff invited to say so.
fn judge_request(features: &Features, before: Before) -> Verdict {
    if before.question || !features.accepts.meet(before.invites) {
        return Verdict::AsksForReply { why: Why::Text };
    }
    let phrase = if features.accepts.sign && before.invites.sign { SIGN } else { NOTHING };
    Verdict::ClosingNothing { phrase: phrase.to_owned(), manner: Manner::Courtesy }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::rules;

    fn class(text: &str) -> Class {
        Features::of(MessageKind::Text, text, &rules()).class
    }

    fn closing(phrase: &str) -> Class {
        Class::Closing { phrase: phrase.to_owned(), manner: Manner::Courtesy }
    }

    #[test]
    fn closings() {
        for (text, phrase) in [
            ("好的", "好的"),
            ("  好的。 ", "好的"),
            ("好的好的", "好的"),
            ("好的，谢谢", "好的"),
            ("好的呀～", "好的"),
            ("好好好", "好"),
            ("好嘞", "好嘞"),
            ("OK 收到[OK]👌", "OK"),
            ("ｏｋ！！", "OK"),
            ("Ok~", "OK"),
            ("收到啦", "收到"),
            ("谢谢🙏", "谢谢"),
            ("[微笑]谢谢", "谢谢"),
            ("辛苦了[玫瑰][玫瑰]", "辛苦了"),
            ("嗯嗯，好的", "嗯"),
            ("「王小售：什么时候要？」\n- - - - - - - - - - - - - - -\n好的", "好的"),
        ] {
            assert_eq!(class(text), closing(phrase), "{text}");
        }
    }

    #[test]
    fn requests() {
        for text in [
            "好的，那什么时候发货",
            "好的吗？",
            "好的？",
            "好的吗",
            "好吃",
            "谢谢，请问多少钱",
            "不好",
            "okr",
            "王小售：\n报价在这里\n------\n谢谢",
            "？",
            "???",
            "。。。",
            "[疑问]",
            "[图片]",
            "好的[发怒]",
            "😡",
            "在",
            "「王小售：好的」\n- - - - - - - - - - - - - - -\n什么时候",
            "合计\n------",
            "好的 - 但是",
        ] {
            assert_eq!(class(text), Class::Request, "{text}");
        }
        assert_eq!(class(&"好的".repeat(31)), Class::Request, "longer than any closing");
    }

    #[test]
    fn stickers_and_nothing() {
        for text in ["[微笑]", "😊😊", "[强][强]！", "❤️", "👌🏻", "[ok]", "🙆\u{200d}♀\u{fe0f}"]
        {
            assert!(matches!(class(text), Class::LoneSticker { .. }), "{text}");
        }
        for text in ["", "  ", "\u{3000}\n", "\u{200b}"] {
            assert_eq!(class(text), Class::Empty, "{text:?}");
        }
    }

    #[test]
    fn questions_of_staff() {
        let asks = |text| Features::of(MessageKind::Text, text, &rules()).question;
        for text in [
            "方便发一下吗",
            "您看这个可以吗[微笑]",
            "要几台？我先备货。",
            "你们用什么",
            "明天下午三点行不行",
            "ok?",
            "您在哪里呢～",
            "这款怎么样 😊",
        ] {
            assert!(asks(text), "{text}");
        }
        for text in [
            "好的",
            "稍等，我看一下",
            "看这里 https://example.com/a?b=c",
            "已经发货",
            "吗啡不是我们的产品",
            "",
        ] {
            assert!(!asks(text), "{text}");
        }
        let quoted = "「客户：可以吗？」\n- - - - - - - - - - - - - - -\n可以的";
        assert!(!asks(quoted), "a question that is only quoted is not asked");
    }

    #[test]
    fn verdicts_by_kind_and_by_what_staff_asked_before() {
        let rules = rules();
        let verdict = |kind, text, question| {
            let before = Before { question, ..Before::default() };
            judge(&Features::of(kind, text, &rules), kind, before)
        };
        assert!(verdict(MessageKind::Text, "在吗", false).opens());
        assert!(!verdict(MessageKind::Text, "好的", false).opens());
        let answer = Verdict::Assents { phrase: "好的".into() };
        assert_eq!(verdict(MessageKind::Text, "好的", true), answer);
        assert_eq!(answer.wait(), Some(WaitKind::Soft));
        for question in [true, false] {
            for kind in [MessageKind::Emoticon, MessageKind::RedEnvelope, MessageKind::Transfer] {
                assert!(!verdict(kind, "", question).opens(), "{kind:?}");
            }
        }
        assert!(!verdict(MessageKind::Text, " ", true).opens());
        assert!(!verdict(MessageKind::System, "王小售加入了群聊", true).opens());
        for kind in [MessageKind::Image, MessageKind::Audio, MessageKind::Call, MessageKind::Other] {
            assert_eq!(verdict(kind, "好的", false), Verdict::AsksForReply { why: Why::Sent(kind) });
        }
    }
}
