//! Strangers' text made fit to be shown: one line, cut, and without phone numbers and mail addresses, which belong to
//! nobody who reads along; with a phone number in it Feishu's audit refuses a whole card (230028).

/// Stands for what was cut away.
const ELLIPSIS: char = '…';

/// One line: controls and directional marks gone, runs of white space made one space.
pub fn one_line(text: &str) -> String {
    let visible = text.chars().filter(|c| !is_unwanted(*c) || c.is_whitespace()).collect::<String>();
    visible.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Control characters, and those that turn the direction of what follows.
fn is_unwanted(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// At most `max` characters, never a piece of one.
pub fn shorten(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    text.chars().take(max.saturating_sub(1)).chain([ELLIPSIS]).collect()
}

/// Fit to be shown: one line, masked, cut. In this order, since a cut number would escape the mask.
pub fn plain(text: &str, max: usize) -> String {
    shorten(&mask(&one_line(text)), max)
}

/// Phone numbers and mail addresses made unreadable, the rest as it was.
pub fn mask(text: &str) -> String {
    mask_phones(&mask_mails(text))
}

fn mask_mails(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('@') {
        let (before, after) = (&rest[..at], &rest[at + 1..]);
        let local = before.len() - trailing(before, is_local_part);
        let domain = leading(after, is_domain_part);
        if local == before.len() || !after[..domain].contains('.') {
            out.push_str(&rest[..=at]);
            rest = after;
            continue;
        }
        out.push_str(&before[..local]);
        out.extend(before[local..].chars().take(1));
        out.push_str("***@***");
        rest = &after[domain..];
    }
    out.push_str(rest);
    out
}

fn is_local_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || "._%+-".contains(c)
}

fn is_domain_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || ".-".contains(c)
}

/// Bytes at the end of `text` that belong.
fn trailing(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.chars().rev().take_while(|c| belongs(*c)).map(char::len_utf8).sum()
}

/// Bytes at the beginning of `text` that belong.
fn leading(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.chars().take_while(|c| belongs(*c)).map(char::len_utf8).sum()
}

/// A run of digits, and of what people write between digits.
fn mask_phones(text: &str) -> String {
    let mut out = String::new();
    let mut run = String::new();
    for c in text.chars() {
        if digit(c).is_some() || (!run.is_empty() && is_separator(c)) || (run.is_empty() && c == '+') {
            run.push(c);
        } else {
            out.push_str(&mask_run(&run));
            run.clear();
            out.push(c);
        }
    }
    out.push_str(&mask_run(&run));
    out
}

fn is_separator(c: char) -> bool {
    matches!(c, ' ' | '-' | '－' | '–' | '—' | '(' | ')' | '（' | '）')
}

/// The value of a digit, full-width ones too.
fn digit(c: char) -> Option<u32> {
    c.to_digit(10).or_else(|| ('０'..='９').contains(&c).then(|| u32::from(c) - u32::from('０')))
}

/// Keeps the first three and the last two digits of a run that is a phone number.
fn mask_run(run: &str) -> String {
    let digits: Vec<u32> = run.chars().filter_map(digit).collect();
    if !is_phone(&digits, run.starts_with('+')) {
        // Several numbers with spaces between them: each is looked at by itself.
        return match run.split_once(' ') {
            Some((first, rest)) => format!("{} {}", mask_run(first), mask_run(rest)),
            None => run.to_owned(),
        };
    }
    let mut seen = 0;
    let keep = |nth: usize| nth < 3 || nth + 2 >= digits.len();
    run.chars()
        .map(|c| {
            if digit(c).is_none() {
                return c;
            }
            seen += 1;
            if keep(seen - 1) { c } else { '*' }
        })
        .collect()
}

/// Mobile (with or without 86), landline with area code, 400 and 800 numbers, and anything with a plus. Order
/// numbers and prices stay readable.
fn is_phone(digits: &[u32], plus: bool) -> bool {
    let mobile = |digits: &[u32]| matches!(digits, [1, 3..=9, ..]) && digits.len() == 11;
    let landline = digits.first() == Some(&0) && (10..=12).contains(&digits.len());
    let service = matches!(digits, [4 | 8, 0, 0, ..]) && digits.len() == 10;
    let with_country = matches!(digits, [8, 6, rest @ ..] | [0, 0, 8, 6, rest @ ..] if mobile(rest));
    mobile(digits) || landline || service || with_country || (plus && (8..=15).contains(&digits.len()))
}

#[cfg(test)]
mod tests {
    use super::{mask, one_line, shorten};

    #[test]
    fn phones_and_mails_are_masked_and_other_numbers_are_not() {
        for (text, masked) in [
            ("打我 13812345678 谢谢", "打我 138******78 谢谢"),
            ("138-1234-5678", "138-****-**78"),
            ("138 1234 5678", "138 **** **78"),
            ("+86 138 1234 5678", "+86 1** **** **78"),
            ("8613812345678", "861********78"),
            ("１３８１２３４５６７８", "１３８******７８"),
            ("座机 010-62345678", "座机 010-******78"),
            ("400-800-1234", "400-***-**34"),
            ("编号 20261122000123", "编号 20261122000123"),
            ("共 3 套 1200 元", "共 3 套 1200 元"),
            ("数量 5 电话 13812345678", "数量 5 电话 138******78"),
            ("5 13812345678", "5 138******78"),
            ("2026-11-22 09:30", "2026-11-22 09:30"),
            ("发到 wang.li@mail.example.com，谢谢", "发到 w***@***，谢谢"),
            ("@张三 在吗", "@张三 在吗"),
            ("a@b", "a@b"),
        ] {
            assert_eq!(mask(text), masked);
        }
    }

    #[test]
    fn lines_are_cut_between_characters() {
        assert_eq!(shorten("一二三四", 3), "一二…");
        assert_eq!(shorten("一二三", 3), "一二三");
        assert_eq!(shorten("👨‍👩‍👧", 0), "…");
        assert_eq!(one_line("a\u{0}\r\n  b\t\u{202e}c"), "a b c");
    }
}
