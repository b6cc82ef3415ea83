//! The normal form in which texts, words and phrases are compared: width, case, script, skin tone and invisible characters make no
//! difference.

use std::collections::HashMap;
use std::sync::LazyLock;

static SIMPLIFIED: LazyLock<HashMap<char, char>> = LazyLock::new(|| {
    let pairs = include_str!("text/traditional.txt").lines().filter(|line| !line.starts_with('#'));
    pairs
        .flat_map(str::split_whitespace)
        .filter_map(|pair| {
            let mut both = pair.chars();
            Some((both.next()?, both.next()?))
        })
        .collect()
});

/// A character without what makes no difference; `None`: it makes none at all.
pub fn plain(c: char) -> Option<char> {
    match c {
        // Joints, direction marks, variation selectors, skin tones, and the sexes that emoji are joined with.
        '\u{200b}'..='\u{200f}'
        | '\u{2060}'..='\u{2064}'
        | '\u{feff}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{1f3fb}'..='\u{1f3ff}'
        | '\u{2640}'
        | '\u{2642}' => None,
        '’' | '‘' | '＇' => Some('\''),
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).map(|c| c.to_ascii_lowercase()),
        _ if c.is_whitespace() => Some(' '),
        _ if c.is_ascii() => Some(c.to_ascii_lowercase()),
        // Nothing here has a case.
        '\u{2e80}'..='\u{9fff}' => Some(SIMPLIFIED.get(&c).copied().unwrap_or(c)),
        _ => SIMPLIFIED.get(&c).copied().or_else(|| c.to_lowercase().next()),
    }
}

/// A phrase as it is compared.
pub fn plain_phrase(phrase: &str) -> String {
    phrase.trim().chars().filter_map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_difference_is_gone() {
        for (written, compared) in [
            ("ＯＫ", "ok"),
            ("Ok\u{200b}", "ok"),
            ("👌🏽", "👌"),
            ("it’s", "it's"),
            ("it‘s", "it's"),
            ("it＇s", "it's"),
            ("好\u{3000}的", "好 的"),
            ("好\t的", "好 的"),
            ("謝謝", "谢谢"),
            ("ÉÜ", "éü"),
            (" 好 ", "好"),
        ] {
            assert_eq!(plain_phrase(written), compared, "{written}");
        }
    }
}
