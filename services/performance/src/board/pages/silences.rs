//! 沉默群聊: the rooms behind the number, longest silence first.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};
use report::{By, silent_rooms};
use store::performance::silences::SilentRoom;

use super::{allowed, query};
use crate::board::asked::Asked;
use crate::board::failure::Failure;
use crate::board::html::{self, Part, person, person_link, room_link, scrolled};
use crate::board::{Board, Who, wording};

pub const PATH: &str = "/silences";
/// Rooms on the page.
const MOST: i64 = 500;

pub async fn list(State(board): State<Arc<Board>>, who: Who, asked: Asked) -> Result<Response, Failure> {
    let asked = allowed(&who.viewer, Asked { replier: None, ..asked })?;
    let today = who.rules().day_of(who.now);
    let period = asked.period(today);
    let asked = asked.settled(today);
    let found = board.silent_rooms(&who, &asked, MOST).await?;
    let content = html! {
        h1 { (wording::SILENCES) @if let Some(name) = &asked.person { small { " " (person(name)) } } }
        (html::period_bar(PATH, &asked, period, today))
        p.hint { (wording::HOW_SILENT) }
        @if found.is_empty() { (html::empty("这段时间没有群聊沉默到要跟进的天数。")) }
        @else { (table(&found, &who, &asked)) }
        @if found.len() == usize::try_from(MOST).unwrap_or_default() { p.hint { (wording::only_the_longest(MOST)) } }
        (html::files(&asked, "silences"))
    };
    Ok(html::page(&board, &who, Part::Rooms, wording::SILENCES, &content).into_response())
}

impl Board {
    /// The silent rooms that are asked for.
    pub(super) async fn silent_rooms(
        &self,
        who: &Who,
        asked: &Asked,
        most: i64,
    ) -> Result<Vec<SilentRoom>, Failure> {
        let query = query(who, asked, By::Room);
        Ok(silent_rooms(&mut *self.database().await?, query, most, who.rules(), who.now).await?)
    }
}

fn table(found: &[SilentRoom], who: &Who, asked: &Asked) -> Markup {
    scrolled(
        "沉默群聊列表",
        &html! {
            table.waits {
                caption.sr-only { "沉默的群聊，最久的在最前面" }
                thead { tr {
                    th.num scope="col" { "静默工作日" } th scope="col" { "群聊" } th scope="col" { "负责人" }
                    th scope="col" { "最后发言" } th scope="col" { "到这一天" } th scope="col" { "阶段" }
                } }
                tbody {
                    @for of in found {
                        tr {
                            td.num { (of.working_days) }
                            @if who.viewer.sees_names_of(&of.owner) {
                                td { a href=(room_link(&of.room, asked)) { @if of.topic.is_empty() { (of.room) } @else { (of.topic) } } }
                            } @else {
                                td { span.none { (wording::HIDDEN) } }
                            }
                            td {
                                @if who.viewer.sees_figures_of(&of.owner) {
                                    a href=(person_link(&of.owner, asked)) { (person(&of.owner)) }
                                } @else { (person(&of.owner)) }
                            }
                            td { (of.since) }
                            td { (of.day) }
                            td { (report::stage(&of.stage)) }
                        }
                    }
                }
            }
        },
    )
}
