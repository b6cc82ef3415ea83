//! Where people are reached: on each channel under an address of its own form.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A person's addresses by channel. A channel that is not among these is refused where the rules are read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Addresses {
    /// On Feishu.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feishu: Option<FeishuAddress>,
}

impl Addresses {
    /// Whether the person is reached on no channel.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Where a person is on Feishu.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FeishuAddress {
    /// The private chat in which the person is alerted, `oc_…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat: Option<FeishuChat>,
    /// The person's account, `ou_…`: their presses count under their name, and they are mentioned where others read along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_id: Option<FeishuAccount>,
}

/// A text that is no id of its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is no such id: expected one that begins with `{prefix}`")]
pub struct AddressError {
    found: String,
    prefix: &'static str,
}

macro_rules! prefixed {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $format:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(String);

        impl $name {
            /// What such an id begins with.
            pub const PREFIX: &'static str = $prefix;
            /// Its format in the schema.
            pub const FORMAT: &'static str = $format;

            /// The id.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = AddressError;

            fn from_str(text: &str) -> Result<Self, AddressError> {
                let rest = text.strip_prefix($prefix);
                let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
                match rest.filter(|rest| !rest.is_empty() && rest.chars().all(plain)) {
                    Some(_) => Ok(Self(text.to_owned())),
                    None => Err(AddressError { found: text.to_owned(), prefix: $prefix }),
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = AddressError;

            fn try_from(text: String) -> Result<Self, AddressError> {
                text.parse()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let pattern = concat!("^", $prefix, "[A-Za-z0-9_-]+$");
                schemars::json_schema!({ "type": "string", "pattern": pattern, "format": $format })
            }
        }
    };
}

prefixed! {
    /// A chat on Feishu, `oc_…`.
    FeishuChat, "oc_", "feishu-chat"
}

prefixed! {
    /// A person's account on Feishu, `ou_…`; each app sees another.
    FeishuAccount, "ou_", "feishu-account"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_by_its_channel_s_form() {
        let read = |text: &str| serde_json::from_str::<Addresses>(text).map_err(|error| error.to_string());
        let both = read(r#"{ "feishu": { "chat": "oc_1", "open_id": "ou_1" } }"#).unwrap();
        assert_eq!(both.feishu.as_ref().unwrap().chat.as_ref().map(FeishuChat::as_str), Some("oc_1"));
        assert_eq!(serde_json::to_string(&both).unwrap(), r#"{"feishu":{"chat":"oc_1","open_id":"ou_1"}}"#);
        assert!(read("{}").unwrap().is_empty() && !both.is_empty());
        for (text, expected) in [
            (r#"{ "feishu": { "chat": "ou_1" } }"#, "begins with `oc_`"),
            (r#"{ "feishu": { "open_id": "ou_" } }"#, "begins with `ou_`"),
            (r#"{ "feishu": { "open_id": "ou_1 " } }"#, "begins with `ou_`"),
            (r#"{ "feishu": { "mobile": "1" } }"#, "unknown field"),
            (r#"{ "telegram": { "chat": "1" } }"#, "unknown field `telegram`, expected `feishu`"),
        ] {
            let told = read(text).unwrap_err();
            assert!(told.contains(expected), "{text}: {told}");
        }
    }
}
