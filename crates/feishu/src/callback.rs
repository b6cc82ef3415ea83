//! A callback is checked here before anything in it is believed.
//!
//! Pure: bytes, headers, the time and the secrets go in, a verdict comes out. Stricter than both official SDKs: the
//! signature covers the raw bytes, old timestamps are refused, secrets are compared in constant time, the token and
//! the app must be ours, and nothing in plain is taken when there is a key. That an event is taken once only is the
//! service's affair, since it needs the store.

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeDecrypt, KeyIvInit};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use data_encoding::HEXLOWER;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{ChatId, MessageId, OpenId, Secret};

/// How far a timestamp may be from our clock, either way.
const TIMESTAMP_TOLERANCE: TimeDelta = TimeDelta::seconds(300);
/// Length of the initialisation vector in front of the encrypted bytes.
const IV_BYTES: usize = 16;
/// The event of a pressed button.
const CARD_ACTION: &str = "card.action.trigger";
/// The `type` of a URL check.
const URL_VERIFICATION: &str = "url_verification";

/// What callbacks of our app are made with.
#[derive(Debug, Clone)]
pub struct CallbackSecrets {
    /// `cli_…`
    pub app_id: String,
    /// The app's "Verification Token".
    pub verification_token: Secret,
    /// The app's "Encrypt Key". Without one, callbacks are plain and nothing but the token vouches for them.
    pub encrypt_key: Option<Secret>,
}

/// The signature headers, as they came.
#[derive(Debug, Clone, Copy, Default)]
pub struct CallbackHeaders<'a> {
    /// `X-Lark-Request-Timestamp`, in seconds.
    pub timestamp: Option<&'a str>,
    /// `X-Lark-Request-Nonce`.
    pub nonce: Option<&'a str>,
    /// `X-Lark-Signature`, hexadecimal.
    pub signature: Option<&'a str>,
}

/// A callback that is genuine.
#[derive(Debug, Clone, PartialEq)]
pub enum Verified {
    /// Feishu wants to know whether we are there: answer `{"challenge": …}` within a second.
    UrlCheck { challenge: String },
    /// Somebody pressed a button of ours.
    Action(CardAction),
    /// Something genuine that we did not ask for: answer 200 and `{}`, or it is sent again for hours.
    Other { event_type: String },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardAction {
    /// Take each one only once.
    pub event_id: String,
    pub operator: OpenId,
    pub message_id: MessageId,
    pub chat_id: ChatId,
    /// What the button carries.
    pub value: Value,
    /// What was chosen of a menu.
    pub option: Option<String>,
}

/// Why a callback is not believed or cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CallbackError {
    /// There is a key and the body is not encrypted.
    #[error("the body is not encrypted")]
    NotEncrypted,
    /// No signature, on something that is not a URL check.
    #[error("the signature is missing")]
    Unsigned,
    /// The signature is not that of these bytes.
    #[error("the signature is wrong")]
    BadSignature,
    /// The timestamp is too far from our clock, or no number.
    #[error("the timestamp is too old, too new or no number")]
    BadTimestamp,
    /// It was encrypted with another key.
    #[error("the body cannot be decrypted")]
    Undecryptable,
    /// The verification token is not ours.
    #[error("the verification token is wrong")]
    WrongToken,
    /// It is for another app.
    #[error("the app id is not ours")]
    WrongApp,
    /// Genuine, as far as that can be known, but not of the documented shape.
    #[error("the callback makes no sense: {0}")]
    Malformed(&'static str),
}

impl CallbackError {
    /// 401 for everything that is not believed, without telling which check failed; 400 for a genuine callback that
    /// makes no sense. Nothing more may go into the answer: an undecryptable body and a missing signature must look
    /// the same from outside.
    pub fn http_status(self) -> u16 {
        if matches!(self, Self::Malformed(_)) { 400 } else { 401 }
    }
}

pub fn verify(
    raw: &[u8],
    headers: CallbackHeaders<'_>,
    now: DateTime<Utc>,
    secrets: &CallbackSecrets,
) -> Result<Verified, CallbackError> {
    match &secrets.encrypt_key {
        Some(key) => verify_encrypted(raw, headers, now, secrets, key),
        None => verify_plain(raw, now, secrets),
    }
}

fn verify_encrypted(
    raw: &[u8],
    headers: CallbackHeaders<'_>,
    now: DateTime<Utc>,
    secrets: &CallbackSecrets,
    key: &Secret,
) -> Result<Verified, CallbackError> {
    let signed = match (headers.timestamp, headers.nonce, headers.signature) {
        (Some(timestamp), Some(nonce), Some(signature)) => {
            check_signature(raw, timestamp, nonce, signature, key)?;
            check_time(timestamp, now)?;
            true
        }
        (None, None, None) => false,
        _ => return Err(CallbackError::Unsigned),
    };
    let callback =
        parse(&decrypt(raw, key)?).map_err(|error| if signed { error } else { CallbackError::Unsigned })?;
    match callback {
        // The URL check alone comes unsigned.
        Callback::UrlCheck(check) => check.verified(secrets),
        Callback::Event(_) if !signed => Err(CallbackError::Unsigned),
        Callback::Event(event) => event.verified(secrets),
    }
}

fn verify_plain(
    raw: &[u8],
    now: DateTime<Utc>,
    secrets: &CallbackSecrets,
) -> Result<Verified, CallbackError> {
    match parse(raw)? {
        Callback::UrlCheck(check) => check.verified(secrets),
        Callback::Event(event) => {
            let verified = event.verified(secrets)?;
            event.check_create_time(now)?;
            Ok(verified)
        }
    }
}

fn check_signature(
    raw: &[u8],
    timestamp: &str,
    nonce: &str,
    signature: &str,
    key: &Secret,
) -> Result<(), CallbackError> {
    let mut hash = Sha256::new();
    for part in [timestamp.as_bytes(), nonce.as_bytes(), key.expose().as_bytes(), raw] {
        hash.update(part);
    }
    let expected = HEXLOWER.encode(&hash.finalize());
    if same(&expected, &signature.to_ascii_lowercase()) { Ok(()) } else { Err(CallbackError::BadSignature) }
}

fn check_time(timestamp: &str, now: DateTime<Utc>) -> Result<(), CallbackError> {
    let sent_at = timestamp.parse().ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    in_time(sent_at, now)
}

fn in_time(sent_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Result<(), CallbackError> {
    match sent_at {
        Some(sent_at) if (now - sent_at).abs() <= TIMESTAMP_TOLERANCE => Ok(()),
        _ => Err(CallbackError::BadTimestamp),
    }
}

fn same(ours: &str, theirs: &str) -> bool {
    ours.as_bytes().ct_eq(theirs.as_bytes()).into()
}

#[derive(Deserialize)]
struct Encrypted {
    encrypt: String,
}

fn decrypt(raw: &[u8], key: &Secret) -> Result<Vec<u8>, CallbackError> {
    let Ok(Encrypted { encrypt }) = serde_json::from_slice(raw) else {
        return Err(CallbackError::NotEncrypted);
    };
    let bytes = STANDARD.decode(encrypt).map_err(|_| CallbackError::Undecryptable)?;
    let (iv, bytes) = bytes.split_at_checked(IV_BYTES).ok_or(CallbackError::Undecryptable)?;
    let key = Sha256::digest(key.expose().as_bytes());
    let cipher = cbc::Decryptor::<aes::Aes256>::new_from_slices(&key, iv);
    let cipher = cipher.map_err(|_| CallbackError::Undecryptable)?;
    cipher.decrypt_padded_vec::<Pkcs7>(bytes).map_err(|_| CallbackError::Undecryptable)
}

enum Callback {
    UrlCheck(UrlCheck),
    Event(Box<Event>),
}

#[derive(Deserialize)]
struct UrlCheck {
    challenge: String,
    token: String,
}

#[derive(Deserialize)]
struct Event {
    header: EventHeader,
    #[serde(default)]
    event: Value,
}

#[derive(Deserialize)]
struct EventHeader {
    event_id: String,
    token: String,
    event_type: String,
    app_id: String,
    #[serde(default)]
    create_time: String,
}

#[derive(Deserialize)]
struct ActionEvent {
    operator: Operator,
    action: PressedAction,
    context: Context,
}

#[derive(Deserialize)]
struct Operator {
    open_id: OpenId,
}

#[derive(Deserialize)]
struct PressedAction {
    #[serde(default)]
    value: Value,
    #[serde(default)]
    option: Option<String>,
}

#[derive(Deserialize)]
struct Context {
    open_message_id: MessageId,
    open_chat_id: ChatId,
}

fn parse(plain: &[u8]) -> Result<Callback, CallbackError> {
    let value: Value = serde_json::from_slice(plain).map_err(|_| CallbackError::Malformed("not JSON"))?;
    if value.get("type").and_then(Value::as_str) == Some(URL_VERIFICATION) {
        let check = serde_json::from_value(value).map_err(|_| CallbackError::Malformed("URL check"))?;
        return Ok(Callback::UrlCheck(check));
    }
    let event = serde_json::from_value(value).map_err(|_| CallbackError::Malformed("event"))?;
    Ok(Callback::Event(Box::new(event)))
}

impl UrlCheck {
    fn verified(self, secrets: &CallbackSecrets) -> Result<Verified, CallbackError> {
        if !same(secrets.verification_token.expose(), &self.token) {
            return Err(CallbackError::WrongToken);
        }
        Ok(Verified::UrlCheck { challenge: self.challenge })
    }
}

impl Event {
    fn verified(&self, secrets: &CallbackSecrets) -> Result<Verified, CallbackError> {
        if !same(secrets.verification_token.expose(), &self.header.token) {
            return Err(CallbackError::WrongToken);
        }
        if self.header.app_id != secrets.app_id {
            return Err(CallbackError::WrongApp);
        }
        if self.header.event_type != CARD_ACTION {
            return Ok(Verified::Other { event_type: self.header.event_type.clone() });
        }
        self.action().map(Verified::Action)
    }

    fn action(&self) -> Result<CardAction, CallbackError> {
        let action =
            ActionEvent::deserialize(&self.event).map_err(|_| CallbackError::Malformed("card action"))?;
        Ok(CardAction {
            event_id: self.header.event_id.clone(),
            operator: action.operator.open_id,
            message_id: action.context.open_message_id,
            chat_id: action.context.open_chat_id,
            value: action.action.value,
            option: action.action.option,
        })
    }

    /// In microseconds. Stands in for the signature's timestamp when there is no signature.
    fn check_create_time(&self, now: DateTime<Utc>) -> Result<(), CallbackError> {
        in_time(self.header.create_time.parse().ok().and_then(DateTime::from_timestamp_micros), now)
    }
}

#[cfg(test)]
mod tests;
