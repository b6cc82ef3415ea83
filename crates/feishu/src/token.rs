//! The tenant access token: fetched by one caller at a time, renewed in its last half hour.
//!
//! Feishu gives a new token only when less than 30 minutes of the old one are left, so asking earlier is useless and
//! asking then costs nothing: the old token stays good until its end.

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Mutex;

use crate::error::FeishuError;
use crate::wire;
use crate::{Credentials, Secret};

/// Renew with less than this left.
const RENEW_BELOW: TimeDelta = TimeDelta::minutes(30);
/// A token with less than this left is not used any more, even if it cannot be renewed.
const USABLE_ABOVE: TimeDelta = TimeDelta::minutes(1);
/// After a failed renewal the old token is used this long before the next try.
const RENEWAL_PAUSE: TimeDelta = TimeDelta::seconds(30);

#[derive(Debug, Clone)]
struct Cached {
    token: Secret,
    ends_at: DateTime<Utc>,
    not_before: DateTime<Utc>,
}

/// At most one token, and at most one request for the next.
#[derive(Debug, Default)]
pub(crate) struct TokenCache {
    /// Held across the request on purpose: that is what makes it single flight.
    cached: Mutex<Option<Cached>>,
}

impl TokenCache {
    /// A token that is good now.
    pub(crate) async fn get(
        &self,
        http: &reqwest::Client,
        base: &str,
        credentials: &Credentials,
        now: DateTime<Utc>,
    ) -> Result<Secret, FeishuError> {
        let mut cached = self.cached.lock().await;
        if let Some(held) = cached.as_ref()
            && (held.ends_at - now >= RENEW_BELOW || now < held.not_before)
            && held.ends_at - now > USABLE_ABOVE
        {
            return Ok(held.token.clone());
        }
        match fetch(http, base, credentials, now).await {
            Ok(fresh) => Ok(cached.insert(fresh).token.clone()),
            Err(error) => match cached.as_mut().filter(|held| held.ends_at - now > USABLE_ABOVE) {
                Some(held) => {
                    tracing::warn!(error = %error, "the Feishu token could not be renewed; the old one is used on");
                    held.not_before = now + RENEWAL_PAUSE;
                    Ok(held.token.clone())
                }
                None => Err(error),
            },
        }
    }

    /// Drops `refused`, unless somebody has replaced it already.
    pub(crate) async fn forget(&self, refused: &Secret) {
        let mut cached = self.cached.lock().await;
        if cached.as_ref().is_some_and(|held| held.token == *refused) {
            *cached = None;
        }
    }
}

async fn fetch(
    http: &reqwest::Client,
    base: &str,
    credentials: &Credentials,
    now: DateTime<Utc>,
) -> Result<Cached, FeishuError> {
    let url = format!("{base}/open-apis/auth/v3/tenant_access_token/internal");
    let body = serde_json::json!({
        "app_id": credentials.app_id, "app_secret": credentials.app_secret.expose()});
    let answer = wire::exchange(http.post(url).json(&body)).await?;
    let token: String = wire::part(&answer, "/tenant_access_token")?;
    let seconds: u32 = wire::part(&answer, "/expire")?;
    Ok(Cached {
        token: Secret::new(token),
        ends_at: now + TimeDelta::seconds(seconds.into()),
        not_before: now,
    })
}
