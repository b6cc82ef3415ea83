//! Reports to the fallback, a custom bot of another group, when our own app cannot speak, and when it can again. Once each:
//! what is sent there twice stands there twice.

use std::time::{Duration, Instant};

use feishu::custom_bot::{self, CustomBot, CustomBotError};
use runtime::Context;
use runtime::config::Operated;
use runtime::config::{Secret, Watchdog};
use runtime::telemetry::chain;
use store::alerts::alarms::{self, Unreported};

use super::alarm_kind::{AlarmKind, FEISHU_REFUSES};
use super::card::headline;
use super::wording;
use crate::failure::Failure;

/// A refused call is not repeated sooner.
const RETRY_AFTER: Duration = Duration::from_secs(30);

/// The way that is left.
pub struct Fallback {
    http: reqwest::Client,
    failed: Option<Instant>,
}

impl Fallback {
    pub fn new(http: reqwest::Client) -> Self {
        Self { http, failed: None }
    }

    /// Reports what it does not know yet.
    pub async fn report(
        &mut self,
        ctx: &Context,
        watchdog: &Watchdog,
        active: &[AlarmKind],
    ) -> Result<(), Failure> {
        let Some(bot) = &watchdog.fallback else { return Ok(()) };
        if self.failed.is_some_and(|failed| failed.elapsed() < RETRY_AFTER) {
            return Ok(());
        }
        let unreported = alarms::unreported(&mut *ctx.db.acquire().await?, FEISHU_REFUSES).await?;
        let secret = bot.secret.as_ref().map(Secret::expose);
        let bot = CustomBot { url: bot.url.expose(), secret };
        for alarm in unreported {
            let said =
                custom_bot::send(&self.http, bot, &text(&alarm, active, &watchdog.operated), ctx.clock.now())
                    .await;
            if let Err(error) = said {
                self.failed = Some(Instant::now());
                note(&error);
                break;
            }
            self.failed = None;
            let over = alarm.over_at.is_some();
            alarms::mark_reported(&mut *ctx.db.acquire().await?, alarm.id, over, ctx.clock.now()).await?;
        }
        Ok(())
    }
}

fn note(error: &CustomBotError) {
    tracing::error!(error = chain(error), "the fallback cannot be told either");
    metrics::counter!("watchdog_fallback_failed_total").increment(1);
}

fn text(alarm: &Unreported, active: &[AlarmKind], on: &Operated) -> String {
    let code = AlarmKind::FeishuRefuses.code();
    match alarm.over_at {
        None => {
            let others = active.iter().filter(|kind| **kind != AlarmKind::FeishuRefuses);
            wording::fallback(code, &others.map(headline).collect::<Vec<_>>(), on)
        }
        Some(over) => {
            let length = (over - alarm.since).to_std().unwrap_or_default();
            wording::fallback_over(code, &crate::wording::span(length))
        }
    }
}
