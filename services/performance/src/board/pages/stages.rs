//! 阶段: figures of 售前 and 售后.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use maud::html;

use super::allowed;
use crate::board::asked::Asked;
use crate::board::failure::Failure;
use crate::board::figures::{Row, legend, table, tiles};
use crate::board::html::{self, Part};
use crate::board::{Board, Who, charts, wording};
use report::By;

const PATH: &str = "/stages";

pub async fn list(State(board): State<Arc<Board>>, who: Who, asked: Asked) -> Result<Response, Failure> {
    let asked = allowed(&who.viewer, Asked { person: None, replier: None, room: None, sort: None, ..asked })?;
    let today = who.rules().day_of(who.now);
    let period = asked.period(today);
    let asked = asked.settled(today);
    let overview = board.overview(&who, &asked, By::Stage).await?;
    let rows = overview.lines.iter().map(|line| {
        let stage = &line.key.stage;
        let of = Asked { stage: stage.parse().ok(), ..asked.clone() };
        Row { line, head: html! { a href=(of.link(PATH)) { (report::stage(stage)) } }, asked: of }
    });
    let rows: Vec<Row<'_>> = rows.collect();
    let both = Asked { stage: None, ..asked.clone() };
    let content = html! {
        h1 { (wording::STAGES) }
        (html::period_bar(PATH, &asked, period, today))
        @if let Some(stage) = asked.stage {
            p.filters {
                span.chip { (report::stage(&stage.to_string())) a href=(both.link(PATH)) aria-label="两个阶段都看" { "×" } }
            }
        }
        (tiles(&overview.all.figures, &asked))
        @if rows.is_empty() { (html::empty("这段时间没有记录。")) }
        @else { (table("阶段", By::Stage, &rows)) }
        (html::files(&asked, "stage"))
        (charts::all(&overview, &asked))
        (legend())
    };
    Ok(html::page(&board, &who, Part::Stages, wording::STAGES, &content).into_response())
}
