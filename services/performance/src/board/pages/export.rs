//! The same as files, for whoever may see the same.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse as _, Response};
use domain::figures::minutes;
use store::performance::board::Listed;

use super::allowed;
use super::waits::{LENGTH, time};
use crate::board::asked::Asked;
use crate::board::failure::Failure;
use crate::board::html::at;
use crate::board::{Board, Who, wording};
use report::{self, By, Cell, Query, Table, ending, kind};

/// Waits in a file.
const MOST: i64 = 10_000;
/// The sheet's name.
const SHEET: &str = "报表";
const CSV: &str = "text/csv; charset=utf-8";
const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

pub async fn csv(State(board): State<Arc<Board>>, who: Who, asked: Asked) -> Result<Response, Failure> {
    let (table, name) = board.table(&who, asked).await?;
    Ok((file(CSV, &name, "csv"), report::csv(&table)?).into_response())
}

pub async fn xlsx(State(board): State<Arc<Board>>, who: Who, asked: Asked) -> Result<Response, Failure> {
    let (table, name) = board.table(&who, asked).await?;
    Ok((file(XLSX, &name, "xlsx"), report::xlsx(&table, SHEET)?).into_response())
}

fn file(kind: &'static str, name: &str, ending: &str) -> [(HeaderName, String); 2] {
    let disposition = format!("attachment; filename=\"huiyin-{name}.{ending}\"");
    [(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, disposition)]
}

impl Board {
    /// A table, and a name for its file.
    async fn table(&self, who: &Who, asked: Asked) -> Result<(Table, String), Failure> {
        let by = asked.by.unwrap_or("person");
        // Who replied says for whom figures are only where single waits are asked for.
        let replier = asked.replier.filter(|_| by == "waits");
        let asked = allowed(&who.viewer, Asked { replier, ..asked })?;
        let rules = who.rules();
        let period = asked.period(LENGTH, rules.day_of(who.now));
        let name = format!("{by}-{}-{}", period.from, period.to);
        let by = match by {
            "waits" => return Ok((waits(&self.waits(who, &asked, MOST, 0).await?, who), name)),
            "team" => By::Team,
            "room" => By::Room,
            "stage" => By::Stage,
            "day" => By::Day,
            "person-day" => By::PersonDay,
            "replier" => By::Replier,
            _ => By::Person,
        };
        let own = if by == By::Room { who.viewer.rooms_of()? } else { who.viewer.only() };
        let person = own.or(asked.person.as_deref());
        let query = Query { period, by, person, room: asked.room.as_deref(), stage: asked.stage };
        let mut connection = self.database().await?;
        let lines = report::read(&mut connection, query, rules, who.now).await?;
        Ok((report::table(&lines, by, &rules.targets), name))
    }
}

fn waits(found: &[Listed], who: &Who) -> Table {
    let columns = vec![
        "日期",
        "群聊",
        "客户",
        "负责人",
        "阶段",
        "类型",
        "开始",
        "结束",
        "结果",
        "由谁",
        "工作时间（分钟）",
        "是否计入",
    ];
    Table { columns, rows: found.iter().map(|of| row(of, who)).collect() }
}

fn row(of: &Listed, who: &Who) -> Vec<Cell> {
    let zone = who.rules().time_zone;
    let text = |text: &str| if text.is_empty() { Cell::Empty } else { Cell::Text(text.to_owned()) };
    let named = who.viewer.sees_names_of(&of.owner);
    let topic = if of.topic.is_empty() { &of.room } else { &of.topic };
    vec![
        Cell::Day(of.day),
        if named { text(topic) } else { Cell::Empty },
        if named { text(&of.customer) } else { Cell::Empty },
        text(&of.owner),
        text(report::stage(&of.stage)),
        text(kind(&of.kind)),
        text(&at(of.opened_at, zone)),
        of.closed_at.map_or(Cell::Empty, |end| text(&at(end, zone))),
        text(ending(&of.ending)),
        text(of.ended_by.as_deref().unwrap_or_default()),
        Cell::Number(minutes(time(of, who))),
        text(wording::standings(&of.standing)),
    ]
}
