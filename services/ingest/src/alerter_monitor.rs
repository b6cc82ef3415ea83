//! Watches the watchdog: `feishu-alerter` reports the failure of every other service, so another service has to report
//! its own. The report goes to the fallback, a custom bot of another group, once when it begins and once when it is over.
//!
//! Of several processes the one with the lease reports; without a database each does, since twice is better than not at
//! all.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use events::beat::{Beat, BeatKind};
use events::subject;
use feishu::custom_bot::{self, CustomBot};
use futures::StreamExt;
use runtime::Context;
use runtime::config::Operated;
use runtime::config::{self, Secret, Watchdog};
use runtime::lease::Lease;
use runtime::services;
use runtime::telemetry::chain;
use store::role::Role;

const WATCHED: Role = Role::FeishuAlerter;
/// The parts of it without which no card goes out: the alarms, the database, making cards, delivering them.
const VITAL_PARTS: [&str; 4] = ["watch", "gauges", "plan", "deliver"];
/// An instance without a heartbeat for so many intervals, while others are, has ended.
const GONE_AFTER_BEATS: u32 = 3;
/// The pause between two checks.
const TICK: Duration = Duration::from_secs(1);
/// A refused call is not repeated sooner.
const RETRY_AFTER: Duration = Duration::from_secs(30);
/// Panics are reported at most so often.
const PANIC_SPACING: Duration = Duration::from_mins(10);
/// The process that holds it reports.
const LEASE: &str = "ingest.alerter-monitor";

/// What is to be reported.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Report {
    /// It does not beat.
    Silent,
    /// It beats, but does not do its work.
    Stuck,
    Panicked(String),
    /// It beats and works again, after this time.
    Over(Duration),
}

/// What the heartbeats of the watched service say. Pure: moments come from the caller.
#[derive(Debug)]
struct HeartbeatTracker {
    patience: Duration,
    gone_after: Duration,
    last: Instant,
    /// Its instances: the last heartbeat of each, and whether it is stuck. One that works is enough.
    instances: BTreeMap<String, (Instant, bool)>,
    panic: Option<String>,
    panic_reported_at: Option<Instant>,
    /// What was reported and is not over, and since when it has been so.
    reported_since: Option<(Report, Instant)>,
}

impl HeartbeatTracker {
    fn new(patience: Duration, beat_every: Duration, now: Instant) -> Self {
        let gone_after = beat_every * GONE_AFTER_BEATS;
        let instances = BTreeMap::new();
        Self {
            patience,
            gone_after,
            last: now,
            instances,
            panic: None,
            panic_reported_at: None,
            reported_since: None,
        }
    }

    fn record(&mut self, beat: &Beat, now: Instant) {
        match beat.kind {
            BeatKind::Panicked => self.panic = beat.panicked.as_ref().map(|panic| panic.location.clone()),
            // It was asked to stop: whoever did so knows. It has as long as anybody to come back.
            BeatKind::Stopping => {
                self.last = now;
                self.instances.remove(&beat.instance);
            }
            BeatKind::Alive => {
                self.last = now;
                let patience = self.patience.as_secs();
                let silence = |part: &&str| beat.silent.get(*part).copied().unwrap_or(0);
                let stuck = VITAL_PARTS.iter().any(|part| silence(part) >= patience);
                self.instances.insert(beat.instance.clone(), (now, stuck));
                // Only when another one beats: the last that was known of the last one stays true.
                self.instances.retain(|_, (last, _)| now - *last <= self.gone_after);
            }
        }
    }

    fn is_stuck(&self) -> bool {
        !self.instances.is_empty() && self.instances.values().all(|(_, stuck)| *stuck)
    }

    /// Without a bus no heartbeat can come: that time is nobody's silence.
    fn bus_lost(&mut self, now: Instant) {
        if self.reported_since.is_none() {
            self.last = now;
        }
        self.instances.values_mut().for_each(|(last, _)| *last = now);
    }

    /// The report that is due; the same one until [`Self::reported`].
    fn due_report(&self, now: Instant) -> Option<Report> {
        let wrong = if now.saturating_duration_since(self.last) >= self.patience {
            Some(Report::Silent)
        } else {
            self.is_stuck().then_some(Report::Stuck)
        };
        match (&self.reported_since, wrong) {
            (None, Some(wrong)) => Some(wrong),
            (Some((_, since)), None) => Some(Report::Over(now - *since)),
            _ => {
                let quiet = self.panic_reported_at.is_some_and(|at| now - at < PANIC_SPACING);
                self.panic.clone().filter(|_| !quiet).map(Report::Panicked)
            }
        }
    }

    fn reported(&mut self, report: &Report, now: Instant) {
        match report {
            Report::Silent => self.reported_since = Some((Report::Silent, self.last)),
            Report::Stuck => self.reported_since = Some((Report::Stuck, now)),
            Report::Over(_) => self.reported_since = None,
            Report::Panicked(_) => {
                self.panic = None;
                self.panic_reported_at = Some(now);
            }
        }
    }
}

struct AlerterMonitor {
    ctx: Context,
    bot: config::CustomBot,
    operated: Operated,
    http: reqwest::Client,
    tracker: HeartbeatTracker,
    lease: Option<Lease>,
    failed: Option<Instant>,
}

/// Runs until the shutdown is requested.
pub async fn run(ctx: Context, watchdog: Watchdog, http: reqwest::Client) {
    let Some(bot) = watchdog.fallback else { return ctx.shutdown.wait().await };
    let (patience, beat_every) = (watchdog.thresholds.silent_after, watchdog.beat_every);
    let tracker = HeartbeatTracker::new(patience.as_duration(), beat_every.as_duration(), Instant::now());
    let mut monitor = AlerterMonitor {
        ctx: ctx.clone(),
        bot,
        operated: watchdog.operated,
        http,
        tracker,
        lease: None,
        failed: None,
    };
    while !ctx.shutdown.requested() {
        match ctx.bus.client().subscribe(subject::beat(WATCHED.service())).await {
            Ok(beats) => monitor.watch(beats).await,
            Err(error) => tracing::warn!(error = chain(&error), "cannot subscribe to the watchdog"),
        }
        ctx.shutdown.sleep(TICK).await;
    }
}

impl AlerterMonitor {
    async fn watch(&mut self, mut beats: async_nats::Subscriber) {
        let shutdown = self.ctx.shutdown.clone();
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.wait() => return,
                beat = beats.next() => match beat {
                    Some(beat) => self.on_beat(&beat.payload),
                    None => return,
                },
                _ = tick.tick() => self.check().await,
            }
        }
    }

    fn on_beat(&mut self, payload: &[u8]) {
        match events::decode(payload) {
            Ok(beat) => self.tracker.record(&beat, Instant::now()),
            Err(error) => tracing::warn!(error = chain(&error), "a beat cannot be read"),
        }
    }

    async fn check(&mut self) {
        let now = Instant::now();
        self.ctx.health.beat("alerter-monitor");
        if !self.ctx.bus.is_connected() {
            self.tracker.bus_lost(now);
            return;
        }
        let Some(report) = self.tracker.due_report(now) else { return };
        if self.failed.is_some_and(|failed| failed.elapsed() < RETRY_AFTER) {
            return;
        }
        if !self.holds_lease().await {
            // Another process reports it, which counts here as well.
            self.tracker.reported(&report, now);
            return;
        }
        tracing::error!(watched = WATCHED.service(), ?report, "reporting to the fallback");
        let secret = self.bot.secret.as_ref().map(Secret::expose);
        let bot = CustomBot { url: self.bot.url.expose(), secret };
        match custom_bot::send(&self.http, bot, &text::of(&report, &self.operated), self.ctx.clock.now())
            .await
        {
            Ok(()) => {
                self.failed = None;
                self.tracker.reported(&report, now);
            }
            Err(error) => {
                self.failed = Some(now);
                tracing::error!(error = chain(&error), "the fallback cannot be reached");
            }
        }
    }

    async fn holds_lease(&mut self) -> bool {
        if let Some(lease) = &mut self.lease
            && lease.check().await.is_ok()
        {
            return true;
        }
        match Lease::try_acquire(&self.ctx.db, LEASE).await {
            Ok(lease) => {
                self.lease = lease;
                self.lease.is_some()
            }
            Err(_unreachable) => true,
        }
    }
}

mod text {
    use super::{Operated, Report, WATCHED, services};

    const MEANWHILE: &str = "期间请看「今日群聊」（先看「上次更新时间」是不是刚才），从等得最久的开始，人工通知负责人。\n\
         处理手册：「W13」一节（在安装目录的 docs/runbook.md，请找技术同事）";

    fn steps(on: &Operated) -> String {
        format!(
            "1. 看状态：{}\n2. 看日志：{}\n3. 重新启动：{}\n{MEANWHILE}",
            on.state(&format!("{} postgres nats", WATCHED.service())),
            on.logs(WATCHED.service(), 100),
            on.restart(WATCHED.service())
        )
    }

    pub fn of(report: &Report, on: &Operated) -> String {
        let program = WATCHED.service();
        let title = services::of(WATCHED).map_or(program, |service| service.title);
        match report {
            Report::Silent => format!(
                "【回音】W13 {title}没有心跳\n{program} 可能已退出或卡住，现在没有人会收到提醒卡片，其他故障也不会有人知道。\n{}",
                steps(on)
            ),
            Report::Stuck => format!(
                "【回音】W13 {title}不能工作\n{program} 还在运行，但不再工作（多半是读写不了数据库），提醒卡片发不出去。\n{}",
                steps(on)
            ),
            Report::Panicked(location) => format!(
                "【回音】W13 {title}崩溃过\n{program} 的程序出错（位置 {location}），会自动重新启动。请把位置和日志发给工程师。"
            ),
            Report::Over(after) => {
                let after = chrono::TimeDelta::from_std(*after).unwrap_or(chrono::TimeDelta::MAX);
                format!("【回音】W13 已恢复：{title}又在工作了（中断 {}）", domain::wording::duration(after))
            }
        }
    }
}

#[cfg(test)]
mod tests {

    use chrono::DateTime;
    use events::beat::Panic;

    use super::*;

    fn beat(kind: BeatKind) -> Beat {
        let at = DateTime::from_timestamp(1_795_052_800, 0).unwrap();
        Beat::new(WATCHED.service(), "a", kind, at, at)
    }

    fn tracker(start: Instant) -> HeartbeatTracker {
        HeartbeatTracker::new(Duration::from_mins(1), Duration::from_secs(10), start)
    }

    fn at(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn silence_is_told_once_and_its_end_once() {
        let start = Instant::now();
        let mut tracker = tracker(start);
        tracker.record(&beat(BeatKind::Alive), at(start, 10));
        tracker.bus_lost(at(start, 300));
        assert_eq!(tracker.due_report(at(start, 359)), None, "time without the bus is no silence");
        assert_eq!(tracker.due_report(at(start, 360)), Some(Report::Silent));
        tracker.reported(&Report::Silent, at(start, 360));
        assert_eq!(tracker.due_report(at(start, 380)), None, "told");
        tracker.bus_lost(at(start, 400));
        assert_eq!(tracker.due_report(at(start, 400)), None, "a lost bus is no recovery");
        tracker.record(&beat(BeatKind::Alive), at(start, 420));
        let over = Report::Over(Duration::from_mins(2));
        assert_eq!(tracker.due_report(at(start, 420)), Some(over.clone()), "silent since the last beat");
        tracker.reported(&over, at(start, 420));
        assert_eq!(tracker.due_report(at(start, 421)), None);
    }

    #[test]
    fn one_that_beats_without_working_is_told() {
        let start = Instant::now();
        let mut tracker = tracker(start);
        let silent = |part: &str, seconds| Beat {
            silent: BTreeMap::from([(part.to_owned(), seconds)]),
            ..beat(BeatKind::Alive)
        };
        tracker.record(&silent("watch", 59), start);
        assert_eq!(tracker.due_report(start), None);
        tracker.record(&silent("presses", 90), start);
        assert_eq!(tracker.due_report(start), None, "other parts are its own to report");
        for part in VITAL_PARTS {
            tracker.record(&silent(part, 60), start);
            assert_eq!(tracker.due_report(start), Some(Report::Stuck), "{part}");
            tracker.record(&silent(part, 59), start);
        }
    }

    #[test]
    fn of_two_instances_one_that_works_is_enough() {
        let start = Instant::now();
        let mut tracker = tracker(start);
        let named = |instance: &str, seconds| Beat {
            instance: instance.into(),
            silent: BTreeMap::from([("watch".to_owned(), seconds)]),
            ..beat(BeatKind::Alive)
        };
        for n in 0..6 {
            tracker.record(&named("a", 90), at(start, n * 10));
            assert_eq!(tracker.due_report(at(start, n * 10)), (n == 0).then_some(Report::Stuck), "{n}");
            tracker.record(&named("b", 0), at(start, n * 10 + 5));
            assert_eq!(tracker.due_report(at(start, n * 10 + 5)), None, "{n}");
        }
        tracker.record(&named("a", 90), at(start, 85));
        assert_eq!(tracker.due_report(at(start, 85)), None, "the other one may still be there");
        tracker.bus_lost(at(start, 100));
        tracker.record(&named("a", 90), at(start, 115));
        assert_eq!(tracker.due_report(at(start, 115)), None, "the bus was away");
        tracker.record(&named("a", 90), at(start, 131));
        assert_eq!(tracker.due_report(at(start, 131)), Some(Report::Stuck), "the one that worked is gone");
        tracker.reported(&Report::Stuck, at(start, 131));
        assert_eq!(tracker.due_report(at(start, 170)), None, "and not over because nobody beats");
        tracker.record(&named("c", 0), at(start, 171));
        assert_eq!(tracker.due_report(at(start, 171)), Some(Report::Over(Duration::from_secs(40))));
    }

    #[test]
    fn panics_are_told_but_not_in_a_row() {
        let start = Instant::now();
        let mut tracker = tracker(start);
        let place = "src/a.rs:1".to_owned();
        let panic = || Beat {
            panicked: Some(Panic { at: beat(BeatKind::Panicked).at, location: place.clone() }),
            ..beat(BeatKind::Panicked)
        };
        tracker.record(&panic(), start);
        let report = Report::Panicked(place.clone());
        assert_eq!(tracker.due_report(start), Some(report.clone()));
        tracker.reported(&report, start);
        tracker.record(&panic(), at(start, 20));
        assert_eq!(tracker.due_report(at(start, 20)), None);
        tracker.record(&beat(BeatKind::Alive), at(start, 600));
        assert_eq!(tracker.due_report(at(start, 600)), Some(report));
    }

    #[test]
    fn an_up_is_told_commands_that_work_there() {
        let on = Operated::Home { verb: "up", huiyin: "/opt/huiyin --home /srv/home".to_owned() };
        for report in [Report::Silent, Report::Stuck] {
            let said = text::of(&report, &on);
            assert!(
                !said.contains("docker") && said.contains("/opt/huiyin --home /srv/home check"),
                "{said}"
            );
            assert!(
                text::of(&report, &Operated::Containers).contains("docker compose restart feishu-alerter")
            );
        }
        let over = text::of(&Report::Over(Duration::from_secs(95)), &on);
        assert!(over.contains("中断 1 分钟 35 秒"), "{over}");
    }
}
