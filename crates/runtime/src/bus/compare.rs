//! What stands on the bus against what is declared: looked at, never changed.

use async_nats::jetstream::consumer::IntoConsumerConfig;
use async_nats::jetstream::context::{GetStreamError, GetStreamErrorKind};
use async_nats::jetstream::stream::Config;
use async_nats::jetstream::{Context as JetStream, ErrorCode, consumer};

use super::BusError;
use super::topology::{Consumer, open, streams};

/// How something on the bus is not as declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// `stream CHAT`, `consumer vika-sync`.
    pub what: String,
    /// Names of the settings that differ; empty: it is not there at all.
    pub settings: Vec<&'static str>,
}

/// Everything that is not as [`super::declare`] would make it. Needs no more than to look.
pub async fn differences(jetstream: &JetStream, replicas: usize) -> Result<Vec<Difference>, BusError> {
    let mut found = Vec::new();
    for wanted in streams(replicas) {
        let what = format!("stream {}", wanted.name);
        let settings = match jetstream.get_stream(&wanted.name).await {
            Ok(stream) => changed(&stream_settings(&wanted), &stream_settings(&stream.cached_info().config)),
            Err(error) if is_missing_stream(&error) => Some(Vec::new()),
            Err(source) => return Err(BusError::Declare { what, source: source.into() }),
        };
        found.extend(settings.map(|settings| Difference { what, settings }));
    }
    for consumer in Consumer::ALL {
        let opened = open(jetstream, consumer).await?;
        let wanted = consumer_settings(&consumer.config().into_consumer_config());
        let settings = match opened {
            Some(opened) => changed(&wanted, &consumer_settings(&opened.cached_info().config)),
            None => Some(Vec::new()),
        };
        let what = format!("consumer {}", consumer.name());
        found.extend(settings.map(|settings| Difference { what, settings }));
    }
    Ok(found)
}

type Settings = Vec<(&'static str, String)>;

/// The settings that differ; `None`: none does.
fn changed(wanted: &Settings, found: &Settings) -> Option<Vec<&'static str>> {
    let differ: Vec<&str> =
        wanted.iter().zip(found).filter(|(w, f)| w != f).map(|((name, _), _)| *name).collect();
    (!differ.is_empty()).then_some(differ)
}

/// Those that we declare; the server fills in the others.
fn stream_settings(config: &Config) -> Settings {
    vec![
        ("subjects", format!("{:?}", config.subjects)),
        ("retention", format!("{:?}", config.retention)),
        ("storage", format!("{:?}", config.storage)),
        ("discard", format!("{:?}", config.discard)),
        ("max_age", format!("{:?}", config.max_age)),
        ("duplicate_window", format!("{:?}", config.duplicate_window)),
        ("num_replicas", config.num_replicas.to_string()),
        ("deny_delete", config.deny_delete.to_string()),
        ("persist_mode", format!("{:?}", config.persist_mode.unwrap_or_default())),
        ("max_msgs_per_subject", config.max_messages_per_subject.max(0).to_string()),
    ]
}

/// The same for consumers.
fn consumer_settings(config: &consumer::Config) -> Settings {
    vec![
        ("ack_policy", format!("{:?}", config.ack_policy)),
        ("ack_wait", format!("{:?}", config.ack_wait)),
        ("max_deliver", config.max_deliver.to_string()),
        ("max_ack_pending", config.max_ack_pending.to_string()),
        ("deliver_policy", format!("{:?}", config.deliver_policy)),
        ("filter_subject", config.filter_subject.clone()),
        ("backoff", format!("{:?}", config.backoff)),
    ]
}

fn is_missing_stream(error: &GetStreamError) -> bool {
    matches!(error.kind(), GetStreamErrorKind::JetStream(refused) if refused.error_code() == ErrorCode::STREAM_NOT_FOUND)
}
