//! 等待: the single waits behind a number, slowest first.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use chrono::TimeDelta;
use domain::rules::Stage;
use domain::wording::{duration, name};
use maud::{Markup, html};
use store::performance::days::Filter;
use store::performance::details::{self, Detail, DetailFilter};

use super::allowed;
use super::rooms::pages;
use crate::board::asked::{Asked, ENDINGS, KINDS, STANDINGS, encoded};
use crate::board::failure::Failure;
use crate::board::html::{self, Part, person, person_link, room_link, scrolled, short};
use crate::board::{Board, Who, wording};
use report::{ending, kind, lasted};

const PATH: &str = "/waits";
/// Waits on a page.
const ON_PAGE: u32 = 50;
/// What a request has to be to be in the figures.
const COUNTED: &str = "counted";
const REQUEST: &str = "request";

pub async fn list(State(board): State<Arc<Board>>, who: Who, asked: Asked) -> Result<Response, Failure> {
    let asked = allowed(&who.viewer, asked)?;
    let today = who.rules().day_of(who.now);
    let (period, page) = (asked.period(today), asked.page);
    let asked = asked.settled(today);
    let mut found = board.waits(&who, &asked, i64::from(ON_PAGE) + 1, i64::from(page * ON_PAGE)).await?;
    let more = found.len() > ON_PAGE as usize;
    found.truncate(ON_PAGE as usize);
    let content = html! {
        h1 { (wording::WAITS) }
        (html::period_bar(PATH, &asked, period, today))
        (filters(&who, &asked))
        @if found.is_empty() { (html::empty("没有这样的等待。")) }
        @else { (table(&found, &who, &asked)) }
        (pages(PATH, &asked, page, more))
        (html::files(&asked, "waits"))
    };
    Ok(html::page(&board, &who, Part::Waits, wording::WAITS, &content).into_response())
}

impl Board {
    /// The waits that are asked for.
    pub(super) async fn waits(
        &self,
        who: &Who,
        asked: &Asked,
        most: i64,
        skip: i64,
    ) -> Result<Vec<Detail>, Failure> {
        let period = asked.period(who.rules().day_of(who.now));
        let milliseconds = |seconds: u32| i64::from(seconds) * 1_000;
        let of = Filter {
            from: period.from,
            to: period.to,
            owner: asked.person.as_deref(),
            room: asked.room.as_deref(),
            stage: asked.stage.map(Stage::name),
        };
        let standing = asked.standing.unwrap_or(COUNTED);
        let filter = DetailFilter {
            of,
            ended_by: asked.replier.as_deref(),
            // What is left out is left out whatever it is.
            kind: asked.kind.or((standing == COUNTED).then_some(REQUEST)),
            standing: Some(standing),
            ending: asked.state,
            over: asked.over.map(milliseconds),
            within: asked.within.map(milliseconds),
            weekday: asked.weekday.map(i32::from),
            hour: asked.hour.map(i16::from),
        };
        Ok(details::list(&mut *self.database().await?, filter, most, skip).await?)
    }
}

fn table(found: &[Detail], who: &Who, asked: &Asked) -> Markup {
    let zone = who.rules().time_zone;
    scrolled(
        "等待列表",
        &html! {
            table.waits {
                caption.sr-only { "等待，用时最长的在最前面" }
                thead { tr {
                    th scope="col" { "工作时间" } th scope="col" { "客户" } th scope="col" { "群聊" } th scope="col" { "负责人" }
                    th scope="col" { "开始" } th scope="col" { "结果" } th scope="col" { "阶段" }
                } }
                tbody {
                    @for of in found {
                        tr {
                            td.long {
                                a href={ "/waits/" (encoded(&of.wait)) } {
                                    @if of.closed_at.is_none() { "≥ " } (duration(lasted(of, who.rules(), who.now)))
                                }
                            }
                            @if who.viewer.sees_names_of(&of.owner) {
                                td { (name(&of.customer)) }
                                td { a href=(room_link(&of.room, asked)) { @if of.topic.is_empty() { (of.room) } @else { (of.topic) } } }
                            } @else {
                                td { span.none { (wording::HIDDEN) } }
                                td { span.none { (wording::HIDDEN) } }
                            }
                            td {
                                @if who.viewer.sees_figures_of(&of.owner) {
                                    a href=(person_link(&of.owner, asked)) { (person(&of.owner)) }
                                } @else { (person(&of.owner)) }
                            }
                            td { (short(of.opened_at, zone)) }
                            td {
                                (ending(&of.ending)) @if let Some(by) = &of.ended_by { " " small { (name(by)) } }
                                @if of.kind != REQUEST { " " span.mark { (kind(&of.kind)) } }
                            }
                            td { (report::stage(&of.stage)) }
                        }
                    }
                }
            }
        },
    )
}

/// What is chosen, and what else could be.
fn filters(who: &Who, asked: &Asked) -> Markup {
    let state = |state: Option<&'static str>| Asked { state, page: 0, ..asked.clone() }.link(PATH);
    html! {
        nav.filters aria-label="结果" {
            a href=(state(None)) aria-current=[asked.state.is_none().then_some("true")] { (wording::state(None)) }
            @for known in ENDINGS {
                a href=(state(Some(known))) aria-current=[(asked.state == Some(known)).then_some("true")] {
                    (wording::state(Some(known)))
                }
            }
        }
        details.more open[asked.kind.is_some() || asked.standing.is_some()] {
            summary { "其他筛选" }
            nav.filters aria-label="类型" {
                @for known in KINDS {
                    a href=(Asked { kind: Some(known), page: 0, ..asked.clone() }.link(PATH))
                      aria-current=[(asked.kind.unwrap_or(REQUEST) == known).then_some("true")] { (wording::kinds(known)) }
                }
            }
            nav.filters aria-label="是否计入" {
                @for known in STANDINGS {
                    a href=(Asked { standing: Some(known), page: 0, ..asked.clone() }.link(PATH))
                      aria-current=[(asked.standing.unwrap_or(COUNTED) == known).then_some("true")] {
                        (wording::standings(known))
                    }
                }
            }
        }
        (chips(who, asked))
    }
}

/// What the list is restricted to besides, each of which can be taken away.
fn chips(who: &Who, asked: &Asked) -> Markup {
    let minutes = |seconds: u32| duration(TimeDelta::seconds(i64::from(seconds)));
    let mut chips: Vec<(String, Asked)> = Vec::new();
    if let Some(name) = asked.person.as_deref().filter(|name| who.viewer.only() != Some(*name)) {
        chips.push((format!("负责人 {}", person(name)), Asked { person: None, ..asked.clone() }));
    }
    if let Some(name) = &asked.replier {
        chips.push((format!("回复人 {name}"), Asked { replier: None, ..asked.clone() }));
    }
    if asked.room.is_some() {
        chips.push(("一个群聊".into(), Asked { room: None, ..asked.clone() }));
    }
    if let Some(stage) = asked.stage {
        chips.push((report::stage(&stage.to_string()).into(), Asked { stage: None, ..asked.clone() }));
    }
    if let Some(over) = asked.over {
        chips.push((format!("超过 {}", minutes(over)), Asked { over: None, ..asked.clone() }));
    }
    if let Some(within) = asked.within {
        chips.push((format!("{} 以内", minutes(within)), Asked { within: None, ..asked.clone() }));
    }
    if let Some(weekday) = asked.weekday {
        let name = wording::WEEKDAYS[usize::from(weekday) - 1];
        chips.push((name.into(), Asked { weekday: None, ..asked.clone() }));
    }
    if let Some(hour) = asked.hour {
        chips.push((format!("{hour} 点开始"), Asked { hour: None, ..asked.clone() }));
    }
    html! {
        @if !chips.is_empty() {
            p.filters {
                @for (name, without) in chips {
                    span.chip { (name) " " a href=(without.on_page(0).link(PATH)) aria-label={ "去掉" (name) } { "×" } }
                }
            }
        }
    }
}
