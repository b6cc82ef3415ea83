//! The words of `lexicon.txt`, and where a text holds them.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::kinds::{KINDS, Kind};
use crate::text::plain;

/// Raised whenever the lexicon or the grammar changes; stored with each judged text.
pub const LEXICON_VERSION: u32 = 3;

const TEXT: &str = include_str!("lexicon.txt");

/// A word of the lexicon.
struct Word {
    /// As it is compared.
    plain: Box<[char]>,
    /// As it is shown.
    shown: Box<str>,
    kind: Kind,
}

/// Words by their first character, so that a place of a text is compared with few of them.
static WORDS: LazyLock<HashMap<char, Vec<Word>>> = LazyLock::new(|| {
    let mut words: HashMap<char, Vec<Word>> = HashMap::new();
    for (kind, written) in entries() {
        let shown = written.replace('_', " ");
        let plain: Box<[char]> = shown.chars().filter_map(plain).collect();
        if let Some(first) = plain.first() {
            words.entry(*first).or_default().push(Word { plain, shown: shown.into(), kind });
        }
    }
    words
});

/// The sections of the file: kind and word, as written.
fn entries() -> impl Iterator<Item = (Kind, &'static str)> {
    let mut kind = None;
    TEXT.lines().filter(|line| !line.starts_with('#')).flat_map(move |line| {
        let heading = line.strip_prefix("== ");
        if let Some(heading) = heading {
            let name = heading.split(':').next().unwrap_or_default();
            kind = Kind::ALL.iter().copied().find(|kind| kind.name() == name);
        }
        let words = if heading.is_some() { "" } else { line };
        words.split_whitespace().filter_map(move |word| Some((kind?, word)))
    })
}

/// Where words of each kind end, by the place where they begin.
pub struct Found(Vec<[u64; KINDS]>);

impl Found {
    /// Looks everything up once. `chars` are at most 63.
    pub fn of(chars: &[char]) -> Self {
        let mut found = Self(vec![[0; KINDS]; chars.len() + 1]);
        for place in 0..chars.len() {
            for word in words_at(chars, place) {
                found.add(word.kind, place, word.plain.len());
            }
        }
        found
    }

    /// Notes a word that is not the lexicon's.
    pub fn add(&mut self, kind: Kind, place: usize, length: usize) {
        self.0[place][kind as usize] |= 1 << (place + length);
    }

    /// The places where words of a kind end that begin at `place`.
    pub fn ends(&self, place: usize, kind: Kind) -> u64 {
        self.0.get(place).map_or(0, |ends| ends[kind as usize])
    }
}

fn words_at(chars: &[char], place: usize) -> impl Iterator<Item = &'static Word> {
    let words = WORDS.get(&chars[place]).map_or(&[][..], Vec::as_slice);
    words.iter().filter(move |word| stands_at(chars, place, &word.plain))
}

/// Whether a word stands at a place of a text: a Latin word or a number only whole.
pub fn stands_at(chars: &[char], place: usize, word: &[char]) -> bool {
    let joined = |one: Option<&char>, other: Option<&char>| {
        one.is_some_and(char::is_ascii_alphanumeric) && other.is_some_and(char::is_ascii_alphanumeric)
    };
    let before = place.checked_sub(1).and_then(|before| chars.get(before));
    chars[place..].starts_with(word)
        && !joined(before, word.first())
        && !joined(word.last(), chars.get(place + word.len()))
}

/// The longest word of these kinds that begins at a place, as the lexicon writes it.
pub fn shown_at(chars: &[char], place: usize, kinds: &[Kind]) -> Option<&'static str> {
    let words = words_at(chars, place).filter(|word| kinds.contains(&word.kind));
    words.max_by_key(|word| word.plain.len()).map(|word| &*word.shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_section_is_a_kind_and_has_its_reason_and_its_words() {
        let headings: Vec<&str> = TEXT.lines().filter_map(|line| line.strip_prefix("== ")).collect();
        for kind in Kind::ALL {
            assert!(entries().any(|(of, _)| of == *kind), "{kind:?} has no word");
        }
        for heading in &headings {
            let (name, reason) = heading.split_once(": ").unwrap();
            assert!(Kind::ALL.iter().any(|kind| kind.name() == name), "{name}");
            assert!(!reason.is_empty());
        }
        assert_eq!(headings.len(), KINDS, "each section once");
    }

    #[test]
    fn words_are_written_as_they_are_compared_but_for_case() {
        for (kind, word) in entries() {
            let compared: String = word.chars().filter_map(plain).collect();
            assert_eq!(compared, word.to_lowercase(), "{kind:?}");
        }
    }
}
