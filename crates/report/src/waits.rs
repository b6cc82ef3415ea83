//! The single waits behind figures.

use chrono::TimeDelta;
use domain::Timestamp;
use domain::figures::minutes;
use domain::rules::Rules;
use store::performance::days::Filter;
use store::performance::waits::{Detail, details};
use store::sqlx::{self, PgConnection};

use crate::Query;
use crate::table::{Cell, Table, ending, kind, left_out, verdict};

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
    let Query { period, person, room, stage, .. } = query;
    let stage = stage.map(|stage| stage.to_string());
    let filter = Filter { from: period.from, to: period.to, owner: person, room, stage: stage.as_deref() };
    let found = details(connection, filter, most).await?;
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
    Ok(Table { columns, rows: found.iter().map(|wait| row(wait, rules, now)).collect() })
}

fn row(wait: &Detail, rules: &Rules, now: Timestamp) -> Vec<Cell> {
    let at = |at: Timestamp| {
        Cell::Text(at.with_timezone(&rules.time_zone).format("%Y-%m-%d %H:%M:%S").to_string())
    };
    let text = |text: &str| if text.is_empty() { Cell::Empty } else { Cell::Text(text.to_owned()) };
    let calendar = rules.calendar(wait.stage.parse().unwrap_or_default());
    let time =
        wait.time_ms.map_or_else(|| calendar.working_time(wait.opened_at, now), TimeDelta::milliseconds);
    vec![
        Cell::Day(wait.day),
        text(if wait.topic.is_empty() { &wait.room } else { &wait.topic }),
        text(&wait.customer),
        text(&wait.owner),
        text(&wait.stage),
        text(kind(&wait.kind)),
        at(wait.opened_at),
        wait.closed_at.map_or(Cell::Empty, at),
        text(ending(&wait.ending)),
        text(wait.ended_by.as_deref().unwrap_or_default()),
        Cell::Number(minutes(time)),
        text(left_out(&wait.standing)),
        verdict(&wait.verdict),
    ]
}
