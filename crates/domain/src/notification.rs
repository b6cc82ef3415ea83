//! Notifications: what people are told, as a value. Whom it reaches in which channel is resolved from the
//! [`crate::rules::Audience`] when one is made; how it looks is the channel's.

use std::fmt;
use std::str::FromStr;

use chrono::NaiveDate;
use strum::{Display, EnumString};

use crate::Timestamp;
use crate::id::{CommandId, EntryId, StaffName, WaitId};
use crate::ladder::RungId;

/// What kind of thing a notification is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum SubjectKind {
    /// A customer waits.
    Wait,
    /// Our account left a room.
    Departure,
    /// Somebody was made the owner of a room.
    Handover,
    /// Those who wait although every notification about them has gone out.
    Unanswered,
    /// What was not told to somebody one by one.
    Digest,
    /// An owner's rooms in which nobody has said anything for some working days.
    FollowUps,
    /// Who waits for an owner at the opening (开工汇总).
    Opening,
    /// Which rooms await a manager's approval.
    Approvals,
    /// Figures of a day or a week.
    Figures,
    /// Something is wrong with Huiyin itself.
    Alarm,
}

/// What a notification is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// The wait that it was made for.
    Wait(WaitId),
    /// The entry that says that our account left.
    Departure(EntryId),
    /// The command that made somebody the owner of a room.
    Handover(CommandId),
    /// The list of those who still wait: of its step and its address says of which.
    Unanswered,
    /// Those who wait for one person, told together; by roster label.
    Digest(StaffName),
    /// The list of this owner's rooms that have fallen silent.
    FollowUps(StaffName),
    /// The list of who waits for this owner at the opening.
    Opening(StaffName),
    /// The list of rooms that await approval.
    Approvals,
    /// Figures: of this owner, or of all.
    Figures(Option<StaffName>),
    /// One stretch of time in which something was wrong: what, and when that was noticed. It is not the number of a row,
    /// which a restored database would give to another.
    Alarm {
        /// `silent:room-state`
        key: String,
        /// In whole milliseconds.
        raised_at: Timestamp,
    },
}

/// What stands for the list of all who still wait.
const UNANSWERED: &str = "list:unanswered";
/// What the text of a digest begins with.
const DIGEST: &str = "digest:";
/// What stands before the owner whose silent rooms a list is of.
const FOLLOW_UPS: &str = "list:follow_ups:";
/// What stands before the owner whose opening a list is of.
const OPENING: &str = "list:opening:";
/// What stands for the list of rooms that await approval.
const APPROVALS: &str = "list:approvals";
/// What stands for figures of all; before the owner's name, for somebody's.
const FIGURES: &str = "figures";
/// What the text of an alarm begins with.
const ALARM: &str = "watch:";

impl Subject {
    /// What kind of thing it is.
    pub const fn kind(&self) -> SubjectKind {
        match self {
            Self::Wait(_) => SubjectKind::Wait,
            Self::Departure(_) => SubjectKind::Departure,
            Self::Handover(_) => SubjectKind::Handover,
            Self::Unanswered => SubjectKind::Unanswered,
            Self::Digest(_) => SubjectKind::Digest,
            Self::FollowUps(_) => SubjectKind::FollowUps,
            Self::Opening(_) => SubjectKind::Opening,
            Self::Approvals => SubjectKind::Approvals,
            Self::Figures(_) => SubjectKind::Figures,
            Self::Alarm { .. } => SubjectKind::Alarm,
        }
    }

    /// From its kind and its text. `None`: there is no such subject.
    pub fn parse(kind: SubjectKind, text: &str) -> Option<Self> {
        match kind {
            SubjectKind::Wait => Some(Self::Wait(WaitId(text.to_owned()))),
            SubjectKind::Departure => Some(Self::Departure(EntryId(text.to_owned()))),
            SubjectKind::Handover => Some(Self::Handover(CommandId(text.to_owned()))),
            SubjectKind::Unanswered => (text == UNANSWERED).then_some(Self::Unanswered),
            SubjectKind::Digest => {
                text.strip_prefix(DIGEST).map(|name| Self::Digest(StaffName(name.to_owned())))
            }
            SubjectKind::FollowUps => owner(text, FOLLOW_UPS).map(Self::FollowUps),
            SubjectKind::Opening => owner(text, OPENING).map(Self::Opening),
            SubjectKind::Approvals => (text == APPROVALS).then_some(Self::Approvals),
            SubjectKind::Figures => match text.strip_prefix(FIGURES)? {
                "" => Some(Self::Figures(None)),
                owner => {
                    owner.strip_prefix(':').map(|owner| Self::Figures(Some(StaffName(owner.to_owned()))))
                }
            },
            SubjectKind::Alarm => {
                let (key, raised_at) = text.strip_prefix(ALARM)?.rsplit_once('@')?;
                let raised_at = Timestamp::from_timestamp_millis(raised_at.parse().ok()?)?;
                Some(Self::Alarm { key: key.to_owned(), raised_at })
            }
        }
    }

    /// The wait that it is about.
    pub const fn wait(&self) -> Option<&WaitId> {
        match self {
            Self::Wait(wait) => Some(wait),
            Self::Departure(_)
            | Self::Handover(_)
            | Self::Unanswered
            | Self::Digest(_)
            | Self::FollowUps(_)
            | Self::Opening(_)
            | Self::Approvals
            | Self::Figures(_)
            | Self::Alarm { .. } => None,
        }
    }
}

/// Whose list it is, of the text of a list that begins with its name.
fn owner(text: &str, list: &str) -> Option<StaffName> {
    text.strip_prefix(list).map(|owner| StaffName(owner.to_owned()))
}

/// Without its kind.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wait(wait) => wait.fmt(f),
            Self::Departure(entry) => entry.fmt(f),
            Self::Handover(command) => command.fmt(f),
            Self::Unanswered => f.write_str(UNANSWERED),
            Self::Digest(person) => write!(f, "{DIGEST}{person}"),
            Self::FollowUps(owner) => write!(f, "{FOLLOW_UPS}{owner}"),
            Self::Opening(owner) => write!(f, "{OPENING}{owner}"),
            Self::Approvals => f.write_str(APPROVALS),
            Self::Figures(None) => f.write_str(FIGURES),
            Self::Figures(Some(owner)) => write!(f, "{FIGURES}:{owner}"),
            Self::Alarm { key, raised_at } => write!(f, "{ALARM}{key}@{}", raised_at.timestamp_millis()),
        }
    }
}

/// Which of the notifications about one subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Of a wait: a rung of its ladder was passed. `1200`
    Rung(RungId),
    /// Of a wait: somebody is to assign an owner, for a local day. `owner-2026-11-23`
    OwnerMissing(NaiveDate),
    /// Of a departure: the only one. `left`
    Left,
    /// Of a handover: the only one. `assigned`
    Assigned,
    /// Of a list: its local day, of that of the morning. `2026-11-23`
    Day(NaiveDate),
    /// Of figures: the week that begins with this Monday. `week-2026-11-23`
    Week(NaiveDate),
    /// Its moment: of a digest when it was due, of a list after a ladder its time; in whole milliseconds. `1795052800123`
    At(Timestamp),
    /// Of an alarm: how many seconds after it was raised. `0`
    Repeat(i64),
}

/// What the step of a missing owner begins with.
const OWNER: &str = "owner-";
/// What the step of a week begins with.
const WEEK: &str = "week-";
/// The only step of a departure.
const LEFT: &str = "left";
/// The only step of a handover.
const ASSIGNED: &str = "assigned";

impl Step {
    /// From its subject's kind and its text. `None`: there is no such step.
    pub fn parse(kind: SubjectKind, text: &str) -> Option<Self> {
        let day = |text: &str| NaiveDate::from_str(text).ok();
        let moment = |text: &str| Timestamp::from_timestamp_millis(text.parse().ok()?);
        match kind {
            SubjectKind::Wait => match text.strip_prefix(OWNER) {
                Some(text) => day(text).map(Self::OwnerMissing),
                None => text.parse().ok().map(Self::Rung),
            },
            SubjectKind::Departure => (text == LEFT).then_some(Self::Left),
            SubjectKind::Handover => (text == ASSIGNED).then_some(Self::Assigned),
            SubjectKind::Digest => moment(text).map(Self::At),
            SubjectKind::Unanswered => day(text).map(Self::Day).or_else(|| moment(text).map(Self::At)),
            SubjectKind::FollowUps | SubjectKind::Opening | SubjectKind::Approvals => {
                day(text).map(Self::Day)
            }
            SubjectKind::Figures => match text.strip_prefix(WEEK) {
                Some(text) => day(text).map(Self::Week),
                None => day(text).map(Self::Day),
            },
            SubjectKind::Alarm => text.parse().ok().map(Self::Repeat),
        }
    }

    /// The rung that was passed.
    pub const fn rung(self) -> Option<RungId> {
        match self {
            Self::Rung(rung) => Some(rung),
            Self::OwnerMissing(_)
            | Self::Left
            | Self::Assigned
            | Self::Day(_)
            | Self::Week(_)
            | Self::At(_)
            | Self::Repeat(_) => None,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rung(rung) => rung.fmt(f),
            Self::OwnerMissing(day) => write!(f, "{OWNER}{day}"),
            Self::Left => f.write_str(LEFT),
            Self::Assigned => f.write_str(ASSIGNED),
            Self::Day(day) => day.fmt(f),
            Self::Week(monday) => write!(f, "{WEEK}{monday}"),
            Self::At(at) => at.timestamp_millis().fmt(f),
            Self::Repeat(seconds) => seconds.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_read_back() {
        let day = NaiveDate::from_ymd_opt(2026, 11, 23).unwrap();
        let raised_at = Timestamp::from_timestamp_millis(1_795_052_800_123).unwrap();
        let subjects = [
            (Subject::Wait(WaitId("webhook:m@1".into())), "wait", "webhook:m@1"),
            (Subject::Departure(EntryId("webhook:n".into())), "departure", "webhook:n"),
            (Subject::Handover(CommandId("vika:dst1:rec1:1".into())), "handover", "vika:dst1:rec1:1"),
            (Subject::Unanswered, "unanswered", "list:unanswered"),
            (Subject::Digest(StaffName("王小售".into())), "digest", "digest:王小售"),
            (Subject::FollowUps(StaffName("甲:乙".into())), "follow_ups", "list:follow_ups:甲:乙"),
            (Subject::Opening(StaffName("甲".into())), "opening", "list:opening:甲"),
            (Subject::Approvals, "approvals", "list:approvals"),
            (Subject::Figures(None), "figures", "figures"),
            (Subject::Figures(Some(StaffName("甲:乙".into()))), "figures", "figures:甲:乙"),
            (
                Subject::Alarm { key: "silent:a@b".into(), raised_at },
                "alarm",
                "watch:silent:a@b@1795052800123",
            ),
        ];
        for (subject, kind, text) in subjects {
            assert_eq!((subject.kind().to_string(), subject.to_string()), (kind.into(), text.into()));
            let wait = subject.wait().map(ToString::to_string);
            assert_eq!(wait.as_deref(), Some(text).filter(|_| subject.kind() == SubjectKind::Wait));
            assert_eq!(Subject::parse(kind.parse().unwrap(), text), Some(subject));
        }
        let steps = [
            (SubjectKind::Wait, Step::Rung(RungId(1_200)), "1200"),
            (SubjectKind::Wait, Step::OwnerMissing(day), "owner-2026-11-23"),
            (SubjectKind::Departure, Step::Left, "left"),
            (SubjectKind::Handover, Step::Assigned, "assigned"),
            (SubjectKind::Unanswered, Step::Day(day), "2026-11-23"),
            (SubjectKind::Digest, Step::At(raised_at), "1795052800123"),
            (SubjectKind::FollowUps, Step::Day(day), "2026-11-23"),
            (SubjectKind::Opening, Step::Day(day), "2026-11-23"),
            (SubjectKind::Unanswered, Step::At(raised_at), "1795052800123"),
            (SubjectKind::Approvals, Step::Day(day), "2026-11-23"),
            (SubjectKind::Figures, Step::Day(day), "2026-11-23"),
            (SubjectKind::Figures, Step::Week(day), "week-2026-11-23"),
            (SubjectKind::Alarm, Step::Repeat(86_400), "86400"),
        ];
        for (kind, step, text) in steps {
            assert_eq!((step.to_string().as_str(), Step::parse(kind, text)), (text, Some(step)));
            assert_eq!(step.rung(), (text == "1200").then_some(RungId(1_200)));
        }
    }

    #[test]
    fn a_subject_has_only_its_own_steps() {
        for (kind, text) in [
            (SubjectKind::Wait, "left"),
            (SubjectKind::Wait, "owner-today"),
            (SubjectKind::Departure, "300"),
            (SubjectKind::Handover, "left"),
            (SubjectKind::Unanswered, "owner-2026-11-23"),
            (SubjectKind::Digest, "2026-11-23"),
            (SubjectKind::Alarm, "2026-11-23"),
        ] {
            assert_eq!(Step::parse(kind, text), None, "{kind} {text}");
        }
        assert_eq!(Subject::parse(SubjectKind::Unanswered, "list:others"), None);
        assert_eq!(Subject::parse(SubjectKind::Opening, "list:follow_ups:甲"), None);
        assert_eq!(Subject::parse(SubjectKind::Alarm, "silent:room-state"), None);
    }
}
