//! Reads an answer: the body's `code` decides, the HTTP status only where there is none.

use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, Stop};

/// Codes with a meaning of their own. The service publishes no list, so that they are configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Codes {
    /// The key is refused.
    pub key_refused: Vec<i64>,
    /// The table is missing.
    pub table_missing: Vec<i64>,
    /// The calls came too fast; nothing was done.
    pub throttled: Vec<i64>,
    /// The plan's calls are used up.
    pub used_up: Vec<i64>,
}

impl Default for Codes {
    /// Those two that public code knows.
    fn default() -> Self {
        Self {
            key_refused: vec![9_600_001],
            table_missing: vec![3_500_002],
            throttled: Vec::new(),
            used_up: Vec::new(),
        }
    }
}

/// What one attempt came to.
#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    /// `data` of a success; null when there was none.
    Done(Value),
    /// Refused by the rate limit: not done.
    Throttled,
    /// Not done: the request never left.
    Unsent(String),
    /// Done or not done.
    Unknown(String),
    /// Not done, for a reason that the caller has to handle.
    Failed(Error),
}

#[derive(Deserialize)]
struct Envelope {
    code: i64,
    #[serde(default)]
    message: Value,
    #[serde(default)]
    data: Value,
    #[serde(default)]
    meta: Value,
}

const TOO_MANY_REQUESTS: u16 = 429;

/// Reads the body of an answer with this HTTP status.
pub(crate) fn read(status: u16, body: &[u8], codes: &Codes) -> Outcome {
    if status == TOO_MANY_REQUESTS {
        return Outcome::Throttled;
    }
    let Ok(envelope) = serde_json::from_slice::<Envelope>(body) else {
        return match status {
            401 | 403 => refused_key(String::new(), String::new()),
            // A proxy's page instead of JSON: the service behind it may have done the work.
            _ => Outcome::Unknown(format!("HTTP {status} without an answer of Huoban")),
        };
    };
    let message = envelope.message.as_str().unwrap_or_default().to_owned();
    let trace = envelope.meta["trace_id"].as_str().unwrap_or_default().to_owned();
    let means = |known: &[i64]| known.contains(&envelope.code);
    match envelope.code {
        0 if status < 400 => Outcome::Done(envelope.data),
        _ if means(&codes.key_refused) || matches!(status, 401 | 403) => refused_key(message, trace),
        _ if means(&codes.table_missing) => Outcome::Failed(Error::Missing { message, trace }),
        _ if means(&codes.used_up) => Outcome::Failed(Error::Stop(Stop::PlanUsedUp { message, trace })),
        _ if means(&codes.throttled) => Outcome::Throttled,
        code if status >= 500 || code == 0 => {
            Outcome::Unknown(format!("HTTP {status}, code {code}, trace {trace}"))
        }
        code => Outcome::Failed(Error::Rejected { code, message, trace }),
    }
}

fn refused_key(message: String, trace: String) -> Outcome {
    Outcome::Failed(Error::Stop(Stop::KeyRefused { message, trace }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(status: u16, body: &str) -> Outcome {
        let codes = Codes { throttled: vec![42], used_up: vec![43], ..Codes::default() };
        read(status, body.as_bytes(), &codes)
    }

    #[test]
    fn the_code_decides() {
        let done = r#"{"code":0,"message":"success","data":{"a":1},"meta":{"trace_id":"t"}}"#;
        assert_eq!(outcome(200, done), Outcome::Done(serde_json::json!({"a": 1})));
        assert_eq!(outcome(200, r#"{"code":0}"#), Outcome::Done(Value::Null));
        assert!(matches!(outcome(502, done), Outcome::Unknown(_)), "a proxy may say anything");
        let failed = |code: i64| format!(r#"{{"code":{code},"message":"错","meta":{{"trace_id":"t"}}}}"#);
        let (message, trace) = ("错".to_owned(), "t".to_owned());
        assert_eq!(
            outcome(200, &failed(7)),
            Outcome::Failed(Error::Rejected { code: 7, message: message.clone(), trace: trace.clone() })
        );
        assert_eq!(outcome(200, &failed(3_500_002)), Outcome::Failed(Error::Missing { message, trace }));
        assert!(matches!(
            outcome(200, &failed(9_600_001)),
            Outcome::Failed(Error::Stop(Stop::KeyRefused { .. }))
        ));
        assert!(matches!(outcome(200, &failed(43)), Outcome::Failed(Error::Stop(Stop::PlanUsedUp { .. }))));
        assert_eq!(outcome(200, &failed(42)), Outcome::Throttled);
        assert_eq!(outcome(429, "slow down"), Outcome::Throttled);
        assert!(matches!(outcome(403, "<html>"), Outcome::Failed(Error::Stop(_))));
        assert!(matches!(outcome(500, &failed(7)), Outcome::Unknown(_)));
        assert!(matches!(outcome(200, "<html>"), Outcome::Unknown(_)));
    }
}
