//! What the watchdog says is wrong, in the words of its cards: whoever looks here need not look for the card.

use feishu_alerter::watchdog::alarm_kind::AlarmKind;
use runtime::Config;

use super::database::as_reader;
use super::report::{Finding, Group};
use super::{within, wording};

pub(super) async fn check(config: &Config) -> Vec<Finding> {
    let Ok(mut connection) = as_reader(&config.database).await else {
        return vec![Group::Alarms.skipped(wording::ALARMS_NOT_READ)];
    };
    let Some(Ok(standing)) = within(store::alerts::alarms::standing(&mut connection)).await else {
        return vec![Group::Alarms.skipped(wording::ALARMS_NOT_READ)];
    };
    if standing.is_empty() {
        return vec![Group::Alarms.ok(wording::NO_ALARMS)];
    }
    let operated = config.watchdog.as_ref().map(|watchdog| watchdog.operated.clone()).unwrap_or_default();
    let findings = standing.into_iter().map(|(since, kind)| {
        let since = since.with_timezone(&config.rules.time_zone);
        match serde_json::from_value::<AlarmKind>(kind) {
            Ok(kind) => Group::Alarms.failed(wording::alarm(&kind, since, &operated)),
            Err(_) => Group::Alarms.failed(wording::unknown_alarm(since)),
        }
    });
    findings.collect()
}
