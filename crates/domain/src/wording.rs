//! Every Chinese word of the domain that users read, in one place.

use chrono::TimeDelta;

use crate::assignment::Origin;
use crate::closing::Verdict;
use crate::message::MessageKind;
use crate::role::Role;
use crate::rules::Colour;
use crate::wait::Wait;

/// 等待状态 of a room's last wait.
pub fn wait_state(wait: Option<&Wait>) -> &'static str {
    let _ = wait;
    todo!()
}

/// 判定原因.
pub fn verdict(verdict: &Verdict) -> String {
    let _ = verdict;
    todo!()
}

/// 负责人来源.
pub const fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Auto => "自动",
        Origin::Manual => "人工",
    }
}

/// A length of time: `40 秒`, `12 分钟`, `1 小时 5 分钟`, `2 天 3 小时`.
pub fn duration(time: TimeDelta) -> String {
    let _ = time;
    todo!()
}

/// A role, as 最后回复人类别 shows it.
pub const fn role(role: Role) -> &'static str {
    match role {
        Role::Bot => "机器人",
        Role::PreSales => "售前",
        Role::AfterSales => "售后",
        Role::OtherStaff => "其他员工",
        Role::Customer => "客户",
    }
}

/// A colour, as 当前级别 shows it.
pub const fn colour(colour: Colour) -> &'static str {
    match colour {
        Colour::Blue => "蓝",
        Colour::Wathet => "浅蓝",
        Colour::Turquoise => "青",
        Colour::Green => "绿",
        Colour::Yellow => "黄",
        Colour::Orange => "橙",
        Colour::Red => "红",
        Colour::Carmine => "洋红",
        Colour::Violet => "紫罗兰",
        Colour::Purple => "紫",
        Colour::Indigo => "靛",
        Colour::Grey => "灰",
    }
}

/// A message that is not text, as lines show it: `[图片]`, `[文件：报价.pdf]`. Text is shown as it is.
pub fn shown(kind: MessageKind, text: &str) -> String {
    let _ = (kind, text);
    todo!()
}
