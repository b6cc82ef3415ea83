//! Card callbacks of Feishu.

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use data_encoding::HEXLOWER;
use feishu::Secret;
use feishu::callback::{CallbackHeaders, CallbackSecrets, Verified, verify};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{NOW_S, members, now};

/// The observed callback of the tests was made with these.
const KEY: &str = "test-encrypt-key";
const TOKEN: &str = "vtoken123";
const APP: &str = "cli_test";
const NONCE: &str = "n0nce";
/// How far a timestamp may be from our clock.
const TOLERANCE_S: i64 = 300;
const IV_BYTES: usize = 16;

/// The first byte chooses how the rest is brought: 0 as a body without headers, 1 with headers (three lines before the
/// body), 2 as a plain text that is encrypted and signed rightly, 3 likewise and then spoiled at one place, 4 as a body
/// for an app without a key.
///
/// # Panics
/// If something is believed that is not signed, encrypted, timed and named as Feishu does it for our app.
pub fn feishu_callback(input: &[u8]) {
    let Some((choice, rest)) = input.split_first() else { return };
    match choice % 5 {
        0 => believed(rest, CallbackHeaders::default(), true),
        1 => with_headers(rest),
        2 => signed(rest, None),
        3 => {
            if let [place, flip, plain @ ..] = rest {
                signed(plain, Some((*place, *flip)));
            }
        }
        _ => believed(rest, CallbackHeaders::default(), false),
    }
}

fn secrets(keyed: bool) -> CallbackSecrets {
    CallbackSecrets {
        app_id: APP.to_owned(),
        verification_token: Secret::new(TOKEN),
        encrypt_key: keyed.then(|| Secret::new(KEY)),
    }
}

fn with_headers(input: &[u8]) {
    let mut parts = input.splitn(4, |byte| *byte == b'\n');
    let mut line = || parts.next().and_then(|line| std::str::from_utf8(line).ok());
    let headers = CallbackHeaders { timestamp: line(), nonce: line(), signature: line() };
    believed(parts.next().unwrap_or_default(), headers, true);
}

/// Encrypts and signs; `spoil` flips bits of one byte of the signed body.
fn signed(plain: &[u8], spoil: Option<(u8, u8)>) {
    let mut body = encrypt(plain);
    let timestamp = NOW_S.to_string();
    let signature = sign(&body, &timestamp, NONCE);
    if let Some((place, flip)) = spoil {
        let place = usize::from(place) * body.len() / 256;
        body[place] ^= flip;
    }
    let headers =
        CallbackHeaders { timestamp: Some(&timestamp), nonce: Some(NONCE), signature: Some(&signature) };
    believed(&body, headers, true);
}

/// Whatever is believed has to be right by what is written here, which shares nothing with the code.
fn believed(body: &[u8], headers: CallbackHeaders<'_>, keyed: bool) {
    let verified = match verify(body, headers, now(), &secrets(keyed)) {
        Ok(verified) => verified,
        Err(error) => return assert!(matches!(error.http_status(), 400 | 401)),
    };
    let plain = if keyed { decrypt(body) } else { Some(body.to_vec()) };
    let Some(plain) = plain else { panic!("believed without being encrypted with our key") };
    let said: Value = serde_json::from_slice(&plain).unwrap_or_default();
    if matches!(verified, Verified::UrlCheck { .. }) {
        // Comes unsigned, and does nothing.
        return assert_eq!(said["token"], TOKEN);
    }
    assert_eq!((&said["header"]["token"], &said["header"]["app_id"]), (&TOKEN.into(), &APP.into()));
    if keyed {
        rightly_signed(body, headers);
    } else {
        let made = said["header"]["create_time"].as_str().and_then(|text| text.parse::<i64>().ok());
        assert!(made.is_some_and(|made| (made - NOW_S * 1_000_000).abs() <= TOLERANCE_S * 1_000_000));
    }
    if let Verified::Action(action) = verified {
        assert_eq!(said["header"]["event_type"], "card.action.trigger");
        assert_eq!(said["event"]["operator"]["open_id"], action.operator.as_str());
    }
}

fn rightly_signed(body: &[u8], headers: CallbackHeaders<'_>) {
    let (Some(timestamp), Some(nonce), Some(signature)) =
        (headers.timestamp, headers.nonce, headers.signature)
    else {
        panic!("believed without a signature");
    };
    assert_eq!(sign(body, timestamp, nonce), signature.to_lowercase());
    let sent_at: i64 = timestamp.parse().unwrap_or_default();
    assert!((sent_at - NOW_S).abs() <= TOLERANCE_S, "believed although it is old");
}

fn sign(body: &[u8], timestamp: &str, nonce: &str) -> String {
    let signed = [timestamp.as_bytes(), nonce.as_bytes(), KEY.as_bytes(), body].concat();
    HEXLOWER.encode(&Sha256::digest(signed))
}

fn encrypt(plain: &[u8]) -> Vec<u8> {
    let key = Sha256::digest(KEY.as_bytes());
    let iv = [7_u8; IV_BYTES];
    let Ok(cipher) = cbc::Encryptor::<aes::Aes256>::new_from_slices(&key, &iv) else {
        panic!("a key of 32 bytes")
    };
    let bytes = [iv.as_slice(), &cipher.encrypt_padded_vec::<Pkcs7>(plain)].concat();
    format!(r#"{{"encrypt":"{}"}}"#, STANDARD.encode(bytes)).into_bytes()
}

fn decrypt(body: &[u8]) -> Option<Vec<u8>> {
    let text: String = serde_json::from_str(members(body).get("encrypt")?.get()).ok()?;
    let bytes = STANDARD.decode(text).ok()?;
    let (iv, bytes) = bytes.split_at_checked(IV_BYTES)?;
    let key = Sha256::digest(KEY.as_bytes());
    let cipher = cbc::Decryptor::<aes::Aes256>::new_from_slices(&key, iv).ok()?;
    cipher.decrypt_padded_vec::<Pkcs7>(bytes).ok()
}
