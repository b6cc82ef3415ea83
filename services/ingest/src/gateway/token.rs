//! The gateway's token, which must not reach a log: it is all that stands between a stranger and the account.

use std::fmt;

use tonic::metadata::{Ascii, MetadataValue};

/// The secret that is sent with every call as `authorization: Wechaty <token>`.
#[derive(Clone)]
pub struct Token {
    text: String,
    header: MetadataValue<Ascii>,
}

/// Why a text cannot be a token. It never repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a gateway token is 1 to 200 visible ASCII characters")]
pub struct TokenError;

/// Longest token we take; gateways use a UUID with a prefix.
const MAX_TOKEN_BYTES: usize = 200;

impl Token {
    /// Checks that the text can be sent as a header. White space around it (a file's last newline) is dropped.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        let text = text.trim();
        let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        if text.is_empty() || text.len() > MAX_TOKEN_BYTES || !visible {
            return Err(TokenError);
        }
        let mut header = MetadataValue::try_from(format!("Wechaty {text}")).map_err(|_| TokenError)?;
        header.set_sensitive(true);
        Ok(Self { text: text.to_owned(), header })
    }

    /// The value of the `authorization` header, marked sensitive.
    pub(super) fn header(&self) -> MetadataValue<Ascii> {
        self.header.clone()
    }

    /// The bare token, for gateways that expect it in place of the host name.
    pub(super) fn expose(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_no_header_can_carry_and_never_prints_itself() {
        for text in ["", "  ", "a b", "密码", "a\nb"] {
            assert_eq!(Token::parse(text).err(), Some(TokenError), "{text:?}");
        }
        let token = Token::parse(" hush_1234\n").unwrap();
        assert_eq!(token.expose(), "hush_1234");
        assert!(!format!("{token:?} {:?}", token.header()).contains("hush"));
    }
}
