//! Ids as the gateway writes them. They are opaque text: their forms differ between puppets and mean nothing.

use std::fmt;

macro_rules! wire_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// `None` for empty text, which is how the wire says that there is no such id, and for one with a NUL, which
            /// no puppet makes and Postgres cannot hold: a single one would keep a whole room from being written.
            pub fn parse(text: impl Into<String>) -> Option<Self> {
                let text = text.into();
                (!text.is_empty() && !text.contains('\0')).then_some(Self(text))
            }

            /// The id as the gateway wrote it.
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

wire_id! {
    /// A message, unique within one login account: another account in the same room sees another id.
    MessageId
}
wire_id! {
    /// A person, or our own account.
    ContactId
}
wire_id! {
    /// A group chat.
    RoomId
}
