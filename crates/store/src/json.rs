//! JSON in text columns, on the way of every message: written and read whole, Postgres never takes it apart.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// How JSON escapes NUL, which no text of Postgres may hold once it is unescaped.
const NUL: &str = "\\u0000";
const REPLACEMENT: &str = "\\ufffd";

/// As a column holds it. NUL in a string becomes U+FFFD, so that the column can always be cast to `jsonb`.
pub(crate) fn to_text(value: &(impl Serialize + ?Sized)) -> Result<String, sqlx::Error> {
    let text = serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(error.into()))?;
    Ok(if text.contains(NUL) { without_nul(&text) } else { text })
}

/// Replaces what escapes NUL; an escaped backslash before `u0000` is somebody's own words.
fn without_nul(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let end = if rest[at..].starts_with(NUL) { at + NUL.len() } else { at + 2 };
        clean.push_str(&rest[..at]);
        clean.push_str(if end == at + 2 { &rest[at..end] } else { REPLACEMENT });
        rest = &rest[end..];
    }
    clean + rest
}

/// What a column holds.
pub(crate) fn from_text<T: DeserializeOwned>(text: &str, column: &str) -> Result<T, sqlx::Error> {
    serde_json::from_str(text)
        .map_err(|error| sqlx::Error::ColumnDecode { index: column.to_owned(), source: error.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nul_is_replaced_and_nothing_else() {
        for (said, stored) in [
            ("a\0b", "a\u{fffd}b"),
            ("\\u0000", "\\u0000"),
            ("\\\0\\\\u0000\"\n\0", "\\\u{fffd}\\\\u0000\"\n\u{fffd}"),
            ("一\0二", "一\u{fffd}二"),
        ] {
            let text = to_text(said).unwrap();
            assert_eq!(from_text::<String>(&text, "fact").unwrap(), stored, "{text}");
        }
    }
}
