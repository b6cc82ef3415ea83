//! Figures as people read them: Chinese columns, times in minutes.

use std::fmt;

use chrono::{NaiveDate, TimeDelta};
use domain::figures::{Figures, Quantile, Within, minutes};
use domain::rules::Target;
use domain::span::Span;
use domain::wording;

use crate::{By, ByRole, Line, TEN_MINUTES};

/// What stands in a cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Nothing is known.
    Empty,
    /// Text, which may be anybody's.
    Text(String),
    /// A day.
    Day(NaiveDate),
    /// How many.
    Count(u64),
    /// A number with two decimals, minutes or others.
    Number(f64),
    /// From 0 to 1.
    Share(f64),
}

/// As people read it: two decimals, a share in percent.
impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => Ok(()),
            Self::Text(text) => f.write_str(text),
            Self::Day(day) => day.fmt(f),
            Self::Count(count) => count.fmt(f),
            Self::Number(number) => write!(f, "{number:.2}"),
            Self::Share(share) => write!(f, "{:.1}%", share * 100.0),
        }
    }
}

/// A table with a line of headings.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The headings.
    pub columns: Vec<&'static str>,
    /// The rows, each with a cell for every column.
    pub rows: Vec<Vec<Cell>>,
}

impl Table {
    fn of(rows: impl Iterator<Item = Vec<(&'static str, Cell)>>, columns: Vec<&'static str>) -> Self {
        let cells = |row: Vec<(&'static str, Cell)>| row.into_iter().map(|(_, cell)| cell).collect();
        Self { columns, rows: rows.map(cells).collect() }
    }
}

type Row = Vec<(&'static str, Cell)>;

/// The figures of these lines, with what they are put together by in the first columns; of teams with what they reached of
/// their targets.
pub fn table(lines: &[Line], by: By, targets: &[Target]) -> Table {
    let row = |line: &Line| {
        let mut row = heads(line, by);
        if by == By::Team && !targets.is_empty() {
            let target = targets.iter().find(|target| target.team.name() == line.key.team);
            row.extend(reached(target, line));
        }
        if by != By::Replier {
            row.extend(asked(&line.figures));
        }
        row.extend(line.replied.as_ref().map(replied).unwrap_or_default());
        row.extend(line.said.map(|said| ("发出消息数", Cell::Count(said))));
        row.extend(line.messages.map(spoken).unwrap_or_default());
        if !matches!(by, By::Room | By::RoomDay) {
            row.push(("群聊数", count(line.rooms)));
        }
        if !matches!(by, By::Replier | By::RoomDay) {
            row.push(("沉默群聊", count(line.silences)));
        }
        if matches!(by, By::Person | By::PersonDay | By::Team) {
            let load = line.load;
            row.push(("每工作小时提问", number(load.map(|load| load.asked_per_hour))));
            row.push(("平均同时等待", number(load.map(|load| load.waiting_at_once))));
        }
        row
    };
    made(lines, row)
}

/// The columns that people took over from the sheet 今日群聊 by hand, of lines by room and day.
pub fn sheet(lines: &[Line]) -> Table {
    made(lines, |line| {
        let mut row = vec![
            ("日期", line.key.day.map_or(Cell::Empty, Cell::Day)),
            ("负责人", text(&line.key.person)),
            ("完整群聊名", text(&line.topic)),
            ("群聊阶段", text(&line.key.stage)),
            ("回复超过2分钟次数", count(line.figures.over_two_minutes)),
            ("平均回复时间（分钟）", time(line.figures.mean)),
            ("负责人总回复数", line.said.map_or(Cell::Empty, Cell::Count)),
            ("负责人未回覆时间（分钟）", time(line.figures.longest_open)),
        ];
        row.extend(line.messages.map(spoken).unwrap_or_default());
        row
    })
}

fn made(lines: &[Line], row: impl Fn(&Line) -> Row) -> Table {
    let rows: Vec<Row> = lines.iter().map(row).collect();
    let columns = rows.first().map(|row| row.iter().map(|(column, _)| *column).collect()).unwrap_or_default();
    Table::of(rows.into_iter(), columns)
}

fn heads(line: &Line, by: By) -> Row {
    let key = &line.key;
    let day = || ("日期", key.day.map_or(Cell::Empty, Cell::Day));
    let person = || ("负责人", text(or(&key.person, "无负责人")));
    match by {
        By::Person => vec![person()],
        By::Team => vec![("团队", text(team(&key.team)))],
        By::Room => vec![("群聊", text(&line.topic))],
        By::Stage => vec![("群聊阶段", text(stage(&key.stage)))],
        By::Day => vec![day()],
        By::PersonDay => vec![day(), person()],
        By::RoomDay => {
            vec![day(), ("群聊", text(&line.topic)), person(), ("群聊阶段", text(stage(&key.stage)))]
        }
        By::Replier => vec![("回复人", text(&key.person))],
    }
}

fn or<'t>(text: &'t str, otherwise: &'t str) -> &'t str {
    if text.is_empty() { otherwise } else { text }
}

/// A team as people call it.
pub fn team(name: &str) -> &'static str {
    match name {
        "pre_sales" => "售前",
        "after_sales" => "售后",
        "other" => "其他员工",
        _ => "不在名单",
    }
}

/// A stage as people call it.
pub fn stage(name: &str) -> &str {
    match name {
        "pre-sales" => "售前",
        "after-sales" => "售后",
        other => other,
    }
}

fn reached(target: Option<&Target>, line: &Line) -> Row {
    let verdict = target.map(|target| met_in_words(target.reached(&line.tally).met));
    let words = target.map(target_in_words);
    vec![("目标", text(&words.unwrap_or_default())), ("是否达标", text(verdict.unwrap_or_default()))]
}

/// Whether a target is met, as people say it.
pub const fn met_in_words(met: Option<bool>) -> &'static str {
    match met {
        None => "样本少，不评",
        Some(true) => "达标",
        Some(false) => "未达标",
    }
}

/// `10 分钟内回复 ≥ 80%，中位 ≤ 5 分钟`
pub fn target_in_words(target: &Target) -> String {
    let span = |span: Span| wording::duration(seconds(span));
    let share = target.share.map(|share| format!("{}内回复 ≥ {}%", span(share.within), share.percent));
    let median = target.median.map(|median| format!("中位 ≤ {}", span(median)));
    share.into_iter().chain(median).collect::<Vec<_>>().join("，")
}

fn seconds(span: Span) -> TimeDelta {
    i64::try_from(span.as_seconds()).ok().and_then(TimeDelta::try_seconds).unwrap_or(TimeDelta::MAX)
}

fn asked(figures: &Figures) -> Row {
    let mut row = vec![
        ("提问", count(figures.asked)),
        ("已回复", count(figures.answered)),
        ("未回复", count(figures.open)),
        ("已取消", count(figures.cancelled)),
        ("取消前共等（分钟）", number(Some(minutes(figures.cancelled_after)))),
        ("已确认", count(figures.confirmed)),
        ("已撤回", count(figures.withdrawn)),
        ("看不到结果", count(figures.unobserved)),
        ("中位回复（分钟）", quantile(figures.median)),
        ("90%回复（分钟）", quantile(figures.p90)),
        ("平均回复（分钟）", time(figures.mean)),
    ];
    row.extend(shares(figures));
    row.extend([
        ("最长未回复（分钟，至少）", time(figures.longest_open)),
        ("样本少", text(if figures.is_few() { "是" } else { "" })),
        ("先说稍等", count(figures.held)),
        ("承诺兑现", count(figures.promises.kept)),
        ("承诺迟兑现", count(figures.promises.late)),
        ("承诺未兑现", count(figures.promises.open)),
        ("软等待", count(figures.soft)),
        ("待核实", count(figures.left_out.unverified)),
        ("不计（上线前、历史、排除）", count(figures.left_out.total() - figures.left_out.unverified)),
    ]);
    row
}

fn shares(figures: &Figures) -> Row {
    let names = ["5分钟内", "10分钟内", "20分钟内", "30分钟内"];
    let share = |(name, (_, within)): (&'static str, &(_, domain::figures::Within))| {
        (name, within.share().map_or(Cell::Empty, Cell::Share))
    };
    names.into_iter().zip(&figures.within).map(share).collect()
}

fn replied(figures: &Figures) -> Row {
    let ten = figures.within_threshold(TEN_MINUTES).and_then(Within::share);
    vec![
        ("本人回复", count(figures.answered)),
        ("本人中位（分钟）", quantile(figures.median)),
        ("本人10分钟内", ten.map_or(Cell::Empty, Cell::Share)),
    ]
}

fn spoken(messages: ByRole) -> Row {
    vec![
        ("总回复数", Cell::Count(messages.total())),
        ("售前总回复数", Cell::Count(messages.pre_sales)),
        ("售后总回复数", Cell::Count(messages.after_sales)),
        ("其他员工总回复数", Cell::Count(messages.other_staff)),
        ("顾客总回复数", Cell::Count(messages.customer)),
    ]
}

pub(super) fn text(text: &str) -> Cell {
    if text.is_empty() { Cell::Empty } else { Cell::Text(text.to_owned()) }
}

fn count(number: usize) -> Cell {
    Cell::Count(u64::try_from(number).unwrap_or(u64::MAX))
}

fn number(number: Option<f64>) -> Cell {
    number.map_or(Cell::Empty, Cell::Number)
}

fn time(time: Option<TimeDelta>) -> Cell {
    number(time.map(minutes))
}

/// What an open wait could still raise reads ≥.
fn quantile(of: Option<Quantile>) -> Cell {
    match of {
        None => Cell::Empty,
        Some(Quantile { time, at_least: false }) => Cell::Number(minutes(time)),
        Some(Quantile { time, at_least: true }) => Cell::Text(format!("≥{:.2}", minutes(time))),
    }
}

/// A wait's outcome as people call it.
pub fn ending(ending: &str) -> &'static str {
    match ending {
        "open" => "等待中",
        "answered" => "已回复",
        "cancelled" => "已取消",
        "confirmed" => "已确认",
        "withdrawn" => "已撤回",
        "became_request" => "又问了",
        _ => "看不到结果",
    }
}

/// What a wait is as people call it.
pub fn kind(kind: &str) -> &'static str {
    match kind {
        "soft" => "软等待",
        "promise" => "承诺",
        _ => "等待",
    }
}

/// Why a wait does not count; empty: it does.
pub fn left_out(standing: &str) -> &'static str {
    match standing {
        "excluded" => "群已排除",
        "history" => "历史消息",
        "rehearsal" => "上线前",
        "unverified" => "待核实",
        _ => "",
    }
}

/// Why it is a wait: 判定原因.
pub(super) fn verdict(of: &domain::closing::Verdict) -> Cell {
    Cell::Text(wording::verdict(of))
}
