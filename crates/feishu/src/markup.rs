//! Text without power over the client that shows it.
//!
//! Feishu reads markup in plain text messages too: `<at …>` mentions, `[text](address)` becomes a link, `**text**` bold,
//! and its clients make a link of whatever looks like an address. There is no escape for it in a plain text, so each
//! sign that could be markup becomes the full-width form of itself: people read the same, the client reads a letter.

/// What has no meaning for a client any more: nothing in it is a link, a mention, a picture or formatting.
pub fn inert(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = None;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        out.push(disarmed(before, c, rest.as_str()));
        before = Some(c);
    }
    out
}

fn disarmed(before: Option<char>, c: char, after: &str) -> char {
    match c {
        '<' | '>' | '[' | ']' | '*' | '~' | '`' | '|' | '\\' => full_width(c),
        '_' if !(before.is_some_and(is_word) && after.starts_with(is_word)) => full_width(c),
        ':' if after.starts_with("//") || is_scheme(before) => full_width(c),
        '.' if is_between_labels(before, after) => full_width(c),
        // A heading, a list, a quote: only where a line begins.
        '#' | '-' | '+' if before.is_none_or(|before| before == '\n') => full_width(c),
        _ => c,
    }
}

/// Whether a dot at this place may stand between the labels of a domain: "example.com", not "3.5" and not "Yes. No".
pub fn is_between_labels(before: Option<char>, after: &str) -> bool {
    before.is_some_and(char::is_alphanumeric) && after.starts_with(char::is_alphabetic)
}

/// `mailto:`, `tel:`, `lark:` need no slashes. A time of day has digits before its colon.
fn is_scheme(before: Option<char>) -> bool {
    before.is_some_and(|before| before.is_ascii_alphabetic())
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric()
}

/// The full-width form of a visible ASCII character, which stands at a fixed distance.
fn full_width(c: char) -> char {
    char::from_u32(u32::from(c) + 0xfee0).unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use super::inert;

    #[test]
    fn nothing_is_markup_in_a_plain_text() {
        for (text, shown) in [
            ("<at user_id=\"all\">所有人</at>", "＜at user_id=\"all\"＞所有人＜/at＞"),
            ("[点我](https://a.example/x)", "［点我］(https：//a．example/x)"),
            ("![图](img_v3_1)", "!［图］(img_v3_1)"),
            ("**粗** ~~删~~ `码`", "＊＊粗＊＊ ～～删～～ ｀码｀"),
            ("_斜_ __下__", "＿斜＿ ＿＿下＿＿"),
            ("www.a.example 或 a.example/b?c=d", "www．a．example 或 a．example/b?c=d"),
            ("mailto:x lark:y", "mailto：x lark：y"),
            ("一行\n# 题\n- 项\n+ 项\n> 引", "一行\n＃ 题\n－ 项\n＋ 项\n＞ 引"),
            ("| a | b |", "｜ a ｜ b ｜"),
        ] {
            assert_eq!(inert(text), shown);
        }
    }

    #[test]
    fn what_is_no_markup_stays() {
        let text =
            "09:30 华东-二期 v2.0（3.5 折）a_b #12 docker compose logs --tail 100 nats，好。共 1 - 2 项";
        assert_eq!(inert(text), text);
    }
}
