//! What a company decides: names, roster, phrases, policies, ladders. Versioned, so that every entry is judged by what
//! was in force when it was sent.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::id::{PersonKey, StaffName};
use crate::span::Span;

/// Everything a company decides, as it stands in the configuration file under `rules`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// IANA zone of the company's day, e.g. `Asia/Shanghai`.
    #[schemars(with = "String")]
    pub time_zone: chrono_tz::Tz,
    /// 企业名称: a sender of one of these corporations is staff.
    pub company_names: Vec<String>,
    /// Who works here, and in which team.
    pub roster: Vec<RosterEntry>,
    /// Further bots, as `source:contact-id`; our own login accounts are bots without being named.
    #[serde(default)]
    pub bots: Vec<PersonKey>,
    /// Which words end a conversation instead of asking for a reply.
    pub phrases: Phrases,
    /// Whose reply ends a wait.
    #[serde(default)]
    pub answered_by: AnsweredBy,
    /// How waits escalate, per stage.
    pub ladders: Ladders,
}

/// One member of staff.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RosterEntry {
    /// Unique label, as managers write it into 负责人.
    pub name: StaffName,
    /// Which team.
    pub team: Team,
    /// The person's chat accounts, as `source:contact-id`.
    #[serde(default)]
    pub contacts: Vec<PersonKey>,
}

/// A team of the roster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Team {
    /// 售前.
    PreSales,
    /// 售后.
    AfterSales,
    /// Any other colleague.
    Other,
}

/// The stage of a room. Serialised as users know it: `pre-sales`, `after-sales`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// 售前.
    PreSales,
    /// 售后.
    AfterSales,
}

/// Words that end a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Phrases {
    /// Raised whenever the lists change; stored with each judged text.
    pub version: u32,
    /// Closing words and stickers: 好的, OK, 收到, 谢谢, 辛苦了, 👌, \[OK\] …
    pub closing: Vec<String>,
}

/// Whose message ends a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnsweredBy {
    /// Any member of staff.
    #[default]
    AnyStaff,
    /// A member of the team of the room's stage.
    StageTeam,
    /// The room's owner; anybody of staff while there is no owner.
    Owner,
}

/// A ladder for each stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ladders {
    /// For rooms in 售前.
    pub pre_sales: Ladder,
    /// For rooms in 售后.
    pub after_sales: Ladder,
}

/// How a wait escalates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ladder {
    /// The steps, in rising order of `after`.
    pub rungs: Vec<Rung>,
    /// What comes after the last step.
    #[serde(default)]
    pub repeat: Option<Repeat>,
}

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rung {
    /// Working time since the wait began.
    pub after: Span,
    /// The card's colour.
    pub colour: Colour,
    /// Who is told.
    pub audience: Audience,
}

/// The steps after the last rung: at `last rung + every`, `+ 2·every`, … up to and including `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Repeat {
    /// Working time between two repeats.
    pub every: Span,
    /// The cards' colour.
    pub colour: Colour,
    /// Who is told.
    pub audience: Audience,
    /// No repeat after this much working time since the wait began.
    pub until: Span,
}

/// Who gets a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// The owner's private chat.
    Owner,
    /// The owner's private chat and the public chat.
    OwnerAndPublic,
}

/// A card's header colour, by Feishu's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the colours are their own explanation")]
pub enum Colour {
    Blue,
    Wathet,
    Turquoise,
    Green,
    Yellow,
    Orange,
    Red,
    Carmine,
    Violet,
    Purple,
    Indigo,
    Grey,
}

/// Rules as they were put in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulesVersion {
    /// Rising from 1.
    pub version: i64,
    /// From when entries are judged by it.
    pub valid_from: Timestamp,
    /// What it says.
    pub rules: Rules,
}
