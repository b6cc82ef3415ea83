//! What is said of the figures' tables in Huoban.

use huoban::setup::NotFound;
use huoban::{ColumnProblem, Error, Stop, Table};

use super::{Advice, advice};
use crate::wording::huoban_kind;

pub(in crate::check) fn huoban_refuses(stop: &Stop) -> Advice {
    match stop {
        Stop::KeyRefused { trace, .. } => advice(
            format!("伙伴云不接受 huoban.api_key（trace_id {trace}）"),
            "在伙伴云的企业后台重新复制 API 密钥；公开资料里有直接发送密钥的写法：仍不接受时把 huoban.key_form 改成 bare 再试",
        ),
        Stop::PlanUsedUp { trace, .. } => {
            advice(format!("伙伴云套餐的接口调用次数已用完（trace_id {trace}）"), "升级套餐，或等额度恢复")
        }
        Stop::Allowance => advice("配置允许的调用次数已用完", "调大 huoban.calls_per_hour 或 calls_per_day"),
    }
}

pub(in crate::check) fn table_not_found(table: Table, error: &NotFound) -> Advice {
    let (title, key) = (table.title(), table.name());
    match error {
        NotFound::NoSuchName(name) => advice(
            format!("工作区里没有叫「{name}」的表（huoban.tables.{key}）"),
            "手工新建，列名和类型照 huiyin init-huoban 列出的；表已经有了就核对名称，或在配置里填它的编号",
        ),
        NotFound::Several(name, count) => advice(
            format!("工作区里有 {count} 张表都叫「{name}」"),
            format!("把要用的那张表的编号填进 huoban.tables.{key}，或给其余的改名"),
        ),
        NotFound::NoSpace(name) => {
            advice(format!("没有填工作区，不能按名称找「{name}」"), "填 huoban.space（工作区编号，一串数字）")
        }
        NotFound::Call(Error::Missing { trace, .. }) => advice(
            format!("找不到表「{title}」，或这个 API 密钥 看不到它（huoban.tables.{key}，trace_id {trace}）"),
            "核对编号；在伙伴云里确认这个 API 密钥 有这张表的权限",
        ),
        NotFound::Call(Error::Retry { .. } | Error::Ambiguous { .. }) => advice(
            format!("读不到表「{title}」：连不上伙伴云，或它没有正常回应"),
            "检查本机能否访问 huoban.base_url（网络、代理、防火墙），稍后再查",
        ),
        NotFound::Call(Error::Rejected { code, trace, .. }) => advice(
            format!("读不到表「{title}」：伙伴云拒绝了（code {code}，trace_id {trace}）"),
            "核对 huoban.space 和 huoban.tables；仍不行时把 code 和 trace_id 交给伙伴云客服",
        ),
        NotFound::Call(_) => advice(
            format!("读不到表「{title}」：伙伴云的回应不合预期"),
            "稍后再查；一直如此时把本次输出交给维护者",
        ),
    }
}

pub(in crate::check) fn table_is_sound(table: Table, columns: usize) -> String {
    format!("表「{}」的 {columns} 列都在，类型正确", table.title())
}

pub(in crate::check) fn huoban_column(table: Table, problem: &ColumnProblem) -> Advice {
    let (title, column) = (table.title(), problem.column());
    let (name, kind) = (column.name(), huoban_kind(column.kind()));
    match problem {
        ColumnProblem::Missing { candidate: Some(other), .. } => advice(
            format!("表「{title}」缺少列「{name}」，可能被改名成了「{other}」"),
            format!("把「{other}」改回「{name}」；若确实没有，手工加一列「{name}」，类型：{kind}"),
        ),
        ColumnProblem::Missing { candidate: None, .. } => {
            advice(format!("表「{title}」缺少列「{name}」"), format!("手工加一列「{name}」，类型：{kind}"))
        }
        ColumnProblem::Renamed { now, .. } => {
            advice(format!("表「{title}」的列「{name}」被改名成了「{now}」"), format!("把列名改回「{name}」"))
        }
        ColumnProblem::Retyped { found, .. } => advice(
            format!("表「{title}」的列「{name}」类型是 {found}，写不进去"),
            format!("删掉这一列，重新加一列「{name}」，类型：{kind}"),
        ),
        ColumnProblem::Duplicate { .. } => {
            advice(format!("表「{title}」有几列都叫「{name}」"), "只留一列，其余的删除或改名")
        }
        ColumnProblem::Unsure { found, .. } => advice(
            format!("表「{title}」的列「{name}」类型是 {found}，不认识，会照样写"),
            format!("确认它是：{kind}；写入后看一眼这一列的值对不对"),
        ),
    }
}

pub(in crate::check) fn huoban_calls(calls: u64) -> String {
    format!("本次检查用去 {calls} 次 API 调用")
}
