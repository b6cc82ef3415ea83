//! A card as every channel is given it: what it says, and nothing of how it looks.

use domain::rules::Severity;

use crate::action::ActionKind;

/// What somebody is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// `None`: it is one line that points to a later card.
    pub title: Option<Title>,
    /// What a list of chats shows of it.
    pub summary: String,
    pub blocks: Vec<Block>,
    pub buttons: Vec<Button>,
    pub menus: Vec<Menu>,
}

/// The title of a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Title {
    pub text: String,
    /// `None`: it is closed, and as grave as nothing.
    pub severity: Option<Severity>,
    /// A word or two beside it, each with a severity of its own.
    pub tags: Vec<(&'static str, Severity)>,
}

/// A part of a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    Lines {
        lines: Vec<Line>,
        weight: Weight,
    },
    /// What was said, oldest first.
    Transcript(Vec<String>),
    /// A picture that the channel knows by this key.
    Picture {
        key: String,
        alt: &'static str,
    },
}

/// How much a block matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// It is always shown.
    Main,
    /// It goes first when a card has to be smaller.
    Detail,
    /// It is always shown, in small print.
    Note,
}

/// One line, or a label with several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    Text(Vec<Span>),
    Field { label: &'static str, value: Vec<Span> },
    Section { label: &'static str, lines: Vec<Vec<Span>> },
}

/// A piece of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Span {
    /// Words of ours without a sign that could be markup.
    Words(String),
    /// Words of ours with names of files and settings.
    Own(String),
    /// What strangers wrote, made fit to be shown. Nothing in it is markup.
    Stranger(String),
    /// The same, to be seen first.
    Strong(String),
    /// A person of the channel, who is notified.
    Mention {
        person: String,
        /// In its place, where nobody can be mentioned.
        instead: &'static str,
    },
    Link {
        label: String,
        url: String,
    },
}

/// What can be pressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Button {
    pub action: ActionKind,
    pub label: &'static str,
    /// The one that most people will want.
    pub primary: bool,
    /// Title and text of what is asked before it takes effect.
    pub question: Option<(&'static str, &'static str)>,
}

/// What one of several can be chosen of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Menu {
    pub action: ActionKind,
    /// What stands on it while nothing is chosen.
    pub label: &'static str,
    /// What is shown, and what comes back.
    pub options: Vec<(String, String)>,
}

impl Block {
    /// Lines that are always shown.
    pub const fn main(lines: Vec<Line>) -> Self {
        Self::Lines { lines, weight: Weight::Main }
    }

    /// A line that is the first to go.
    pub fn detail(line: Vec<Span>) -> Self {
        Self::Lines { lines: vec![Line::Text(line)], weight: Weight::Detail }
    }

    /// Small print.
    pub fn note(line: Vec<Span>) -> Self {
        Self::Lines { lines: vec![Line::Text(line)], weight: Weight::Note }
    }
}

/// How much of a card is sent. Each step down is another content and so needs another delivery key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Form {
    Full,
    /// Without mentions, saying so.
    WithoutMention,
    /// Title, names and buttons only.
    Minimal,
    /// No card at all: text, which cannot be changed later.
    PlainText,
}

impl Form {
    /// The name that it is stored under.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The form with this name; everything for a name of another release.
    pub fn from_name(name: &str) -> Self {
        name.parse().unwrap_or(Self::Full)
    }

    /// The next simpler form after a definite refusal; `None` when there is nothing simpler.
    pub fn simpler(self) -> Option<Self> {
        match self {
            Self::Full => Some(Self::WithoutMention),
            Self::WithoutMention => Some(Self::Minimal),
            Self::Minimal => Some(Self::PlainText),
            Self::PlainText => None,
        }
    }
}
