//! What a company decides: names, roster, phrases, policies, ladders. Versioned, so that every entry is judged by what
//! was in force when it was sent.

mod audience;
mod auto_replies;
mod buttons;
mod calendars;
mod cards;
mod exceptions;
mod exclusion;
mod figure_cards;
mod focus;
mod history;
mod presets;
mod targets;
mod validate;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use chrono::{Datelike as _, NaiveDate, NaiveTime};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Timestamp;
use crate::address::Addresses;
use crate::calendar::{Calendar, HolidayYear, Holidays, TimeOfDay};
use crate::id::{PersonKey, StaffName};
use crate::priority::{PriorityRule, shipped_priority};
use crate::span::Span;
use crate::wait::WaitKind;

pub use audience::{Audience, NamedChat, Recipient};
pub use auto_replies::shipped_auto_replies;
pub use buttons::{Buttons, Who};
pub use cards::{CardTemplates, Piece, Template, Variable};
pub use exceptions::{LadderException, RoomView};
pub use exclusion::ExcludedRooms;
pub use figure_cards::FigureCards;
pub use focus::{FocusWindow, Weekday};
pub use history::{Judged, NoRules, PinnedRules, RulesHistory, RulesVersion};
pub use presets::Preset;
pub use targets::{Reached, Share, Target};

/// Everything a company decides, as it stands in the configuration file under `rules`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct Rules {
    /// IANA zone of the company's day, e.g. `Asia/Shanghai`.
    #[schemars(with = "String")]
    pub time_zone: chrono_tz::Tz,
    /// 企业名称: a sender of one of these corporations is staff.
    pub company_names: Vec<String>,
    /// Who works here, and in which team.
    pub roster: Vec<RosterEntry>,
    /// Who manages, by their names in the roster.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub managers: Vec<StaffName>,
    /// Chats that ladders name besides the public one, by a name of the company's own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub chats: BTreeMap<String, NamedChat>,
    /// Further bots, as `source:contact-id`; our own login accounts are bots without being named.
    #[serde(default)]
    pub bots: Vec<PersonKey>,
    /// Which words end a conversation instead of asking for a reply.
    pub phrases: Phrases,
    /// How automatic replies begin: they answer nobody, and nobody waits for an answer to one. Instead of the shipped list.
    #[serde(default = "shipped_auto_replies", skip_serializing_if = "is_shipped")]
    pub auto_replies: Vec<String>,
    /// Whose reply ends a wait.
    #[serde(default)]
    pub answered_by: AnsweredBy,
    /// How waits escalate, per stage.
    #[serde(default)]
    pub ladders: Ladders,
    /// When each stage works: what its deadlines and figures run on. They lie in `time_zone` and know `holidays`; whoever
    /// changes either calls [`Rules::settle_calendars`].
    #[serde(default)]
    pub calendars: Calendars,
    /// Who may press which button of a card.
    #[serde(default, skip_serializing_if = "Buttons::are_default")]
    pub buttons: Buttons,
    /// The words of a card that a company may choose. Whatever is left out is as shipped.
    #[serde(default, skip_serializing_if = "CardTemplates::are_default")]
    pub cards: CardTemplates,
    /// Public holidays and make-up days by year. In a configuration they are read from the files that its key
    /// `holidays` names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holidays: Vec<HolidayYear>,
    /// Which rooms go before others in lists and tables, and why. Instead of the shipped rules; an empty list: none does.
    #[serde(default = "shipped_priority", skip_serializing_if = "is_shipped_priority")]
    pub priority: Vec<PriorityRule>,
    /// When people are not to be disturbed, every week.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub focus: Vec<FocusWindow>,
    /// After how many working days of silence an owner is told to follow up, rising; an empty list: never.
    #[serde(default = "shipped_follow_up_after", skip_serializing_if = "is_shipped_follow_up_after")]
    pub follow_up_after: Vec<u32>,
    /// When, on a working day, managers get the list of the rooms that await approval to go into after-sales.
    #[serde(default = "half_past_five", skip_serializing_if = "is_half_past_five")]
    #[schemars(with = "String")]
    pub approvals_at: TimeOfDay,
    /// Who may approve a room's way into after-sales: names as the managers' tables show them, or of the roster. Nobody
    /// named: whoever can tick the box.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvers: Vec<String>,
    /// What the replies of teams are to reach; a team without a target is held to none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<Target>,
    /// When people get cards with figures.
    #[serde(default, skip_serializing_if = "FigureCards::are_default")]
    pub figure_cards: FigureCards,
    /// Rooms that are not shown, raise no alarm and whose texts are not kept.
    #[serde(default, skip_serializing_if = "ExcludedRooms::is_empty")]
    pub excluded_rooms: ExcludedRooms,
}

impl Serialize for Rules {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Rules {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut rules = Self::deserialize(deserializer)?;
        rules.settle_calendars();
        Ok(rules)
    }
}

fn is_shipped(auto_replies: &[String]) -> bool {
    auto_replies == shipped_auto_replies()
}

const fn half_past_five() -> TimeOfDay {
    TimeOfDay::HALF_PAST_FIVE
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_half_past_five(at: &TimeOfDay) -> bool {
    *at == half_past_five()
}

fn shipped_follow_up_after() -> Vec<u32> {
    vec![7, 14, 30]
}

fn is_shipped_follow_up_after(after: &[u32]) -> bool {
    after == shipped_follow_up_after()
}

fn is_shipped_priority(priority: &[PriorityRule]) -> bool {
    priority == shipped_priority()
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
    /// Where the person is reached, by channel: whoever can own a room needs one.
    #[serde(default, skip_serializing_if = "Addresses::is_empty")]
    pub addresses: Addresses,
}

impl RosterEntry {
    /// The person's private chat on Feishu.
    pub fn feishu_chat(&self) -> Option<&str> {
        Some(self.addresses.feishu.as_ref()?.chat.as_ref()?.as_str())
    }

    /// The person's account on Feishu.
    pub fn feishu_account(&self) -> Option<&str> {
        Some(self.addresses.feishu.as_ref()?.open_id.as_ref()?.as_str())
    }
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// 售前.
    #[default]
    PreSales,
    /// 售后.
    AfterSales,
}

/// What a company adds to the words that end a conversation, and what it takes from them. The words themselves (好的, OK,
/// 收到, 谢谢, 辛苦了, 👌 …) are part of Huiyin, the same for everybody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Phrases {
    /// Raised whenever the lists change; stored with each judged text.
    pub version: u32,
    /// Further closing words of this company's customers.
    #[serde(default)]
    pub closing: Vec<String>,
    /// What asks for a reply although it is a closing elsewhere: said alone, or between two commas.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_closing: Vec<String>,
}

impl Phrases {
    /// The most characters of a phrase: no longer text is taken for a mere closing.
    pub const LONGEST: usize = 60;
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

/// A ladder for each stage, and those for what is waited for less urgently, in both. However it was written, it is complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "presets::Written")]
pub struct Ladders {
    /// Whose ladders are among these. `None`: as was chosen when the system went live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset: Option<Preset>,
    /// For rooms in 售前.
    pub pre_sales: Ladder,
    /// For rooms in 售后.
    pub after_sales: Ladder,
    /// For a customer who only assented to a question of staff (软等待).
    pub soft: Ladder,
    /// For what staff promised by a holding reply (承诺).
    pub promise: Ladder,
    /// Ladders in the place of these for some rooms: the first one that fits is gone by.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<LadderException>,
}

impl JsonSchema for Ladders {
    fn schema_name() -> Cow<'static, str> {
        "Ladders".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        presets::Written::json_schema(generator)
    }
}

impl Ladders {
    /// The lists that ladders have after their last step.
    pub fn lists(&self) -> impl Iterator<Item = &ListAfter> {
        let of_all = [&self.pre_sales, &self.after_sales, &self.soft, &self.promise];
        let others = self.exceptions.iter().map(|exception| &exception.ladder);
        of_all.into_iter().chain(others).filter_map(|ladder| ladder.list.as_ref())
    }
}

/// A calendar for each stage.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Calendars {
    /// For rooms in 售前.
    pub pre_sales: Calendar,
    /// For rooms in 售后.
    pub after_sales: Calendar,
}

impl Calendars {
    /// Takes over what is the same, so that its tables are made once and comparing costs nothing.
    fn share(&mut self, others: &Self) {
        let Self { pre_sales, after_sales } = self;
        for (own, other) in [(&mut *pre_sales, &others.pre_sales), (after_sales, &others.after_sales)] {
            if own == other {
                *own = other.clone();
            }
        }
    }

    /// All of them.
    pub const fn all(&self) -> [&Calendar; 2] {
        [&self.pre_sales, &self.after_sales]
    }
}

/// By what it is decided when the cards of a stage are due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines<'r> {
    /// After how much working time there is a card.
    pub ladder: &'r Ladder,
    /// What counts as working time.
    pub calendar: &'r Calendar,
}

impl Ladder {
    /// For whom its steps are, those of the repeats together.
    pub fn audiences(&self) -> impl Iterator<Item = &[Audience]> {
        let repeat = self.repeat.iter().map(|repeat| repeat.audience.as_slice());
        self.rungs.iter().map(|rung| rung.audience.as_slice()).chain(repeat)
    }

    /// The owner alone, once, after half an hour.
    fn soft() -> Self {
        let rung = Rung::new(30, Severity::Blue, &[Audience::Owner]);
        Self { rungs: vec![rung], repeat: None, list: None }
    }

    /// The owner after half an hour, and everybody after an hour.
    fn promise() -> Self {
        let rungs = vec![
            Rung::new(30, Severity::Yellow, &[Audience::Owner]),
            Rung::new(60, Severity::Orange, &[Audience::Owner, Audience::Public]),
        ];
        Self { rungs, repeat: None, list: None }
    }
}

impl Deadlines<'_> {
    /// Whether others have decided the same of everything that was due up to a moment.
    fn same_until(self, others: Self, at: Timestamp) -> bool {
        self.ladder == others.ladder && self.calendar.same_until(others.calendar, at)
    }
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
    /// What comes when no card of its own is due for a wait any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<ListAfter>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rung {
    /// Working time since the wait began.
    pub after: Span,
    /// How grave it is by then.
    #[serde(rename = "colour")]
    pub severity: Severity,
    /// Who gets the card.
    pub audience: Vec<Audience>,
    /// Whether the card mentions (@) the owner where others read along.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub mention: bool,
    /// It reaches people in their focus too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub breakthrough: bool,
}

/// The steps after the last rung: at `last rung + every`, `+ 2·every`, … up to and including `until`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Repeat {
    /// Working time between two repeats.
    pub every: Span,
    /// How grave it is by then.
    #[serde(rename = "colour")]
    pub severity: Severity,
    /// Who gets the card.
    pub audience: Vec<Audience>,
    /// Whether the card mentions (@) the owner where others read along.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub mention: bool,
    /// It reaches people in their focus too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub breakthrough: bool,
    /// No repeat after this much working time since the wait began.
    pub until: Span,
}

/// One card for each chat, again and again while people work, of all whom their last card did not help.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListAfter {
    /// How often, on the clock and counted from midnight: `1h` is every full hour.
    pub every: Span,
    /// How grave it is.
    #[serde(rename = "colour")]
    pub severity: Severity,
    /// Who gets it. Each reads of those waits only that are theirs by this.
    pub audience: Vec<Audience>,
}

impl Rung {
    /// After so many minutes, with a mention of the owner.
    fn new(minutes: u64, severity: Severity, audience: &[Audience]) -> Self {
        let after = Span::seconds(minutes * 60);
        Self { after, severity, audience: audience.to_vec(), mention: true, breakthrough: false }
    }
}

const fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_yes(value: &bool) -> bool {
    *value
}

/// How grave something is. Chinese alerting names the grades by colours (黄色预警), and each company chooses its own for the
/// rungs of its ladders, so that there is no order among them. A channel shows each in its own way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the colours are their own explanation")]
pub enum Severity {
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

impl Severity {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Blue,
        Self::Wathet,
        Self::Turquoise,
        Self::Green,
        Self::Yellow,
        Self::Orange,
        Self::Red,
        Self::Carmine,
        Self::Violet,
        Self::Purple,
        Self::Indigo,
        Self::Grey,
    ];

    /// Its name in the configuration and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Blue => "blue",
            Self::Wathet => "wathet",
            Self::Turquoise => "turquoise",
            Self::Green => "green",
            Self::Yellow => "yellow",
            Self::Orange => "orange",
            Self::Red => "red",
            Self::Carmine => "carmine",
            Self::Violet => "violet",
            Self::Purple => "purple",
            Self::Indigo => "indigo",
            Self::Grey => "grey",
        }
    }

    /// The one of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.name() == name)
    }
}

impl Stage {
    /// As users write it, and as it is stored.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PreSales => "pre-sales",
            Self::AfterSales => "after-sales",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that names no stage.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a stage: expected `pre-sales` or `after-sales`")]
pub struct StageError(String);

impl FromStr for Stage {
    type Err = StageError;

    fn from_str(text: &str) -> Result<Self, StageError> {
        match text.trim() {
            "pre-sales" => Ok(Self::PreSales),
            "after-sales" => Ok(Self::AfterSales),
            _ => Err(StageError(text.to_owned())),
        }
    }
}

impl Team {
    /// Its name in the configuration and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PreSales => "pre_sales",
            Self::AfterSales => "after_sales",
            Self::Other => "other",
        }
    }

    /// The stage this team works in, if it works in one.
    pub const fn stage(self) -> Option<Stage> {
        match self {
            Self::PreSales => Some(Stage::PreSales),
            Self::AfterSales => Some(Stage::AfterSales),
            Self::Other => None,
        }
    }
}

/// Why a name leads to nobody in the roster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoSuchStaff {
    /// Nobody has it.
    #[error("nobody in the roster has this name")]
    Unknown,
    /// More than one has it.
    #[error("more than one in the roster has this name")]
    Ambiguous,
}

impl Rules {
    /// The ladder of a kind of wait in a room.
    pub fn ladder(&self, kind: WaitKind, room: RoomView<'_>) -> &Ladder {
        let mut exceptions = self.ladders.exceptions.iter();
        if let Some(exception) = exceptions.find(|exception| exception.covers(kind, room)) {
            return &exception.ladder;
        }
        match (kind, room.stage) {
            (WaitKind::Request, Stage::PreSales) => &self.ladders.pre_sales,
            (WaitKind::Request, Stage::AfterSales) => &self.ladders.after_sales,
            (WaitKind::Soft, _) => &self.ladders.soft,
            (WaitKind::Promise, _) => &self.ladders.promise,
        }
    }

    /// The calendar of a stage.
    pub const fn calendar(&self, stage: Stage) -> &Calendar {
        match stage {
            Stage::PreSales => &self.calendars.pre_sales,
            Stage::AfterSales => &self.calendars.after_sales,
        }
    }

    /// Lets the calendars lie in the rules' time zone and know the rules' public holidays.
    pub fn settle_calendars(&mut self) {
        let holidays = Arc::new(Holidays::of(&self.holidays));
        let Calendars { pre_sales, after_sales } = &mut self.calendars;
        for calendar in [pre_sales, after_sales] {
            *calendar = calendar.within(self.time_zone, &holidays);
        }
    }

    /// The day that it is at a moment.
    pub fn day_of(&self, at: Timestamp) -> NaiveDate {
        at.with_timezone(&self.time_zone).date_naive()
    }

    /// When a day begins. A midnight that a change of the clocks leaves out is taken as UTC's.
    pub fn day_begins(&self, day: NaiveDate) -> Timestamp {
        let midnight = day.and_time(NaiveTime::MIN);
        midnight
            .and_local_timezone(self.time_zone)
            .earliest()
            .map_or_else(|| midnight.and_utc(), |at| at.to_utc())
    }

    /// Whoever has an account on Feishu: no account is two people's.
    pub fn staff_by_feishu_account(&self, account: &str) -> Option<&RosterEntry> {
        self.roster.iter().find(|entry| entry.feishu_account() == Some(account))
    }

    /// Whether anybody works on a day.
    pub fn is_working_day(&self, day: NaiveDate) -> bool {
        self.calendars.all().into_iter().any(|calendar| calendar.is_working_day(day))
    }

    /// How many working days of a stage have begun between two moments.
    pub fn working_days(&self, stage: Stage, from: Timestamp, to: Timestamp) -> u32 {
        self.calendar(stage).working_days(self.day_of(from), self.day_of(to))
    }

    /// Whether any calendar knows public holidays.
    pub fn go_by_holidays(&self) -> bool {
        let hours = self.calendars.all().into_iter().filter_map(Calendar::hours);
        hours.into_iter().any(|hours| hours.public_holidays)
    }

    /// The years whose public holidays are not known although a calendar goes by them: on a day its own year's, and from
    /// the first of December the next year's, which are announced by then.
    pub fn missing_holidays(&self, day: NaiveDate) -> Vec<i32> {
        if !self.go_by_holidays() {
            return Vec::new();
        }
        let next = (day.month() == 12).then(|| day.year() + 1);
        let is_known =
            |year: i32| self.holidays.iter().any(|known| known.year == year && known.is_announced());
        [Some(day.year()), next].into_iter().flatten().filter(|year| !is_known(*year)).collect()
    }

    /// Whether other rules say the same of when a room is silent, and whose it is then.
    pub fn judge_silences_as(&self, other: &Self) -> bool {
        let teams = |rules: &Self| -> Vec<(StaffName, Team)> {
            rules.roster.iter().map(|entry| (entry.name.clone(), entry.team)).collect()
        };
        self.time_zone == other.time_zone
            && self.calendars == other.calendars
            && self.follow_up_after == other.follow_up_after
            && self.excluded_rooms == other.excluded_rooms
            && teams(self) == teams(other)
    }

    /// By what it is decided when the cards of a kind of wait in a room are due.
    pub fn deadlines(&self, kind: WaitKind, room: RoomView<'_>) -> Deadlines<'_> {
        Deadlines { ladder: self.ladder(kind, room), calendar: self.calendar(room.stage) }
    }

    /// The roster entry that lists a chat account.
    pub fn staff_by_contact(&self, contact: &PersonKey) -> Option<&RosterEntry> {
        self.roster.iter().find(|entry| entry.contacts.contains(contact))
    }

    /// The roster entry of a member of staff.
    pub fn staff(&self, name: &StaffName) -> Option<&RosterEntry> {
        self.roster.iter().find(|entry| entry.name == *name)
    }

    /// The one roster entry with a name (blanks around it do not count).
    pub fn staff_by_name(&self, name: &str) -> Result<&RosterEntry, NoSuchStaff> {
        let name = name.trim();
        let mut found = self.roster.iter().filter(|entry| entry.name.as_str().trim() == name);
        match (found.next(), found.next()) {
            (None, _) => Err(NoSuchStaff::Unknown),
            (Some(entry), None) => Ok(entry),
            (Some(_), Some(_)) => Err(NoSuchStaff::Ambiguous),
        }
    }

    /// Whether somebody of this name may approve a room's way into after-sales.
    pub fn may_approve(&self, name: &str) -> bool {
        self.approvers.is_empty() || self.approvers.iter().any(|approver| approver.trim() == name.trim())
    }

    /// Whether a corporation is the company itself. An unknown (empty) one never is.
    pub fn is_company(&self, corporation: &str) -> bool {
        let corporation = corporation.trim();
        !corporation.is_empty() && self.company_names.iter().any(|name| name.trim() == corporation)
    }
}

/// Something wrong in a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where, e.g. `roster[2].contacts[0]`.
    pub path: String,
    /// What stands there, shortened.
    pub found: String,
    /// What was expected instead.
    pub expected: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} (expected {})", self.path, self.found, self.expected)
    }
}
