//! Ids, encryption and signature of callbacks, written from the documentation and not shared with the client.

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeEncrypt, KeyIvInit};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

type Aes256CbcEnc = cbc::Encryptor<aes::Aes256>;

/// An id that looks random and is the same in every run for the same seed.
pub(super) fn opaque_id(seed: &str, length: usize) -> String {
    let mut hex = HEXLOWER.encode(&Sha256::digest(seed.as_bytes()));
    hex.truncate(length);
    hex
}

/// `{"encrypt":"…"}` without any space: base64(iv ‖ AES-256-CBC(plain)), key = sha256(encrypt key).
///
/// Compact because one official SDK verifies over its own re-serialisation and would refuse a space.
pub(super) fn encrypted_body(plain: &str, encrypt_key: &str, iv: [u8; 16]) -> String {
    let key: [u8; 32] = Sha256::digest(encrypt_key.as_bytes()).into();
    let cipher = Aes256CbcEnc::new(&key.into(), &iv.into());
    let mut bytes = iv.to_vec();
    bytes.extend(cipher.encrypt_padded_vec::<Pkcs7>(plain.as_bytes()));
    format!("{{\"encrypt\":\"{}\"}}", STANDARD.encode(bytes))
}

/// hex(sha256(timestamp + nonce + encrypt key + body)).
pub(super) fn signature(timestamp: &str, nonce: &str, encrypt_key: &str, body: &str) -> String {
    let mut hash = Sha256::new();
    for part in [timestamp, nonce, encrypt_key, body] {
        hash.update(part.as_bytes());
    }
    HEXLOWER.encode(&hash.finalize())
}

/// An initialisation vector from a serial number. Repeatable on purpose: this is a fake, nothing is kept secret.
pub(super) fn iv(serial: u64) -> [u8; 16] {
    let digest = Sha256::digest(format!("iv:{serial}").as_bytes());
    let mut iv = [0; 16];
    iv.copy_from_slice(&digest[..16]);
    iv
}

#[cfg(test)]
mod tests {
    use super::{encrypted_body, signature};

    /// Vector observed with both official SDKs: they accept this body with this signature.
    #[test]
    fn the_observed_vector_comes_out_byte_for_byte() {
        let plain = r#"{"schema":"2.0","header":{"event_id":"ev-1","token":"vtoken123","create_time":"1700000000000000","event_type":"card.action.trigger","tenant_key":"tk","app_id":"cli_test"},"event":{"operator":{"tenant_key":"tk","open_id":"ou_abc","union_id":"on_1"},"token":"c-xyz","action":{"value":{"k":"al-1","act":"claim"},"tag":"button"},"host":"im_message","context":{"open_message_id":"om_1","open_chat_id":"oc_1"}}}"#;
        let iv: [u8; 16] = std::array::from_fn(|i| u8::try_from(i).unwrap());
        let body = encrypted_body(plain, "test-encrypt-key", iv);
        assert_eq!(body.len(), 590);
        assert_eq!(
            signature("1700000000", "n0nce", "test-encrypt-key", &body),
            "69c04371a0b63516f4a1de9ae25ae0525668c127e3560a321d1f459ffccfb556"
        );
    }
}
