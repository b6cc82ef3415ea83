//! What only `room-state` writes into 系统信息. Decisions about owner and stage have their words in `domain::wording`.

use std::fmt::Display;

use chrono::{DateTime, TimeZone};
use domain::id::StaffName;
use domain::marks::Marks;
use domain::wording;

/// A cancel found nobody waiting.
pub const NOBODY_WAITS: &str = "当前没有等待中的客户";
/// A tick of which nobody knows what its author saw.
pub const UNSEEN_TICK: &str = "无法确定勾选时看到的消息，没有消除；仍不用回复的话，请再勾选一次";
/// Somebody confirmed a reply that everybody would have seen.
pub const NOTHING_MISSED: &str = "等待期间采集没有中断，请直接回复客户";
/// An undo found no cancel.
pub const NO_SUCH_CANCEL: &str = "没有可撤销的「消除未回覆记录」";
/// A cancel was taken back.
pub const CANCEL_UNDONE: &str = "已撤销消除，继续计时";
/// A cancel was taken back, and another one ends the wait.
pub const CANCELLED_TWICE: &str = "已撤销，但也有别人标记过不用回复，等待仍已结束";
/// A cancel was taken back, and the wait has ended in another way.
pub const UNDONE_AND_ENDED: &str = "已撤销消除，但这次等待已经结束";
/// A command names something that the room does not hold.
pub const NOT_IN_ROOM: &str = "这个群里找不到当时的消息，请刷新后重试";
/// A recomputation found that everything was counted by the rules valid now.
pub const NOTHING_TO_RECOMPUTE: &str = "数据已符合现行规则，无需重新计算";
/// The roster was changed, and by rule the room is somebody else's.
pub const OWNER_BY_RULE: &str = "名单有变动，已按新名单重新认定负责人";
/// Our account left a room or was removed.
pub const LEFT: &str = "助手账号已被移出群，无法继续计时";
/// It is back.
pub const BACK: &str = "助手账号已回到群里，恢复计时";
/// In the place of whoever removed it, when that is not known.
pub const NOBODY: &str = "系统";

/// An undo of what ended with the clock of its room.
pub const ENDED_BY_MARK: &str = "这次等待是因为「不计时」结束的，请在群聊总表里取消「不计时」";
/// 客户等级 that cannot be one.
pub const NO_GRADE: &str = "客户等级未采用：最多 20 个字，写在一行";

/// What has changed about a room's marks, one sentence each.
pub fn marked(before: &Marks, after: &Marks) -> Vec<String> {
    let mut told = Vec::new();
    match (before.not_timed, after.not_timed) {
        (false, true) => told.push("已设为不计时，不再提醒".to_owned()),
        (true, false) => told.push("已恢复计时，从客户的下一条消息算起".to_owned()),
        _ => {}
    }
    match (before.not_followed_up, after.not_followed_up) {
        (false, true) => told.push("已设为不再跟进，不再列入沉默名单".to_owned()),
        (true, false) => told.push("已恢复跟进".to_owned()),
        _ => {}
    }
    if before.grade != after.grade {
        told.push(match after.grade.as_str() {
            "" => "已清除客户等级".to_owned(),
            grade => format!("客户等级改为「{grade}」"),
        });
    }
    told
}

/// A cancel ended what its author had seen, and the customer has asked again since.
pub fn cancelled_and_asked_since<Z: TimeZone<Offset: Display>>(
    asked_at: &DateTime<Z>,
    now: &DateTime<Z>,
) -> String {
    let asked = if asked_at.date_naive() == now.date_naive() {
        asked_at.format("%H:%M")
    } else {
        asked_at.format("%-m 月 %-d 日 %H:%M")
    };
    format!("{}；客户 {asked} 又发来消息，从那时起继续计时", wording::CANCELLED)
}

/// After a recomputation.
pub fn recomputed(waits: usize) -> String {
    format!("已按现行规则重新计算，{waits} 个等待的数据有变化")
}

/// Whoever managers chose has left the roster.
pub fn owner_left(owner: &StaffName) -> String {
    format!("{}已不在名单中，本群暂无负责人，请指定一位", wording::name(owner.as_str()))
}
