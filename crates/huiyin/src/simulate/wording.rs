//! What `huiyin simulate` prints.

use std::collections::BTreeMap;

use domain::rules::Preset;

/// What is not known beforehand.
pub(super) const ASSUMED: &str = "按当时的消息和现在的规则推算：没有算「我来处理」「稍后提醒」推迟的，负责人和阶段按等待结束时（没结束的按现在）算。什么都没有发送。";

/// What is played again.
pub(super) fn what(from: &str, to: &str, rooms: usize, waits: usize) -> String {
    format!("{from} 到 {to}：{rooms} 个群，{waits} 次等待")
}

/// The ladder in force, by name.
pub(super) fn in_force(preset: Option<Preset>) -> String {
    preset.map_or_else(|| "现行规则".to_owned(), |preset| format!("现行规则，{preset}"))
}

/// What stands above the cards of a ladder.
pub(super) fn ladder(name: &str, cards: usize) -> String {
    format!("【{name}】共 {cards} 张卡片")
}

/// The cards of one chat or person.
#[expect(clippy::cast_precision_loss, reason = "nobody gets that many")]
pub(super) fn load(to: &str, total: usize, days: usize, day: usize, hour: usize) -> String {
    let mean = total as f64 / days as f64;
    format!("  {to}  {total} 张，每个工作日 {mean:.1} 张，最多的一天 {day} 张，最多的一小时 {hour} 张")
}

/// The cards by the hour of the day.
pub(super) fn hours(hours: &BTreeMap<u32, usize>) -> String {
    let each: Vec<String> = hours.iter().map(|(hour, cards)| format!("{hour:02} 点 {cards}")).collect();
    format!("  按钟点：{}", each.join("，"))
}
