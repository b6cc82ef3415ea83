//! What is said of standing alarms.

use chrono::DateTime;
use chrono_tz::Tz;
use feishu_alerter::watch::trouble::Trouble;
use feishu_alerter::watch::wording::words;
use runtime::operated::Operated;

use super::{Advice, advice};

pub(in crate::check) const ALARMS_NOT_READ: &str = "数据库读不到，现有报警未检查";
pub(in crate::check) const NO_ALARMS: &str = "没有正在持续的报警";

pub(in crate::check) fn alarm(trouble: &Trouble, since: DateTime<Tz>, on: &Operated) -> Advice {
    let words = words(trouble, on);
    let (since, what) = (since.format("%m-%d %H:%M"), words.what.trim_end_matches('。'));
    advice(format!("{} {}（{since} 起）：{what}", trouble.code(), words.title), words.steps.join(" "))
}

pub(in crate::check) fn unknown_alarm(since: DateTime<Tz>) -> Advice {
    advice(
        format!("有一个本版本不认识的报警（{} 起）", since.format("%m-%d %H:%M")),
        "看运维群里的卡片；用与服务同一版本的 huiyin 再查",
    )
}
