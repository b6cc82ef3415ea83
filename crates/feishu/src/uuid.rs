//! The identity of a card: what makes a second attempt the same message.
//!
//! Feishu sends at most one message per uuid and hour, so the uuid must follow from what the card *is* and from
//! nothing else, above all not from the time. The same string stands in the card, where it can be searched for after
//! the hour.

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Names the scheme; another scheme must never meet the uuids of this one.
const SCHEME: &str = "feishu-card-v1";
/// Stands before the digits, so that a person recognises it in a card's footer.
const PREFIX: &str = "al-";
/// Hexadecimal digits of the hash that are kept: 43 characters in all, of the 50 that Feishu allows.
const HASH_DIGITS: usize = 40;

/// The uuid of one generation of one card: `al-` and 40 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CardUuid(String);

/// A text that is no card uuid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a card uuid")]
pub struct NotACardUuid;

impl CardUuid {
    /// The uuid of the card for (`chat`, `wait`, `rung`) in its `generation`, which grows only when Feishu has surely
    /// refused or surely never had the generation before. `rung` is the threshold in working seconds.
    pub fn new(chat: &str, wait: &str, rung: &str, generation: u32) -> Self {
        let mut hash = Sha256::new();
        for part in [SCHEME, chat, wait, rung, &generation.to_string()] {
            // The length in front keeps ("ab", "c") and ("a", "bc") apart. No id comes near 4 GiB.
            let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
            hash.update(length.to_be_bytes());
            hash.update(part.as_bytes());
        }
        let mut digits = HEXLOWER.encode(&hash.finalize());
        digits.truncate(HASH_DIGITS);
        Self(format!("{PREFIX}{digits}"))
    }

    /// The text, as sent and as it stands in the card.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for CardUuid {
    type Error = NotACardUuid;

    fn try_from(text: String) -> Result<Self, NotACardUuid> {
        let digits = text.strip_prefix(PREFIX).ok_or(NotACardUuid)?;
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if digits.len() == HASH_DIGITS && digits.bytes().all(is_digit) {
            Ok(Self(text))
        } else {
            Err(NotACardUuid)
        }
    }
}

impl From<CardUuid> for String {
    fn from(uuid: CardUuid) -> Self {
        uuid.0
    }
}

impl std::fmt::Display for CardUuid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::CardUuid;

    #[test]
    fn the_agreed_vectors() {
        let first = CardUuid::new("oc_room1", "w-42", "2400", 0);
        assert_eq!(first.as_str(), "al-8728466cc8e657ff7687739a10b3ca6f209ca444");
        let second = CardUuid::new("oc_room1", "w-42", "2400", 1);
        assert_eq!(second.as_str(), "al-4168b37994d8a83a9b7473121a0f3942fdd38aad");
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(CardUuid::new("ab", "c", "1", 0), CardUuid::new("a", "bc", "1", 0));
        assert_ne!(CardUuid::new("a", "b", "1", 11), CardUuid::new("a", "b", "11", 1));
    }

    #[test]
    fn only_its_own_form_is_read_back() {
        let uuid = CardUuid::new("a", "b", "1", 0);
        assert_eq!(CardUuid::try_from(uuid.as_str().to_owned()), Ok(uuid.clone()));
        for text in ["", "al-", "al-8728", "xx-8728466cc8e657ff7687739a10b3ca6f209ca444"] {
            assert!(CardUuid::try_from(text.to_owned()).is_err(), "{text}");
        }
        assert!(CardUuid::try_from(uuid.as_str().to_uppercase()).is_err());
    }
}
