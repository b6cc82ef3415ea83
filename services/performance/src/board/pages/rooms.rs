//! 群聊: figures by room, and a room's own.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};

use super::people::{order, sorts};
use super::{allowed, allowed_rooms};
use crate::board::asked::{Asked, Sort, encoded};
use crate::board::failure::Failure;
use crate::board::figures::{Row, legend, table, tiles};
use crate::board::html::{self, Part, room_link};
use crate::board::{Board, Who, charts, wording};
use report::{By, Line};

const PATH: &str = "/rooms";
/// Rooms on a page.
const ON_PAGE: usize = 100;

pub async fn list(State(board): State<Arc<Board>>, who: Who, asked: Asked) -> Result<Response, Failure> {
    let asked = allowed_rooms(&who.viewer, Asked { room: None, replier: None, ..asked })?;
    let today = who.rules().day_of(who.now);
    let period = asked.period(today);
    let page = asked.page;
    let asked = asked.settled(today);
    let overview = board.overview(&who, &asked, By::Room).await?;
    let mut lines: Vec<&Line> = overview.lines.iter().collect();
    lines.sort_by(|one, other| one.topic.cmp(&other.topic));
    let sort = asked.sort.unwrap_or(Sort::Asked);
    order(&mut lines, sort);
    let (count, skip) = (lines.len(), page as usize * ON_PAGE);
    let rows = lines.into_iter().skip(skip).take(ON_PAGE).map(|line| {
        let Line { key, topic, .. } = line;
        let of = Asked { room: Some(key.room.clone()), sort: None, ..asked.clone() };
        Row { line, head: html! { a href=(room_link(&key.room, &asked)) { (topic) } }, asked: of }
    });
    let rows: Vec<Row<'_>> = rows.collect();
    let unsorted = Asked { sort: None, ..asked.clone() };
    let content = html! {
        h1 { (wording::ROOMS) @if let Some(person) = &asked.person { small { " " (html::person(person)) } } }
        (html::period_bar(PATH, &asked, period, today))
        (tiles(&overview.all.figures, &unsorted))
        (sorts(PATH, &asked, sort))
        @if rows.is_empty() { (html::empty("这段时间没有记录。")) }
        @else { (table("群聊", By::Room, &rows)) }
        (pages(PATH, &asked, page, count > skip + ON_PAGE))
        (html::files(&asked, "room"))
        (legend())
    };
    Ok(html::page(&board, &who, Part::Rooms, wording::ROOMS, &content).into_response())
}

/// Where the rest of a list is.
pub(super) fn pages(path: &str, asked: &Asked, page: u32, more: bool) -> Markup {
    html! {
        @if page > 0 || more {
            nav.pages aria-label="翻页" {
                @if page > 0 { a href=(asked.on_page(page - 1).link(path)) rel="prev" { "‹ 上一页" } }
                span { "第 " (page + 1) " 页" }
                @if more { a href=(asked.on_page(page + 1).link(path)) rel="next" { "下一页 ›" } }
            }
        }
    }
}

pub async fn one(
    State(board): State<Arc<Board>>,
    who: Who,
    Path(key): Path<String>,
    asked: Asked,
) -> Result<Response, Failure> {
    let bar = Asked { length: asked.length, day: asked.day, ..Asked::default() };
    let asked = allowed(&who.viewer, Asked { room: Some(key.clone()), ..bar.clone() })?;
    let today = who.rules().day_of(who.now);
    let period = asked.period(today);
    let asked = asked.settled(today);
    let topic = board.room_name(&who, &key).await?;
    let overview = board.overview(&who, &asked, By::Person).await?;
    let mut lines: Vec<&Line> = overview.lines.iter().collect();
    lines.retain(|line| who.viewer.sees_names_of(&line.key.person));
    let rows = lines.into_iter().map(|line| {
        let name = &line.key.person;
        let of = Asked { person: Some(name.clone()), ..asked.clone() };
        Row {
            line,
            head: html! { a href=(html::person_link(name, &asked)) { (html::person(name)) } },
            asked: of,
        }
    });
    let rows: Vec<Row<'_>> = rows.collect();
    let content = html! {
        p.crumbs { a href=(bar.link(PATH)) { (wording::ROOMS) } " › " (topic) }
        h1 { (topic) }
        (html::period_bar(&format!("{PATH}/{}", encoded(&key)), &bar, period, today))
        (tiles(&overview.all.figures, &asked))
        p.ways { a href=(asked.that("answered").link("/waits")) { "最慢的回复" } }
        @if rows.is_empty() { (html::empty("这段时间没有记录。")) }
        @else { (table("负责人", By::Person, &rows)) }
        (html::files(&asked, "waits"))
        (charts::all(&overview, &asked))
        (legend())
    };
    Ok(html::page(&board, &who, Part::Rooms, &topic, &content).into_response())
}

impl Board {
    /// The name of a room, for whoever may know it: managers, and those who own it or a wait in it.
    async fn room_name(&self, who: &Who, key: &str) -> Result<String, Failure> {
        let mut connection = self.database().await?;
        let owner = who.viewer.rooms_of()?;
        let found = store::performance::board::room(&mut connection, key, owner).await?;
        let topic = found.ok_or(Failure::NotFound)?;
        Ok(if topic.is_empty() { key.to_owned() } else { topic })
    }
}
