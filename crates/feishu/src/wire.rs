//! One HTTP exchange, read as Feishu's envelope.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{RequestBuilder, Response};
use serde::Deserialize;
use serde_json::Value;

use crate::error::{FeishuError, Refusal, RetryCause};

/// How long one call may take, connecting and reading included.
pub const CALL_DEADLINE: Duration = Duration::from_secs(10);
/// The longest wait that we take from a header; a nonsensical one must not stop a chat.
const LONGEST_ADVISED_WAIT: Duration = Duration::from_mins(2);

#[derive(Deserialize)]
struct Envelope {
    code: i64,
    #[serde(default)]
    msg: String,
}

/// Sends and gives the whole body of an answer with code 0, whatever its HTTP status claims otherwise.
pub(crate) async fn exchange(request: RequestBuilder) -> Result<Value, FeishuError> {
    let response = request.send().await.map_err(|error| broken(&error))?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = body_of(response).await?;
    let Ok(envelope) = serde_json::from_slice::<Envelope>(&body) else {
        return Err(not_feishu(status, &headers));
    };
    if envelope.code != 0 {
        let refusal = Refusal {
            status,
            code: envelope.code,
            sub: card_code(&envelope.msg),
            log_id: header(&headers, "x-tt-logid").map(str::to_owned),
        };
        return Err(FeishuError::classify(refusal, advised_wait(&headers)));
    }
    if !(200..300).contains(&status) {
        return Err(not_feishu(status, &headers));
    }
    serde_json::from_slice(&body).map_err(|_| FeishuError::retry(RetryCause::Garbled))
}

/// The part of a good answer that the caller needs; a good code without it is as good as no answer.
pub(crate) fn part<T: serde::de::DeserializeOwned>(body: &Value, pointer: &str) -> Result<T, FeishuError> {
    let value = body.pointer(pointer).cloned();
    value.and_then(|value| serde_json::from_value(value).ok()).ok_or(FeishuError::retry(RetryCause::Garbled))
}

async fn body_of(response: Response) -> Result<Vec<u8>, FeishuError> {
    response.bytes().await.map(|bytes| bytes.to_vec()).map_err(|error| broken(&error))
}

fn not_feishu(status: u16, headers: &HeaderMap) -> FeishuError {
    FeishuError::RetrySameUuid { cause: RetryCause::NotFeishu(status), after: advised_wait(headers) }
}

/// Only the kind is kept: the error's own text repeats the address.
fn broken(error: &reqwest::Error) -> FeishuError {
    FeishuError::retry(if error.is_connect() {
        RetryCause::NoConnection
    } else if error.is_timeout() {
        RetryCause::Timeout
    } else {
        RetryCause::Broken
    })
}

/// `x-ogw-ratelimit-reset`, in seconds.
fn advised_wait(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = header(headers, "x-ogw-ratelimit-reset")?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_ADVISED_WAIT))
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The card service's code, which 230099 hides in its message: `…ext=ErrCode: 11310; ErrMsg: …`.
fn card_code(msg: &str) -> Option<i64> {
    let (_, rest) = msg.split_once("ErrCode:")?;
    let digits: String = rest.trim_start().chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::card_code;

    #[test]
    fn the_card_services_code_is_read_out_of_the_message() {
        let msg = "Failed to create card content, ext=ErrCode: 11310; ErrMsg: element exceeds the limit";
        assert_eq!(card_code(msg), Some(11310));
        assert_eq!(card_code("Failed to create card content."), None);
        assert_eq!(card_code("ext=ErrCode: ; ErrMsg"), None);
    }
}
