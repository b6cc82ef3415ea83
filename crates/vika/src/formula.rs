//! Pieces of `filterByFormula`, with what people wrote quoted safely.
//!
//! Columns are named, not given by id: ids in filters are not confirmed on the hosted service. A renamed column makes
//! the service refuse the formula with an empty message, which is the moment to look for its name of now.

use std::fmt::Display;

/// A text literal: quotes and backslashes are escaped.
pub fn text(text: &str) -> String {
    format!("\"{}\"", escape(text, '"'))
}

/// Whether the real parser takes this text as a literal. It refuses line ends, however they are written, and an escaped
/// backslash before an escaped quote; a row with such a key has to be found without a formula.
pub fn is_expressible(text: &str) -> bool {
    !text.contains(['\n', '\r', '\u{2028}', '\u{2029}']) && !text.contains("\\\"")
}

/// Whether a formula can surely name a column of this name: managers choose names, and how the parser takes odd ones in
/// braces is not known.
pub fn is_column_expressible(name: &str) -> bool {
    !name.chars().any(|c| c.is_control() || matches!(c, '{' | '}' | '\\' | '\u{2028}' | '\u{2029}'))
}

/// A column by name.
pub fn column(name: &str) -> String {
    format!("{{{}}}", escape(name, '}'))
}

/// The column has this very text.
pub fn equals(name: &str, value: &str) -> String {
    format!("{}={}", column(name), text(value))
}

/// The column is empty.
pub fn is_blank(name: &str) -> String {
    format!("{}=BLANK()", column(name))
}

/// The column has another text, or none.
pub fn differs(name: &str, value: &str) -> String {
    format!("{}!={}", column(name), text(value))
}

/// The column's number, or its time in milliseconds, is greater.
pub fn greater(name: &str, than: impl Display) -> String {
    format!("{}>{than}", column(name))
}

/// All conditions hold.
pub fn all(conditions: &[String]) -> String {
    format!("AND({})", conditions.join(","))
}

/// One of the conditions holds.
pub fn any(conditions: &[String]) -> String {
    format!("OR({})", conditions.join(","))
}

/// The column has one of these texts. No value gives a condition that never holds.
pub fn one_of<'a>(name: &str, values: impl IntoIterator<Item = &'a str>) -> String {
    let conditions: Vec<String> = values.into_iter().map(|value| equals(name, value)).collect();
    if conditions.is_empty() { "1=2".to_owned() } else { any(&conditions) }
}

fn escape(text: &str, end: char) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '\\' || c == end {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_cannot_leave_its_quotes() {
        assert_eq!(equals("群聊名", r#"a"b\"#), r#"{群聊名}="a\"b\\""#);
        assert_eq!(equals("a}b", "x"), r#"{a\}b}="x""#);
        for taken in ["tab\t", "it's", "a\"b", "a\\b", "{}", "<"] {
            assert!(is_expressible(taken), "{taken:?}");
        }
        for refused in ["a\nb", "a\rb", "a\u{2028}b", "a\\\"b"] {
            assert!(!is_expressible(refused), "{refused:?}");
        }
        assert_eq!(one_of("群ID", ["1", "2"]), r#"OR({群ID}="1",{群ID}="2")"#);
    }
}
