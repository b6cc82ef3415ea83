//! Identities. Never a display name: names change and collide.
//!
//! Each key has one text form, used as database key, in logs and inside other keys: its parts joined by `:`, with `%`
//! and `:` inside every part but the last percent-encoded, so that the form is unambiguous and still readable. What the
//! parts may hold is said in [`external`].

pub mod external;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is not a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {what}: expected {expected}")]
pub struct KeyError {
    what: &'static str,
    expected: &'static str,
    text: String,
}

fn escape(part: &str) -> String {
    part.replace('%', "%25").replace(':', "%3A")
}

fn unescape(part: &str) -> String {
    part.replace("%3A", ":").replace("%25", "%")
}

/// A room, by the source that reports it (`wechaty`, `webhook`, …) and the source's own room id.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoomKey {
    /// The kind of system the room lives in.
    pub source: String,
    /// The source's id, opaque.
    pub id: String,
}

/// A person, by the source that reports them and the source's own contact id.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PersonKey {
    /// The kind of system the person was seen in.
    pub source: String,
    /// The source's contact id, opaque.
    pub id: String,
}

/// A message, by source, our account that saw it, and its id there (two accounts see different ids for one message).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageKey {
    /// The kind of system the message came from.
    pub source: String,
    /// The account of ours that saw it.
    pub account: String,
    /// The source's message id, opaque.
    pub id: String,
}

macro_rules! text_form {
    ($key:ident, $what:literal, $expected:literal, [$($head:ident),+], $last:ident) => {
        impl fmt::Display for $key {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                $(write!(f, "{}:", escape(&self.$head))?;)+
                f.write_str(&self.$last)
            }
        }

        impl FromStr for $key {
            type Err = KeyError;

            fn from_str(text: &str) -> Result<Self, KeyError> {
                let error = || KeyError { what: $what, expected: $expected, text: text.to_owned() };
                let mut rest = text;
                $(
                    let (head, tail) = rest.split_once(':').ok_or_else(error)?;
                    rest = tail;
                    let $head = unescape(head);
                    if $head.is_empty() {
                        return Err(error());
                    }
                )+
                if rest.is_empty() {
                    return Err(error());
                }
                Ok(Self { $($head,)+ $last: rest.to_owned() })
            }
        }

        impl Serialize for $key {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $key {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

text_form!(RoomKey, "room key", "`source:id`", [source], id);
text_form!(PersonKey, "person key", "`source:id`", [source], id);
text_form!(MessageKey, "message key", "`source:account:id`", [source, account], id);

macro_rules! text_schema {
    ($key:ident, $description:literal) => {
        impl schemars::JsonSchema for $key {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($key).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "pattern": "^[^:]+:.+$", "description": $description })
            }
        }
    };
}

text_schema!(PersonKey, "source:contact-id");
text_schema!(RoomKey, "source:room-id");

macro_rules! text_newtype {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// The text form.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_newtype!(
    /// An entry of a timeline: a message key's text form, or a command id's for entries made by a command.
    EntryId
);
text_newtype!(
    /// A wait: the text form of its opening message's key, so that the same history always gives the same waits.
    WaitId
);
text_newtype!(
    /// A command, chosen by its sender so that sending it again is recognised.
    CommandId
);
text_newtype!(
    /// A roster entry's unique label, the name that managers read and write in 负责人.
    StaffName
);

impl From<&MessageKey> for EntryId {
    fn from(key: &MessageKey) -> Self {
        Self(key.to_string())
    }
}

impl From<&MessageKey> for WaitId {
    fn from(key: &MessageKey) -> Self {
        Self(key.to_string())
    }
}

impl From<&CommandId> for EntryId {
    fn from(id: &CommandId) -> Self {
        Self(format!("command:{id}"))
    }
}

impl schemars::JsonSchema for StaffName {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "StaffName".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "minLength": 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_forms_are_unambiguous_and_come_back() {
        let key = MessageKey { source: "web%hook".into(), account: "a:b".into(), id: "m:1%3A".into() };
        assert_eq!(key.to_string(), "web%25hook:a%3Ab:m:1%3A");
        assert_eq!(key.to_string().parse::<MessageKey>(), Ok(key));
    }

    #[test]
    fn a_text_without_its_parts_is_refused_with_what_was_expected() {
        for text in ["", "r1", "wechaty:", ":r1"] {
            let error = text.parse::<RoomKey>().unwrap_err().to_string();
            assert!(error.contains("expected `source:id`"), "{error}");
        }
    }
}
