//! Spans on their way to a receiver of OpenTelemetry's protocol (OTLP over HTTP, protobuf).
//!
//! Off unless the configuration names a receiver: then no thread runs, and spans have ids and nothing else. With one,
//! spans wait in a bounded queue, from which a thread sends them; whatever the receiver does, services go on, and what the
//! queue has no room for is lost.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, SpanLimits, TracerProviderBuilder,
};
use tokio::runtime::Handle;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use super::chain;
use crate::config::Traces;

/// Where the protocol wants spans.
const PATH: &str = "/v1/traces";
/// Spans that wait at the same time; more are lost.
const QUEUE: usize = 4_096;
/// Spans sent together.
const TOGETHER: usize = 512;
/// How long a span waits for others.
const GATHER: Duration = Duration::from_secs(2);
/// How long the receiver may take.
const DEADLINE: Duration = Duration::from_secs(10);
/// How long the end of a process waits for spans that are not sent yet.
const LAST_SPANS: Duration = Duration::from_secs(1);
/// Bytes of the receiver's answer that are read.
const MAX_ANSWER: usize = 64 * 1024;
/// What one span may hold.
const LIMITS: SpanLimits = SpanLimits {
    max_events_per_span: 16,
    max_attributes_per_span: 32,
    max_links_per_span: 64,
    max_attributes_per_event: 16,
    max_attributes_per_link: 4,
};

/// Where a process's spans go.
#[derive(Debug)]
pub struct Exporter {
    provider: SdkTracerProvider,
    exports: bool,
}

impl Exporter {
    /// Nowhere: spans have ids, and are forgotten.
    pub fn none() -> Self {
        Self { provider: provider(Sampler::AlwaysOff, "huiyin").build(), exports: false }
    }

    /// Where the configuration says. To be called on the runtime.
    ///
    /// # Errors
    /// If nothing can be sent there.
    pub fn start(process: &'static str, traces: &Traces) -> anyhow::Result<Self> {
        let Some(endpoint) = &traces.endpoint else { return Ok(Self::none()) };
        let client = Client {
            http: crate::http::client_within(DEADLINE).context("the HTTP client for traces")?,
            runtime: Handle::try_current().context("traces are exported on the runtime")?,
            failing: Arc::default(),
        };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_endpoint(format!("{}{PATH}", endpoint.trim_end_matches('/')))
            .with_timeout(DEADLINE)
            .build()
            .context("traces.endpoint")?;
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(QUEUE)
            .with_max_export_batch_size(TOGETHER)
            .with_scheduled_delay(GATHER)
            .build();
        let processor = BatchSpanProcessor::builder(exporter).with_batch_config(batches).build();
        let sampled = Sampler::TraceIdRatioBased(f64::from(traces.sample_percent) / 100.0);
        let provider =
            provider(Sampler::ParentBased(Box::new(sampled)), process).with_span_processor(processor).build();
        Ok(Self { provider, exports: true })
    }

    /// What gives spans their ids and hands them over when they end. Events are the logs' business.
    pub fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer("huiyin"))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_context_activation(false)
            .with_filter(filter_fn(super::is_span_of_ours).with_max_level_hint(LevelFilter::INFO))
    }

    /// Sends what waits, as far as the receiver takes it at once.
    pub async fn finish(self) {
        if self.exports {
            let last = tokio::task::spawn_blocking(move || self.provider.shutdown_with_timeout(LAST_SPANS));
            drop(tokio::time::timeout(LAST_SPANS, last).await);
        }
    }
}

/// Everything is said here, since what is not would be read from the environment.
fn provider(sampler: Sampler, process: &'static str) -> TracerProviderBuilder {
    let resource = Resource::builder_empty()
        .with_service_name(process)
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    SdkTracerProvider::builder().with_sampler(sampler).with_span_limits(LIMITS).with_resource(resource)
}

/// Our HTTP client for the thread that sends, which is not on the runtime.
#[derive(Debug, Clone)]
struct Client {
    http: reqwest::Client,
    runtime: Handle,
    failing: Arc<AtomicBool>,
}

type Sending<'a> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'a>>;

impl HttpClient for Client {
    fn send_bytes<'life0, 'async_trait>(&'life0 self, request: Request<Bytes>) -> Sending<'async_trait>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        let sending = self.runtime.spawn(self.clone().send(request));
        Box::pin(async move { sending.await? })
    }
}

impl Client {
    async fn send(self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = ask(&self.http, request).await;
        match &answer {
            Ok(answer) if answer.status().is_success() => self.note(None),
            Ok(answer) => self.note(Some(format!("the receiver answered {}", answer.status()))),
            Err(error) => self.note(Some(chain(error))),
        }
        Ok(answer?)
    }

    /// Counts, and tells people once when it begins to fail and once when it works again.
    fn note(&self, failure: Option<String>) {
        let outcome = if failure.is_none() { "sent" } else { "failed" };
        metrics::counter!("trace_exports_total", "outcome" => outcome).increment(1);
        let was_failing = self.failing.swap(failure.is_some(), Ordering::Relaxed);
        match failure {
            Some(error) if !was_failing => {
                tracing::warn!(error, "spans are not exported, and are lost; nothing else is");
            }
            None if was_failing => tracing::info!("spans are exported again"),
            _ => {}
        }
    }
}

async fn ask(http: &reqwest::Client, request: Request<Bytes>) -> Result<Response<Bytes>, reqwest::Error> {
    let mut answer = http.execute(request.try_into()?).await?;
    let mut body = Vec::new();
    while body.len() < MAX_ANSWER
        && let Some(chunk) = answer.chunk().await?
    {
        body.extend_from_slice(&chunk);
    }
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = answer.status();
    Ok(response)
}
