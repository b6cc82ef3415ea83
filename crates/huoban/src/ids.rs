//! Ids of the service: digits, sixteen in all examples, as texts. A float would lose the last of them.

use std::fmt;

use serde_json::Value;

/// No id that was seen is longer than half of this.
const MAX_DIGITS: usize = 32;

/// A text that is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an id of Huoban: expected digits")]
pub struct InvalidId(String);

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// The id as the service writes it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let is_id = (1..=MAX_DIGITS).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
                if is_id { Ok(Self(text.to_owned())) } else { Err(InvalidId(text.to_owned())) }
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
    /// A space (工作区).
    SpaceId
);
id!(
    /// A table (表格).
    TableId
);
id!(
    /// A column. It survives a rename, and is another one when the column is made again.
    FieldId
);
id!(
    /// A row.
    ItemId
);

/// An id of an answer: a text, or a whole number, which some public code expects.
pub(crate) fn of_json<Id: std::str::FromStr<Err = InvalidId>>(value: &Value) -> Option<Id> {
    match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.as_u64()?.to_string().parse().ok(),
        _ => None,
    }
}

impl ItemId {
    /// Which of two rows is older: ids are given out in order.
    pub fn age(&self) -> (usize, &str) {
        let digits = self.0.trim_start_matches('0');
        (digits.len(), digits)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_id_is_digits_and_never_a_float() {
        assert_eq!(of_json::<TableId>(&json!("2100000000000001")).unwrap().as_str(), "2100000000000001");
        assert_eq!(
            of_json::<TableId>(&json!(9_007_199_254_740_993_u64)).unwrap().as_str(),
            "9007199254740993"
        );
        for wrong in
            [json!(""), json!("dst1"), json!("１２"), json!(2.1e15), json!(null), json!("1".repeat(33))]
        {
            assert_eq!(of_json::<TableId>(&wrong), None, "{wrong}");
        }
        let [older, newer]: [ItemId; 2] = ["99", "100"].map(|id| id.parse().unwrap());
        assert!(older.age() < newer.age());
    }
}
