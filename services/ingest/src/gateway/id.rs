//! Ids as the gateway writes them. They are opaque text: their forms differ between puppets and mean nothing. Inside they
//! are held in the form that every part of ours can carry ([`domain::id::external`]); only calls to the gateway have the
//! original.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use domain::id::external::{escape, percent_encoded, unescape};

macro_rules! wire_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $name {
            id: String,
            /// What the gateway calls it, percent-encoded, where `id` does not lead back to that.
            wire: Option<Box<str>>,
        }

        impl $name {
            /// From the wire. `None` for empty text, which is how the wire says that there is no such id.
            pub fn parse(text: impl AsRef<str>) -> Option<Self> {
                let text = text.as_ref();
                let id = escape(text);
                let leads_back = unescape(&id).is_some_and(|original| original == text);
                let wire = (!leads_back).then(|| percent_encoded(text).into());
                (!id.is_empty()).then_some(Self { id, wire })
            }

            /// From where it was kept in the form of [`Self::as_str`]; `wire` as [`Self::long_wire`] gave it.
            pub fn kept(id: impl Into<String>, wire: Option<String>) -> Option<Self> {
                let id = id.into();
                (!id.is_empty()).then_some(Self { id, wire: wire.map(Into::into) })
            }

            /// The id as we carry it.
            pub fn as_str(&self) -> &str {
                &self.id
            }

            /// To be kept with the id, if it alone does not lead back to what the gateway calls it.
            pub fn long_wire(&self) -> Option<&str> {
                self.wire.as_deref()
            }

            /// The id as the gateway wrote it.
            pub fn wire(&self) -> Cow<'_, str> {
                let encoded = self.wire.as_deref().unwrap_or(&self.id);
                if encoded.contains('%') {
                    unescape(encoded).map_or(Cow::Borrowed(encoded), Cow::Owned)
                } else {
                    Cow::Borrowed(encoded)
                }
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.id == other.id
            }
        }

        impl Eq for $name {}

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $name {
            fn cmp(&self, other: &Self) -> Ordering {
                self.id.cmp(&other.id)
            }
        }

        impl Hash for $name {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.id.hash(state);
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.id)
            }
        }
    };
}

wire_id! {
    /// A message, unique within one login account: another account in the same room sees another id.
    MessageId
}
wire_id! {
    /// A person, or our own account.
    ContactId
}
wire_id! {
    RoomId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_leads_back_to_what_the_gateway_calls_it() {
        let long = "m\n".repeat(1_000);
        for text in ["19876543210@chatroom", "a%0Ab", "nl\nid", "nul\0", "\u{2028}\"\\{}", " ", long.as_str()]
        {
            let id = MessageId::parse(text).unwrap();
            assert_eq!(domain::id::external::check(id.as_str()), Ok(()), "{text:?}");
            assert_eq!(id.wire(), text);
            let kept = MessageId::kept(id.as_str(), id.long_wire().map(ToOwned::to_owned)).unwrap();
            assert_eq!((kept.wire(), &kept), (id.wire(), &id));
        }
        assert_eq!(MessageId::parse(""), None);
    }
}
