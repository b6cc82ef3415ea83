//! One trace from a webhook's request to the card: with its sender's id, in the spans that a receiver gets and in the card's
//! row.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, ensure};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Attribute;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use runtime::config::{Logs, Traces};
use runtime::telemetry;
use serde_json::json;
use store::sqlx::{self, PgPool};
use testkit::until;

use crate::play::Play;

/// As the sender of the request would make it.
const SENT: &str = "00-5b8efff798038103d269b633813fc60c-eee19b7ec3c1b174-01";
const TRACE: &str = "5b8efff798038103d269b633813fc60c";
const SENT_SPAN: &str = "eee19b7ec3c1b174";
/// What somebody says and is called, which no span may hold.
const SAID: &str = "发票什么时候能开？";
const NAME: &str = "紫会计";

/// A receiver of OTLP over HTTP that keeps what it gets.
#[derive(Clone, Default)]
struct Receiver(Arc<Mutex<Vec<Span>>>);

impl Receiver {
    /// Its address.
    async fn listen(&self) -> Result<String> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let router = Router::new().route("/v1/traces", post(take)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(format!("http://{address}"))
    }

    /// The spans of the trace.
    fn spans(&self) -> Vec<Span> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter(|span| hex(&span.trace_id) == TRACE).cloned().collect()
    }

    /// The crates that they came from.
    fn crates(&self) -> BTreeSet<String> {
        let target = |span: &Span| attribute(span, "target")?.split("::").next().map(str::to_owned);
        self.spans().iter().filter_map(target).collect()
    }
}

async fn take(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let is_protobuf = headers.get("content-type").is_some_and(|kind| kind == "application/x-protobuf");
    let Some(request) = ExportTraceServiceRequest::decode(body).ok().filter(|_| is_protobuf) else {
        return StatusCode::BAD_REQUEST;
    };
    let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    let mut all = receiver.0.lock().unwrap_or_else(PoisonError::into_inner);
    all.extend(scopes.flat_map(|scope| scope.spans));
    StatusCode::OK
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

fn attribute(span: &Span, key: &str) -> Option<String> {
    let found = span.attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        Attribute::StringValue(text) => Some(text.clone()),
        other => Some(format!("{other:?}")),
    }
}

/// Logs and spans are the process's: the other tests' spans get here too, and are of other traces.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_and_its_card_are_of_one_trace() -> Result<()> {
    let receiver = Receiver::default();
    let traces = Traces { endpoint: Some(receiver.listen().await?), sample_percent: 100 };
    let quiet = Logs { filter: "off".to_owned(), ..Logs::default() };
    let _exporter = telemetry::start("end-to-end", &quiet, &traces)?;
    let play = Play::start(true).await?;
    let database = PgPool::connect(play.postgres()).await?;

    let row = json!({
        "source": "webhook", "account": "main", "id": "traced-1", "room": { "id": "traced", "topic": "示例公司-白鹭" },
        "sender": { "id": "c-7", "name": NAME }, "sent_at": play.now(), "kind": "text", "text": SAID
    });
    let answer = play.post_rows_in(SENT, &row).await?;
    ensure!(answer["accepted"] == 1, "{answer}");
    let opened = async || -> Result<Option<String>> {
        let wait = "select trace from waits where room = 'webhook:traced'";
        Ok(sqlx::query_scalar(wait).fetch_optional(&database).await?.flatten())
    };
    until("the wait is open", || async { Ok(opened().await?.is_some()) }).await?;
    ensure!(opened().await?.is_some_and(|trace| trace.contains(TRACE)), "the wait knows the trace");

    // Nobody owns the room, so that its first rung asks the public chat for an owner.
    play.advance(Duration::from_secs(11));
    let sent = async || -> Result<Option<String>> {
        let card = "select trace_id from notifications where room = 'webhook:traced' and state = 'sent'";
        Ok(sqlx::query_scalar(card).fetch_optional(&database).await?.flatten())
    };
    until("the card is sent", || async { Ok(sent().await?.is_some()) }).await?;
    ensure!(sent().await?.as_deref() == Some(TRACE), "the card's row names the request's trace");

    until("the spans of all three services have arrived", || async {
        Ok(["ingest", "room_state", "feishu_alerter"].iter().all(|name| receiver.crates().contains(*name)))
    })
    .await?;
    let spans = receiver.spans();
    let ours: BTreeSet<String> = spans.iter().map(|span| hex(&span.span_id)).collect();
    for span in &spans {
        let parent = hex(&span.parent_span_id);
        ensure!(parent == SENT_SPAN || ours.contains(&parent), "{} hangs in the air: {span:?}", span.name);
        let told = format!("{span:?}");
        ensure!(!told.contains(SAID) && !told.contains(NAME), "a span repeats what somebody said: {told}");
    }
    play.stop().await;
    Ok(())
}
