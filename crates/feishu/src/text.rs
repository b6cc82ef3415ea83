//! Text without power over a card's own markup: unescaped, a name could draw links or mention everybody.

use crate::markup::is_between_labels;

/// What a stranger said, so that nothing in it is markup. Feishu takes HTML entities for these.
///
/// Addresses are taken apart as well, since clients make links of whatever looks like one. Brackets of a link are
/// harmless without the square ones: names of rooms are full of both.
pub fn markdown(text: &str) -> String {
    escape(text, |before, c, after| is_markup(before, c) || (c == '.' && is_between_labels(before, after)))
}

/// The same for a line of our own, in which names of files and settings stay what they are.
pub fn own_markdown(text: &str) -> String {
    escape(text, |before, c, _| is_markup(before, c))
}

/// Entities for the characters of which `is_markup` says so, given the one before and all after it.
fn escape(text: &str, is_markup: impl Fn(Option<char>, char, &str) -> bool) -> String {
    let (mut escaped, mut before) = (String::new(), None);
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if is_markup(before, c, rest.as_str()) {
            escaped.extend(["&#", &u32::from(c).to_string(), ";"]);
        } else {
            escaped.push(c);
        }
        before = Some(c);
    }
    escaped
}

fn is_markup(before: Option<char>, c: char) -> bool {
    match c {
        '&' | '<' | '>' | '*' | '_' | '~' | '`' | '[' | ']' | '#' | '!' | '\\' | '$' | ':' | '|' => true,
        // A list or a rule, where a line begins.
        '-' | '+' | '=' => before.is_none(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::markdown;

    #[test]
    fn nothing_of_a_stranger_is_markup() {
        let escaped =
            markdown("- <at id=all></at> **粗** [链接](http://x) `码` & # ![图](k) | www.a.example");
        for c in ['<', '>', '*', '[', ']', '`', ':', '!', '|', '.', '-'] {
            assert!(!escaped.contains(c), "{c} in {escaped}");
        }
        assert!(escaped.contains("&#60;at id=all&#62;"), "{escaped}");
        assert!(escaped.contains("&#38; &#35;"), "{escaped}");
    }
}
