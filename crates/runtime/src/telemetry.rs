//! Logs, metrics and spans.

mod export;

use std::io::IsTerminal;
use std::time::Duration;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

pub use self::export::Exporter;
pub use crate::config::LogFormat;
use crate::config::{Logs, Traces};
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

/// Starts logs, and spans that are exported if the configuration names a receiver. `process`: whose they are. To be called on
/// the runtime, which exports.
///
/// # Errors
/// If nothing can be sent to the receiver's address.
pub fn start(process: &'static str, logs: &Logs, traces: &Traces) -> anyhow::Result<Exporter> {
    let exporter = Exporter::start(process, traces)?;
    let colours = std::io::stderr().is_terminal();
    install(&logs.filter, logs.format, colours, std::io::stderr, &exporter);
    Ok(exporter)
}

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
    install(filter, format, colours, writer, &Exporter::none());
}

fn install<W>(filter: &str, format: LogFormat, colours: bool, writer: W, spans: &Exporter)
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let filter = filter.and(filter_fn(may_be_logged).with_max_level_hint(LevelFilter::TRACE));
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(colours);
    let lines = match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    drop(tracing_subscriber::registry().with(lines.with_filter(filter)).with(spans.layer()).try_init());
}

/// What libraries say below `info` is never logged, whatever the filter asks for: at `debug` the bus's client prints
/// its password and at `trace` what it reads, and the gateway's client prints our token when it comes back in an error.
fn may_be_logged(metadata: &Metadata<'_>) -> bool {
    metadata.is_event() && (*metadata.level() <= Level::INFO || is_ours(metadata))
}

/// Libraries name in their spans whatever they like.
fn is_span_of_ours(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && is_ours(metadata)
}

fn is_ours(metadata: &Metadata<'_>) -> bool {
    let name = metadata.target().split("::").next().unwrap_or_default();
    OUR_CRATES.contains(&name) || SERVICES.iter().any(|service| service.role.name() == name)
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
