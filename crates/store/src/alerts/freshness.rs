//! The freshness gate's view of capture: is it live, and is a gap open at this moment?

use domain::Timestamp;
use sqlx::PgConnection;

/// How a gateway stands.
#[derive(Debug, Clone)]
pub struct CaptureState {
    /// Its state, `live` when it captures.
    pub state: String,
    /// Since when it is in that state.
    pub state_since: Timestamp,
    /// When it was last known to be live.
    pub last_live_at: Option<Timestamp>,
    /// Messages may be getting lost at this moment.
    pub gap_open: bool,
}

/// One gateway; `None`: not known.
pub async fn capture_state(
    connection: &mut PgConnection,
    gateway: &str,
) -> Result<Option<CaptureState>, sqlx::Error> {
    sqlx::query_as!(
        CaptureState,
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
