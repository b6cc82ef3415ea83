//! Reading a text: is it nothing but closing words, and does it ask something? Knows nothing of rooms or waits.

use super::Class;
use super::stickers::{is_friendly_emoji, is_friendly_sticker};
use crate::rules::Phrases;

/// No text longer than this, in characters, is taken for a mere closing.
pub const LONGEST_CLOSING: usize = 60;

/// The longest name of a `[sticker]` in a text, in characters.
const LONGEST_STICKER: usize = 8;

/// Dashes that a quote divider has at least, blanks not counted.
const DIVIDER_DASHES: usize = 6;

/// Particles that may follow a closing word without making it a question: 好的呀, 收到啦.
const SOFTENERS: &str = "啊呀哦噢喔哈啦哟哒呢嘞";

/// Endings that make a sentence a question without a mark.
const ASKING_ENDINGS: [&str; 18] = [
    "吗",
    "呢",
    "么",
    "行不行",
    "好不好",
    "对不对",
    "可不可以",
    "是不是",
    "能不能",
    "要不要",
    "方便不",
    "可以不",
    "了没",
    "怎么样",
    "如何",
    "多少",
    "几点",
    "哪里",
];

/// The part of a text that its author said themselves: what follows WeChat's quote divider, a line of its own of
/// dashes. Where nothing follows, the whole text.
pub fn own_words(text: &str) -> &str {
    let mut own = text;
    let mut rest = text;
    while let Some((line, after)) = rest.split_once('\n') {
        if is_divider(line) {
            own = after;
        }
        rest = after;
    }
    if own.trim().is_empty() { text } else { own }
}

fn is_divider(line: &str) -> bool {
    line.chars().filter(|c| *c == '-').count() >= DIVIDER_DASHES
        && line.trim().chars().all(|c| matches!(c, '-' | ' '))
}

/// A character without what makes no difference: width, case, skin tone, invisible joints.
fn plain(c: char) -> Option<char> {
    match c {
        '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' | '\u{fe0e}' | '\u{fe0f}' => None,
        '\u{1f3fb}'..='\u{1f3ff}' => None,
        '\u{3000}' => Some(' '),
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).map(|c| c.to_ascii_lowercase()),
        _ => c.to_lowercase().next(),
    }
}

/// A phrase as it is compared.
pub fn plain_phrase(phrase: &str) -> String {
    phrase.trim().chars().filter_map(plain).collect()
}

/// What a text is, taken alone.
pub fn classify(text: &str, phrases: &Phrases) -> Class {
    let mut chars = Vec::with_capacity(LONGEST_CLOSING + 1);
    chars.extend(own_words(text).trim().chars().filter_map(plain).take(LONGEST_CLOSING + 1));
    if chars.iter().all(|c| c.is_whitespace()) {
        return Class::Empty;
    }
    if chars.len() > LONGEST_CLOSING {
        return Class::Request;
    }
    let mut parser = Parser { chars: &chars, phrases, dead_ends: 0 };
    match parser.rest_from(0) {
        Some(Rest { phrase: Some(phrase), .. }) => Class::Closing { phrase: phrase.to_owned() },
        Some(Rest { sticker: true, .. }) => Class::LoneSticker,
        _ => Class::Request,
    }
}

/// What a text holds from some place to its end, where all of it can be read as closing.
#[derive(Default)]
struct Rest<'p> {
    phrase: Option<&'p str>,
    sticker: bool,
}

/// Reads a text as closing words, stickers and punctuation. Tries the longest word first and goes back where that
/// leads nowhere; a place that led nowhere once is not tried again.
struct Parser<'c, 'p> {
    chars: &'c [char],
    phrases: &'p Phrases,
    /// One bit for each place, [`LONGEST_CLOSING`] of them at most.
    dead_ends: u64,
}

impl<'p> Parser<'_, 'p> {
    fn rest_from(&mut self, place: usize) -> Option<Rest<'p>> {
        let Some(first) = self.chars.get(place) else {
            return Some(Rest::default());
        };
        if self.dead_ends & (1 << place) != 0 {
            return None;
        }
        let found = self.word_from(place).or_else(|| {
            if is_separator(*first) {
                return self.rest_from(place + 1);
            }
            let length = self.sticker_at(place)?;
            self.rest_from(place + length).map(|rest| Rest { sticker: true, ..rest })
        });
        if found.is_none() {
            self.dead_ends |= 1 << place;
        }
        found
    }

    fn word_from(&mut self, place: usize) -> Option<Rest<'p>> {
        let phrases = self.phrases;
        let mut words: Vec<(usize, &str)> = phrases
            .closing
            .iter()
            .filter_map(|phrase| Some((self.phrase_at(place, phrase)?, phrase.as_str())))
            .collect();
        words.sort_by_key(|(length, _)| std::cmp::Reverse(*length));
        for (length, phrase) in words {
            let end = place + length;
            let softeners = self.chars[end..].iter().take_while(|c| SOFTENERS.contains(**c)).count();
            for extra in 0..=softeners {
                if let Some(rest) = self.rest_from(end + extra) {
                    return Some(Rest { phrase: Some(phrase), ..rest });
                }
            }
        }
        None
    }

    /// How many characters of the text this phrase covers, if it stands here.
    fn phrase_at(&self, place: usize, phrase: &str) -> Option<usize> {
        let mut length = 0;
        for c in phrase.trim().chars().filter_map(plain) {
            if self.chars.get(place + length) != Some(&c) {
                return None;
            }
            length += 1;
        }
        (length > 0).then_some(length)
    }

    fn sticker_at(&self, place: usize) -> Option<usize> {
        let rest = &self.chars[place..];
        if is_friendly_emoji(rest[0]) {
            return Some(1);
        }
        let end = rest.iter().take(LONGEST_STICKER + 2).position(|c| *c == ']')?;
        let name: String = rest[..end].strip_prefix(&['['])?.iter().collect();
        is_friendly_sticker(&name).then_some(end + 1)
    }
}

/// What may stand between closing words. A question mark may not.
fn is_separator(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, ',' | '.' | '!' | '~' | ';' | '。' | '、' | '…' | '·' | '～' | '—' | '-' | '^')
}

/// Whether a text contains a question.
pub fn asks(text: &str) -> bool {
    let own = own_words(text);
    if own.contains('？') {
        return true;
    }
    let chars: Vec<char> = own.chars().filter_map(plain).collect();
    // A `?` inside an address is none.
    let marked = |(place, c): (usize, &char)| {
        *c == '?' && chars.get(place + 1).is_none_or(|next| !next.is_ascii_alphanumeric())
    };
    chars.iter().enumerate().any(marked)
        || chars.split(|c| matches!(c, '。' | '!' | ';' | '\n' | '…' | ',')).any(ends_as_question)
}

fn ends_as_question(sentence: &[char]) -> bool {
    let mut end = sentence;
    loop {
        end = match end {
            [rest @ .., ']'] => match rest.iter().rposition(|c| *c == '[') {
                Some(start) if rest.len() - start <= LONGEST_STICKER + 1 => &rest[..start],
                _ => rest,
            },
            [rest @ .., last] if !last.is_alphanumeric() => rest,
            _ => break,
        };
    }
    let tail: String = end[end.len().saturating_sub(4)..].iter().collect();
    ASKING_ENDINGS.iter().any(|ending| tail.ends_with(ending))
}
