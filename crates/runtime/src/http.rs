//! HTTP clients: one TLS provider, deadlines set.

use std::sync::Once;
use std::time::Duration;

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a whole call may take, unless the call sets its own.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

static PROVIDER: Once = Once::new();

/// Installs ring as the process's TLS provider. Idempotent.
pub fn install_tls_provider() {
    PROVIDER.call_once(|| {
        // An error means that the program embedding us installed one already, which serves as well.
        drop(rustls::crypto::ring::default_provider().install_default());
    });
}

/// A client with deadlines. Never follows redirects: none of our counterparts sends any.
///
/// # Errors
/// If the system's certificate store cannot be read.
pub fn client() -> reqwest::Result<reqwest::Client> {
    client_within(CALL_TIMEOUT)
}

/// The same; a whole call may take this long.
///
/// # Errors
/// If the system's certificate store cannot be read.
pub fn client_within(deadline: Duration) -> reqwest::Result<reqwest::Client> {
    install_tls_provider();
    #[expect(clippy::disallowed_methods, reason = "the one place that builds clients")]
    reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(deadline)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent("huiyin")
        .build()
}
