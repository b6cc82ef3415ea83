//! Feishu's custom bots: a plain text into a group through a webhook, for when our own app cannot send.
//!
//! The webhook knows no message ids and no uuids: what is sent twice stands there twice. So it is for the last ditch
//! alone.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::markup::inert;

/// How long a call may take.
const CALL_DEADLINE: Duration = Duration::from_secs(10);

/// Why a text is not in the group. Never names the address, which is a secret.
#[derive(Debug, thiserror::Error)]
pub enum CustomBotError {
    /// It could not be reached, or gave no answer that can be read.
    #[error("the webhook cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    #[error("the webhook refused with code {code}, status {status}")]
    Refused {
        /// 9499 bad request or too many, 19001 token, 19021 signature or time, 19022 address, 19024 keyword.
        code: i64,
        status: u16,
    },
}

/// A custom bot of a group, with its secrets exposed for one call.
#[derive(Clone, Copy)]
pub struct CustomBot<'a> {
    /// Its webhook address, which holds its token.
    pub url: &'a str,
    /// Its signature secret; `None`: it does not check signatures.
    pub secret: Option<&'a str>,
}

#[derive(Deserialize)]
struct Answer {
    code: i64,
}

/// Sends a text to the bot's group, as text and nothing else: no part of it is markup to Feishu.
pub async fn send(
    http: &reqwest::Client,
    bot: CustomBot<'_>,
    text: &str,
    now: DateTime<Utc>,
) -> Result<(), CustomBotError> {
    let unreachable = |error: reqwest::Error| CustomBotError::Unreachable(error.without_url());
    let request = http.post(bot.url).timeout(CALL_DEADLINE).json(&body(bot, text, now.timestamp()));
    let response = request.send().await.map_err(unreachable)?;
    let status = response.status().as_u16();
    let answer: Answer = response.json().await.map_err(unreachable)?;
    if answer.code == 0 { Ok(()) } else { Err(CustomBotError::Refused { code: answer.code, status }) }
}

fn body(bot: CustomBot<'_>, text: &str, timestamp: i64) -> Value {
    let mut body = json!({ "msg_type": "text", "content": { "text": inert(text) } });
    if let Some(secret) = bot.secret {
        body["timestamp"] = json!(timestamp.to_string());
        body["sign"] = json!(signature(timestamp, secret));
    }
    body
}

/// base64(HMAC-SHA256) of nothing, with timestamp and secret as the key: so Feishu wants it.
fn signature(timestamp: i64, secret: &str) -> String {
    let key = format!("{timestamp}\n{secret}");
    // A key may have any length.
    Hmac::<Sha256>::new_from_slice(key.as_bytes())
        .map(|mac| STANDARD.encode(mac.finalize().into_bytes()))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{CustomBot, body, signature};

    /// The vector that three languages agree on.
    #[test]
    fn the_agreed_signature() {
        assert_eq!(signature(1_599_360_473, "demo"), "l1N0gAcBjdwBvGm1xMjOF0XSyaLRpR7tuO5dHfhAYc8=");
    }

    /// Names of gateways, columns and rooms may stand in it.
    #[test]
    fn nothing_in_it_is_markup() {
        let bot = CustomBot { url: "https://bot.invalid", secret: None };
        let body = body(bot, "<at user_id=\"all\"></at> [点我](https://a.example)", 0);
        assert_eq!(body["content"]["text"], "＜at user_id=\"all\"＞＜/at＞ ［点我］(https：//a．example)");
    }
}
