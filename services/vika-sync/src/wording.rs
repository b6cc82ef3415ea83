//! Texts that only the tables use. Everything else that people read is in `domain::wording`.

use chrono::{DateTime, TimeDelta};
use chrono_tz::Tz;
use domain::role::Role;
use domain::wording;

/// 采集状态: nothing is known to be missing.
pub const CAPTURED: &str = "正常";
/// 系统信息 of a room that the rules exclude.
pub const EXCLUDED: &str = "已排除：不统计、不提醒";
/// 判定原因 in a room without a clock.
pub const NOT_TIMED: &str = "群聊总表里勾了「不计时」：不计时、不提醒";
/// 系统信息 of a day's row while there is nothing else to say and the system is not live.
pub const REHEARSAL: &str = "演练中：尚未上线，不发提醒";
/// 最后说话者 of a customer.
const CUSTOMER: &str = "客户:";
/// 最后说话者 of anybody else.
const STAFF: &str = "员工:";
/// Between names in one cell.
pub const NAME_SEPARATOR: &str = "、";

/// 采集状态: our account is not in the room any more, since then.
pub fn removed(at: DateTime<Tz>) -> String {
    format!("机器人已被移出群（{}）", at.format("%m-%d %H:%M"))
}

/// 系统信息 of a copy of a row: which one counts, by its 自增.
pub fn doubled(number: Option<f64>) -> String {
    let first = number.map_or_else(|| "原来的那一行".to_owned(), |number| format!("自增 {number} 的那一行"));
    format!("重复行：以{first}为准，这一行不更新、修改不生效，可以删除")
}

/// 系统信息 of an edit that was read late.
pub fn decided_late(message: &str, delay: TimeDelta) -> String {
    format!("{message}（这次改动过了 {}才读到；急的话用卡片上的按钮，立即生效）", wording::duration(delay))
}

/// 最后说话者.
pub fn speaker(role: Role, name: &str) -> String {
    let prefix = if role == Role::Customer { CUSTOMER } else { STAFF };
    format!("{prefix}{}", wording::name(name))
}

/// One of 最近三句.
pub fn line(name: &str, text: &str) -> String {
    format!("{}：{text}", wording::name(name))
}

/// 当前级别: the colour and what was passed.
pub fn level(colour: &str, passed: &str) -> String {
    format!("{colour} {passed}")
}
