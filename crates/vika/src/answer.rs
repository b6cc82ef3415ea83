//! Reads an answer: the body decides, never the HTTP status alone.

use serde::Deserialize;
use serde_json::Value;

use crate::error::Error;

/// What one attempt came to.
#[derive(Debug, PartialEq)]
pub enum Outcome {
    /// `data` of a success; null when there was none.
    Done(Value),
    /// Refused by the rate limit: not done.
    Limited,
    /// Not done: the request never left.
    Unsent(String),
    /// Done or not done.
    Unknown(String),
    /// Not done, for a reason that the caller has to handle.
    Failed(Error),
}

#[derive(Deserialize)]
struct Envelope {
    success: bool,
    code: i64,
    #[serde(default)]
    message: Value,
    #[serde(default)]
    data: Value,
}

/// Reads the body of an answer with this HTTP status.
pub fn read(status: u16, body: &[u8]) -> Outcome {
    // A gateway's page instead of JSON: the service behind it may have done the work.
    let Ok(envelope) = serde_json::from_slice::<Envelope>(body) else {
        return Outcome::Unknown(format!("HTTP {status} without a Vika answer"));
    };
    if envelope.success && envelope.code == 200 {
        return Outcome::Done(envelope.data);
    }
    let is_list = envelope.message.is_array();
    let message = text(&envelope.message);
    match envelope.code {
        401 => Outcome::Failed(Error::Unauthorized),
        // Usage and membership share a code and are told apart by the message only.
        403 if message.contains("用量") || message.to_lowercase().contains("usage") => {
            Outcome::Failed(Error::Quota { message })
        }
        403 | 602 => Outcome::Failed(Error::Forbidden { message }),
        301 | 600 => Outcome::Failed(Error::SheetMissing { message }),
        304 => Outcome::Failed(Error::RowLimit { message }),
        429 => Outcome::Limited,
        // Insert, update or delete failed inside: to be retried after a re-read.
        code @ (211 | 212 | 214) => Outcome::Unknown(format!("code {code}: {message}")),
        // A list of messages, or HTTP 200, is a check of our parameters; anything else is the server's trouble.
        code @ 500.. if status >= 500 && !is_list => Outcome::Unknown(format!("code {code}: {message}")),
        code => Outcome::Failed(Error::Rejected { code, message }),
    }
}

/// The message as one text: it may be empty, and it may be a list.
fn text(message: &Value) -> String {
    match message {
        Value::String(text) => text.clone(),
        Value::Array(texts) => texts.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("; "),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_decides() {
        let rejected =
            |code, message: &str| Outcome::Failed(Error::Rejected { code, message: message.into() });
        let cases = [
            (
                201,
                r#"{"success":true,"code":200,"message":"SUCCESS","data":{"a":1}}"#,
                Outcome::Done(serde_json::json!({"a": 1})),
            ),
            (200, r#"{"success":true,"code":200,"message":"SUCCESS"}"#, Outcome::Done(Value::Null)),
            (200, r#"{"success":false,"code":400,"message":""}"#, rejected(400, "")),
            (500, r#"{"success":false,"code":500,"message":["a","b"]}"#, rejected(500, "a; b")),
            (200, r#"{"success":false,"code":500,"message":"x"}"#, rejected(500, "x")),
            (500, r#"{"success":false,"code":500,"message":"x"}"#, Outcome::Unknown("code 500: x".into())),
            (
                403,
                r#"{"success":false,"code":403,"message":"API 用量超过限制，禁止访问"}"#,
                Outcome::Failed(Error::Quota { message: "API 用量超过限制，禁止访问".into() }),
            ),
            (
                403,
                r#"{"success":false,"code":403,"message":"不是成员"}"#,
                Outcome::Failed(Error::Forbidden { message: "不是成员".into() }),
            ),
            (429, r#"{"success":false,"code":429,"message":"每秒5次"}"#, Outcome::Limited),
            (200, "<html>", Outcome::Unknown("HTTP 200 without a Vika answer".into())),
        ];
        for (status, body, outcome) in cases {
            assert_eq!(read(status, body.as_bytes()), outcome, "{body}");
        }
    }
}
