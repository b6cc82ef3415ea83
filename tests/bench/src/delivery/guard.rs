//! What keeps a card from standing twice, and alerters that lack it.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use chrono::TimeDelta;
use domain::Timestamp;
use domain::notification::{Step, Subject};
use feishu_alerter::channel::{Channel, DeliveryError, Limits};
use feishu_alerter::content::card::{Card, Form};
use runtime::Clock;
use serde_json::Value;
use store::role::Role;

/// One of the two guards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Guard {
    /// Every attempt has the same delivery key.
    DeliveryKey,
    /// None is made under a key that the channel may have forgotten.
    Window,
}

impl Guard {
    /// Its name on the command line.
    pub const fn argument(self) -> &'static str {
        match self {
            Self::DeliveryKey => "delivery-key",
            Self::Window => "window",
        }
    }
}

/// So much of a delivery key tells which card it is; without the guard the rest is the attempt's.
pub const OF_THE_CARD: usize = 29;

/// Feishu without one of the guards.
struct Unguarded {
    feishu: Arc<dyn Channel>,
    without: Guard,
    attempts: AtomicU64,
}

/// An alerter that lacks a guard, as a process.
pub fn run_alerter(clock: Clock, without: Guard) -> ExitCode {
    runtime::main_wrapper::main_by(clock, Role::FeishuAlerter, move |ctx| {
        feishu_alerter::run_over(ctx, move |feishu| {
            // Numbers of several processes must not be the same.
            let attempts = AtomicU64::new(u64::from(std::process::id()) << 20);
            vec![Arc::new(Unguarded { feishu, without, attempts }) as Arc<dyn Channel>]
        })
    })
}

#[async_trait]
impl Channel for Unguarded {
    fn name(&self) -> &'static str {
        self.feishu.name()
    }

    fn limits(&self) -> Limits {
        let limits = self.feishu.limits();
        if self.without == Guard::Window {
            Limits { deduplicates_for: TimeDelta::days(365), ..limits }
        } else {
            limits
        }
    }

    fn delivery_key(&self, address: &str, subject: &Subject, step: Step, generation: u32) -> String {
        self.feishu.delivery_key(address, subject, step, generation)
    }

    fn render(&self, card: &Card, form: Form, delivery_key: &str) -> Value {
        self.feishu.render(card, form, delivery_key)
    }

    fn can_send(&self, payload: &Value) -> bool {
        self.feishu.can_send(payload)
    }

    fn simpler(&self, payload: &Value, form: Form) -> Option<Form> {
        self.feishu.simpler(payload, form)
    }

    async fn send(
        &self,
        address: &str,
        payload: &Value,
        delivery_key: &str,
        end: Timestamp,
    ) -> Result<String, DeliveryError> {
        let attempt = self.attempts.fetch_add(1, Ordering::Relaxed);
        let fresh = format!("{}{attempt:014x}", &delivery_key[..OF_THE_CARD]);
        let key = if self.without == Guard::DeliveryKey { &fresh } else { delivery_key };
        self.feishu.send(address, payload, key, end).await
    }

    async fn update(&self, message: &str, payload: &Value, end: Timestamp) -> Result<(), DeliveryError> {
        self.feishu.update(message, payload, end).await
    }

    async fn push_urgent(&self, message: &str, people: &[String]) -> Result<Vec<String>, DeliveryError> {
        self.feishu.push_urgent(message, people).await
    }
}
