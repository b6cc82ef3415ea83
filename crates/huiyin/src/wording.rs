//! What commands say that a technician and a manager read together: `cards`, `golive`, `init-vika`, `init-huoban`.

use std::path::Path;

use chrono::{NaiveDate, TimeDelta};
use domain::rules::{Preset, Severity};
use domain::wait::{Wait, WaitKind};
use domain::wording;
use huoban::Kind;
use vika::Unwatched;

use crate::text::on_one_line;

/// The chat that everybody reads.
pub(crate) const PUBLIC_CHAT: &str = "公共群";
/// In the place of a room: several who wait, told together.
pub(crate) const DIGEST: &str = "汇总";
/// In the place of a room, for the list of all who wait after their last card.
pub(crate) const UNANSWERED: &str = "未回复清单";
/// Who asked for something: whoever gave the command; or nobody, since the rules say so.
pub(crate) const BY_COMMAND: &str = "管理员（命令）";
pub(crate) const BY_RULES: &str = "规则";
/// Nobody is to be left alone.
pub(crate) const NOBODY_IN_FOCUS: &str = "没有人在专注";
/// Nobody is away.
pub(crate) const NOBODY_AWAY: &str = "没有人在休假";
/// Nothing had to be changed.
pub(crate) const AS_IT_WAS: &str = "本来就是这样，没有改动";
/// There is nothing to make sheets with.
pub(crate) const VIKA_IS_OFF: &str =
    "vika.enabled 是 false：不用建表。要用维格表的话，先改成 true，再填 vika 一节";
/// Nothing is looked for in Huoban.
pub(crate) const HUOBAN_IS_OFF: &str = "huoban.enabled 是 false：不写伙伴云。要把绩效数据写进去的话，先改成 true，再填 huoban 一节（见 docs/zh/huoban.md）";
/// What stands before the ids of tables that were found.
pub(crate) const HUOBAN_IDS: &str =
    "找到的表。把编号填进配置的 huoban.tables，表改名也不要紧（还没有的先手工建，再运行一次）：";
/// What nobody can make by the API.
pub(crate) const HUOBAN_CHARTS: &str =
    "仪表盘只能在伙伴云里手工做，接口做不了。建议先做这四张图（做法见 docs/zh/huoban.md）：
  1. 每人每日平均回复时间：折线图，横轴「日期」，数值「平均回复时间（分钟）」，分组「负责人」
  2. 10 分钟内回复占比：柱状图，横轴「负责人」，数值「10分钟内占比」取平均
  3. 未回复数：柱状图，横轴「负责人」，数值「未回复」求和，筛选最近 7 天
  4. 承诺兑现：柱状图，横轴「负责人」，数值「承诺数」和「承诺兑现数」求和";
/// Nothing is left to choose.
pub(crate) const LADDERS_ARE_OWN: &str =
    "配置里的 rules.ladders 全是公司自己的规则，没有可选的：请改配置，再运行 huiyin apply";
/// What stands before the ids of new sheets.
pub(crate) const SHEETS_READY: &str = "三张表已就绪。把它们的编号填进配置的 vika 一节：";
/// What is wrong with columns was printed.
pub(crate) fn vika_lacks(columns: usize) -> String {
    format!("有 {columns} 列对不上（见上），依赖它们的功能暂时不用；改好后用 huiyin check 核对")
}

/// The API cannot tell a stamp what to watch once it is there.
pub(crate) fn unwatched(column: &Unwatched) -> String {
    let stamps: Vec<String> =
        column.stamps.iter().map(|stamp| format!("「{}」", on_one_line(stamp))).collect();
    format!(
        "「{}」的「{}」是新加的：请经理打开{}这几列的设置，在「指定字段」里勾上它，否则它的改动系统看不到",
        column.sheet,
        column.column,
        stamps.join("")
    )
}

pub(crate) fn unclaimed_rows(rows: usize) -> String {
    format!(
        "「群聊总表」里有 {rows} 行只有群名、没有群ID。机器人第一次见到同名的群（群名一字不差，且这个名字只有一行、只有一个群）时，\
         这一行就归那个群，行里的负责人、阶段和标记照单生效："
    )
}

pub(crate) fn unclaimed_row(name: &str, rows: usize) -> String {
    if rows == 1 {
        name.to_owned()
    } else {
        format!("{name}（同名 {rows} 行，不会自动归属：请只留一行）")
    }
}

pub(crate) fn more_names(names: usize) -> String {
    format!("……另有 {names} 个群名")
}

/// What nobody can make by the API.
pub(crate) const VIEWS_TO_MAKE: &str =
    "再请经理建这些视图（接口建不了；表 · 视图名：筛选条件）。建好后用 huiyin check 核对：";

/// A type of column as people choose it when they make one.
pub(crate) fn huoban_kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "文本",
        Kind::Number(0) => "数字（整数）",
        Kind::Number(_) => "数字（保留 1 位小数）",
        Kind::Share => "百分比，或数字（保留 4 位小数）",
        Kind::Day => "日期（不带时间）",
    }
}

/// A table that is to be made by hand.
pub(crate) fn huoban_make_table(title: &str) -> String {
    format!("在伙伴云的工作区里新建一张空白表「{title}」，加这些列（列名一字不差）：")
}

/// What is still to be done by hand.
pub(crate) fn huoban_lacks(count: usize) -> String {
    format!("还有 {count} 处要手工补上，补完再运行一次")
}

/// What became of a card: the state as it is stored, in words. The second half is of cards that nobody gets.
pub(crate) const STATES: [(&str, &str); 12] = [
    ("rehearsed", "将会发送"),
    ("pending", "等待发送"),
    ("held", "推迟：有人在处理，本人推迟或专注，一时太多，或等到上班"),
    ("digested", "已并入汇总"),
    ("sending", "正在发送"),
    ("sent", "已发送"),
    ("parked", "搁置：不知道是否送达"),
    ("failed", "失败：群不接收"),
    ("listed", "未单独发：列在开工汇总里"),
    ("obsolete", "未发：等待已结束或已转交"),
    ("superseded", "未发：已发更高一级"),
    ("skipped", "未发：上线前已过时间"),
];

/// Why a card is skipped, by the reason as it is stored.
const SKIPPED: [(&str, &str); 6] = [
    ("import", "是导入的历史消息"),
    ("rejudged", "重新判定之前已过时间"),
    ("rules_changed", "更换提醒规则之前已过时间"),
    ("handed_over", "转入这个阶段之前已过时间"),
    ("went_live", "上线前已过时间"),
    ("no_longer_excluded", "取消排除之前已过时间"),
];

/// "王小售：休假至 2026-12-07 00:00:00，由 李小后 代，管理员（命令）"
pub(crate) fn away(person: &str, until: &str, deputy: &str, reached: bool, by: &str) -> String {
    let nowhere = if reached { "" } else { "（没有提醒群，发到公共群）" };
    format!("{person}：休假至 {until}，由 {deputy}{nowhere} 代，{by}")
}

pub(crate) fn until_is_past(at: &str) -> String {
    format!("--until {at} 已经过去：请填一个将来的时间，或者用 --end 现在就结束")
}

/// "3 位客户在等 王小售 回复"
pub(crate) fn waiting_for(person: &str, count: usize) -> String {
    format!("{count} 位客户在等 {person} 回复")
}

/// "产品交流群：王小样 2026-11-28 10:42:00 起等待（售前客户 +10）"
pub(crate) fn waits(room: &str, customer: &str, kind: WaitKind, since: &str, because: &str) -> String {
    let what = match kind {
        WaitKind::Request => "起等待",
        WaitKind::Soft => "应答",
        WaitKind::Promise => "得到承诺",
    };
    let because = if because.is_empty() { String::new() } else { format!("（{because}）") };
    format!("{room}：{} {since} {what}{because}", wording::name(customer))
}

/// "王小售：专注至 2026-11-28 15:00:00，管理员（命令）"
pub(crate) fn in_focus(person: &str, until: &str, by: &str) -> String {
    format!("{person}：专注至 {until}，{by}")
}

/// A state; one that is not known as it is stored.
pub(crate) fn state(stored: &str, because: Option<&str>) -> String {
    let reason = because.and_then(|because| SKIPPED.iter().find(|(known, _)| *known == because));
    match (reason, STATES.iter().find(|(known, _)| *known == stored)) {
        (Some((_, reason)), _) => format!("未发：{reason}"),
        (None, Some((_, words))) => (*words).to_owned(),
        (None, None) => stored.to_owned(),
    }
}

/// In the place of a room: what is wrong with Huiyin itself.
pub(crate) fn alarm(key: &str) -> String {
    format!("系统告警 {key}")
}

/// In the place of a room: the list of somebody's silent rooms.
pub(crate) fn follow_ups(owner: &str) -> String {
    format!("静默清单 {owner}")
}

/// In the place of a room: the list of rooms that await approval.
pub(crate) const APPROVALS: &str = "待核准清单";

/// In the place of a room: figures of all.
pub(crate) const FIGURES: &str = "回复情况";

/// In the place of a room: somebody's figures.
pub(crate) fn figures_of_owner(owner: &str) -> String {
    format!("回复情况 {owner}")
}

/// In the place of a room: the list of somebody's opening.
pub(crate) fn opening(owner: &str) -> String {
    format!("开工汇总 {owner}")
}

/// "黄色 已等 5 分钟"; a card without a threshold is about no wait.
pub(crate) fn level(severity: &str, seconds: i64) -> String {
    let severity =
        Severity::from_name(severity).map_or_else(|| severity.to_owned(), wording::severity_in_words);
    match chrono::TimeDelta::try_seconds(seconds).filter(|length| !length.is_zero()) {
        Some(length) => format!("{severity} 已等 {}", wording::duration(length)),
        None => severity,
    }
}

/// Who gets a card, after everything else about it.
pub(crate) fn to(chat: &str, asks_owner: bool) -> String {
    let to = if chat.is_empty() { String::new() } else { format!("  → {chat}") };
    let asks = if asks_owner { "（请指定负责人）" } else { "" };
    format!("{to}{asks}")
}

pub(crate) fn cards_since(count: usize, since: &str) -> String {
    format!("{since} 以来的卡片：{count} 张")
}

/// What was looked at, and what is to be done with what follows.
pub(crate) fn closing_candidates(since: &str, count: usize) -> String {
    if count == 0 {
        return format!("{since} 以来没有反复被取消的话");
    }
    format!(
        "{since} 以来反复被取消的话：{count} 句。确认客户这样说时不用回复的，加进 rules.phrases.closing："
    )
}

/// A line that may be a closing word.
pub(crate) fn closing_candidate(phrase: &str, times: usize, rooms: usize) -> String {
    format!("  {phrase}  取消 {times} 次，{rooms} 个群")
}

pub(crate) fn phase(live: bool, since: Option<&str>) -> String {
    let since = since.map(|since| format!("（{since} 起）")).unwrap_or_default();
    if live {
        format!("已上线{since}：卡片会发送；转售后需要核准")
    } else {
        format!("演练中{since}：卡片只列出，不发送（用 huiyin cards 查看）；改负责人和阶段不需要核准")
    }
}

pub(crate) fn announced(live: bool, at: &str) -> String {
    if live { format!("将于 {at} 上线") } else { format!("将于 {at} 退回演练") }
}

/// By which ladder people are told.
pub(crate) fn ladder(preset: Option<Preset>) -> String {
    match preset {
        Some(Preset::Report) => "提醒规则：report（5、10、20、30、40 分钟，之后每 10 分钟）".to_owned(),
        Some(Preset::Calm) => "提醒规则：calm（10、20、40 分钟，之后每个群每小时一张清单）".to_owned(),
        None => "提醒规则：公司自己的".to_owned(),
    }
}

/// The configuration says otherwise.
pub(crate) fn ladder_is_named(named: Preset, chosen: Preset) -> String {
    format!(
        "配置里写着 rules.ladders.preset = {named}：要用 {chosen}，请改成 {chosen} 再运行 huiyin apply，或者删掉这一项再运行这条命令"
    )
}

pub(crate) fn is_past(at: &str) -> String {
    format!("--at {at} 已经过去：请填一个将来的时间，或者不写 --at（现在就生效）")
}

/// The priority of a room, and how long somebody waits there.
pub(crate) fn priority_of(room: &str, points: u32, open: Option<&Wait>, waited: Option<TimeDelta>) -> String {
    match (open, waited) {
        (None, _) => format!("{room}：优先级 0（没有人在等；有人等的话是 {points}）"),
        (_, Some(waited)) => format!("{room}：优先级 {points}（客户已等 {}）", wording::duration(waited)),
        (open, None) => format!("{room}：优先级 {points}（{}）", wording::wait_state(open, false)),
    }
}

/// Whether a rule of priority holds.
pub(crate) fn priority_rule(holds: bool, points: u32, reason: &str) -> String {
    let mark = if holds { '✔' } else { '·' };
    format!("{mark} +{points} {reason}")
}

/// What stands before figures.
pub(crate) fn figures_of(from: NaiveDate, to: NaiveDate, lines: usize) -> String {
    let days = if from == to { from.to_string() } else { format!("{from} 至 {to}") };
    match lines {
        0 => format!("{days}：没有数据"),
        lines => format!("{days}：{lines} 行（时间按工作时间计）"),
    }
}

/// What stands before a link into the board.
pub(crate) fn board_link(person: &str) -> String {
    format!("{person} 的看板登录链接，10 分钟内有效，只能用一次，请只发给本人：")
}

/// There may be more waits than are listed.
pub(crate) fn only_the_longest(lines: usize) -> String {
    format!("只列出最长的 {lines} 条：请缩短时间，或用 --person、--room、--stage 缩小范围")
}

/// A file was written.
pub(crate) fn written(file: &Path, lines: usize) -> String {
    format!("已写入 {}：{lines} 行", file.display())
}

#[cfg(test)]
mod tests {
    use domain::ladder::SkipReason;

    use super::*;

    #[test]
    fn every_reason_to_skip_a_card_has_words() {
        for reason in [
            SkipReason::Import,
            SkipReason::Rejudged,
            SkipReason::RulesChanged,
            SkipReason::HandedOver,
            SkipReason::WentLive,
            SkipReason::NoLongerExcluded,
        ] {
            let known = SKIPPED.iter().filter(|(known, _)| *known == reason.as_str()).count();
            assert_eq!(known, 1, "{reason:?}");
        }
        assert_eq!(state("skipped", None), "未发：上线前已过时间");
        assert_eq!(level("wathet", 300), "浅蓝 已等 5 分钟");
        // As cards and tables say it.
        assert_eq!(level("green", 95), "绿色 已等 1 分钟 35 秒");
        assert_eq!(level("orange", 0), "橙色");
    }
}
