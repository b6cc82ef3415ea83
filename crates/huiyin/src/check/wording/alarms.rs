//! What is said of standing alarms.

use chrono::DateTime;
use chrono_tz::Tz;
use feishu_alerter::watchdog::alarm_kind::AlarmKind;
use feishu_alerter::watchdog::wording::alarm_text;
use runtime::config::Operated;

use super::{Advice, advice};

pub(in crate::check) const ALARMS_NOT_READ: &str = "数据库读不到，现有报警未检查";
pub(in crate::check) const NO_ALARMS: &str = "没有正在持续的报警";

pub(in crate::check) fn alarm(kind: &AlarmKind, since: DateTime<Tz>, on: &Operated) -> Advice {
    let text = alarm_text(kind, on);
    let (since, what) = (since.format("%m-%d %H:%M"), text.what.trim_end_matches('。'));
    advice(format!("{} {}（{since} 起）：{what}", kind.code(), text.title), text.steps.join(" "))
}

pub(in crate::check) fn unknown_alarm(since: DateTime<Tz>) -> Advice {
    advice(
        format!("有一个本版本不认识的报警（{} 起）", since.format("%m-%d %H:%M")),
        "看运维群里的卡片；用与服务同一版本的 huiyin 再查",
    )
}
