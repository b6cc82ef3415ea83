//! The envelope of Feishu's answers and the words of its refusals.
//!
//! Everything but the token answer is `{"code":N,"msg":"…","data":{…}}`; a refusal adds `error` with a log id.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

/// One answer before it is written to the wire.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Value,
}

impl Answer {
    /// Code 0 with `data`.
    pub(super) fn ok(data: &Value) -> Self {
        Self { status: 200, headers: Vec::new(), body: json!({"code": 0, "msg": "success", "data": data}) }
    }

    /// A refusal in the words of the documentation, HTTP 400.
    pub(super) fn refuse(code: i64) -> Self {
        Self::refuse_with(400, code, message_of(code))
    }

    /// A refusal with an explanation of ours after the documented words, HTTP 400.
    pub(super) fn refuse_because(code: i64, why: &str) -> Self {
        Self::refuse_with(400, code, &format!("{}: {why}", message_of(code)))
    }

    /// A refusal with everything chosen.
    pub(super) fn refuse_with(status: u16, code: i64, msg: &str) -> Self {
        let body = json!({"code": code, "msg": msg, "error": {
            "log_id": "", "troubleshooter": "https://open.feishu.cn/search?from=openapi"}});
        Self { status, headers: Vec::new(), body }
    }

    /// 230099: the card was refused by the card service with a code of its own.
    pub(super) fn bad_card(sub: i64, why: &str) -> Self {
        Self::refuse_with(
            400,
            230_099,
            &format!("Failed to create card content, ext=ErrCode: {sub}; ErrMsg: {why}; ErrorValue: ;"),
        )
    }

    /// What the gateway answers above a limit: status 429 with its headers, or 400 with the business code.
    pub(super) fn rate_limited(style: RateStyle, limit: usize, reset_seconds: i64) -> Self {
        match style {
            RateStyle::Gateway => {
                let mut answer = Self::refuse_with(429, 99_991_400, message_of(99_991_400));
                answer.headers = vec![
                    ("x-ogw-ratelimit-limit", limit.to_string()),
                    ("x-ogw-ratelimit-reset", reset_seconds.to_string()),
                ];
                answer
            }
            RateStyle::Business => Self::refuse(230_020),
        }
    }

    /// Something in front of Feishu answered, so the body is no envelope.
    pub(super) fn proxy_error(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: json!("upstream connect error or disconnect/reset") }
    }

    /// The envelope's code, if it is an envelope.
    pub(super) fn code(&self) -> Option<i64> {
        self.body.get("code").and_then(Value::as_i64)
    }

    /// Writes it as HTTP, with the trace id that real answers carry.
    pub(super) fn into_response(mut self, log_id: &str) -> Response<Body> {
        if let Some(slot) = self.body.pointer_mut("/error/log_id") {
            *slot = Value::from(log_id);
        }
        let mut response = Response::new(Body::from(self.body.to_string()));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_GATEWAY);
        let headers = response.headers_mut();
        headers.insert("content-type", HeaderValue::from_static("application/json; charset=utf-8"));
        if let Ok(value) = HeaderValue::from_str(log_id) {
            headers.insert("x-tt-logid", value);
        }
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        response
    }
}

/// How a rate limit is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RateStyle {
    /// 429, code 99991400, `x-ogw-ratelimit-*`.
    #[default]
    Gateway,
    /// 400, code 230020, no headers.
    Business,
}

/// The documented message of a code, as far as we know it.
pub(super) fn message_of(code: i64) -> &'static str {
    match code {
        2200 => "Internal Error",
        10_003 => "invalid param",
        10_014 => "app unauthorized",
        10_015 => "app secret invalid",
        230_001 => "Your request contains an invalid request parameter",
        230_002 => "The bot can not be outside the group.",
        230_006 => "Bot ability is not activated.",
        230_009 => "The message has exceeded the time limit for recall.",
        230_011 => "The message was withdrawn.",
        230_012 => "You are not the sender of this message.",
        230_013 => "Bot has NO availability to this user.",
        230_018 => "These operations are NOT allowed at current group settings.",
        230_020 => "This operation triggers the frequency limit.",
        230_022 => "The content of the message contains sensitive information.",
        230_025 => "The length of the message content reaches its limit.",
        230_026 => "No permission to recall this message.",
        230_027 => "Lack of necessary permissions.",
        230_028 => "The messages do NOT pass the audit.",
        230_029 => "User has resigned.",
        230_031 => "The message has exceeded the time limit for update.",
        230_034 => "The receive_id is invalid.",
        230_035 => "Send Message Permission deny.",
        230_049 => "The message is being sent.",
        230_052 => "The operation is not allowed.",
        230_054 => "This operation is not supported for this message type.",
        230_110 => "Action unavailable as the message has been deleted.",
        231_203 => "The chat is in restricted mode.",
        232_001 => "Your request contains an invalid request parameter.",
        232_006 => "Your request specifies a chat_id which is invalid.",
        232_011 => "Operator can NOT be out of the chat.",
        232_009 => "Your request specifies a chat which has already been dissolved.",
        234_001 => "Invalid request param.",
        234_006 => "The file size exceed the max value.",
        234_010 => "File's size can't be 0.",
        234_011 => "Can't recognize image format.",
        41_050 => "no user authority error",
        99_991_400 => "request trigger frequency limit",
        99_991_403 => "This month's API call quota has been exceeded",
        99_991_661 => "Missing access token for authorization. Need a token",
        99_991_663 => "Invalid access token for authorization. Please make a request with token attached",
        99_991_671 => "Invalid token: must start with t-/u-",
        99_991_672 => "Access denied. One of the following scopes is required",
        99_992_351 => "The open_id is not exist",
        _ => "refused",
    }
}
