//! Figures as tables, every number of which leads to its waits.

use domain::figures::{Figures, Tally};
use domain::rules::Target;
use maud::{Markup, html};

use super::asked::Asked;
use super::html::{count, decimal, linked, quantile, scrolled, share};
use super::pages::silences;
use super::wording;
use report::{By, Line, TEN_MINUTES, THRESHOLDS};

/// What stands at the head of a line, and what its numbers lead to.
pub struct Row<'l> {
    /// The figures.
    pub line: &'l Line,
    /// What they are of.
    pub head: Markup,
    /// Which waits they are made of.
    pub asked: Asked,
}

fn waits(asked: &Asked) -> String {
    asked.link("/waits")
}

/// A table of figures. `heading` is what its lines are about.
pub fn table(heading: &str, by: By, rows: &[Row<'_>]) -> Markup {
    let of_people = by == By::Person;
    scrolled(
        heading,
        &html! {
            table.figures {
                thead { tr {
                    th scope="col" { (heading) }
                    th.num scope="col" { "提问" }
                    th.num scope="col" { "已回复" }
                    th.num scope="col" { "未回复" }
                    th.num scope="col" { "中位" }
                    th.num scope="col" { "90%" }
                    @for threshold in THRESHOLDS { th.num scope="col" { (wording::threshold(threshold)) } }
                    th.num scope="col" { "最长未回复" }
                    @if of_people {
                        th.num scope="col" { "每工作小时提问" }
                        th.num scope="col" { "平均同时等待" }
                        th.num scope="col" { "本人回复" }
                        th.num scope="col" { "本人中位" }
                        th.num scope="col" { "发出消息" }
                    }
                    th.num scope="col" { "承诺" }
                    th.num scope="col" { "已取消" }
                    th.num scope="col" { "待核实" }
                    th.num scope="col" { (wording::SILENCES) }
                } }
                tbody { @for row in rows { (line(row, of_people)) } }
            }
        },
    )
}

fn line(Row { line, head, asked }: &Row<'_>, of_people: bool) -> Markup {
    let figures = &line.figures;
    let (all, answered, open) = (waits(asked), waits(&asked.that("answered")), waits(&asked.that("open")));
    html! {
        tr.few[figures.is_few()] {
            th scope="row" { (head) @if figures.is_few() { " " span.mark { (wording::FEW) } } }
            td.num { (count(figures.asked, &all)) }
            td.num { (count(figures.answered, &answered)) }
            td.num { (count(figures.open, &open)) }
            td.num { (linked(quantile(figures.median), &answered)) }
            td.num { (linked(quantile(figures.p90), &answered)) }
            @for (share, link) in shares(figures, asked) { td.num { (linked(share, &link)) } }
            td.num { (linked(figures.longest_open.map(|time| format!("≥ {}", domain::wording::duration(time))), &open)) }
            @if of_people { (of_person(line, asked, &all)) }
            td.num { (count(promises(figures), &waits(&Asked { kind: Some("promise"), ..asked.clone() }))) }
            td.num { (count(figures.cancelled, &waits(&asked.that("cancelled")))) }
            td.num {
                (count(figures.left_out.unverified, &waits(&Asked { standing: Some("unverified"), ..asked.clone() })))
            }
            td.num { (count(line.silences, &asked.link(silences::PATH))) }
        }
    }
}

fn promises(figures: &Figures) -> usize {
    figures.promises.kept + figures.promises.open + figures.promises.ended
}

fn shares(figures: &Figures, asked: &Asked) -> Vec<(Option<String>, String)> {
    let of = figures.within.iter();
    of.map(|(threshold, within)| (share(*within), waits(&asked.answered_within(*threshold)))).collect()
}

fn of_person(line: &Line, asked: &Asked, all: &str) -> Markup {
    let replied = line.replied.as_ref();
    let given = Asked {
        person: None,
        replier: Some(line.key.person.clone()).filter(|person| !person.is_empty()),
        ..asked.that("answered")
    };
    let given = waits(&given);
    html! {
        td.num { (linked(decimal(line.load.map(|load| load.asked_per_hour)), all)) }
        td.num { (linked(decimal(line.load.map(|load| load.waiting_at_once)), all)) }
        td.num { (count(replied.map_or(0, |replied| replied.answered), &given)) }
        td.num { (linked(quantile(replied.and_then(|replied| replied.median)), &given)) }
        td.num { @match line.said { Some(said) => (said), None => span.none { "–" } } }
    }
}

/// What teams are to reach, and whether they did.
pub fn targets(lines: &[Line], targets: &[Target]) -> Markup {
    let row = |target: &Target| {
        let line = lines.iter().find(|line| line.key.team == target.team.name());
        let reached = target.reached(line.map_or(&Tally::default(), |line| &line.tally));
        let nothing_known = || "–".to_owned();
        html! {
            tr {
                th scope="row" { (report::team(target.team.name())) }
                td { (report::target_in_words(target)) }
                td.num { (reached.share.and_then(share).unwrap_or_else(nothing_known)) }
                td.num { (quantile(reached.median).unwrap_or_else(nothing_known)) }
                td { (report::met_in_words(reached.met)) }
            }
        }
    };
    let table = html! {
        table.figures {
            thead { tr {
                th scope="col" { "团队" } th scope="col" { (wording::TARGETS) } th.num scope="col" { "比例" }
                th.num scope="col" { "中位" } th scope="col" { "是否达标" }
            } }
            tbody { @for target in targets { (row(target)) } }
        }
    };
    html! { @if !targets.is_empty() { h2 { (wording::TARGETS) } (scrolled(wording::TARGETS, &table)) } }
}

/// The most important figures, large.
pub fn tiles(figures: &Figures, asked: &Asked) -> Markup {
    let ten = figures.within_threshold(TEN_MINUTES).and_then(share);
    let answered = waits(&asked.that("answered"));
    let ten_link = waits(&asked.answered_within(TEN_MINUTES));
    html! {
        dl.tiles {
            (tile("提问", &count(figures.asked, &waits(asked))))
            (tile("已回复", &count(figures.answered, &answered)))
            (tile("未回复", &count(figures.open, &waits(&asked.that("open")))))
            (tile("中位回复", &linked(quantile(figures.median), &answered)))
            (tile("90% 回复", &linked(quantile(figures.p90), &answered)))
            (tile(&wording::threshold(TEN_MINUTES), &linked(ten, &ten_link)))
        }
        @if figures.is_few() { p.hint { span.mark { (wording::FEW) } " 已回复和未回复加起来不到 10 次，不宜比较。" } }
    }
}

/// A figure with its name.
pub fn tile(name: &str, value: &Markup) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

/// What is counted how.
pub fn legend() -> Markup {
    html! { details.legend { summary { "这些数字怎么算" } p { (wording::HOW_COUNTED) } p { (wording::LOAD) } } }
}
