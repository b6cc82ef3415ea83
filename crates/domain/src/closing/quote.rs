//! What somebody said themselves, without what they quote.
//!
//! WeChat puts a quote before the words: `「name：text」`, a line of dashes, and then what is said. A line of dashes alone
//! is no such thing: customers draw them too, and what stands above them may be all that they want.

/// Dashes that the divider behind a quote has at least, blanks not counted.
const DIVIDER_DASHES: usize = 6;
/// What quotes begin and end with.
const MARKS: [(char, char); 3] = [('「', '」'), ('“', '”'), ('"', '"')];
/// How WeCom begins a quote.
const ANNOUNCED: &str = "这是一条引用/回复消息";

/// The part of a text that its author said themselves: what follows a quote and its divider. Where nothing follows, the
/// whole text.
pub fn own_words(text: &str) -> &str {
    let own = quoted_first(text).unwrap_or(text);
    if own.trim().is_empty() { text } else { own }
}

/// What follows the quote that a text begins with.
fn quoted_first(text: &str) -> Option<&str> {
    let head = text.trim_start();
    let head = match head.strip_prefix(ANNOUNCED) {
        Some(rest) => rest.trim_start_matches([':', '：']).trim_start(),
        None => head,
    };
    let (open, close) = *MARKS.iter().find(|(open, _)| head.starts_with(*open))?;
    let named = head.lines().next()?.contains([':', '：']);
    named.then(|| behind(head, open, close))?
}

/// What follows the divider that stands directly behind the quote's end. A quote may hold quotes: its end is where as
/// many have ended as have begun, or, where they do not match, the first end with a divider behind it.
fn behind(head: &str, open: char, close: char) -> Option<&str> {
    let (mut depth, mut first) = (0_i64, None);
    let mut rest = head;
    while let Some((line, after)) = rest.split_once('\n') {
        for c in line.chars() {
            // The same mark opens and closes where there is only one.
            depth += if c == open && open != close { 1 } else { -i64::from(c == close && open != close) };
        }
        if line.trim_end().ends_with(close)
            && let Some((divider, own)) = after.split_once('\n')
            && is_divider(divider)
        {
            if depth == 0 {
                return Some(own);
            }
            first = first.or(Some(own));
        }
        rest = after;
    }
    first
}

fn is_divider(line: &str) -> bool {
    line.chars().filter(|c| *c == '-').count() >= DIVIDER_DASHES
        && line.trim().chars().all(|c| matches!(c, '-' | ' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DASHES: &str = "- - - - - - - - - - - - - - -";

    #[test]
    fn only_what_a_quote_holds_is_cut_off() {
        for text in [
            "麻烦报价：A型 100 台\n--------\n谢谢",
            "查一下订单12345到哪了\n------\n谢谢！",
            "王小售：\n报价在这里\n------\n谢谢",
            "「A型」和「B型」\n各 100 台\n------\n谢谢",
            "「这是标题」\n------\n谢谢",
            "合计\n------",
            "------\n谢谢",
        ] {
            assert_eq!(own_words(text), text);
        }
    }

    #[test]
    fn what_follows_a_quote_is_said() {
        for head in [
            "「王小售：什么时候要？」",
            "「王小售：第一行\n第二行」",
            "「王小售：「客户：在吗」\n- - - - - - -\n在的」",
            "「王小售：一个」不成对」",
            "“王小售：报价”",
            "\"王小售:\n报价\"",
            "这是一条引用/回复消息：\n\"王小售:\n报价\"",
        ] {
            assert_eq!(own_words(&format!("{head}\n{DASHES}\n好的")), "好的", "{head}");
            assert_eq!(
                own_words(&format!("{head}\n------\n数量：\n------\n3")),
                "数量：\n------\n3",
                "{head}"
            );
            let nothing = format!("{head}\n{DASHES}\n ");
            assert_eq!(own_words(&nothing), nothing);
        }
    }
}
