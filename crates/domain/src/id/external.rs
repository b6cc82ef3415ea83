//! What an id from outside may hold. Ids become database keys, subjects, headers, formulas, labels and log fields, so
//! that every character which means something to one of those is kept out here, once, for all of them.
//!
//! Whoever can be told is told ([`check`]); where nobody can, as with a gateway's events, the id is carried in an escaped
//! form ([`escape`]) that leads back to the original ([`unescape`]).

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// Bytes of an id. Two of them and a command's id still fit the keys of a Postgres index (2,704 bytes).
pub const MAX_ID_BYTES: usize = 512;

/// ASCII punctuation that an id may not hold: quotes, brackets of formulas and markup, and the escape of strings.
const REFUSED_PUNCTUATION: &str = "\"'`\\{}<>";
/// Follows `%` in the escaped form of an id that is too long: a digest stands for its end.
const DIGEST_MARK: &str = "%~";
/// Bytes of the digest: enough never to collide.
const DIGEST_BYTES: usize = 20;
/// Bytes that are kept of an id that is too long.
const HEAD_BYTES: usize = 256;

/// Why a text is no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// It holds nothing, or nothing but spaces.
    #[error("expected a text that is not empty")]
    Empty,
    /// More than [`MAX_ID_BYTES`].
    #[error("{0} bytes: expected at most {MAX_ID_BYTES}")]
    TooLong(usize),
    /// A character that an id may not hold.
    #[error(
        "the character U+{:04X}: expected letters, digits, single spaces inside, and any of !#$%&()*+,-./:;=?@[]^_|~",
        u32::from(*.0)
    )]
    Character(char),
    /// A space at the beginning or the end.
    #[error("a space at its beginning or end")]
    OuterSpace,
}

/// Whether an id may hold this character anywhere.
fn is_allowed(c: char) -> bool {
    c.is_alphanumeric() || (c.is_ascii_graphic() && !REFUSED_PUNCTUATION.contains(c))
}

/// Whether a text can be an id as it is.
pub fn check(text: &str) -> Result<(), IdError> {
    if text.trim().is_empty() {
        return Err(IdError::Empty);
    }
    if text.len() > MAX_ID_BYTES {
        return Err(IdError::TooLong(text.len()));
    }
    if text.starts_with(' ') || text.ends_with(' ') {
        return Err(IdError::OuterSpace);
    }
    text.chars().find(|c| *c != ' ' && !is_allowed(*c)).map_or(Ok(()), |c| Err(IdError::Character(c)))
}

/// Any text as an id, one id for each text: what an id may not hold, and `%`, as `%` and two hexadecimal digits for each
/// byte. Of a text that is too long even so the beginning is kept, and a digest of the whole follows it.
pub fn escape(raw: &str) -> String {
    let escaped = percent_encoded(raw);
    if escaped.len() <= MAX_ID_BYTES { escaped } else { digested(&escaped) }
}

/// The text of which [`escape`] made this id. `None`: it was too long, or this is no escaped form.
pub fn unescape(id: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(id.len());
    let mut rest = id;
    while let Some((plain, escaped)) = rest.split_once('%') {
        bytes.extend_from_slice(plain.as_bytes());
        bytes.push(u8::from_str_radix(escaped.get(..2)?, 16).ok()?);
        rest = &escaped[2..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).ok()
}

/// The escaped form without a limit of length, for whoever must have the original of a long id back.
pub fn percent_encoded(raw: &str) -> String {
    let last = raw.len().saturating_sub(1);
    let mut escaped = String::with_capacity(raw.len());
    for (at, c) in raw.char_indices() {
        let inner_space = c == ' ' && at != 0 && at != last;
        if inner_space || c != '%' && is_allowed(c) {
            escaped.push(c);
        } else {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                // Writing to a string never fails.
                let _ = write!(escaped, "%{byte:02X}");
            }
        }
    }
    escaped
}

/// `id` as it is if it is one, else its escaped form: for ids that came in before there was a check.
pub fn normalized(id: String) -> String {
    if check(&id).is_ok() { id } else { escape(&id) }
}

fn digested(escaped: &str) -> String {
    let digest = Sha256::digest(escaped.as_bytes());
    let digest = data_encoding::BASE32HEX_NOPAD.encode(&digest[..DIGEST_BYTES]).to_ascii_lowercase();
    let head = &escaped[..escaped.floor_char_boundary(HEAD_BYTES)];
    format!("{}{DIGEST_MARK}{digest}", head.trim_end_matches(' '))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ids_of_real_systems_are_left_as_they_are() {
        for id in [
            "19876543210@chatroom",
            "R:10.20.30",
            "wrOgQhDgAAMY_x-3=",
            "@@f3a9~|b*",
            "6f1c2d3e-0000-4b5c-9d8e-112233445566",
            "客户群 一",
            "a/b+c=?&#[1](2);3!",
        ] {
            assert_eq!(check(id), Ok(()), "{id}");
            assert_eq!(escape(id), id);
        }
    }

    #[test]
    fn what_means_something_to_a_header_a_formula_or_markup_is_refused_by_name() {
        for c in [
            '\0', '\n', '\r', '\t', '\u{2028}', '\u{85}', '\u{202e}', '\u{200b}', '\u{301}', '"', '\'', '\\',
            '{', '}', '<', '>', '`', '\u{a0}', '😀',
        ] {
            assert_eq!(check(&format!("r{c}1")), Err(IdError::Character(c)));
            assert_eq!(check(&escape(&format!("r{c}1"))), Ok(()));
        }
        assert_eq!(check(" "), Err(IdError::Empty));
        assert_eq!(check("r "), Err(IdError::OuterSpace));
        assert_eq!(check(&"r".repeat(MAX_ID_BYTES + 1)), Err(IdError::TooLong(MAX_ID_BYTES + 1)));
        assert_eq!(check(&"r".repeat(MAX_ID_BYTES)), Ok(()));
        assert!(IdError::Character('\n').to_string().contains("U+000A"));
    }

    #[test]
    fn an_id_from_before_there_was_a_check_is_brought_into_form() {
        assert_eq!(normalized("R:10.20".into()), "R:10.20");
        assert_eq!(normalized("a%0Ab".into()), "a%0Ab", "in form already");
        assert_eq!(normalized("a\nb".into()), "a%0Ab");
    }

    #[test]
    fn a_text_that_is_too_long_keeps_its_beginning_and_is_told_from_its_like() {
        let (one, other) = ("r\n".repeat(4_000), "r\n".repeat(4_001));
        assert_ne!(escape(&one), escape(&other));
        assert!(escape(&one).starts_with("r%0Ar%0A") && escape(&one).len() <= MAX_ID_BYTES);
        assert_eq!(unescape(&escape(&one)), None);
    }

    proptest! {
        #[test]
        fn any_text_becomes_an_id_and_comes_back(raw in "\\PC{0,40}|[\\x00-\\x7f]{0,40}|(.|\n){1,600}") {
            let id = escape(&raw);
            prop_assert!(raw.is_empty() || check(&id).is_ok(), "{:?}", check(&id));
            if percent_encoded(&raw).len() <= MAX_ID_BYTES {
                prop_assert_eq!(unescape(&id), Some(raw));
            }
        }
    }
}
