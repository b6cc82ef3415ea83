//! The observed vectors, and everything that must be refused.

use aes::cipher::BlockModeEncrypt;
use serde_json::json;

use super::*;

const KEY: &str = "test-encrypt-key";
const PLAIN: &str = r#"{"schema":"2.0","header":{"event_id":"ev-1","token":"vtoken123","create_time":"1700000000000000","event_type":"card.action.trigger","tenant_key":"tk","app_id":"cli_test"},"event":{"operator":{"tenant_key":"tk","open_id":"ou_abc","union_id":"on_1"},"token":"c-xyz","action":{"value":{"k":"al-1","act":"claim"},"tag":"button"},"host":"im_message","context":{"open_message_id":"om_1","open_chat_id":"oc_1"}}}"#;
const BODY: &str = r#"{"encrypt":"AAECAwQFBgcICQoLDA0OD6VqgEYsGxsuO1CMI5TRI8YCAILXiJT7bws/K+9Xo1uySk5XTb6/Kkl98U6DFVr5JSTfTh2LdmEzY54vgX9WA1jhG32O8r6DSHBPPJvxnK4HQLRsGP4SzBQ/BJladjSSRrd7W7iFKFil6fLDK6yxQ7MTZHuYSvg612TArFvOZ9xHlsUyKTsxMLqQQ9FSKqAC9xeMlm5GOR1NBkOqa0vaF/Hv0Ctrq03XwW0Pef9OqIfpEDxOvwQyLRa5nBjeAT5SAClWgQfLgphfZyD3JKqd6UDGI5rpLXTBzeDzAq9sJnz00c0G0d0R7oS1zD0bzmvETBE9DcTLihzahiwHSzZZTMmDG/otJQL6lrq0iNNpTFKen/0Gi7e+Isk4gNVOA7WSIwDuju7hZv4toJCQhX+i6M1W7ggt5lBa50qy+f5ugxsjcmX8qD5UynT4VMOvXz1Ca2BSABDwTz4RGCb/IWSKzyCQlytuxLmM3jx/PmZrownrnPyexVF5uz+1/0XhPFCIOCQJiPaakTmgCcmeq65N6IRR8EeAkywnApWG1EdOoVip"}"#;
const SIGNATURE: &str = "69c04371a0b63516f4a1de9ae25ae0525668c127e3560a321d1f459ffccfb556";
const URL_CHECK: &str = r#"{"encrypt":"AAECAwQFBgcICQoLDA0OD5OvMiWSFJvmDWXcLMiX3eCywG3QwzQdnrgH/Ur3DSXxjQSpHk7EGviGXw1cW7w3aIRIDd2Qpw0dZizdTh+sPmdGM06MPDyxMbBhDfu8QUGU"}"#;

fn secrets() -> CallbackSecrets {
    CallbackSecrets {
        app_id: "cli_test".to_owned(),
        verification_token: Secret::new("vtoken123"),
        encrypt_key: Some(Secret::new(KEY)),
    }
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

fn headers<'a>(timestamp: &'a str, signature: &'a str) -> CallbackHeaders<'a> {
    CallbackHeaders { timestamp: Some(timestamp), nonce: Some("n0nce"), signature: Some(signature) }
}

fn genuine() -> CallbackHeaders<'static> {
    headers("1700000000", SIGNATURE)
}

fn sign(body: &str, timestamp: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(format!("{timestamp}n0nce{KEY}{body}").as_bytes()))
}

fn encrypt(plain: &str) -> String {
    let key = Sha256::digest(KEY.as_bytes());
    let cipher = cbc::Encryptor::<aes::Aes256>::new_from_slices(&key, &[7; 16]).unwrap();
    let mut bytes = vec![7; 16];
    bytes.extend(cipher.encrypt_padded_vec::<Pkcs7>(plain.as_bytes()));
    format!(r#"{{"encrypt":"{}"}}"#, STANDARD.encode(bytes))
}

/// A signed callback of our own making.
fn verify_plainly(plain: &str) -> Result<Verified, CallbackError> {
    let body = encrypt(plain);
    verify(body.as_bytes(), headers("1700000000", &sign(&body, "1700000000")), at(1_700_000_000), &secrets())
}

#[test]
fn vector_1_decrypts() {
    let raw = br#"{"encrypt":"P37w+VZImNgPEO1RBhJ6RtKl7n6zymIbEG1pReEzghk="}"#;
    assert_eq!(decrypt(raw, &Secret::new("test key")), Ok(b"hello world".to_vec()));
}

#[test]
fn vector_2_is_a_press_by_its_operator() {
    assert_eq!(BODY.len(), 590);
    assert_eq!(decrypt(BODY.as_bytes(), &Secret::new(KEY)), Ok(PLAIN.as_bytes().to_vec()));
    let verified = verify(BODY.as_bytes(), genuine(), at(1_700_000_000), &secrets()).unwrap();
    let expected = CardAction {
        event_id: "ev-1".to_owned(),
        operator: OpenId::new("ou_abc"),
        message_id: MessageId::new("om_1"),
        chat_id: ChatId::new("oc_1"),
        value: json!({ "k": "al-1", "act": "claim" }),
        option: None,
    };
    assert_eq!(verified, Verified::Action(expected));
}

#[test]
fn vector_3_is_a_url_check_and_needs_no_signature() {
    let verified = verify(URL_CHECK.as_bytes(), CallbackHeaders::default(), at(0), &secrets());
    assert_eq!(verified, Ok(Verified::UrlCheck { challenge: "ch-1".to_owned() }));
    let mut other = secrets();
    other.verification_token = Secret::new("another");
    let refused = verify(URL_CHECK.as_bytes(), CallbackHeaders::default(), at(0), &other);
    assert_eq!(refused, Err(CallbackError::WrongToken));
}

#[test]
fn the_clock_may_differ_by_five_minutes_and_no_more() {
    for (now, fine) in [(300, true), (-300, true), (301, false), (-301, false), (86_400, false)] {
        let verified = verify(BODY.as_bytes(), genuine(), at(1_700_000_000 + now), &secrets());
        assert_eq!(verified.is_ok(), fine, "{now}: {verified:?}");
    }
    let timestamp = "not-a-number";
    let signature = sign(BODY, timestamp);
    let refused = verify(BODY.as_bytes(), headers(timestamp, &signature), at(1_700_000_000), &secrets());
    assert_eq!(refused, Err(CallbackError::BadTimestamp));
}

#[test]
fn what_is_not_signed_rightly_is_refused() {
    let now = at(1_700_000_000);
    let check = |raw: &str, headers| verify(raw.as_bytes(), headers, now, &secrets());
    assert_eq!(check(BODY, CallbackHeaders::default()), Err(CallbackError::Unsigned));
    let half = CallbackHeaders { signature: None, ..genuine() };
    assert_eq!(check(BODY, half), Err(CallbackError::Unsigned));
    assert_eq!(check(BODY, headers("1700000001", SIGNATURE)), Err(CallbackError::BadSignature));
    assert_eq!(check(BODY, headers("1700000000", "")), Err(CallbackError::BadSignature));
    // One space inside the JSON: the same value, other bytes.
    let spaced = BODY.replace("\":\"", "\": \"");
    assert_eq!(check(&spaced, genuine()), Err(CallbackError::BadSignature));
    let signature = sign(&spaced, "1700000000");
    assert!(check(&spaced, headers("1700000000", &signature)).is_ok(), "raw bytes are what is signed");
}

#[test]
fn plain_text_is_refused_when_there_is_a_key() {
    let signature = sign(PLAIN, "1700000000");
    let refused = verify(PLAIN.as_bytes(), headers("1700000000", &signature), at(1_700_000_000), &secrets());
    assert_eq!(refused, Err(CallbackError::NotEncrypted));
    let check = br#"{"challenge":"ch-1","token":"vtoken123","type":"url_verification"}"#;
    let refused = verify(check, CallbackHeaders::default(), at(0), &secrets());
    assert_eq!(refused, Err(CallbackError::NotEncrypted));
}

#[test]
fn token_app_and_key_must_be_ours() {
    assert_eq!(verify_plainly(&PLAIN.replace("vtoken123", "vtoken124")), Err(CallbackError::WrongToken));
    assert_eq!(verify_plainly(&PLAIN.replace("cli_test", "cli_other")), Err(CallbackError::WrongApp));
    let mut other = secrets();
    other.encrypt_key = Some(Secret::new("another key"));
    let refused = verify(BODY.as_bytes(), genuine(), at(1_700_000_000), &other);
    assert_eq!(refused, Err(CallbackError::BadSignature));
    // Without headers nothing is signed, and a wrong key looks like a missing signature from outside.
    let refused = verify(BODY.as_bytes(), CallbackHeaders::default(), at(0), &other).unwrap_err();
    assert_eq!(refused.http_status(), CallbackError::Unsigned.http_status());
}

#[test]
fn genuine_nonsense_is_malformed_and_other_events_are_acknowledged() {
    assert_eq!(verify_plainly("[]"), Err(CallbackError::Malformed("event")));
    assert_eq!(verify_plainly("{nonsense"), Err(CallbackError::Malformed("not JSON")));
    let no_context = PLAIN.replace("open_message_id", "something");
    assert_eq!(verify_plainly(&no_context), Err(CallbackError::Malformed("card action")));
    let other = PLAIN.replace("card.action.trigger", "im.message.receive_v1");
    let expected = Verified::Other { event_type: "im.message.receive_v1".to_owned() };
    assert_eq!(verify_plainly(&other), Ok(expected));
    for raw in ["", "{}", "{\"encrypt\":1}", "{\"encrypt\":\"!\"}", "{\"encrypt\":\"AAAA\"}"] {
        assert!(verify(raw.as_bytes(), CallbackHeaders::default(), at(0), &secrets()).is_err(), "{raw}");
    }
}

#[test]
fn without_a_key_the_token_and_the_time_still_count() {
    let mut plain = secrets();
    plain.encrypt_key = None;
    let check = |raw: &str, now| verify(raw.as_bytes(), CallbackHeaders::default(), at(now), &plain);
    assert!(check(PLAIN, 1_700_000_000).is_ok());
    assert_eq!(check(PLAIN, 1_700_000_301), Err(CallbackError::BadTimestamp));
    assert_eq!(check(&PLAIN.replace("vtoken123", "x"), 1_700_000_000), Err(CallbackError::WrongToken));
}

#[test]
fn no_secret_is_printed() {
    let printed = format!("{:?}", secrets());
    assert!(!printed.contains("vtoken123") && !printed.contains(KEY), "{printed}");
}
