//! The row of 今日群聊 of a room that the rules exclude.

use vika::Cell;
use vika::tables::{Table, Today, Writer};

use super::refresh::Refresh::{Along, Steady};
use super::{Desired, Facts, short_topic};

/// None is created; one that exists already is emptied, so that it counts nowhere and shows nothing that was said. Without
/// 日期 it leaves the views of the day. It is filled again when the room is excluded no more.
pub fn excluded(facts: &Facts<'_>) -> Desired<Today> {
    let cells = Today::ALL.iter().filter(|column| column.column().writer == Writer::Huiyin).map(|column| {
        let room = facts.room;
        match column {
            Today::RoomId => (*column, Cell::text(room.room.to_string()), Steady),
            Today::Topic => (*column, Cell::text(short_topic(room)), Steady),
            Today::FullTopic => (*column, Cell::text(room.topic.clone()), Steady),
            Today::SystemInfo => (*column, Cell::text(facts.system_info()), Steady),
            Today::UpdatedAt => (*column, Cell::Time(facts.now), Along),
            _ => (*column, Cell::Empty, Steady),
        }
    });
    Desired { cells: cells.collect(), initial: Vec::new(), create: false, due_at: None }
}
