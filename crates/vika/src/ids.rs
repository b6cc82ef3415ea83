//! Ids of the service: a prefix of three letters, then letters and digits.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A text that is not an id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not an id that starts with {prefix}")]
pub struct InvalidId {
    text: String,
    prefix: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The id as the service writes it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                let rest = text.strip_prefix($prefix).unwrap_or_default();
                if rest.is_empty() || !rest.bytes().all(|b| b.is_ascii_alphanumeric()) {
                    return Err(InvalidId { text, prefix: $prefix });
                }
                Ok(Self(text))
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// A space (空间站), `spc…`.
    SpaceId, "spc"
);
id!(
    /// A sheet (维格表), `dst…`.
    SheetId, "dst"
);
id!(
    /// A view of a sheet, `viw…`.
    ViewId, "viw"
);
id!(
    /// A column, `fld…`. It survives a rename.
    FieldId, "fld"
);
id!(
    /// A row, `rec…`.
    RecordId, "rec"
);
