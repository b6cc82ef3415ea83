//! The same as files, for whoever may see the same.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse as _, Response};
use store::performance::details::Detail;

use super::{allowed, allowed_rooms, query};
use crate::board::asked::Asked;
use crate::board::failure::Failure;
use crate::board::{Board, Who, wording};
use report::{self, By, Cell, Table};

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
        let period = asked.period(rules.day_of(who.now));
        let name = format!("{by}-{}-{}", period.from, period.to);
        let by = match by {
            "waits" => return Ok((self.waits_table(who, &asked).await?, name)),
            "silences" => return Ok((self.silences_table(who, &asked).await?, name)),
            "team" => By::Team,
            "room" => By::Room,
            "stage" => By::Stage,
            "day" => By::Day,
            "person-day" => By::PersonDay,
            "replier" => By::Replier,
            _ => By::Person,
        };
        let asked = if by == By::Room { allowed_rooms(&who.viewer, asked)? } else { asked };
        let query = query(who, &asked, by);
        let mut connection = self.database().await?;
        let lines = report::read(&mut connection, query, rules, who.now).await?;
        Ok((report::table(&lines, by, report::targets(period, &who.history, who.now)), name))
    }

    async fn waits_table(&self, who: &Who, asked: &Asked) -> Result<Table, Failure> {
        let found = self.waits(who, asked, MOST + 1, 0).await?;
        let sees_names = |of: &Detail| who.viewer.sees_names_of(&of.owner);
        Ok(cut(report::waits_table(&found, who.rules(), who.now, sees_names)))
    }

    async fn silences_table(&self, who: &Who, asked: &Asked) -> Result<Table, Failure> {
        let found = self.silent_rooms(who, asked, MOST + 1).await?;
        Ok(cut(report::silences_table(&found, |of| who.viewer.sees_names_of(&of.owner))))
    }
}

/// Says below a list that it goes on.
fn cut(mut table: Table) -> Table {
    let most = usize::try_from(MOST).unwrap_or(usize::MAX);
    if table.rows.len() > most {
        table.rows.truncate(most);
        let mut row = vec![Cell::Text(wording::only_the_longest(MOST))];
        row.resize(table.columns.len(), Cell::Empty);
        table.rows.push(row);
    }
    table
}
