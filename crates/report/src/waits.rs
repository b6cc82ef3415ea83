//! The single waits behind figures.

use chrono::TimeDelta;
use domain::Timestamp;
use domain::figures::minutes;
use domain::rules::Rules;
use store::performance::details::{self, Detail, DetailFilter};
use store::sqlx::{self, PgConnection};

use crate::Query;
use crate::table::{Cell, Table, ending, kind, left_out, stage, text, verdict};

/// The waits of a period, the longest first, at most `most`, as seen at `now`.
///
/// # Errors
/// If the database does not answer.
pub async fn waits(
    connection: &mut PgConnection,
    query: Query<'_>,
    most: i64,
    rules: &Rules,
    now: Timestamp,
) -> Result<Table, sqlx::Error> {
    let found = details::list(connection, DetailFilter::all(query.filter()), most, 0).await?;
    Ok(waits_table(&found, rules, now, |_| true))
}

/// Waits as a table. Rooms, customers, and why a wait is one, stand only where a reader `sees_names`.
pub fn waits_table(
    found: &[Detail],
    rules: &Rules,
    now: Timestamp,
    sees_names: impl Fn(&Detail) -> bool,
) -> Table {
    let columns = vec![
        "日期",
        "群聊",
        "客户",
        "负责人",
        "群聊阶段",
        "类型",
        "开始",
        "结束",
        "结果",
        "由谁",
        "工作时间（分钟）",
        "不计原因",
        "判定原因",
    ];
    Table { columns, rows: found.iter().map(|wait| row(wait, rules, now, sees_names(wait))).collect() }
}

/// How long a wait lasted in working time, or has so far.
pub fn lasted(wait: &Detail, rules: &Rules, now: Timestamp) -> TimeDelta {
    let calendar = rules.calendar(wait.stage.parse().unwrap_or_default());
    wait.time_ms.map_or_else(|| calendar.working_time(wait.opened_at, now), TimeDelta::milliseconds)
}

fn row(wait: &Detail, rules: &Rules, now: Timestamp, sees_names: bool) -> Vec<Cell> {
    let at = |at: Timestamp| {
        Cell::Text(at.with_timezone(&rules.time_zone).format("%Y-%m-%d %H:%M:%S").to_string())
    };
    let named = |cell: Cell| if sees_names { cell } else { Cell::Empty };
    vec![
        Cell::Day(wait.day),
        named(text(if wait.topic.is_empty() { &wait.room } else { &wait.topic })),
        named(text(&wait.customer)),
        text(&wait.owner),
        text(stage(&wait.stage)),
        text(kind(&wait.kind)),
        at(wait.opened_at),
        wait.closed_at.map_or(Cell::Empty, at),
        text(ending(&wait.ending)),
        text(wait.ended_by.as_deref().unwrap_or_default()),
        Cell::Number(minutes(lasted(wait, rules, now))),
        text(left_out(&wait.standing)),
        named(wait.verdict.as_ref().map_or(Cell::Empty, |of| verdict(&of.0))),
    ]
}
