//! 人员: figures by person, and a person's own.

use std::cmp::Reverse;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};

use super::allowed;
use crate::board::asked::{Asked, Sort, encoded};
use crate::board::failure::Failure;
use crate::board::figures::{self, Row, legend, table, tiles};
use crate::board::html::{self, Part, person, person_link};
use crate::board::{Board, Who, charts, wording};
use domain::rules::Target;
use report::{By, Line, Period, Query};

const PATH: &str = "/people";

pub async fn list(State(board): State<Arc<Board>>, who: Who, asked: Asked) -> Result<Response, Failure> {
    let asked = allowed(&who.viewer, Asked { person: None, replier: None, room: None, ..asked })?;
    let today = who.rules().day_of(who.now);
    let period = asked.period(today);
    let asked = asked.settled(today);
    let overview = board.overview(&who, &asked, By::Person).await?;
    let mut lines: Vec<&Line> = overview.lines.iter().collect();
    lines.retain(|line| who.viewer.sees_figures_of(&line.key.person));
    let sort = asked.sort.filter(|_| who.viewer.may_rank()).unwrap_or_default();
    order(&mut lines, sort);
    let rows = lines.into_iter().map(|line| {
        let name = &line.key.person;
        let of = Asked { person: Some(name.clone()), sort: None, ..asked.clone() };
        Row { line, head: html! { a href=(person_link(name, &asked)) { (person(name)) } }, asked: of }
    });
    let rows: Vec<Row<'_>> = rows.collect();
    let unsorted = Asked { sort: None, ..asked.clone() };
    let targets = report::targets(period, &who.history, who.now);
    // A team may be one person.
    let targets = if who.viewer.only().is_some() { &[] } else { targets };
    let content = html! {
        h1 { (wording::PEOPLE) }
        (html::period_bar(PATH, &asked, period, today))
        (tiles(&overview.all.figures, &unsorted))
        @if who.viewer.may_rank() { (sorts(PATH, &asked, sort)) }
        @if rows.is_empty() { (html::empty("这段时间没有记录。")) }
        @else { (table("人员", By::Person, &rows)) }
        (figures::targets(&board.teams(&who, period, targets).await?, targets))
        (html::files(&asked, "person"))
        (charts::all(&overview, &unsorted))
        (legend())
    };
    Ok(html::page(&board, &who, Part::People, wording::PEOPLE, &content).into_response())
}

impl Board {
    /// The figures by team, where they have targets.
    async fn teams(&self, who: &Who, period: Period, targets: &[Target]) -> Result<Vec<Line>, Failure> {
        if targets.is_empty() {
            return Ok(Vec::new());
        }
        let query = Query { period, by: By::Team, person: None, room: None, stage: None };
        Ok(report::read(&mut *self.database().await?, query, who.rules(), who.now).await?)
    }
}

/// Lines come by name.
pub(super) fn order(lines: &mut [&Line], sort: Sort) {
    match sort {
        Sort::Name => {}
        Sort::Asked => lines.sort_by_key(|line| Reverse(line.figures.asked)),
        Sort::Median => lines.sort_by_key(|line| Reverse(line.figures.median.map(|median| median.time))),
        Sort::Open => lines.sort_by_key(|line| Reverse(line.figures.open)),
    }
}

/// In which order a list may be.
pub(super) fn sorts(path: &str, asked: &Asked, current: Sort) -> Markup {
    html! {
        p.sorts {
            "排序："
            @for sort in Sort::ALL {
                a href=(Asked { sort: Some(sort), page: 0, ..asked.clone() }.link(path))
                  aria-current=[(sort == current).then_some("true")] { (wording::sort(sort)) }
            }
        }
    }
}

pub async fn one(
    State(board): State<Arc<Board>>,
    who: Who,
    Path(name): Path<String>,
    asked: Asked,
) -> Result<Response, Failure> {
    allowed(&who.viewer, Asked { person: Some(name.clone()), ..Asked::default() })?;
    let today = who.rules().day_of(who.now);
    let period = asked.period(today);
    let bar = Asked { length: asked.length, day: asked.day, ..Asked::default() };
    let asked = Asked { person: Some(name.clone()), ..bar.settled(today) };
    let overview = board.overview(&who, &asked, By::Person).await?;
    let line = overview.lines.iter().find(|line| line.key.person == name);
    if line.is_none() && who.rules().staff_by_name(&name).is_err() {
        return Err(Failure::NotFound);
    }
    let rows =
        line.into_iter().map(|line| Row { line, head: html! { (person(&name)) }, asked: asked.clone() });
    let rows: Vec<Row<'_>> = rows.collect();
    let sees_rooms = who.viewer.sees_names_of(&name);
    let rooms = Asked { person: Some(name.clone()), ..bar.clone() };
    let content = html! {
        p.crumbs { a href=(bar.link(PATH)) { (wording::PEOPLE) } " › " (name) }
        h1 { (name) }
        (html::period_bar(&format!("{PATH}/{}", encoded(&name)), &bar, period, today))
        (tiles(&overview.all.figures, &asked))
        p.ways {
            a href=(asked.that("answered").link("/waits")) { "最慢的回复" }
            @if sees_rooms { " · " a href=(rooms.link("/rooms")) { "负责的群聊" } }
        }
        @if rows.is_empty() { (html::empty("这段时间没有记录。")) }
        @else { (table("人员", By::Person, &rows)) }
        (html::files(&asked, "person-day"))
        (charts::all(&overview, &asked))
        (legend())
    };
    Ok(html::page(&board, &who, Part::People, &name, &content).into_response())
}
