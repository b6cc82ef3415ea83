//! How the page shows the managers' sheets: which columns, in which order, which of them managers write, and which
//! rows a view keeps.
//!
//! The API cannot make views, so these stand for those that a manager sets up by the guide (`docs/zh/manager.md`).

use domain::wording;
use serde_json::{Value, json};
use vika::tables::{AllRooms, SystemLog, Table, Today, Writer};

/// A sheet's columns as shown; what is in none of them would be missing from the page.
struct Sheet<T: Table> {
    /// Its name in the configuration.
    name: &'static str,
    /// From the left.
    shown: &'static [T],
    /// Shown on request only.
    helpers: &'static [T],
    /// From the top.
    order: Order<T>,
}

/// In which order rows stand.
enum Order<T: Table> {
    /// As they were made.
    AsMade,
    /// The newest on top.
    NewestFirst,
    /// Those in one of these states on top, by priority, of equal ones the longest since a time first; the others below,
    /// as they were made.
    WaitingFirst { state: T, of: &'static [&'static str], priority: T, since: T },
}

/// A view of a sheet: the rows that fulfil all conditions.
struct View<T: Table> {
    title: &'static str,
    conditions: &'static [Condition<T>],
}

/// What a cell's text must be.
#[derive(Clone, Copy)]
enum Condition<T: Table> {
    Is(T, &'static str),
    IsNot(T, &'static str),
    IsEmpty(T),
}

/// Asked to enter after-sales, and not there yet.
const TO_APPROVE: View<AllRooms> = View {
    title: "待核准列表",
    conditions: &[
        Condition::Is(AllRooms::Stage, AFTER_SALES),
        Condition::IsNot(AllRooms::EffectiveStage, AFTER_SALES),
    ],
};

const WITHOUT_OWNER: View<AllRooms> =
    View { title: "无负责人群聊列表", conditions: &[Condition::IsEmpty(AllRooms::EffectiveOwner)] };

/// The stage as the columns have it.
const AFTER_SALES: &str = "after-sales";

const TODAY: Sheet<Today> = Sheet {
    name: "today",
    shown: &[
        Today::Topic,
        Today::WaitState,
        Today::Level,
        Today::UnansweredMinutes,
        Today::Priority,
        Today::PriorityReason,
        Today::Cancel,
        Today::Owner,
        Today::LastLine,
        Today::Verdict,
        Today::LastSpeaker,
        Today::WaitingSince,
        Today::Stage,
        Today::LastThreeLines,
        Today::LastReplyRole,
        Today::SlowReplies,
        Today::MeanReplyMinutes,
        Today::Replies,
        Today::OwnerReplies,
        Today::PreSalesReplies,
        Today::AfterSalesReplies,
        Today::OtherStaffReplies,
        Today::CustomerMessages,
        Today::SystemInfo,
        Today::CaptureState,
        Today::Date,
        Today::UpdatedAt,
        Today::FullTopic,
    ],
    helpers: &[Today::RoomId, Today::Number, Today::ManagerEditedAt, Today::ManagerEditedBy],
    order: Order::WaitingFirst {
        state: Today::WaitState,
        of: &[wording::WAITING, wording::TO_BE_VERIFIED],
        priority: Today::Priority,
        since: Today::WaitingSince,
    },
};

const ALL_ROOMS: Sheet<AllRooms> = Sheet {
    name: "all_rooms",
    shown: &[
        AllRooms::Topic,
        AllRooms::Owner,
        AllRooms::Stage,
        AllRooms::Approved,
        AllRooms::EffectiveOwner,
        AllRooms::EffectiveStage,
        AllRooms::OwnerSource,
        AllRooms::CaptureState,
        AllRooms::SystemInfo,
        AllRooms::CustomerGrade,
        AllRooms::NotTimed,
        AllRooms::NotFollowedUp,
        AllRooms::StaffInRoom,
        AllRooms::QuietWorkdays,
        AllRooms::LastActiveAt,
        AllRooms::UpdatedAt,
        AllRooms::FullTopic,
    ],
    helpers: &[
        AllRooms::RoomId,
        AllRooms::Number,
        AllRooms::AssignedAt,
        AllRooms::AssignedBy,
        AllRooms::ApprovedAt,
        AllRooms::ApprovedBy,
        AllRooms::ManagerEditedAt,
        AllRooms::ManagerEditedBy,
    ],
    order: Order::AsMade,
};

const SYSTEM_LOG: Sheet<SystemLog> = Sheet {
    name: "system_log",
    shown: &[SystemLog::Topic, SystemLog::At, SystemLog::Author, SystemLog::Message, SystemLog::Owner],
    helpers: &[SystemLog::EventId, SystemLog::Number],
    order: Order::NewestFirst,
};

/// All sheets and views, in the order of their tabs.
pub fn shown() -> Value {
    json!([
        TODAY.describe(look_today),
        ALL_ROOMS.describe(look_all_rooms),
        ALL_ROOMS.view(&TO_APPROVE, look_all_rooms),
        ALL_ROOMS.view(&WITHOUT_OWNER, look_all_rooms),
        SYSTEM_LOG.describe(|_| None),
    ])
}

/// Cells that are more than their text.
fn look_today(column: Today) -> Option<&'static str> {
    match column {
        Today::WaitState => Some("state"),
        Today::Level => Some("level"),
        _ => None,
    }
}

fn look_all_rooms(column: AllRooms) -> Option<&'static str> {
    (column == AllRooms::Owner).then_some("staff")
}

impl<T: Table> Sheet<T> {
    fn describe(&self, look: impl Fn(T) -> Option<&'static str>) -> Value {
        self.view(&View { title: T::TITLE, conditions: &[] }, look)
    }

    fn view(&self, view: &View<T>, look: impl Fn(T) -> Option<&'static str>) -> Value {
        let describe = |column: &T, helper: bool| {
            let editable = matches!(column.column().writer, Writer::Managers | Writer::Command);
            json!({ "name": column.name(), "editable": editable, "helper": helper, "look": look(*column) })
        };
        let columns: Vec<Value> = (self.shown.iter().map(|column| describe(column, false)))
            .chain(self.helpers.iter().map(|column| describe(column, true)))
            .collect();
        let conditions: Vec<Value> = view.conditions.iter().map(Condition::describe).collect();
        json!({
            "sheet": self.name, "title": view.title, "columns": columns, "order": self.order.describe(),
            "conditions": conditions
        })
    }
}

impl<T: Table> Order<T> {
    fn describe(&self) -> Value {
        match self {
            Self::AsMade => json!({ "by": "made" }),
            Self::NewestFirst => json!({ "by": "newest" }),
            Self::WaitingFirst { state, of, priority, since } => json!({
                "by": "waiting",
                "state": state.name(),
                "of": of,
                "priority": priority.name(),
                "since": since.name(),
            }),
        }
    }
}

impl<T: Table> Condition<T> {
    fn describe(&self) -> Value {
        match self {
            Self::Is(column, text) => json!({ "column": column.name(), "is": text }),
            Self::IsNot(column, text) => json!({ "column": column.name(), "is_not": text }),
            Self::IsEmpty(column) => json!({ "column": column.name(), "is": "" }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete<T: Table>(sheet: &Sheet<T>) {
        for column in T::ALL {
            let places = sheet.shown.iter().chain(sheet.helpers).filter(|shown| *shown == column).count();
            assert_eq!(places, 1, "{} of {} is shown once", column.name(), T::TITLE);
        }
    }

    #[test]
    fn every_column_is_shown_once() {
        complete(&TODAY);
        complete(&ALL_ROOMS);
        complete(&SYSTEM_LOG);
    }

    #[test]
    fn managers_edit_their_columns_and_no_others() {
        let tables = shown();
        let editable = |sheet: usize| -> Vec<&str> {
            let columns = tables[sheet]["columns"].as_array().into_iter().flatten();
            columns.filter(|column| column["editable"] == true).filter_map(|c| c["name"].as_str()).collect()
        };
        assert_eq!(editable(0), ["消除未回覆记录"]);
        assert_eq!(editable(1), ["负责人", "群聊阶段", "核准进入售后阶段", "客户等级", "不计时", "不再跟进"]);
        assert_eq!(editable(2), editable(1), "a view of the same sheet");
        assert!(editable(4).is_empty());
    }

    /// What a manager reads in the guide and sets up in Vika.
    #[test]
    fn the_views_are_those_of_the_guide() {
        assert_eq!(domain::rules::Stage::AfterSales.to_string(), AFTER_SALES);
        let guide = include_str!("../../../../../docs/zh/manager.md");
        for view in [&TO_APPROVE, &WITHOUT_OWNER] {
            let conditions: Vec<String> = view.conditions.iter().map(in_the_guide).collect();
            let row = format!("| {} | {} | {} |", AllRooms::TITLE, view.title, conditions.join("，**并且**"));
            assert!(guide.contains(&row), "{row}");
        }
        let Order::WaitingFirst { state, of, priority, .. } = &TODAY.order else {
            panic!("who waits stands on top")
        };
        let states: Vec<String> = of.iter().map(|state| format!("「{state}」")).collect();
        let row = format!(
            "「{}」等于{}；按「{}」从大到小，再按「{}」从大到小",
            state.name(),
            states.join("或"),
            priority.name(),
            Today::UnansweredMinutes.name()
        );
        assert!(guide.contains(&row), "{row}");
    }

    fn in_the_guide(condition: &Condition<AllRooms>) -> String {
        match condition {
            Condition::Is(column, text) => format!("「{}」等于 {text}", column.name()),
            Condition::IsNot(column, text) => format!("「{}」不等于 {text}", column.name()),
            Condition::IsEmpty(column) => format!("「{}」为空", column.name()),
        }
    }
}
