//! All services in one process. One that fails is started again, with a growing pause: nothing that goes wrong in one
//! of them may stop capture.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use futures::future::BoxFuture;
use runtime::bus::{Login, User};
use runtime::{Backoff, Clock, Config, Context, Shutdown};
use store::role::Role;
use store::sqlx::postgres::PgConnectOptions;
use tokio::task::JoinSet;

use super::{Health, Local};

/// The pauses before a failed service is started again.
const BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));
/// A service that ran this long before it failed starts with the shortest pause again.
const STEADY: Duration = Duration::from_mins(1);

/// A service's `run`.
pub type Run = fn(Context) -> BoxFuture<'static, Result<()>>;

/// Every service of [`runtime::services`] with its code, in the order in which they are started.
pub const SERVICES: &[(Role, Run)] = &[
    (Role::Ingest, |ctx| Box::pin(ingest::run(ctx))),
    (Role::RoomState, |ctx| Box::pin(room_state::run(ctx))),
    (Role::VikaSync, |ctx| Box::pin(vika_sync::run(ctx))),
    (Role::VikaReconcile, |ctx| Box::pin(vika_reconcile::run(ctx))),
    (Role::FeishuAlerter, |ctx| Box::pin(feishu_alerter::run(ctx))),
    (Role::Performance, |ctx| Box::pin(performance::run(ctx))),
];

pub struct Services {
    running: JoinSet<()>,
    shutdown: Shutdown,
}

/// One of them, with what it takes to start it again.
struct Service {
    role: Role,
    run: Run,
    options: PgConnectOptions,
    config: Arc<Config>,
    clock: Clock,
    shutdown: Shutdown,
    health: Health,
}

impl Services {
    /// Starts all of them; they report to `health`.
    pub fn start(local: &Local, config: &Arc<Config>, clock: &Clock, health: &Health) -> Self {
        let shutdown = Shutdown::new();
        let mut running = JoinSet::new();
        for &(role, run) in SERVICES {
            let service = Service {
                role,
                run,
                options: local.connect_options(role),
                config: config.clone(),
                clock: clock.clone(),
                shutdown: shutdown.clone(),
                health: health.clone(),
            };
            health.runs(role.service(), runtime::health::Health::default());
            running.spawn(service.keep());
        }
        Self { running, shutdown }
    }

    /// Asks all of them to stop and waits until they have; they finish what is in flight.
    pub async fn stop(mut self) {
        self.shutdown.request();
        while self.running.join_next().await.is_some() {}
    }
}

impl Service {
    async fn keep(self) {
        let name = self.role.service();
        let mut failures = 0;
        while !self.shutdown.requested() {
            let began = tokio::time::Instant::now();
            let ended = self.once().await;
            if self.shutdown.requested() {
                break;
            }
            failures = if began.elapsed() > STEADY { 1 } else { failures + 1 };
            let why = ended.err().map_or_else(|| "ended by itself".to_owned(), |error| format!("{error:#}"));
            tracing::error!(service = name, why, "starting it again");
            self.health.stopped(name, why);
            self.shutdown.sleep(BACKOFF.after(failures)).await;
        }
    }

    async fn once(&self) -> Result<()> {
        let name = self.role.service();
        let bus = Login::of(&self.config.bus, User::Role(self.role))?;
        let (config, options) = (self.config.clone(), self.options.clone());
        let (clock, shutdown) = (self.clock.clone(), self.shutdown.clone());
        let ctx = runtime::main_wrapper::connect(config, name, options, &bus, clock, shutdown).await?;
        ctx.health.started(&ctx.db, &ctx.bus);
        self.health.runs(name, ctx.health.clone());
        // A panic inside must not take the other services along.
        tokio::spawn(runtime::main_wrapper::supervise(name, ctx, self.run)).await?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_runs() {
        let run: Vec<Role> = SERVICES.iter().map(|(role, _)| *role).collect();
        let expected: Vec<Role> = runtime::services::SERVICES.iter().map(|service| service.role).collect();
        assert_eq!(run, expected);
    }
}
