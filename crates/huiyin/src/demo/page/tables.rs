//! How the page shows the managers' sheets: which columns, in which order, which of them managers write, and which
//! rows a view keeps.
//!
//! The API cannot make views, so these stand for those that a manager sets up by the guide (`docs/zh/manager.md`).

use domain::wording;
use serde_json::{Value, json};
use vika::tables::{AllRooms, SystemLog, Table, Today, Writer};
use vika::views::{Condition, TO_APPROVE, View, WITHOUT_OWNER};

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
        Today::UndoCancel,
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
        self.view(&View { title: T::TITLE, conditions: &[], falling: &[] }, look)
    }

    fn view(&self, view: &View<T>, look: impl Fn(T) -> Option<&'static str>) -> Value {
        let describe = |column: &T, helper: bool| {
            let editable = matches!(column.column().writer, Writer::Managers | Writer::Command);
            json!({ "name": column.name(), "editable": editable, "helper": helper, "look": look(*column) })
        };
        let columns: Vec<Value> = (self.shown.iter().map(|column| describe(column, false)))
            .chain(self.helpers.iter().map(|column| describe(column, true)))
            .collect();
        let conditions: Vec<Value> = view.conditions.iter().filter_map(condition).collect();
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

/// A condition as the page looks at it. `None`: it shows no view that filters so.
fn condition<T: Table>(condition: &Condition<T>) -> Option<Value> {
    let column = condition.column().name();
    match condition {
        Condition::Is(_, text) => Some(json!({ "column": column, "is": text })),
        Condition::IsNot(_, text) => Some(json!({ "column": column, "is_not": text })),
        Condition::IsEmpty(_) | Condition::IsUnticked(_) => Some(json!({ "column": column, "is": "" })),
        Condition::IsOneOf(..) | Condition::AtLeast(..) | Condition::IsToday(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use vika::views::WAITING;

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
        assert_eq!(editable(0), ["消除未回覆记录", "撤销消除"]);
        assert_eq!(editable(1), ["负责人", "群聊阶段", "核准进入售后阶段", "客户等级", "不计时", "不再跟进"]);
        assert_eq!(editable(2), editable(1), "a view of the same sheet");
        assert!(editable(4).is_empty());
    }

    #[test]
    fn who_waits_stands_on_top_as_in_the_managers_view() {
        let Order::WaitingFirst { state, of, priority, .. } = &TODAY.order else {
            panic!("who waits stands on top")
        };
        assert_eq!(WAITING.conditions, [Condition::IsOneOf(*state, of)]);
        assert_eq!(WAITING.falling[0], *priority);
        assert_eq!(domain::rules::Stage::AfterSales.to_string(), vika::tables::AFTER_SALES);
    }
}
