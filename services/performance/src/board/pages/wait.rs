//! One wait: how long, how it went, why it counts, and for whom it is theirs what was said.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use domain::role::{Role, role_of};
use domain::wording::{self as words, duration, name};
use maud::{Markup, html};
use store::performance::board::said;
use store::performance::details::{self, Detail, Wait};
use store::rooms::timeline::Said;

use crate::board::asked::{Asked, Length};
use crate::board::failure::Failure;
use crate::board::html::{self, Part, at, person, person_link, room_link, short};
use crate::board::{Board, Who, wording};
use report::ending;
use report::lasted;

/// Messages shown from before the opening, and from then on.
const BEFORE: i64 = 5;
const AFTER: i64 = 60;

pub async fn one(
    State(board): State<Arc<Board>>,
    who: Who,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let mut connection = board.database().await?;
    let found = details::get(&mut connection, &id).await?;
    let sees = |wait: &Wait| who.viewer.sees_wait(&wait.detail.owner, wait.detail.ended_by.as_deref());
    let Some(wait) = found.filter(sees) else {
        // What is somebody else's is not even said to be there.
        return Err(if who.viewer.only().is_some() { Failure::Forbidden } else { Failure::NotFound });
    };
    let said = if who.viewer.sees_names_of(&wait.detail.owner) {
        Some(said(&mut connection, &wait.detail, BEFORE, AFTER).await?)
    } else {
        None
    };
    drop(connection);
    let of = &wait.detail;
    let asked = Asked::default().of(Length::Day, of.day);
    let content = html! {
        p.crumbs { a href=(asked.link("/waits")) { (wording::WAITS) } " › " (of.day) }
        h1 { (heading(of, &who)) }
        (facts(&wait, &who, &asked))
        h2 { "为什么这样算" }
        (reasons(&wait, &who, &asked))
        h2 { "对话" }
        @match said {
            Some(said) => (conversation(&said, of, &who)),
            None => p.hint { "对话内容只给负责人和经理看。" },
        }
    };
    Ok(html::page(&board, &who, Part::Waits, "一次等待", &content).into_response())
}

fn heading(of: &Detail, who: &Who) -> String {
    let time = duration(lasted(of, who.rules(), who.now));
    let so_far = if of.closed_at.is_none() { "已等" } else { "等了" };
    if who.viewer.sees_names_of(&of.owner) {
        format!("{} {so_far} {time}", name(&of.customer))
    } else {
        format!("客户{so_far} {time}")
    }
}

fn row(name: &str, value: &Markup) -> Markup {
    html! { tr { th scope="row" { (name) } td { (value) } } }
}

fn facts(wait: &Wait, who: &Who, asked: &Asked) -> Markup {
    let (of, zone) = (&wait.detail, who.rules().time_zone);
    let until = of.closed_at.unwrap_or(who.now);
    let role = wait.ended_role.as_deref().map(wording::role);
    html! {
        table.facts {
            @if who.viewer.sees_names_of(&of.owner) {
                (row("群聊", &html! {
                    a href=(room_link(&of.room, asked)) { @if of.topic.is_empty() { (of.room) } @else { (of.topic) } }
                }))
            }
            (row("负责人", &html! { a href=(person_link(&of.owner, asked)) { (person(&of.owner)) } }))
            (row("阶段", &html! { (report::stage(&of.stage)) }))
            (row("开始", &html! { (at(of.opened_at, zone)) }))
            (row("结束", &html! { @match of.closed_at { Some(end) => (at(end, zone)), None => "还在等" } }))
            (row("工作时间", &html! { @if of.closed_at.is_none() { "≥ " } (duration(lasted(of, who.rules(), who.now))) }))
            (row("自然时间", &html! { @if of.closed_at.is_none() { "≥ " } (duration(until - of.opened_at)) }))
            (row("结果", &html! {
                (ending(&of.ending))
                @if let Some(by) = &of.ended_by { "：" (name(by)) @if let Some(role) = role { "（" (role) "）" } }
                @if wait.holding { "，只说了稍后答复" }
            }))
            @if let Some(due) = wait.due_at { (row("答应的时间", &html! { (at(due, zone)) })) }
        }
    }
}

fn reasons(wait: &Wait, who: &Who, asked: &Asked) -> Markup {
    let of = &wait.detail;
    let verdict = of.verdict.as_ref().filter(|_| who.viewer.sees_names_of(&of.owner));
    html! {
        ul.reasons {
            li { (wording::standing(&of.standing)) "。" }
            li {
                (wording::kind_counts(&of.kind)) "。"
                @if let Some(verdict) = verdict { "判定：" (words::verdict(verdict)) "。" }
            }
            li { "算在 " a href=(person_link(&of.owner, asked)) { (person(&of.owner)) } " 名下：开始等待时群聊由其负责；那时没有负责人的，算在结束时或现在的负责人名下。" }
            li { "算在 " (of.day) " 这一天：从开始之后的第一个工作时间起算。" }
            li { "工作时间按" (report::stage(&of.stage)) "的上班时间计算。" }
        }
    }
}

fn conversation(said: &[Said], of: &Detail, who: &Who) -> Markup {
    let zone = who.rules().time_zone;
    let in_wait = |line: &Said| line.at >= of.opened_at && of.closed_at.is_none_or(|end| line.at <= end);
    html! {
        @if said.is_empty() { (html::empty("没有保存这段对话。")) }
        @else {
            ol.said {
                @for line in said {
                    @let (role, staff) = role_of(who.rules(), &line.sender);
                    li.staff[role != Role::Customer].outside[!in_wait(line)] {
                        p.speaker {
                            strong { (staff.as_ref().map_or(name(&line.sender.name), |staff| staff.as_str())) }
                            " " small { (words::role(role)) } " " (short(line.at, zone))
                        }
                        p.words {
                            @match &line.text {
                                Some(text) => (words::shown(line.kind, text)),
                                None => span.none { "（内容已过保存期）" },
                            }
                        }
                    }
                }
            }
        }
    }
}
