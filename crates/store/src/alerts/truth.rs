//! What tells whether the stored truth can be acted upon: is capture live, is everything captured folded?

use domain::Timestamp;
use sqlx::PgConnection;

/// How a gateway stands.
#[derive(Debug, Clone)]
pub struct Capture {
    /// Its state, `live` when it captures.
    pub state: String,
    /// Since when it is in that state.
    pub state_since: Timestamp,
    /// When it was last known to be live.
    pub last_live_at: Option<Timestamp>,
    /// Messages may be getting lost at this moment.
    pub gap_open: bool,
}

/// One gateway; `None`: never heard of.
pub async fn capture(connection: &mut PgConnection, gateway: &str) -> Result<Option<Capture>, sqlx::Error> {
    sqlx::query_as!(
        Capture,
        r#"
        select state, state_since, last_live_at,
               exists (select from capture_gaps gap
                       where gap.gateway = gateways.gateway and gap.until is null) as "gap_open!"
        from gateways
        where gateway = $1
        "#,
        gateway,
    )
    .fetch_optional(connection)
    .await
}
