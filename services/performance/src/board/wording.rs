//! What people read on the board.

use domain::ladder::RungId;

use super::asked::{Length, Sort};

/// A title and what it means, with what to do.
pub type Notice = [&'static str; 2];

pub const NOT_FOUND: Notice =
    ["没有这个页面", "它可能已经不在统计里，或者地址不完整。请从上面的菜单重新进入。"];
pub const FORBIDDEN: Notice = ["没有权限", "这里的内容不属于您。如果您认为应该能看到，请联系经理。"];
pub const NOT_LOGGED_IN: Notice = [
    "请先登录",
    "登录已经到期，或者还没有登录。请向技术同事要一个新的登录链接：链接 10 分钟内有效，只能用一次。",
];
pub const UNAVAILABLE: Notice = ["暂时打不开", "系统暂时没有响应，请过一分钟再刷新。提醒卡片不受影响。"];
pub const BAD_LINK: Notice =
    ["链接不能用了", "它已经用过，或者超过了 10 分钟，或者不完整。请要一个新的登录链接。"];
pub const FEISHU_FAILED: Notice = [
    "飞书登录没有成功",
    "飞书暂时没有响应，或者这次登录已经过期。请再试一次；还是不行，请向技术同事要一个登录链接。",
];
pub const NOT_IN_ROSTER: Notice =
    ["没有权限", "名单里没有这个飞书账号。请让技术同事在名单里填上您的飞书账号（open_id）。"];
pub const LOGGED_OUT: Notice = ["已退出", "这台设备上的登录已经清除。"];
pub const LOGIN: &str = "登录回音看板";

pub const TODAY: &str = "今天";
pub const PEOPLE: &str = "人员";
pub const ROOMS: &str = "群聊";
pub const STAGES: &str = "阶段";
pub const WAITS: &str = "等待";
pub const TARGETS: &str = "目标";
pub const SILENCES: &str = "沉默群聊";
/// What a silent room is.
pub const HOW_SILENT: &str = "沉默群聊：这段时间里，达到要跟进的天数（如 7、14、30 个工作日）没有任何人发言的群。有人在等回复的群不算。";

pub const NOBODY: &str = "无负责人";
pub const FEW: &str = "样本少";
/// In the place of a name that the viewer has no right to.
pub const HIDDEN: &str = "不显示";

/// Below every table of figures.
pub const HOW_COUNTED: &str = "时间都是工作时间（按各阶段的上班时间算）。中位：一半的回复不超过这么久；90%：十分之九不超过。\
    还没回复的按已经等的时间算，显示「≥」。「几分钟内」只算已经知道结果的。已回复和未回复加起来不到 10 次的标「样本少」，不宜比较。\
    「沉默群聊」是达到要跟进的天数没有任何人发言的群。待核实、上线前、导入的历史和被排除的群不计入任何数字。点任何一个数字可以看到它由哪些等待组成。";
pub const LOAD: &str = "「每工作小时提问」和「平均同时等待」是工作量：问得多的人，回复慢一些是正常的。";

pub const WEEKDAYS: [&str; 7] = ["周一", "周二", "周三", "周四", "周五", "周六", "周日"];

/// How a period is called.
pub const fn length(length: Length) -> &'static str {
    match length {
        Length::Day => "日",
        Length::Week => "周",
        Length::Month => "月",
    }
}

/// The present period, the one before it, and the words for going back and forward.
pub const fn periods(length: Length) -> [&'static str; 4] {
    match length {
        Length::Day => ["今天", "昨天", "前一天", "后一天"],
        Length::Week => ["本周", "上周", "前一周", "后一周"],
        Length::Month => ["本月", "上月", "前一月", "后一月"],
    }
}

/// What something is sorted by.
pub const fn sort(sort: Sort) -> &'static str {
    match sort {
        Sort::Name => "名称",
        Sort::Asked => "提问多",
        Sort::Median => "回复慢",
        Sort::Open => "未回复多",
    }
}

/// The role of whoever replied.
pub fn role(role: &str) -> &'static str {
    match role {
        "pre_sales" => "售前",
        "after_sales" => "售后",
        "other_staff" => "其他员工",
        _ => "其他",
    }
}

/// Whether a wait is in the figures, and why not.
pub fn standing(standing: &str) -> &'static str {
    match standing {
        "counted" => "计入统计",
        "unverified" => "不计（待核实）：等待期间有一段消息可能没有采集到，不知道是不是已经回复",
        "excluded" => "不计：规则排除了这个群",
        "history" => "不计：由导入的历史消息开始",
        "rehearsal" => "不计：开始于正式上线之前",
        _ => "不计",
    }
}

/// In which figures a kind of wait is.
pub fn kind_counts(kind: &str) -> &'static str {
    match kind {
        "soft" => "软等待：客户只是应答，单独计数，不进回复时间",
        "promise" => "承诺：员工答应了稍后答复，单独计数，不进回复时间",
        _ => "客户提出了需要回复的内容",
    }
}

/// How a kind is called in a filter.
pub fn kinds(kind: &str) -> &'static str {
    match kind {
        "soft" => "软等待",
        "promise" => "承诺",
        _ => "提问",
    }
}

/// How waits went, as a filter.
pub fn state(state: Option<&str>) -> &'static str {
    match state {
        None => "全部",
        Some("open") => "未回复",
        Some(ended) => report::ending(ended),
    }
}

/// "10 分钟内"
pub fn threshold(threshold: RungId) -> String {
    format!("{} 分钟内", threshold.0 / 60)
}

/// There are more waits than a file holds.
pub fn only_the_longest(most: i64) -> String {
    format!("只列出最长的 {most} 条：请缩短时间，或按人员、群聊、阶段筛选后再下载")
}

/// A standing, as a filter.
pub fn standings(standing: &str) -> &'static str {
    match report::left_out(standing) {
        "" => "计入统计",
        why => why,
    }
}

/// Parts of [`report::SPREAD`] and what is longer.
pub const SPREAD: [&str; 9] = [
    "1 分钟内",
    "1–2 分钟",
    "2–5 分钟",
    "5–10 分钟",
    "10–20 分钟",
    "20–30 分钟",
    "30–60 分钟",
    "1–2 小时",
    "2 小时以上",
];
