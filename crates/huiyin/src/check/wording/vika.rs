//! What is said of the managers' tables.

use std::collections::BTreeSet;

use domain::span::Span;
use runtime::config::Vika;
use vika::Error as VikaError;
use vika::schema::ColumnProblem;
use vika::views::{View, Viewed};

use super::{Advice, advice};
use crate::text::on_one_line;
use crate::vika_views;

pub(in crate::check) const VIKA_IS_OFF: &str = "vika.enabled 是 false，未检查";
pub(in crate::check) const SHEETS_NOT_READ: &str = "写表的 API Token 不能用，三张表未检查";
pub(in crate::check) const NAMES_NOT_READ: &str = "表格账号的显示名未检查：读不到 群聊总表 的 负责人修改人";
pub(in crate::check) const NO_ROWS_YET: &str =
    "表格账号的显示名未检查：群聊总表 还没有行，写入第一批群后再查";

pub(in crate::check) fn not_a_space(space: &str) -> Advice {
    advice(
        format!("vika.space 填的 {space} 不是空间站的编号"),
        "在浏览器打开空间站，地址里 spc 开头的一段就是它",
    )
}

pub(in crate::check) fn token_opens(key: &str, space: &str) -> String {
    format!("API Token vika.{key} 有效，能打开空间站 {space}")
}

pub(in crate::check) fn vika_token(key: &str, space: &str, error: &VikaError) -> Advice {
    match error {
        VikaError::Unauthorized => advice(
            format!("维格表不接受 API Token vika.{key}"),
            "用这个表格账号登录，在「用户中心 → 开发者配置」里重新复制 API Token（usk 开头）",
        ),
        VikaError::Forbidden { .. } | VikaError::SheetMissing { .. } => advice(
            format!("API Token vika.{key} 的表格账号不是空间站 {space} 的成员"),
            "在维格表里把这个账号加入空间站，或改正 vika.space",
        ),
        other => vika(&format!("API Token vika.{key}"), other),
    }
}

fn vika(what: &str, error: &VikaError) -> Advice {
    match error {
        VikaError::Quota { .. } => {
            advice(format!("{what}：空间站本月的 API 调用次数已用完"), "升级空间站的套餐，或等到下个月")
        }
        VikaError::RateLimited { .. } => advice(
            format!("{what}：调用太频繁，被维格表限速"),
            "有别的程序在用同一个 API Token；换一个专用的表格账号，稍后再查",
        ),
        VikaError::Retry { .. } | VikaError::Ambiguous { .. } => advice(
            format!("{what}：连不上维格表，或它没有正常回应"),
            "检查本机能否访问 vika.base_url（网络、代理、防火墙），稍后再查",
        ),
        VikaError::Unauthorized | VikaError::Forbidden { .. } => {
            advice(format!("{what}：维格表拒绝了这个账号"), "在维格表里给这个表格账号「可编辑」的权限")
        }
        _ => advice(format!("{what}：维格表的回应不合预期"), "稍后再查；一直如此时把本次输出交给维护者"),
    }
}

pub(in crate::check) fn no_sheet(title: &str, key: &str) -> Advice {
    advice(
        format!("还没有填写表「{title}」的编号（vika.sheets.{key}）"),
        "运行 huiyin init-vika，把它打印的编号写进配置",
    )
}

pub(in crate::check) fn sheet_missing(title: &str, key: &str) -> Advice {
    advice(
        format!("找不到表「{title}」（vika.sheets.{key}），或表格账号看不到它"),
        "核对编号（浏览器地址里 dst 开头的一段），并给这个账号「可编辑」的权限；表被删了就运行 huiyin init-vika",
    )
}

pub(in crate::check) fn sheet_unreadable(title: &str, error: &VikaError) -> Advice {
    vika(&format!("读不到表「{title}」"), error)
}

/// `renamed`: declared name and name now.
pub(in crate::check) fn sheet_is_sound(title: &str, columns: usize, renamed: &[(&str, &str)]) -> String {
    let renamed: Vec<String> = renamed
        .iter()
        .map(|(declared, now)| format!("「{declared}」现在叫「{}」", on_one_line(now)))
        .collect();
    let renamed =
        if renamed.is_empty() { String::new() } else { format!("；{}，照常使用", renamed.join("，")) };
    format!("表「{title}」的 {columns} 列都在，类型正确{renamed}")
}

pub(in crate::check) const UNCLAIMED_NOT_READ: &str = "没有核对「群聊总表」里没有群ID的行：暂时读不到";

pub(in crate::check) fn unclaimed(rows: usize) -> Advice {
    advice(
        format!("「群聊总表」里有 {rows} 行只有群名、没有群ID"),
        "机器人第一次见到同名的群时会接管这一行（同名只能有一行、一个群）；运行 huiyin init-vika 看是哪些，用不到的行可以删掉",
    )
}

pub(in crate::check) fn column(title: &str, problem: &ColumnProblem) -> Advice {
    match problem {
        ColumnProblem::Missing { column, candidate: Some(other) } => advice(
            format!("表「{title}」缺少列「{column}」，可能被改名成了「{other}」"),
            format!("把「{other}」改回「{column}」；若确实删掉了，运行 huiyin init-vika 补上"),
        ),
        ColumnProblem::Missing { column, candidate: None } => {
            advice(format!("表「{title}」缺少列「{column}」"), "运行 huiyin init-vika 补上")
        }
        ColumnProblem::Unsayable { column, now } => advice(
            format!("表「{title}」的列「{column}」被改名成了「{}」，公式里写不出这个名字", on_one_line(now)),
            format!("改成别的名字（不含换行、花括号和反斜杠），或改回「{column}」"),
        ),
        ColumnProblem::Retyped { column, wanted, found } => advice(
            format!("表「{title}」的列「{column}」类型是 {found}"),
            format!("在维格表里把它的类型改回 {wanted}"),
        ),
        ColumnProblem::Duplicate { column } => {
            advice(format!("表「{title}」有几列都叫「{column}」"), "只留一列，其余的删除或改名")
        }
        ColumnProblem::OptionMissing { column, option } => advice(
            format!("表「{title}」的列「{column}」缺少选项「{option}」"),
            "在维格表里给这一列加上这个选项，一字不差",
        ),
    }
}

pub(in crate::check) fn bot_name_seen(name: &str) -> String {
    format!("表格账号的显示名「{name}」与 vika.bot_names 一致")
}

pub(in crate::check) fn bot_names_unseen(seen: &BTreeSet<&str>, names: &[String]) -> Advice {
    let seen: Vec<&str> = seen.iter().copied().collect();
    advice(
        format!(
            "群聊总表 的修改人是「{}」，其中没有 vika.bot_names 里的「{}」",
            seen.join("、"),
            names.join("、")
        ),
        "若其中有表格账号自己的名字，把它写进 vika.bot_names，否则它的改动会被当成经理的改动；若全是经理，可以不管",
    )
}

pub(in crate::check) fn views_not_read(title: &str) -> String {
    format!("表「{title}」的视图未检查：读不到")
}

pub(in crate::check) fn view_missing<T: Viewed>(title: &str, view: &View<T>) -> Advice {
    advice(
        format!("表「{title}」还没有视图「{}」", view.title),
        format!("请经理在这张表里建它，筛选条件：{}", vika_views::filter(view)),
    )
}

pub(in crate::check) fn view_is_right(title: &str, view: &str, rows: usize) -> String {
    format!("表「{title}」的视图「{view}」筛选正确（现有 {rows} 行）")
}

pub(in crate::check) fn view_differs<T: Viewed>(
    title: &str,
    view: &View<T>,
    missing: usize,
    surplus: usize,
) -> Advice {
    advice(
        format!("表「{title}」的视图「{}」筛选不对：少了 {missing} 行，多了 {surplus} 行", view.title),
        format!("请经理把筛选条件改成：{}", vika_views::filter(view)),
    )
}

pub(in crate::check) fn vika_calls(calls: u64) -> String {
    format!("本次检查用去 {calls} 次 API 调用（计入当月额度）")
}

pub(in crate::check) const NO_LIMIT: &str =
    "vika.calls_per_month 是 0：不限 API 调用次数（自建的维格表才是这样）";

/// What a month's calls are enough for.
pub(in crate::check) struct Carried {
    /// Calls that look for edits.
    pub reading: f64,
    /// Calls that write.
    pub writing: f64,
    /// Rows written in a minute of working time.
    pub rows: f64,
    /// Rooms of which one in ten changes each minute.
    pub rooms: f64,
}

pub(in crate::check) fn polls_too_often(vika: &Vika, wanted: f64, [today, all_rooms]: [Span; 2]) -> Advice {
    advice(
        format!(
            "vika.poll_every {}、vika.poll_all_rooms_every {} 太密：一个月要 {wanted:.0} 次调用，而每月 {} 次里最多三分之一用来\
             读经理的改动；回音会自动放慢",
            vika.poll_every, vika.poll_all_rooms_every, vika.calls_per_month
        ),
        format!("把它们调到至少 {today} 和 {all_rooms}；套餐其实更大时改正 vika.calls_per_month"),
    )
}

fn plan(calls: u64, carried: &Carried) -> String {
    let Carried { reading, writing, rows, rooms } = carried;
    format!(
        "每月 {calls} 次 API 调用：读经理的改动约 {reading:.0} 次，写表约 {writing:.0} 次，上班时间每分钟约可更新 {rows:.0} 行，\
         若每分钟有十分之一的群有变化，够 {rooms:.0} 个群用"
    )
}

pub(in crate::check) fn carried(calls: u64, carried: &Carried) -> String {
    plan(calls, carried)
}

pub(in crate::check) fn carried_with(calls: u64, carried: &Carried, rooms: f64) -> String {
    format!("{}（现有 {rooms:.0} 个）", plan(calls, carried))
}

pub(in crate::check) fn too_many_rooms(calls: u64, carried: &Carried, rooms: f64) -> Advice {
    let minutes = (rooms / carried.rooms.max(1.0)).ceil();
    advice(
        format!(
            "{}，现有 {rooms:.0} 个：忙的时候表格会晚到 {minutes:.0} 分钟左右，等得最久的先写",
            plan(calls, carried)
        ),
        "可以接受就不用管；否则升级空间站的套餐并改 vika.calls_per_month，或把不必看的群排除",
    )
}

pub(in crate::check) fn used([reading, writing]: [i64; 2], calls: u64) -> String {
    format!("本月已用 {} 次 API 调用（读改动 {reading}，写表 {writing}），套餐 {calls} 次", reading + writing)
}
