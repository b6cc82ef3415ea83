//! The silent rooms behind figures.

use domain::Timestamp;
use domain::rules::Rules;
use store::performance::silences::{self, SilentRoom};
use store::sqlx::{self, PgConnection};

use crate::Query;
use crate::table::{Cell, Table, stage, text};

/// The silences of a period, of days that are over at `now`, the longest first, at most `most`.
///
/// # Errors
/// If the database does not answer.
pub async fn silent_rooms(
    connection: &mut PgConnection,
    query: Query<'_>,
    most: i64,
    rules: &Rules,
    now: Timestamp,
) -> Result<Vec<SilentRoom>, sqlx::Error> {
    silences::list(connection, query.filter_over(rules, now), most).await
}

/// The same as a table. Rooms stand only where a reader `sees_names`.
pub fn silences_table(found: &[SilentRoom], sees_names: impl Fn(&SilentRoom) -> bool) -> Table {
    let columns = vec!["日期", "群聊", "负责人", "群聊阶段", "最后发言", "静默工作日"];
    Table { columns, rows: found.iter().map(|silent| row(silent, sees_names(silent))).collect() }
}

fn row(silent: &SilentRoom, sees_names: bool) -> Vec<Cell> {
    let topic = if silent.topic.is_empty() { &silent.room } else { &silent.topic };
    vec![
        Cell::Day(silent.day),
        if sees_names { text(topic) } else { Cell::Empty },
        text(&silent.owner),
        text(stage(&silent.stage)),
        Cell::Day(silent.since),
        Cell::Count(u64::try_from(silent.working_days).unwrap_or_default()),
    ]
}
