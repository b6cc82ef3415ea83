//! Charts of an overview. What a chart draws stands beside it as a table, whose numbers lead to their waits.

use chrono::NaiveDate;
use domain::figures::Within;
use maud::{Markup, html};
use serde::Serialize;

use super::asked::{Asked, Length};
use super::html::{count, json, linked, scrolled, share};
use super::wording;
use report::{Overview, SPREAD, THRESHOLDS};

/// What `charts.js` draws.
#[derive(Debug, Serialize)]
struct Chart {
    kind: &'static str,
    unit: &'static str,
    labels: Vec<String>,
    series: Vec<Series>,
    /// Where a press on each label leads.
    links: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Series {
    name: String,
    /// `None`: there is none.
    values: Vec<Option<f64>>,
}

/// All three, of waits that `asked` says.
pub fn all(overview: &Overview, asked: &Asked) -> Markup {
    html! {
        div.charts {
            (spread(overview, asked))
            @if overview.days.len() > 1 { (over_time(overview, asked)) }
            (hours(overview, asked))
        }
    }
}

fn figure(id: &str, title: &str, chart: &Chart, table: &Markup) -> Markup {
    let data = format!("{id}-data");
    html! {
        figure.chart {
            figcaption { (title) }
            div.canvas hidden { canvas data-chart=(data) role="img" aria-label={ (title) "，数字见下面的表格" } {} }
            (json(&data, chart))
            details open { summary { "表格" } (table) }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "numbers of waits are far below 2^52")]
fn numbers(counts: &[usize]) -> Vec<Option<f64>> {
    counts.iter().map(|count| Some(*count as f64)).collect()
}

fn spread(overview: &Overview, asked: &Asked) -> Markup {
    let seconds = |minutes: i64| u32::try_from(minutes * 60).unwrap_or(u32::MAX);
    let link = |part: usize| {
        let over = part.checked_sub(1).map(|before| seconds(SPREAD[before]));
        let within = SPREAD.get(part).map(|minutes| seconds(*minutes));
        Asked { over, within, ..asked.that("answered") }.link("/waits")
    };
    let links: Vec<String> = (0..overview.spread.len()).map(link).collect();
    let chart = Chart {
        kind: "bar",
        unit: "次",
        labels: wording::SPREAD.map(str::to_owned).to_vec(),
        series: vec![Series { name: "回复".to_owned(), values: numbers(&overview.spread) }],
        links: links.clone(),
    };
    let table = html! {
        table {
            thead { tr { th scope="col" { "用时" } th.num scope="col" { "回复数" } } }
            tbody {
                @for ((name, replies), link) in wording::SPREAD.iter().zip(overview.spread).zip(&links) {
                    tr { th scope="row" { (name) } td.num { (count(replies, link)) } }
                }
            }
        }
    };
    figure("spread", "回复用时分布", &chart, &table)
}

fn over_time(overview: &Overview, asked: &Asked) -> Markup {
    let names = THRESHOLDS.map(wording::threshold);
    let days: Vec<(NaiveDate, &report::Line)> =
        overview.days.iter().filter_map(|line| line.key.day.map(|day| (day, line))).collect();
    let of_day = |day: NaiveDate| asked.of(Length::Day, day);
    let value = |line: &report::Line, threshold| {
        let share = line.figures.within_threshold(threshold).and_then(Within::share);
        share.map(|share| (share * 1000.0).round() / 10.0)
    };
    let series = THRESHOLDS.into_iter().zip(names.clone()).map(|(threshold, name)| Series {
        name,
        values: days.iter().map(|(_, line)| value(line, threshold)).collect(),
    });
    let chart = Chart {
        kind: "line",
        unit: "%",
        labels: days.iter().map(|(day, _)| day.format("%m-%d").to_string()).collect(),
        series: series.collect(),
        links: days.iter().map(|(day, _)| of_day(*day).link("/waits")).collect(),
    };
    let table = html! {
        table {
            thead { tr { th scope="col" { "日期" } th.num scope="col" { "提问" } @for name in &names { th.num scope="col" { (name) } } } }
            tbody {
                @for (day, line) in &days {
                    tr {
                        th scope="row" { (day.format("%m-%d")) }
                        td.num { (count(line.figures.asked, &of_day(*day).link("/waits"))) }
                        @for (threshold, within) in &line.figures.within {
                            td.num {
                                (linked(share(*within), &of_day(*day).answered_within(*threshold).link("/waits")))
                            }
                        }
                    }
                }
            }
        }
    };
    figure("shares", "每天在几分钟内回复的比例", &chart, &scrolled("每天的比例", &table))
}

/// Steps of colour of the heat map.
const HEAT: u32 = 5;

/// The map is a table: it is read as it is seen.
fn hours(overview: &Overview, asked: &Asked) -> Markup {
    let most = overview.hours.iter().flatten().copied().max().unwrap_or_default();
    let used = |hour: &usize| overview.hours.iter().any(|day| day[*hour] > 0);
    let first = (0..24).find(used).unwrap_or(9);
    let last = (0..24).rev().find(used).unwrap_or(18);
    let heat = |count: u32| if count == 0 { 0 } else { (count * HEAT).div_ceil(most.max(1)) };
    html! {
        figure.chart.wide {
            figcaption { "客户什么时候提问" }
            (scrolled("客户什么时候提问", &html! {
                table.heat {
                    thead { tr { td {} @for hour in first..=last { th scope="col" { (hour) span.sr-only { " 点" } } } } }
                    tbody {
                        @for (weekday, (name, counts)) in (1_u8..).zip(wording::WEEKDAYS.iter().zip(&overview.hours)) {
                            tr {
                                th scope="row" { (name) }
                                @for hour in first..=last {
                                    td class={ "h" (heat(counts[hour])) } {
                                        @if counts[hour] > 0 {
                                            a href=(Asked {
                                                weekday: Some(weekday), hour: u8::try_from(hour).ok(), ..asked.clone()
                                            }.link("/waits")) { (counts[hour]) }
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }))
        }
    }
}
