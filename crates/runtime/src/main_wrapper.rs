//! The `main` that every service shares: configuration, telemetry, connections with bounded retry, schema check,
//! health, signals; then the service's own `run`, then a bounded stop.

use std::future::Future;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};
use store::role::Role;

use crate::beat::Beats;
use crate::bus::{Bus, Login, User};
use crate::config::{Database, Source};
use crate::fault::Faults;
use crate::health::Health;
use crate::lifecycle::GRACE;
use crate::serve::{Limits, Server};
use crate::{Clock, Config, Context, Shutdown, database, panics, services, telemetry};

/// Environment variable that names the configuration file.
const CONFIG_VARIABLE: &str = "HUIYIN_CONFIG";
/// The file read without it.
pub const DEFAULT_CONFIG: &str = "config/huiyin.json";
/// How long a service waits at start for Postgres and the bus.
const CONNECT_PATIENCE: Duration = Duration::from_mins(1);
/// The pause between two attempts to connect.
const CONNECT_PAUSE: Duration = Duration::from_millis(500);
/// Connections of a service's pool.
const POOL_SIZE: u32 = 8;
/// How long a statement waits for a free connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// Server setting of these: a process that is stopped in the middle of a transaction does not keep its locks. Nothing of
/// ours waits for anything but the database between two statements.
const IDLE_IN_TRANSACTION: (&str, &str) = ("idle_in_transaction_session_timeout", "30s");

/// Runs a service until it is asked to stop. Ends with an error if the service ends by itself.
pub fn main<F, Fut>(role: Role, run: F) -> ExitCode
where
    F: FnOnce(Context) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    main_by(Clock::system(), role, run)
}

/// The same, by a clock of a test.
pub fn main_by<F, Fut>(clock: Clock, role: Role, run: F) -> ExitCode
where
    F: FnOnce(Context) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    let service = role.service();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("{service}: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(serve(clock, role, run));
    // A name that is being looked up cannot be interrupted and must not hold up the end: a resolver may take a minute.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{service}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The file that the environment names.
pub fn named_config() -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    std::env::var(CONFIG_VARIABLE).ok().map(PathBuf::from)
}

/// The file that the environment names, or the usual one.
pub fn config_source() -> Source {
    Source { file: named_config().unwrap_or_else(|| PathBuf::from(DEFAULT_CONFIG)), environment: true }
}

async fn serve<F, Fut>(clock: Clock, role: Role, run: F) -> anyhow::Result<()>
where
    F: FnOnce(Context) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    let service = role.service();
    let config = services::load_for(&config_source(), role)?;
    let exporter = telemetry::start(service, &config.logs, &config.traces)?;
    let metrics = telemetry::start_metrics();
    let shutdown = Shutdown::by(&clock);
    shutdown.on_signals().context("installing signal handlers")?;
    let health = Health::default();
    if let Some(address) = config.health_listen {
        let listener = tokio::net::TcpListener::bind(address).await.context("health_listen")?;
        let server = Server::new("health", Limits::INWARD);
        // Until the process ends, so that the last stage of a stop can be watched.
        tokio::spawn(server.serve(listener, health.clone().router(metrics), std::future::pending()));
    }
    let options = connect_options(&config.database, role)?;
    let login = Login::of(&config.bus, User::Role(role))?;
    let context = connect(Arc::new(config), service, options, &login, clock, shutdown).await?;
    health.started(&context.db, &context.bus);
    let context = Context { health, ..context };
    let ended = supervise(service, context, run).await;
    exporter.finish().await;
    ended
}

/// Connects a service's own pool and bus connection, waiting a bounded time for both.
pub async fn connect(
    config: Arc<Config>,
    service: &'static str,
    database: PgConnectOptions,
    bus: &Login,
    clock: Clock,
    shutdown: Shutdown,
) -> anyhow::Result<Context> {
    let db = pool(database, service);
    let deadline = tokio::time::Instant::now() + CONNECT_PATIENCE;
    retrying(deadline, &shutdown, "Postgres", || async {
        database::aim(&db, &config.database).await?;
        let mut connection = db.acquire().await?;
        store::migrate::check(&mut connection).await?;
        Ok(())
    })
    .await?;
    let bus = retrying(deadline, &shutdown, "the bus", || async {
        Ok(Bus::connect(bus, service).await?.by(&clock))
    })
    .await?;
    Ok(Context { config, clock, db, bus, shutdown, health: Health::default(), faults: Faults::default() })
}

/// How a role reaches the configured database.
pub fn connect_options(database: &Database, role: Role) -> anyhow::Result<PgConnectOptions> {
    let password = database
        .passwords
        .get(role.name())
        .with_context(|| format!("database.passwords.{role}: expected the password of the role `{role}`"))?;
    Ok(base_options(database)?.username(role.name()).password(password.expose()))
}

/// How the superuser reaches the configured database server.
pub fn admin_options(database: &Database) -> anyhow::Result<PgConnectOptions> {
    let password = database
        .passwords
        .get("admin")
        .context("database.passwords.admin: expected the superuser's password")?;
    Ok(base_options(database)?.username(&database.admin).password(password.expose()))
}

fn base_options(database: &Database) -> anyhow::Result<PgConnectOptions> {
    let options = PgConnectOptions::new_without_pgpass().database(&database.name);
    let options = match &database.tls_ca {
        Some(authority) => {
            // The driver says neither which file nor whose setting.
            let pem = std::fs::read_to_string(authority);
            let pem = pem.with_context(|| format!("database.tls_ca: cannot read {}", authority.display()))?;
            let path = authority.display();
            ensure!(
                pem.contains("BEGIN CERTIFICATE"),
                "database.tls_ca: {path}: expected certificates (PEM)"
            );
            options.ssl_mode(PgSslMode::VerifyFull).ssl_root_cert(authority)
        }
        None => options,
    };
    Ok(match database.servers().and_then(|servers| servers.into_iter().next()) {
        Some(first) => database::reached(&first, &options),
        None => options,
    })
}

/// A service's pool. Connections are made when they are needed.
pub fn pool(options: PgConnectOptions, service: &str) -> PgPool {
    PgPoolOptions::new()
        .max_connections(POOL_SIZE)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_lazy_with(options.application_name(service).options([IDLE_IN_TRANSACTION]))
}

async fn retrying<T, Fut>(
    until: tokio::time::Instant,
    shutdown: &Shutdown,
    what: &str,
    attempt: impl Fn() -> Fut,
) -> anyhow::Result<T>
where
    Fut: Future<Output = anyhow::Result<T>>,
{
    loop {
        match attempt().await {
            Ok(value) => return Ok(value),
            Err(error) if tokio::time::Instant::now() >= until => {
                return Err(
                    error.context(format!("{what} was not ready for {} s", CONNECT_PATIENCE.as_secs()))
                );
            }
            Err(error) => tracing::info!("waiting for {what}: {error:#}"),
        }
        if !shutdown.sleep(CONNECT_PAUSE).await {
            bail!("asked to stop while waiting for {what}");
        }
    }
}

/// Runs a service in a context, beating and reporting its panics; after the shutdown signal it has [`GRACE`] to finish.
pub async fn supervise<F, Fut>(service: &'static str, context: Context, run: F) -> anyhow::Result<()>
where
    F: FnOnce(Context) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    let (shutdown, db, bus) = (context.shutdown.clone(), context.db.clone(), context.bus.clone());
    tracing::info!(service, "running");
    panics::report(service, &context);
    let beats = Beats::new(service, &context);
    let beating = tokio::spawn(beats.clone().run());
    let stuck = database::follow(service, &context);
    let graceful = async {
        shutdown.wait().await;
        tokio::time::sleep(GRACE).await;
    };
    let ended = tokio::select! {
        ended = panics::within(service, async { run(context).await }) => Some(ended),
        parts = stuck => Some(Err(anyhow::anyhow!("{parts} did not come back after the database's primary moved"))),
        () = graceful => None,
    };
    let requested = shutdown.requested();
    beating.abort();
    if requested {
        beats.announce_stop().await;
    }
    drop(tokio::time::timeout(GRACE, async { drop(bus.client().drain().await) }).await);
    drop(tokio::time::timeout(GRACE, db.close()).await);
    match ended {
        None => bail!("{service} did not finish within {} s of being asked to stop", GRACE.as_secs()),
        Some(Err(error)) => Err(error.context(format!("{service} failed"))),
        Some(Ok(())) if !requested => bail!("{service} ended by itself"),
        Some(Ok(())) => Ok(()),
    }
}
