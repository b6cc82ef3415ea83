//! The web board's signed words: the links that open a session, and the cookie that is one. Nothing is kept here but a link's
//! nonce once it was used, by whoever takes it. Whoever makes out links has the key of sessions, too.

use chrono::TimeDelta;
use data_encoding::BASE64URL_NOPAD;
use domain::Timestamp;
use domain::secret::Secret;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// How long a link can be used.
pub const LINK_LIFE: TimeDelta = TimeDelta::minutes(10);
/// How long a session lasts.
pub const SESSION_LIFE: TimeDelta = TimeDelta::hours(12);
/// Bytes of a token that are looked at; a longer one is none of ours.
const MAX_TOKEN: usize = 1024;

/// What a signature is for, so that no link is ever taken for a session.
#[derive(Debug, Clone, Copy)]
enum Purpose {
    Link,
    Session,
    Errand,
}

impl Purpose {
    const fn prefix(self) -> &'static [u8] {
        match self {
            Self::Link => b"huiyin board link\n",
            Self::Session => b"huiyin board session\n",
            Self::Errand => b"huiyin board errand\n",
        }
    }
}

/// A link into the board: whoever opens it first is this person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Who, by the name in the roster, or among those of HR.
    pub person: String,
    /// Until when.
    pub expires: Timestamp,
    /// What makes it one link among others.
    pub nonce: String,
}

/// A browser that was sent to Feishu to say who it is, and comes back with this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Errand {
    /// What the same browser keeps in a cookie, so that nobody is sent back with another's login.
    pub nonce: String,
    /// Until when.
    pub expires: Timestamp,
}

/// A browser that is logged in. What its person may see is looked up at each request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Who.
    pub person: String,
    /// Until when.
    pub expires: Timestamp,
}

/// Makes and checks signatures.
#[derive(Debug, Clone)]
pub struct Signer(Secret);

impl Signer {
    /// With the key of the configuration.
    pub const fn new(key: Secret) -> Self {
        Self(key)
    }

    /// The token of a new link for a person.
    pub fn link(&self, person: &str, nonce: String, now: Timestamp) -> String {
        self.sign(Purpose::Link, &Link { person: person.to_owned(), expires: now + LINK_LIFE, nonce })
    }

    /// The address, on the board at `public_url`, that logs a person in, once, within [`LINK_LIFE`]. `nonce` is a secret of
    /// its own.
    pub fn address(&self, public_url: &str, person: &str, nonce: String, now: Timestamp) -> String {
        format!("{public_url}/login?t={}", self.link(person, nonce, now))
    }

    /// The link of a token that we signed and that can still be used, as far as time is concerned.
    pub fn read_link(&self, token: &str, now: Timestamp) -> Option<Link> {
        self.read::<Link>(Purpose::Link, token).filter(|link| now < link.expires)
    }

    /// The token that a browser is sent to Feishu with.
    pub fn errand(&self, nonce: String, now: Timestamp) -> String {
        self.sign(Purpose::Errand, &Errand { nonce, expires: now + LINK_LIFE })
    }

    /// The errand of a token that we signed and that has not expired.
    pub fn read_errand(&self, token: &str, now: Timestamp) -> Option<Errand> {
        self.read::<Errand>(Purpose::Errand, token).filter(|errand| now < errand.expires)
    }

    /// The token of a new session.
    pub fn session(&self, person: &str, now: Timestamp) -> String {
        self.sign(Purpose::Session, &Session { person: person.to_owned(), expires: now + SESSION_LIFE })
    }

    /// The session of a token that we signed and that has not expired.
    pub fn read_session(&self, token: &str, now: Timestamp) -> Option<Session> {
        self.read::<Session>(Purpose::Session, token).filter(|session| now < session.expires)
    }

    /// `None`: a key of no length at all, which `HMAC` takes too, so never.
    fn mac(&self, purpose: Purpose, payload: &str) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose().as_bytes()).ok()?;
        mac.update(purpose.prefix());
        mac.update(payload.as_bytes());
        Some(mac)
    }

    fn sign(&self, purpose: Purpose, what: &impl Serialize) -> String {
        let json = serde_json::to_vec(what).unwrap_or_default();
        let payload = BASE64URL_NOPAD.encode(&json);
        let signature = self.mac(purpose, &payload).map(|mac| mac.finalize().into_bytes());
        let signature = signature.map(|bytes| BASE64URL_NOPAD.encode(&bytes)).unwrap_or_default();
        format!("{payload}.{signature}")
    }

    fn read<T: DeserializeOwned>(&self, purpose: Purpose, token: &str) -> Option<T> {
        let (payload, signature) = token.split_once('.').filter(|_| token.len() <= MAX_TOKEN)?;
        let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).ok()?;
        self.mac(purpose, payload)?.verify_slice(&signature).ok()?;
        serde_json::from_slice(&BASE64URL_NOPAD.decode(payload.as_bytes()).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer(key: &str) -> Signer {
        Signer::new(Secret::new(key))
    }

    fn now() -> Timestamp {
        Timestamp::from_timestamp(1_795_052_800, 0).unwrap()
    }

    #[test]
    fn a_link_is_what_was_signed_until_it_expires() {
        let signer = signer("one");
        let token = signer.link("王小售", "n-1".into(), now());
        let link = signer.read_link(&token, now() + LINK_LIFE - TimeDelta::seconds(1)).unwrap();
        assert_eq!((link.person.as_str(), link.nonce.as_str()), ("王小售", "n-1"));
        assert_eq!(signer.read_link(&token, now() + LINK_LIFE), None);
        assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)), "{token}");
    }

    #[test]
    fn nothing_else_is_taken_for_one() {
        let ours = signer("one");
        let (link, session) = (ours.link("王小售", "n".into(), now()), ours.session("王小售", now()));
        assert_eq!(ours.read_session(&link, now()), None, "a link is no session");
        assert_eq!(ours.read_link(&session, now()), None);
        assert_eq!(ours.read_session(&ours.errand("n".into(), now()), now()), None);
        assert_eq!(signer("other").read_session(&session, now()), None, "another key");
        assert_eq!(ours.read_session(&session, now() + SESSION_LIFE), None);
        let (payload, signature) = session.split_once('.').unwrap();
        let forged = Session { person: "周经理".into(), expires: now() + SESSION_LIFE };
        let forged = BASE64URL_NOPAD.encode(&serde_json::to_vec(&forged).unwrap());
        for token in [
            format!("{forged}.{signature}"),
            format!("{payload}."),
            format!("{payload}.{}", &signature[..signature.len() - 4]),
            payload.to_owned(),
            String::new(),
            ".".to_owned(),
            "x".repeat(1 << 20),
        ] {
            assert_eq!(ours.read_session(&token, now()), None, "{token:.60}");
        }
    }
}
