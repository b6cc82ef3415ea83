//! HTML that the web protocol puts into plain text: emoji, line breaks, links into `WeChat` itself, escaped characters.
//! Only what is known to be the protocol's is taken for markup, so that the code that a customer sends stays as it is.

use std::borrow::Cow;

use super::notice;

/// Bytes of a tag that are looked at.
const LONGEST_TAG: usize = 512;
/// Bytes of an entity, `&` and `;` included.
const LONGEST_ENTITY: usize = 10;
/// What stands for an emoji that nobody knows.
const UNKNOWN_EMOJI: &str = "[表情]";

/// A text as people read it.
pub fn plain(text: &str) -> String {
    if !text.contains(['<', '&']) {
        return text.to_owned();
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['<', '&']) {
        let (before, here) = rest.split_at(at);
        plain.push_str(before);
        let known = if here.starts_with('<') { tag(here) } else { entity(here) };
        rest = take(here, known, &mut plain);
    }
    plain + rest
}

/// The same without a look at escaped characters: what stands inside XML is unescaped by whoever reads that.
pub fn elements(text: &str) -> Cow<'_, str> {
    if !text.contains("emoji") && !text.contains("<br") {
        return Cow::Borrowed(text);
    }
    each(text, '<', tag).into()
}

/// Escaped characters as what they are, once: `&amp;lt;` is somebody's `&lt;`.
pub fn entities(text: &str) -> String {
    each(text, '&', entity)
}

/// What stands at the beginning of a text: how many bytes of it, and what it means.
type Known = Option<(usize, Cow<'static, str>)>;

fn each(text: &str, mark: char, known: impl Fn(&str) -> Known) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(mark) {
        let (before, here) = rest.split_at(at);
        plain.push_str(before);
        rest = take(here, known(here), &mut plain);
    }
    plain + rest
}

/// Puts down what stands here, or the mark itself, and goes on behind it.
fn take<'t>(here: &'t str, known: Known, plain: &mut String) -> &'t str {
    let (length, meaning) = known.unwrap_or_else(|| (1, here[..1].to_owned().into()));
    plain.push_str(&meaning);
    &here[length..]
}

fn tag(text: &str) -> Known {
    let window = &text.as_bytes()[..text.len().min(LONGEST_TAG)];
    let end = window.iter().position(|byte| *byte == b'>')?;
    let inside = text[1..end].trim_end_matches('/').trim();
    let name = inside.split(char::is_whitespace).next().unwrap_or_default();
    let length = end + 1;
    match name.to_ascii_lowercase().as_str() {
        "br" if inside.len() == name.len() => Some((length, "\n".into())),
        "img" => Some((length, emoji(inside)?.into())),
        "span" => {
            let emoji = emoji(inside)?;
            Some((length + closing_span(&text[length..]), emoji.into()))
        }
        // A link that leads into WeChat, as in 「重新编辑」 behind a recall: its words stay.
        "a" | "_wc_custom_link_" if attribute(inside, "href")?.starts_with("weixin://") => {
            let words = &text[length..];
            let words = &words[..words.floor_char_boundary(LONGEST_TAG)];
            let close = format!("</{name}>");
            let end = words.find(&close)?;
            Some((length + end + close.len(), plain_words(&words[..end]).into()))
        }
        _ => None,
    }
}

/// The words of a link, without whatever stands in brackets among them: nothing nests.
fn plain_words(words: &str) -> String {
    words.replace(['<', '>'], "")
}

/// How long the end tag is that stands here; some servers forget its last bracket.
fn closing_span(text: &str) -> usize {
    if text.starts_with("</span>") {
        "</span>".len()
    } else if text == "</span" {
        text.len()
    } else {
        0
    }
}

/// The emoji that a tag stands for. `None`: it is no emoji's tag.
fn emoji(tag: &str) -> Option<String> {
    let mut classes = attribute(tag, "class")?.split_whitespace();
    let family = classes.next().filter(|class| matches!(*class, "emoji" | "qqemoji"))?;
    let code = classes.find_map(|class| class.strip_prefix(family));
    let named = || {
        let text = attribute(tag, "text")?.trim_end_matches("_web");
        (text.starts_with('[') && text.ends_with(']')).then(|| text.to_owned())
    };
    let drawn = code.filter(|_| family == "emoji").and_then(from_code);
    Some(drawn.or_else(named).unwrap_or_else(|| UNKNOWN_EMOJI.to_owned()))
}

/// One or two code points in hexadecimal, written one after the other: `1f44c`, `1f1e81f1f3`, `2320e3`.
fn from_code(code: &str) -> Option<String> {
    if !code.is_ascii() {
        return None;
    }
    let code = corrected(code);
    let split = match code.len() {
        6 => 2,
        8 => 4,
        10 => 5,
        length => length,
    };
    let (one, other) = code.split_at(split);
    let points = if code.contains('-') { code.split('-').collect() } else { vec![one, other] };
    let points = points.into_iter().filter(|point| !point.is_empty());
    let drawn: Option<String> =
        points.map(|point| u32::from_str_radix(point, 16).ok().and_then(char::from_u32)).collect();
    drawn.filter(|drawn| !drawn.is_empty() && !drawn.chars().any(char::is_control))
}

/// The server names a cat's face for a human's; the clients know better.
fn corrected(code: &str) -> &str {
    match code {
        "1f63c" => "1f601",
        "1f639" => "1f602",
        "1f63a" => "1f603",
        "1f4ab" => "1f616",
        "1f64d" => "1f614",
        "1f63b" => "1f60d",
        "1f63d" => "1f618",
        "1f64e" => "1f621",
        "1f63f" => "1f622",
        code => code,
    }
}

/// An attribute in double or single quotes.
fn attribute<'t>(tag: &'t str, name: &str) -> Option<&'t str> {
    tag.match_indices(name).find_map(|(at, _)| {
        let is_apart = tag[..at].ends_with(char::is_whitespace);
        let value = tag[at + name.len()..].trim_start().strip_prefix('=')?.trim_start();
        let quote = value.chars().next().filter(|quote| is_apart && matches!(quote, '"' | '\''))?;
        value[1..].split(quote).next()
    })
}

fn entity(text: &str) -> Known {
    let window = &text.as_bytes()[..text.len().min(LONGEST_ENTITY)];
    let end = window.iter().position(|byte| *byte == b';')?;
    let name = text.get(1..end)?;
    let meaning = match name {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" => "'",
        "nbsp" => "\u{a0}",
        _ => return Some((end + 1, numbered(name.strip_prefix('#')?)?.to_string().into())),
    };
    Some((end + 1, meaning.into()))
}

fn numbered(number: &str) -> Option<char> {
    let point = match number.strip_prefix(['x', 'X']) {
        Some(number) => u32::from_str_radix(number, 16).ok()?,
        None => number.parse().ok()?,
    };
    char::from_u32(point).filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
}

/// The shortest id of somebody that may stand before what they said.
const SHORTEST_ID: usize = 6;

/// What follows the speaker's id and a line break, where a text may begin with one: some protocols write so in rooms.
pub fn after_speaker(text: &str) -> Option<&str> {
    let (id, rest) = text.split_once(':')?;
    let is_id = id.len() >= SHORTEST_ID
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'@' | b'_' | b'-' | b'.'));
    let rest = rest.trim_start_matches(' ');
    let said = rest.strip_prefix("<br/>").or_else(|| rest.strip_prefix('\n'))?;
    is_id.then_some(said)
}

/// A text without the speaker's id before it, where that is surely one.
pub fn without_speaker(text: &str) -> &str {
    let surely = text.starts_with("wxid_") || text.starts_with('@') && notice::is_web_id(text);
    after_speaker(text).filter(|_| surely).unwrap_or(text)
}
