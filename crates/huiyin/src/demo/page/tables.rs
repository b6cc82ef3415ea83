//! How the page shows the managers' sheets: which columns, in which order, and which of them managers write.
//!
//! The API cannot make views, so this stands for the one that a manager would have set up.

use serde_json::{Value, json};
use vika::tables::{AllRooms, SystemLog, Table, Today, Writer};

/// A sheet's columns as shown; what is in none of them would be missing from the page.
struct View<T: Table> {
    /// Its name in the configuration.
    sheet: &'static str,
    /// From the left.
    shown: &'static [T],
    /// Shown on request only.
    helpers: &'static [T],
    /// The newest row on top.
    newest_first: bool,
}

const TODAY: View<Today> = View {
    sheet: "today",
    shown: &[
        Today::Topic,
        Today::WaitState,
        Today::Level,
        Today::Cancel,
        Today::Owner,
        Today::LastSpeaker,
        Today::LastLine,
        Today::Verdict,
        Today::WaitingSince,
        Today::UnansweredMinutes,
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
    newest_first: false,
};

const ALL_ROOMS: View<AllRooms> = View {
    sheet: "all_rooms",
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
        AllRooms::Abandoned,
        AllRooms::StaffInRoom,
        AllRooms::QuietWorkdays,
        AllRooms::LastActiveAt,
        AllRooms::UpdatedAt,
        AllRooms::FullTopic,
    ],
    helpers: &[AllRooms::RoomId, AllRooms::Number, AllRooms::ManagerEditedAt, AllRooms::ManagerEditedBy],
    newest_first: false,
};

const SYSTEM_LOG: View<SystemLog> = View {
    sheet: "system_log",
    shown: &[SystemLog::Topic, SystemLog::At, SystemLog::Author, SystemLog::Message, SystemLog::Owner],
    helpers: &[SystemLog::EventId, SystemLog::Number],
    newest_first: true,
};

/// All three, in the order of their tabs.
pub fn shown() -> Value {
    json!([TODAY.describe(look_today), ALL_ROOMS.describe(look_all_rooms), SYSTEM_LOG.describe(|_| None)])
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

impl<T: Table> View<T> {
    fn describe(&self, look: impl Fn(T) -> Option<&'static str>) -> Value {
        let describe = |column: &T, helper: bool| {
            let editable = matches!(column.column().writer, Writer::Managers | Writer::Command);
            json!({ "name": column.name(), "editable": editable, "helper": helper, "look": look(*column) })
        };
        let columns: Vec<Value> = (self.shown.iter().map(|column| describe(column, false)))
            .chain(self.helpers.iter().map(|column| describe(column, true)))
            .collect();
        json!({
            "sheet": self.sheet, "title": T::TITLE, "columns": columns, "newest_first": self.newest_first
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete<T: Table>(view: &View<T>) {
        for column in T::ALL {
            let places = view.shown.iter().chain(view.helpers).filter(|shown| *shown == column).count();
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
        assert!(editable(2).is_empty());
    }
}
