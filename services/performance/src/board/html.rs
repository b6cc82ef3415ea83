//! What all pages look like. Every text that is put into a page is escaped by `maud`.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, NaiveDate};
use chrono_tz::Tz;
use domain::Timestamp;
use domain::figures::{Quantile, Within};
use domain::wording::duration;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde::Serialize;

use super::asked::{Asked, Length, beside, encoded};
use super::{Board, Who, wording};
use report::Period;

/// A whole page.
pub struct Page(Markup);

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], self.0.into_string()).into_response()
    }
}

/// Which part of the board a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Today,
    People,
    Rooms,
    Stages,
    Waits,
}

/// The parts, where they are and how they are called.
const PARTS: [(Part, &str, &str); 5] = [
    (Part::Today, "/", wording::TODAY),
    (Part::People, "/people", wording::PEOPLE),
    (Part::Rooms, "/rooms", wording::ROOMS),
    (Part::Stages, "/stages", wording::STAGES),
    (Part::Waits, "/waits", wording::WAITS),
];

fn document(title: &str, head: &Markup, body: &Markup) -> Page {
    Page(html! {
        (DOCTYPE)
        html lang="zh-CN" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · 回音看板" }
                (head)
            }
            (body)
        }
    })
}

/// A page for somebody who is logged in.
pub(super) fn page(board: &Board, who: &Who, part: Part, title: &str, content: &Markup) -> Page {
    let head = html! {
        link rel="icon" href=(board.assets.address("icon.svg"));
        link rel="stylesheet" href=(board.assets.address("board.css"));
        script src=(board.assets.address("chart.umd.min.js")) defer {}
        script type="module" src=(board.assets.address("charts.js")) {}
        script type="module" src=(board.assets.address("board.js")) {}
    };
    let body = html! {
        body {
            a.skip href="#main" { "跳到内容" }
            header.top {
                a.brand href="/" { "回音" small { "看板" } }
                nav aria-label="主菜单" {
                    @for (of, path, name) in PARTS {
                        @if of != Part::Rooms || who.viewer.rooms_of().is_ok() {
                            a href=(path) aria-current=[(of == part).then_some("page")] { (name) }
                        }
                    }
                }
                div.who {
                    span { (who.session.person) " " small { (who.viewer.title()) } }
                    form method="post" action="/logout" { button type="submit" { "退出" } }
                }
            }
            main #main { (content) }
        }
    };
    document(title, &head, &body)
}

/// A page for somebody who may be anybody.
pub fn bare(title: &str, content: &Markup) -> Page {
    let head =
        html! { link rel="stylesheet" href="/assets/board.css"; link rel="icon" href="/assets/icon.svg"; };
    document(title, &head, &html! { body.bare { main #main { h1 { (title) } (content) } } })
}

/// A page that says why there is no other.
pub fn notice(title: &str, text: &str) -> Page {
    bare(title, &html! { p { (text) } p { a href="/" { "回到首页" } } })
}

/// How to log in.
pub fn login_ways(text: &str, by_feishu: bool) -> Markup {
    html! {
        @if by_feishu { p { a.button href="/login/feishu" { "用飞书登录" } } p.hint { "飞书登不进来时：" (text) } }
        @else { p { (text) } }
    }
}

/// What uses a link up.
pub fn login_form(person: &str, token: &str) -> Markup {
    html! {
        p { "这个链接是给 " strong { (person) } " 的。点一下登录，12 小时内不用再登录。" }
        form method="post" action="/login" {
            input type="hidden" name="t" value=(token);
            button.primary type="submit" { "登录" }
        }
        p.hint { "不是您本人？请不要点，把链接还给发给您的人。" }
    }
}

/// A number that leads to what it is made of; a plain one where that is nothing.
pub fn count(number: usize, link: &str) -> Markup {
    html! { @if number > 0 { a href=(link) { (number) } } @else { span.none { "0" } } }
}

/// A text that leads somewhere, or a dash.
pub fn linked(text: Option<String>, link: &str) -> Markup {
    html! { @match text { Some(text) => a href=(link) { (text) }, None => span.none { "–" } } }
}

/// A quantile, in words.
pub fn quantile(of: Option<Quantile>) -> Option<String> {
    of.map(|of| format!("{}{}", if of.at_least { "≥ " } else { "" }, duration(of.time)))
}

/// A share, in percent.
pub fn share(of: Within) -> Option<String> {
    of.share().map(|share| format!("{:.0}%", share * 100.0))
}

/// A number, in as many digits as say something.
pub fn decimal(number: Option<f64>) -> Option<String> {
    number.map(|number| if number < 1.0 { format!("{number:.2}") } else { format!("{number:.1}") })
}

/// What stands for a name that is empty.
pub fn person(name: &str) -> &str {
    if name.is_empty() { wording::NOBODY } else { name }
}

/// The address of a person's page, of the same period.
pub fn person_link(name: &str, asked: &Asked) -> String {
    let of = Asked { length: asked.length, day: asked.day, ..Asked::default() };
    if name.is_empty() {
        return Asked { person: Some(String::new()), ..of }.link("/waits");
    }
    of.link(&format!("/people/{}", encoded(name)))
}

/// The address of a room's page, of the same period.
pub fn room_link(room: &str, asked: &Asked) -> String {
    let of = Asked { length: asked.length, day: asked.day, ..Asked::default() };
    of.link(&format!("/rooms/{}", encoded(room)))
}

/// A moment, as clocks in the rules' zone show it.
pub fn at(moment: Timestamp, zone: Tz) -> String {
    local(moment, zone).format("%Y-%m-%d %H:%M:%S").to_string()
}

/// The same without the year and seconds.
pub fn short(moment: Timestamp, zone: Tz) -> Markup {
    let local = local(moment, zone);
    html! { time datetime=(local.to_rfc3339()) { (local.format("%m-%d %H:%M")) } }
}

fn local(moment: Timestamp, zone: Tz) -> DateTime<Tz> {
    moment.with_timezone(&zone)
}

/// A table that may be wider than the window: it is scrolled by itself, by keys too.
pub fn scrolled(label: &str, table: &Markup) -> Markup {
    html! { div.scroll tabindex="0" role="region" aria-label=(label) { (table) } }
}

/// Where to go in time, with what else is asked kept.
pub fn period_bar(path: &str, asked: &Asked, period: Period, today: NaiveDate) -> Markup {
    let length = asked.length();
    let [present, last, back, forward] = wording::periods(length);
    let begins = |day: NaiveDate| asked.of(length, day).period(today).from;
    let now = begins(today);
    let before = beside(length, now, false);
    let day = if (period.from..=period.to).contains(&today) { today } else { period.from };
    let link = |day: NaiveDate| asked.of(length, day).link(path);
    html! {
        nav.period aria-label="时间" {
            span.lengths {
                @for other in Length::ALL {
                    a href=(asked.of(other, day).link(path)) aria-current=[(other == length).then_some("true")] {
                        (wording::length(other))
                    }
                }
            }
            span.presets {
                a href=(link(now)) aria-current=[(period.from == now).then_some("true")] { (present) }
                a href=(link(before)) aria-current=[(period.from == before).then_some("true")] { (last) }
            }
            span.steps {
                a href=(link(beside(length, period.from, false))) aria-label=(back) { "‹" }
                strong { (days(period)) }
                a href=(link(beside(length, period.from, true))) aria-label=(forward) { "›" }
            }
        }
    }
}

/// A period in words.
pub fn days(period: Period) -> String {
    if period.from == period.to {
        let weekday =
            wording::WEEKDAYS[chrono::Datelike::weekday(&period.from).num_days_from_monday() as usize];
        return format!("{} {weekday}", period.from);
    }
    format!("{} 至 {}", period.from, period.to)
}

/// Data for a script, which no text in it can end.
pub fn json(id: &str, data: &impl Serialize) -> Markup {
    let text = serde_json::to_string(data).unwrap_or_default().replace('<', "\\u003c");
    html! { script type="application/json" id=(id) { (PreEscaped(text)) } }
}

/// Where the same is as a file.
pub fn files(asked: &Asked, by: &'static str) -> Markup {
    let asked = Asked { by: Some(by), page: 0, sort: None, ..asked.clone() };
    html! {
        p.files { "下载：" a href=(asked.link("/export.csv")) download { "CSV" } " " a href=(asked.link("/export.xlsx")) download { "Excel" } }
    }
}

/// What stands where there is nothing.
pub fn empty(text: &str) -> Markup {
    html! { p.empty { (text) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_markup() {
        let hostile = "</script><script>alert(1)</script>\"'&";
        let form = login_form(hostile, hostile).into_string();
        let data = json("x", &[hostile]).into_string();
        assert!(!form.contains("<script") && !form.contains("value=\"</"), "{form}");
        assert_eq!(data.matches('<').count(), 2, "{data}");
        let number = count(1, &person_link(hostile, &Asked::default())).into_string();
        assert!(!number.contains("alert(1)") && number.contains("alert%281%29"), "{number}");
    }
}
