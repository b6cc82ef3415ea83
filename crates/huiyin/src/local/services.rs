//! All services in one process. One that fails is started again, with a growing pause: nothing that goes wrong in one
//! of them may stop capture.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use futures::future::BoxFuture;
use runtime::bus::{Login, User};
use runtime::{Clock, Config, Context, Shutdown};
use store::role::Role;
use tokio::task::JoinSet;

use super::Local;

/// The pause before a failed service is started again; doubled each time it fails soon again.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A service that ran this long before it failed starts with the first pause again.
const STEADY: Duration = Duration::from_mins(1);

type Run = fn(Context) -> BoxFuture<'static, Result<()>>;

const SERVICES: [(Role, Run); 5] = [
    (Role::Ingest, |ctx| Box::pin(ingest::run(ctx))),
    (Role::RoomState, |ctx| Box::pin(room_state::run(ctx))),
    (Role::VikaSync, |ctx| Box::pin(vika_sync::run(ctx))),
    (Role::VikaReconcile, |ctx| Box::pin(vika_reconcile::run(ctx))),
    (Role::FeishuAlerter, |ctx| Box::pin(feishu_alerter::run(ctx))),
];

/// How each service fares: its parts that are silent, or why it last failed.
pub type Health = BTreeMap<&'static str, String>;

/// The running services.
pub struct Services {
    running: JoinSet<()>,
    shutdown: Shutdown,
    failures: Arc<Mutex<Health>>,
}

impl Services {
    /// Starts all of them.
    pub fn start(local: &Local, config: &Arc<Config>, clock: &Clock) -> Self {
        let shutdown = Shutdown::new();
        let failures = Arc::new(Mutex::new(Health::new()));
        let mut running = JoinSet::new();
        for (role, run) in SERVICES {
            let name = role.service();
            let options = local.connect_options(role);
            let (config, clock) = (config.clone(), clock.clone());
            let (shutdown, failures) = (shutdown.clone(), failures.clone());
            running.spawn(async move {
                let mut pause = FIRST_PAUSE;
                while !shutdown.requested() {
                    let began = tokio::time::Instant::now();
                    let ended =
                        once(role, options.clone(), config.clone(), clock.clone(), &shutdown, run).await;
                    if shutdown.requested() {
                        break;
                    }
                    pause = if began.elapsed() > STEADY { FIRST_PAUSE } else { pause };
                    let why = ended
                        .err()
                        .map_or_else(|| "ended by itself".to_owned(), |error| format!("{error:#}"));
                    tracing::error!(service = name, why, "starting it again");
                    failures.lock().unwrap_or_else(PoisonError::into_inner).insert(name, why);
                    shutdown.sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            });
        }
        Self { running, shutdown, failures }
    }

    /// Why services failed last, by name; empty when none ever did.
    pub fn failures(&self) -> Arc<Mutex<Health>> {
        self.failures.clone()
    }

    /// Asks all of them to stop and waits until they have; they finish what is in flight.
    pub async fn stop(mut self) {
        self.shutdown.request();
        while self.running.join_next().await.is_some() {}
    }
}

async fn once(
    role: Role,
    options: store::sqlx::postgres::PgConnectOptions,
    config: Arc<Config>,
    clock: Clock,
    shutdown: &Shutdown,
    run: Run,
) -> Result<()> {
    let (name, bus) = (role.service(), Login::of(&config.bus, User::Role(role))?);
    let ctx = runtime::main_wrapper::connect(config, name, options, &bus, clock, shutdown.clone()).await?;
    // A panic inside must not take the other services along.
    tokio::spawn(runtime::main_wrapper::supervise(name, ctx, run)).await?
}
