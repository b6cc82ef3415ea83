//! Reading a text: does it consist of nothing but words that ask for nothing? What is left over decides: a line of which
//! one character can not be read so asks for a reply.

use super::grammar::{Grammar, Places, Scope};
use super::kinds::{DOING, Kind, TELLING};
use super::lexicon::{Found, shown_at, stands_at};
use super::quote::own_words;
use super::{Class, Invitations, Manner};
use crate::rules::{Phrases, Rules};
use crate::text::plain;

/// No text longer than this, in characters, is taken for a mere closing.
const LONGEST_CLOSING: usize = Phrases::LONGEST;
/// The longest name behind an `@`, in characters.
const LONGEST_MENTION: usize = 20;
/// Stickers that say yes, in plain form.
const NODS: [&str; 9] = ["👌", "👍", "🆗", "🙆", "✅", "[ok]", "[强]", "[好的]", "[好]"];
/// Closing words with which a customer reports what staff wait for.
const REPORTS: [&str; 8] = ["好了", "好啦", "可以了", "行了", "搞定", "完成", "ok了", "成了"];
/// What WeChat puts behind a mentioned name.
const BEHIND_MENTION: char = '\u{2005}';

/// What a text is, taken alone, and which invitations of staff it accepts although it is a request without them.
pub fn classify(text: &str, rules: &Rules) -> (Class, Invitations) {
    let chars: Vec<char> = without_mentions(own_words(text)).take(LONGEST_CLOSING + 1).collect();
    let request = (Class::Request, Invitations::default());
    if chars.iter().all(|c| c.is_whitespace()) {
        // A mention alone calls somebody.
        return if own_words(text).contains('@') { request } else { (Class::Empty, Invitations::default()) };
    }
    if chars.len() > LONGEST_CLOSING || chars.contains(&'?') {
        return request;
    }
    let own = own_lexicon(rules);
    let line = Line::of(&chars, rules, &own);
    let squeezed = squeezed(&chars);
    let squeezed = (squeezed.len() < chars.len()).then(|| Line::of(&squeezed, rules, &own));
    let lines: Vec<&Line<'_>> = std::iter::once(&line).chain(&squeezed).collect();
    if line.is_withdrawn() {
        return request;
    }
    if line.only_stickers() {
        return (Class::LoneSticker { assents: line.nods() }, Invitations::default());
    }
    let reads = |scope| lines.iter().find(|line| line.reads(scope)).copied();
    for (scope, manner) in [
        (Scope::Courtesy, Manner::Courtesy),
        (Scope::OwnMove, Manner::OwnMove),
        (Scope::Thinking, Manner::Thinking),
    ] {
        if let Some(line) = reads(scope) {
            let reports = Invitations { report: reports(&chars), ..Invitations::default() };
            return (Class::Closing { phrase: line.phrase(manner), manner }, reports);
        }
    }
    let accepts = Invitations {
        further_help: reads(Scope::NothingFurther).is_some(),
        sign: reads(Scope::Sign).is_some(),
        report: false,
    };
    (Class::Request, accepts)
}

/// Whether a closing also says that something is done.
fn reports(chars: &[char]) -> bool {
    let line: String = chars.iter().collect();
    REPORTS.iter().any(|word| line.contains(word))
}

/// The words that the rules add to the lexicon: a company's phrases, and the names of its staff.
fn own_lexicon(rules: &Rules) -> Vec<(Kind, Vec<char>)> {
    let word = |written: &str| -> Vec<char> { written.trim().chars().filter_map(plain).collect() };
    let phrases = rules.phrases.closing.iter().map(|phrase| {
        let word = word(phrase);
        (if word.len() == 1 { Kind::Bare } else { Kind::Hear }, word)
    });
    let names = rules.roster.iter().map(|entry| (Kind::Given, word(entry.name.as_str())));
    phrases.chain(names).filter(|(_, word)| !word.is_empty()).collect()
}

/// The plain characters of a text, runs of blanks as one, without the names behind `@`, which address somebody.
pub fn without_mentions(text: &str) -> impl Iterator<Item = char> {
    let mut rest = text.trim();
    let mut blank = true;
    std::iter::from_fn(move || {
        loop {
            let c = rest.chars().next()?;
            rest = match mention(rest, blank) {
                Some(length) => &rest[length..],
                None => &rest[c.len_utf8()..],
            };
            let Some(plain) = plain(if c == '@' && blank { ' ' } else { c }) else { continue };
            let joined = blank && plain == ' ';
            blank = plain == ' ';
            if !joined || c == '@' {
                return Some(plain);
            }
        }
    })
}

/// How many bytes a mention takes at the beginning of a text.
fn mention(text: &str, at_word: bool) -> Option<usize> {
    let name = text.strip_prefix('@').filter(|_| at_word)?;
    let first = name.chars().next()?;
    if first.is_whitespace() || first.is_ascii_digit() {
        return None;
    }
    let near = |(place, (_, c)): &(usize, (usize, char))| *place <= LONGEST_MENTION && *c != '\n';
    let chars = || name.char_indices().enumerate().take_while(near).map(|(_, indexed)| indexed);
    let end =
        chars().find(|(_, c)| *c == BEHIND_MENTION).or_else(|| chars().find(|(_, c)| c.is_whitespace()));
    match end {
        Some((end, _)) => Some('@'.len_utf8() + end),
        None => (name.chars().count() <= LONGEST_MENTION).then_some(text.len()),
    }
}

/// Without the blanks that Chinese needs none of: 好 的.
fn squeezed(chars: &[char]) -> Vec<char> {
    let latin = |c: Option<&char>| c.is_some_and(char::is_ascii_alphanumeric);
    let kept = |(place, c): &(usize, &char)| {
        **c != ' ' || latin(chars.get(place.wrapping_sub(1))) && latin(chars.get(place + 1))
    };
    chars.iter().enumerate().filter(kept).map(|(_, c)| *c).collect()
}

/// What was read before a place.
mod state {
    /// Nothing that says anything.
    pub const OPEN: u8 = 1;
    /// Nobody but the one addressed.
    pub const ADDRESSED: u8 = 2;
    /// Something that has to be followed by more.
    pub const PREFIX: u8 = 4;
    /// A closing word behind which nobody would ask for anything by the way.
    pub const HEARD: u8 = 8;
    /// What the customer is going to do.
    pub const OWN: u8 = 16;
    /// Thanks, with which an order may be softened: 辛苦看下.
    pub const SAID: u8 = 32;
    /// All of them after which a line may end.
    pub const COMPLETE: u8 = HEARD | OWN | SAID;
}

struct Line<'c> {
    chars: &'c [char],
    found: Found,
    rules: &'c Rules,
    /// Where a piece of punctuation or a sticker ends that begins at a place; 0: none begins there.
    marks: Vec<usize>,
}

impl<'c> Line<'c> {
    fn of(chars: &'c [char], rules: &'c Rules, own: &[(Kind, Vec<char>)]) -> Self {
        let mut found = Found::of(chars);
        for place in 0..chars.len() {
            for (kind, word) in own.iter().filter(|(_, word)| stands_at(chars, place, word)) {
                found.add(*kind, place, word.len());
            }
        }
        let marks = (0..chars.len()).map(|place| mark_at(chars, place, &found)).collect();
        Self { chars, found, rules, marks }
    }

    /// Whether a part between marks is nothing but a phrase that the company does not take for a closing.
    fn is_withdrawn(&self) -> bool {
        let phrases = self.rules.phrases.not_closing.iter();
        let phrases: Vec<Vec<char>> =
            phrases.map(|phrase| phrase.trim().chars().filter_map(plain).collect()).collect();
        if phrases.is_empty() {
            return false;
        }
        let whole = |part: &[char], phrase: &[char]| {
            !phrase.is_empty() && !part.is_empty() && part.chunks(phrase.len()).all(|chunk| chunk == phrase)
        };
        let parts = self.chars.split(|c| is_separator(*c));
        parts.into_iter().any(|part| phrases.iter().any(|phrase| whole(part, phrase)))
    }

    fn only_stickers(&self) -> bool {
        let (mut place, mut sticker) = (0, false);
        while place < self.chars.len() {
            match self.marks[place] {
                0 => return false,
                end => {
                    sticker |= !is_separator(self.chars[place]);
                    place = end;
                }
            }
        }
        sticker
    }

    /// Whether one of its stickers assents, as a word would.
    fn nods(&self) -> bool {
        let text: String = self.chars.iter().collect();
        NODS.iter().any(|nod| text.contains(nod))
    }

    fn grammar(&self, scope: Scope) -> Grammar<'_> {
        let places = |holds: &dyn Fn(usize, char) -> bool| -> Places {
            let held = self.chars.iter().enumerate().filter(|(place, c)| holds(*place, **c));
            held.fold(0, |places, (place, _)| places | 1 << place)
        };
        let behind_marks = self.marks.iter().filter(|end| **end > 0).fold(1, |clean, end| clean | 1 << end);
        let behind_sounds =
            places(&|_, c| matches!(c, '嗯' | '恩' | '哦' | '噢' | '喔' | '啊' | '那' | '也')) << 1;
        let before_marks = places(&|place, _| self.marks[place] > 0) | 1 << self.chars.len();
        let thanks = places(&|place, _| self.found.ends(place, Kind::Thanks) != 0);
        Grammar {
            found: &self.found,
            scope,
            addressed: 0,
            blanks: places(&|_, c| c == ' '),
            commas: places(&|_, c| matches!(c, ',' | '、')),
            clean: behind_marks | behind_sounds,
            closed: before_marks | thanks,
            going: places(&|place, c| {
                matches!(c, '去' | '来')
                    && place.checked_sub(1).is_none_or(|before| self.chars[before] != '再')
            }) << 1,
            repeated: places(&|place, c| place > 0 && !c.is_ascii() && self.chars[place - 1] == c) << 1,
        }
    }

    /// Whether the whole line can be read so, with at least one word that says something.
    fn reads(&self, scope: Scope) -> bool {
        let mut grammar = self.grammar(scope);
        grammar.addressed = (0..self.chars.len()).fold(0, |ends, place| ends | grammar.address(1 << place));
        let mut reached = [0_u8; LONGEST_CLOSING + 1];
        reached[0] = state::OPEN;
        for place in 0..self.chars.len() {
            let before = reached[place];
            if before == 0 {
                continue;
            }
            let mut reach = |ends: Places, state: u8| {
                for (place, reached) in reached.iter_mut().enumerate() {
                    if ends & 1 << place != 0 {
                        *reached |= state;
                    }
                }
            };
            if self.marks[place] > 0 {
                reach(1 << self.marks[place], before);
            }
            self.read_on(&grammar, place, before, &mut reach);
        }
        reached[self.chars.len()] & state::COMPLETE != 0
    }

    /// Everything that may be read from a place, given what was read before it.
    fn read_on(&self, grammar: &Grammar<'_>, place: usize, before: u8, reach: &mut impl FnMut(Places, u8)) {
        let here = 1 << place;
        reach(grammar.neutral(here), before & !state::PREFIX);
        reach(grammar.prefix(here), state::PREFIX);
        let addressed = grammar.address(here);
        if before & (state::OPEN | state::ADDRESSED) != 0 {
            reach(addressed, state::ADDRESSED);
        }
        // 我发给你们领导 sends it to somebody; 我发给你们，领导 tells somebody.
        let apart = before & (state::SAID | state::HEARD) != 0 || here & grammar.clean != 0;
        if before & state::COMPLETE != 0 && apart {
            reach(addressed, state::SAID);
        }
        // 老师好, 大家早: a greeting.
        let greeted = before & !(state::ADDRESSED | state::OPEN) == 0
            && before & state::ADDRESSED != 0
            && matches!(self.chars[place], '好' | '早' | '安');
        if !greeted {
            reach(grammar.heard(here) | grammar.alone(here), state::HEARD);
        }
        reach(grammar.thanks(here) | grammar.toil(here), state::SAID);
        reach(grammar.praise(here) | grammar.set_phrase(here) | grammar.wish(here), state::HEARD);
        if grammar.scope.own_moves() {
            let free = before & (state::OPEN | state::PREFIX | state::HEARD | state::OWN) != 0;
            reach(grammar.own_move(here, if free { here } else { 0 }), state::OWN);
        }
    }

    /// The first word that says what the line says, as the list writes it: no text of anybody's own is kept.
    fn phrase(&self, manner: Manner) -> String {
        let company = |place: usize| {
            let phrases = self.rules.phrases.closing.iter();
            let stands = phrases.filter(|phrase| {
                let word: Vec<char> = phrase.trim().chars().filter_map(plain).collect();
                !word.is_empty() && stands_at(self.chars, place, &word)
            });
            stands.max_by_key(|phrase| phrase.chars().count()).map(String::as_str)
        };
        let kinds = if manner == Manner::Courtesy { TELLING } else { DOING };
        let mut places = 0..self.chars.len();
        let found = places.find_map(|place| {
            let courtesy = (manner == Manner::Courtesy).then(|| company(place)).flatten();
            courtesy.or_else(|| shown_at(self.chars, place, kinds))
        });
        found.unwrap_or_default().to_owned()
    }
}

/// Where a piece of punctuation, an emoji or a `[sticker]` ends that begins here.
fn mark_at(chars: &[char], place: usize, found: &Found) -> usize {
    if is_separator(chars[place]) {
        return place + 1;
    }
    let emoji = found.ends(place, Kind::Emoji);
    if emoji != 0 {
        return emoji.trailing_zeros() as usize;
    }
    if chars[place] != '[' {
        return 0;
    }
    let names = found.ends(place + 1, Kind::Sticker);
    let ends = (place + 1..chars.len()).filter(|end| names & 1 << end != 0);
    ends.into_iter().find(|end| chars[*end] == ']').map_or(0, |end| end + 1)
}

/// What may stand between words. A question mark may not, nor anything that could belong to a number or an address.
pub fn is_separator(c: char) -> bool {
    c == ' '
        || matches!(
            c,
            ',' | '.' | '!' | '~' | ';' | '。' | '、' | '…' | '·' | '～' | '—' | '-' | '"' | '“' | '”'
        )
        || matches!(c, '(' | ')' | '「' | '」' | '^')
}
