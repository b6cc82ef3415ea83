//! Logs and metrics.

use std::io::IsTerminal;
use std::time::Duration;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

pub use crate::config::LogFormat;
use crate::services::SERVICES;

/// How often what histograms were told is summed up.
const TIDY_METRICS_EVERY: Duration = Duration::from_secs(5);

/// The crates whose logs we answer for, besides those of the services, which are named after their roles.
const OUR_CRATES: [&str; 12] = [
    "bench",
    "config",
    "domain",
    "events",
    "feishu",
    "huiyin",
    "local_stack",
    "runtime",
    "simulators",
    "store",
    "testkit",
    "vika",
];

/// Starts logging to standard error. The filter has the syntax of `tracing`'s directives, e.g. `info,sqlx=warn`.
/// A second call, as in tests, changes nothing.
pub fn start_logs(filter: &str, format: LogFormat) {
    start_logs_to(filter, format, std::io::stderr().is_terminal(), std::io::stderr);
}

/// The same to another place, with colours or without.
pub fn start_logs_to<W>(filter: &str, format: LogFormat, colours: bool, writer: W)
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(colours);
    let logs = tracing_subscriber::registry().with(filter).with(filter_fn(may_be_logged));
    let started = match format {
        LogFormat::Text => logs.with(lines).try_init(),
        LogFormat::Json => logs.with(lines.json()).try_init(),
    };
    drop(started);
}

/// What libraries say below `info` is never logged, whatever the filter asks for: at `debug` the bus's client prints
/// its password and at `trace` what it reads, and the gateway's client prints our token when it comes back in an error.
fn may_be_logged(metadata: &Metadata<'_>) -> bool {
    let name = metadata.target().split("::").next().unwrap_or_default();
    let is_ours = || OUR_CRATES.contains(&name) || SERVICES.iter().any(|service| service.role.name() == name);
    *metadata.level() <= Level::INFO || is_ours()
}

/// Starts metrics, kept in the process and read through the returned handle. `None` if something else records already.
/// To be called on the runtime, which tidies them: what histograms were told would pile up where nobody reads.
pub fn start_metrics() -> Option<PrometheusHandle> {
    let handle = PrometheusBuilder::new().install_recorder().ok()?;
    let tidied = handle.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(TIDY_METRICS_EVERY).await;
            tidied.run_upkeep();
        }
    });
    Some(handle)
}

/// An error with its whole chain on one line, for the one place where it is logged.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
