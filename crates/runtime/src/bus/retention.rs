//! How long streams keep what was said: never longer than it may be kept at all.

use std::time::Duration;

use async_nats::jetstream::Context as JetStream;

use super::BusError;

/// The streams whose messages hold customers' words, or may.
const WITH_TEXTS: [&str; 3] = ["CHAT", "COMMAND", "DEAD"];

/// Makes the streams that hold texts forget them after `longest`, where they are declared to keep them for longer.
/// To be called after [`super::declare`], which sets the ages that hold without it.
pub async fn limit_ages(jetstream: &JetStream, longest: Duration) -> Result<(), BusError> {
    for name in WITH_TEXTS {
        let failed = |source| BusError::Declare { what: format!("stream {name}"), source };
        let stream = jetstream.get_stream(name).await.map_err(|error| failed(error.into()))?;
        let mut config = stream.cached_info().config.clone();
        if config.max_age <= longest {
            continue;
        }
        config.max_age = longest;
        // The server takes no window that is longer than what it remembers.
        config.duplicate_window = config.duplicate_window.min(longest);
        jetstream.update_stream(&config).await.map_err(|error| failed(error.into()))?;
    }
    Ok(())
}
