//! 今天: who waits now, longest first, and by person. It needs no script; with one it stays up to date.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use chrono::{Days, TimeDelta};
use domain::wording::{duration, name};
use maud::{Markup, html};
use store::performance::details::{self, Detail};

use super::allowed;
use crate::board::asked::{Asked, Length, encoded};
use crate::board::failure::Failure;
use crate::board::figures::{tile, tiles};
use crate::board::html::{self, Part, person, person_link, room_link, scrolled, short};
use crate::board::{Board, Who, wording};
use report::{By, lasted};

/// Waits that are listed.
const MOST: i64 = 1_000;

/// A wait that is open.
struct Open {
    of: Detail,
    /// Working time so far.
    time: TimeDelta,
}

pub async fn page(State(board): State<Arc<Board>>, who: Who, asked: Asked) -> Result<Response, Failure> {
    let asked = of_person(&who, asked)?;
    let live = now(&board, &who, &asked).await?;
    let content = html! {
        h1 { "今天" @if let Some(name) = others(&who, &asked) { small { " " (person(name)) } } }
        @if others(&who, &asked).is_some() { p.filters { a href="/" { "所有人" } } }
        div #live data-live=(asked.link("/today")) { (live) }
        p.hint #status role="status" aria-live="polite" {}
        (slowest(&who))
    };
    Ok(html::page(&board, &who, Part::Today, wording::TODAY, &content).into_response())
}

/// What changes by itself.
pub async fn fragment(State(board): State<Arc<Board>>, who: Who, asked: Asked) -> Result<Response, Failure> {
    let asked = of_person(&who, asked)?;
    let live = now(&board, &who, &asked).await?;
    Ok(([("content-type", "text/html; charset=utf-8")], live.into_string()).into_response())
}

/// Of all that may be asked only whose waits.
fn of_person(who: &Who, asked: Asked) -> Result<Asked, Failure> {
    allowed(&who.viewer, Asked { person: asked.person, ..Asked::default() })
}

/// Whose waits are chosen from among everybody's.
fn others<'a>(who: &Who, asked: &'a Asked) -> Option<&'a str> {
    asked.person.as_deref().filter(|name| who.viewer.only() != Some(*name))
}

async fn now(board: &Board, who: &Who, asked: &Asked) -> Result<Markup, Failure> {
    let rules = who.rules();
    let asked = asked.of(Length::Day, rules.day_of(who.now));
    let today = board.overview(who, &asked, By::Stage).await?;
    let open = details::open(&mut *board.database().await?, asked.person.as_deref(), MOST).await?;
    let mut open: Vec<Open> =
        open.into_iter().map(|of| Open { time: lasted(&of, rules, who.now), of }).collect();
    open.sort_by_key(|open| (Reverse(open.time), open.of.opened_at));
    Ok(html! {
        (waiting_now(&open))
        h2 { "谁在等" }
        @if open.is_empty() { (html::empty("现在没有客户在等。")) }
        @else {
            @if asked.person.is_none() { (by_person(&open, &asked)) }
            (list(&open, who, &asked))
        }
        h2 { "今天到现在" }
        (tiles(&today.all.figures, &asked))
    })
}

fn waiting_now(open: &[Open]) -> Markup {
    let requests = open.iter().filter(|open| open.of.kind == "request");
    let longest = requests.clone().map(|open| open.time).max();
    let promises = open.iter().filter(|open| open.of.kind == "promise").count();
    html! {
        dl.tiles.now {
            (tile("正在等回复", &html! { (requests.count()) }))
            (tile("等得最久", &html! { @match longest { Some(time) => (duration(time)), None => "–" } }))
            (tile("答应了还没兑现", &html! { (promises) }))
        }
    }
}

/// By whoever answers for them; those who let somebody wait longest first.
fn by_person(open: &[Open], asked: &Asked) -> Markup {
    let mut people: BTreeMap<&str, (usize, TimeDelta)> = BTreeMap::new();
    for open in open {
        let (count, longest) = people.entry(open.of.owner.as_str()).or_default();
        *count += 1;
        *longest = open.time.max(*longest);
    }
    let mut people: Vec<(&str, (usize, TimeDelta))> = people.into_iter().collect();
    people.sort_by_key(|(_, (_, longest))| Reverse(*longest));
    html! {
        (scrolled("按负责人", &html! {
            table.people {
                caption.sr-only { "按负责人" }
                thead { tr { th scope="col" { "负责人" } th.num scope="col" { "在等" } th.num scope="col" { "最久" } } }
                tbody {
                    @for (owner, (count, longest)) in people {
                        tr {
                            th scope="row" { a href=(person_link(owner, asked)) { (person(owner)) } }
                            td.num { a href=(Asked { person: Some(owner.to_owned()), ..Asked::default() }.link("/")) { (count) } }
                            td.num { (duration(longest)) }
                        }
                    }
                }
            }
        }))
    }
}

fn list(open: &[Open], who: &Who, asked: &Asked) -> Markup {
    let zone = who.rules().time_zone;
    scrolled(
        "等待列表",
        &html! {
            table.waits {
                caption.sr-only { "正在等待的客户，等得最久的在最前面" }
                thead { tr {
                    th scope="col" { "已等" } th scope="col" { "客户" } th scope="col" { "负责人" } th scope="col" { "群聊" }
                    th scope="col" { "开始" }
                } }
                tbody {
                    @for Open { of, time } in open {
                        tr {
                            td.long { a href={ "/waits/" (encoded(&of.wait)) } { (duration(*time)) } }
                            @let named = who.viewer.sees_names_of(&of.owner);
                            td { @if named { (name(&of.customer)) } @else { span.none { (wording::HIDDEN) } } (marks(of)) }
                            td { a href=(person_link(&of.owner, asked)) { (person(&of.owner)) } }
                            td {
                                @if named { a href=(room_link(&of.room, asked)) { (topic(of)) } }
                                @else { span.none { (wording::HIDDEN) } }
                            }
                            td { (short(of.opened_at, zone)) }
                        }
                    }
                }
            }
        },
    )
}

fn topic(of: &Detail) -> &str {
    if of.topic.is_empty() { &of.room } else { &of.topic }
}

fn marks(of: &Detail) -> Markup {
    html! {
        @if of.kind == "promise" { " " span.mark { "承诺" } }
        @if of.standing == "unverified" { " " span.mark { "待核实" } }
    }
}

/// Short ways to who was answered last of all.
fn slowest(who: &Who) -> Markup {
    let today = who.rules().day_of(who.now);
    let last_week = today.checked_sub_days(Days::new(7)).unwrap_or(today);
    let ways =
        [("今天", Length::Day, today), ("本周", Length::Week, today), ("上周", Length::Week, last_week)];
    html! {
        h2 { "回复最慢的" }
        ul.ways {
            @for (name, length, day) in ways {
                li { a href=(Asked::default().of(length, day).that("answered").link("/waits")) { (name) "最慢的回复" } }
            }
        }
    }
}
