//! The three sheets as declared data: every column with its type and who writes it.
//!
//! Each column has one writer. There is no compare-and-set on the service, so this is the only scheme without races.
//! The names are what managers read; nothing else in the project spells them.

use serde_json::{Value, json};

use crate::{ids::FieldId, sheets::NewField};

/// Who writes a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writer {
    /// Huiyin alone.
    Huiyin,
    /// Managers; Huiyin fills it when it creates the row and never again.
    Managers,
    /// Managers tick it, and Huiyin clears it once it has acted.
    Command,
    /// The service itself.
    Vika,
}

/// The type of a column, as far as Huiyin cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// One line of text. A manager may turn it into several.
    Line,
    /// Several lines of text.
    Lines,
    /// A number with so many digits after the point.
    Number(u8),
    /// A day.
    Day,
    /// A day with the time.
    Time,
    /// A tick box.
    Tick,
    /// One of the options, which are created up front: concurrent creation loses cells.
    Select(&'static [&'static str]),
    /// Numbers the rows; a sweep reads by it.
    AutoNumber,
    /// When one of these columns was last changed, to the millisecond.
    ModifiedTime(&'static [&'static str]),
    /// Who changed one of these columns last.
    ModifiedBy(&'static [&'static str]),
}

/// A declared column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: ColumnKind,
    /// Who writes it.
    pub writer: Writer,
}

/// A declared sheet: an enum with one variant for each column.
pub trait Table: Copy + Eq + std::fmt::Debug + Send + Sync + 'static {
    /// The sheet's name.
    const TITLE: &'static str;
    /// All columns, in the order in which they are created; the first is the primary one.
    const ALL: &'static [Self];

    /// The position in [`Table::ALL`].
    fn index(self) -> usize;

    /// What was declared.
    fn column(self) -> Column;

    /// The column's name.
    fn name(self) -> &'static str {
        self.column().name
    }
}

macro_rules! table {
    ($(#[$doc:meta])* $table:ident $title:literal { $($variant:ident $name:literal $kind:expr, $writer:ident;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $table {
            $(#[doc = $name] $variant,)*
        }

        impl Table for $table {
            const TITLE: &'static str = $title;
            const ALL: &'static [Self] = &[$(Self::$variant),*];

            fn index(self) -> usize {
                self as usize
            }

            fn column(self) -> Column {
                match self {
                    $(Self::$variant => Column { name: $name, kind: $kind, writer: Writer::$writer },)*
                }
            }
        }
    };
}

use ColumnKind::{AutoNumber, Day, Line, Lines, ModifiedBy, ModifiedTime, Number, Select, Tick, Time};

/// The option of 群聊阶段 before a deal.
pub const PRE_SALES: &str = "pre-sales";
/// The option of 群聊阶段 after a deal.
pub const AFTER_SALES: &str = "after-sales";

// What each pair of edit stamps in 群聊总表 watches: a later edit of another group must not hide who made this one.
const ASSIGNMENT: &[&str] = &["负责人", "群聊阶段"];
const APPROVAL: &[&str] = &["核准进入售后阶段"];
const MARKS: &[&str] = &["客户等级", "不计时", "不再跟进"];
const MANAGED_IN_TODAY: &[&str] = &["消除未回覆记录", "撤销消除"];

table! {
    /// 群聊总表: one row for each room known, also before it speaks.
    AllRooms "群聊总表" {
        RoomId "群ID" Line, Huiyin;
        Topic "群聊名" Line, Huiyin;
        FullTopic "完整群聊名" Line, Huiyin;
        Owner "负责人" Line, Managers;
        Stage "群聊阶段" Select(&[PRE_SALES, AFTER_SALES]), Managers;
        Approved "核准进入售后阶段" Tick, Command;
        EffectiveOwner "生效负责人" Line, Huiyin;
        EffectiveStage "生效阶段" Line, Huiyin;
        OwnerSource "负责人来源" Line, Huiyin;
        StaffInRoom "群内员工" Lines, Huiyin;
        QuietWorkdays "静默工作日" Number(0), Huiyin;
        CaptureState "采集状态" Line, Huiyin;
        SystemInfo "系统信息" Lines, Huiyin;
        UpdatedAt "上次更新时间" Time, Huiyin;
        LastActiveAt "最后活跃时间" Time, Huiyin;
        CustomerGrade "客户等级" Line, Managers;
        NotTimed "不计时" Tick, Managers;
        NotFollowedUp "不再跟进" Tick, Managers;
        Number "自增" AutoNumber, Vika;
        AssignedAt "负责人修改时间" ModifiedTime(ASSIGNMENT), Vika;
        AssignedBy "负责人修改人" ModifiedBy(ASSIGNMENT), Vika;
        ApprovedAt "核准修改时间" ModifiedTime(APPROVAL), Vika;
        ApprovedBy "核准修改人" ModifiedBy(APPROVAL), Vika;
        ManagerEditedAt "经理修改时间" ModifiedTime(MARKS), Vika;
        ManagerEditedBy "经理修改人" ModifiedBy(MARKS), Vika;
    }
}

table! {
    /// 今日群聊: one row for each room; 日期 is today while it is active or waiting.
    Today "今日群聊" {
        RoomId "群ID" Line, Huiyin;
        Date "日期" Day, Huiyin;
        Owner "负责人" Line, Huiyin;
        Topic "群聊名" Line, Huiyin;
        FullTopic "完整群聊名" Line, Huiyin;
        Stage "群聊阶段" Line, Huiyin;
        WaitState "等待状态" Line, Huiyin;
        Level "当前级别" Line, Huiyin;
        Priority "优先级" Number(0), Huiyin;
        PriorityReason "优先原因" Lines, Huiyin;
        LastSpeaker "最后说话者" Line, Huiyin;
        LastLine "最后一句话" Lines, Huiyin;
        LastThreeLines "最近三句" Lines, Huiyin;
        Verdict "判定原因" Lines, Huiyin;
        CaptureState "采集状态" Line, Huiyin;
        LastReplyRole "最后回复人类别" Line, Huiyin;
        WaitingSince "等待开始时间" Time, Huiyin;
        UnansweredMinutes "负责人未回覆时间（分钟）" Number(0), Huiyin;
        SlowReplies "回复超过2分钟次数" Number(0), Huiyin;
        MeanReplyMinutes "平均回复时间（分钟）" Number(1), Huiyin;
        Replies "总回复数" Number(0), Huiyin;
        OwnerReplies "负责人总回复数" Number(0), Huiyin;
        PreSalesReplies "售前总回复数" Number(0), Huiyin;
        AfterSalesReplies "售后总回复数" Number(0), Huiyin;
        OtherStaffReplies "其他员工总回复数" Number(0), Huiyin;
        CustomerMessages "顾客总回复数" Number(0), Huiyin;
        SystemInfo "系统信息" Lines, Huiyin;
        UpdatedAt "上次更新时间" Time, Huiyin;
        Cancel "消除未回覆记录" Tick, Command;
        UndoCancel "撤销消除" Tick, Command;
        Number "自增" AutoNumber, Vika;
        ManagerEditedAt "经理修改时间" ModifiedTime(MANAGED_IN_TODAY), Vika;
        ManagerEditedBy "经理修改人" ModifiedBy(MANAGED_IN_TODAY), Vika;
    }
}

table! {
    /// 系统信息: one row for each refused or applied edit.
    SystemLog "系统信息" {
        Topic "群聊名" Line, Huiyin;
        Owner "负责人" Line, Huiyin;
        At "时间" Time, Huiyin;
        Author "操作人" Line, Huiyin;
        Message "系统信息" Lines, Huiyin;
        EventId "事件ID" Line, Huiyin;
        Number "自增" AutoNumber, Vika;
    }
}

impl ColumnKind {
    /// The type as the API calls it.
    pub fn type_name(self) -> &'static str {
        match self {
            Line => "SingleText",
            Lines => "Text",
            Number(_) => "Number",
            Day | Time => "DateTime",
            Tick => "Checkbox",
            Select(_) => "SingleSelect",
            AutoNumber => "AutoNumber",
            ModifiedTime(_) => "LastModifiedTime",
            ModifiedBy(_) => "LastModifiedBy",
        }
    }

    /// Whether a column of the API's type `found` serves. The two kinds of text serve for each other.
    pub fn accepts(self, found: &str) -> bool {
        match self {
            Line | Lines => matches!(found, "SingleText" | "Text"),
            _ => found == self.type_name(),
        }
    }

    /// The columns that an edit stamp watches, by name.
    pub fn watches(self) -> &'static [&'static str] {
        match self {
            ModifiedTime(names) | ModifiedBy(names) => names,
            _ => &[],
        }
    }

    fn property(self, watched: &[FieldId]) -> Option<Value> {
        let dates =
            |time: bool| json!({"dateFormat": "YYYY-MM-DD", "timeFormat": "HH:mm", "includeTime": time});
        Some(match self {
            Line => json!({}),
            Number(precision) => json!({"precision": precision}),
            Day | Time => {
                let mut property = dates(self == Time);
                property["autoFill"] = json!(false);
                property
            }
            Tick => json!({"icon": "white_check_mark"}),
            Select(options) => {
                json!({"options": options.iter().map(|name| json!({"name": name})).collect::<Vec<_>>()})
            }
            ModifiedTime(_) => {
                let mut property = dates(true);
                property["collectType"] = json!(1);
                property["fieldIdCollection"] = json!(watched);
                property
            }
            ModifiedBy(_) => json!({"collectType": 1, "fieldIdCollection": watched}),
            Lines | AutoNumber => return None,
        })
    }
}

impl Column {
    /// The description that makes the column; `watched` are the ids of what an edit stamp watches.
    pub fn new_field(&self, watched: &[FieldId]) -> NewField {
        let property = self.kind.property(watched);
        NewField { name: self.name.to_owned(), kind: self.kind.type_name(), property }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn check<T: Table>() {
        let names: BTreeSet<&str> = T::ALL.iter().map(|c| c.name()).collect();
        assert_eq!(names.len(), T::ALL.len(), "names in {} are unique", T::TITLE);
        for (index, column) in T::ALL.iter().enumerate() {
            assert_eq!(column.index(), index);
            let watched = column.column().kind.watches();
            assert!(watched.iter().all(|name| names.contains(name)), "{column:?} watches what is there");
        }
    }

    #[test]
    fn tables_are_consistent() {
        check::<AllRooms>();
        check::<Today>();
        check::<SystemLog>();
    }

    /// The columns that stamps of a kind watch, each as often as it is watched.
    fn watched<T: Table>(is_of_kind: impl Fn(ColumnKind) -> bool) -> Vec<&'static str> {
        let kinds = T::ALL.iter().map(|c| c.column().kind).filter(|kind| is_of_kind(*kind));
        let mut names: Vec<&str> = kinds.flat_map(ColumnKind::watches).copied().collect();
        names.sort_unstable();
        names
    }

    fn check_stamps<T: Table>() {
        let managed = T::ALL.iter().map(|c| c.column());
        let managed = managed.filter(|c| matches!(c.writer, Writer::Managers | Writer::Command));
        let mut managed: Vec<&str> = managed.map(|c| c.name).collect();
        managed.sort_unstable();
        assert_eq!(watched::<T>(|kind| matches!(kind, ModifiedTime(_))), managed, "{}", T::TITLE);
        assert_eq!(watched::<T>(|kind| matches!(kind, ModifiedBy(_))), managed, "{}", T::TITLE);
    }

    #[test]
    fn every_column_that_managers_write_is_watched_by_one_pair_of_stamps() {
        check_stamps::<AllRooms>();
        check_stamps::<Today>();
    }
}
