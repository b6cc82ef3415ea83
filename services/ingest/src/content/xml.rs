//! Reading XML that may be broken, cut off or hostile. Entities of its own are never expanded (a document that declares
//! any is not read), nesting, elements and names are bounded, and what was read before a fault counts.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::markup;

/// Elements that are looked at; real messages have some hundred.
const MOST_ELEMENTS: usize = 4_000;
/// Nesting that is looked at; real messages stay below ten.
const DEEPEST: usize = 24;
/// Attributes of an element that are looked at.
const MOST_ATTRIBUTES: usize = 64;
/// Bytes of all paths kept, so that long names cannot multiply a text's size.
const MOST_PATH_BYTES: usize = 256 * 1024;

/// The outermost elements of what `WeChat` sends without a head. Anything else is text that somebody wrote.
const ROOTS: [&str; 8] =
    ["msg", "sysmsg", "appmsg", "voipmsg", "voipinvitemsg", "voiplocalinfo", "msgsource", "revokemsg"];

/// A document, element by element, in order.
#[derive(Debug, Default)]
pub struct Document {
    elements: Vec<Element>,
    /// It was read to its end.
    is_complete: bool,
}

#[derive(Debug, Default)]
struct Element {
    /// The names from the outermost element on: `msg/appmsg/title`.
    path: String,
    attributes: Vec<(String, String)>,
    text: String,
}

impl Document {
    /// The outermost element's name.
    pub fn root(&self) -> &str {
        self.elements.first().map_or("", |root| root.path.as_str())
    }

    /// Whether there is such an element.
    pub fn has(&self, path: &str) -> bool {
        self.elements.iter().any(|element| element.path == path)
    }

    /// The text of the first such element that has one.
    pub fn text(&self, path: &str) -> Option<&str> {
        let mut all = self.elements.iter().filter(|element| element.path == path);
        all.find_map(|element| Some(element.text.trim()).filter(|text| !text.is_empty()))
    }

    /// The text of the first element of this name, wherever it stands.
    pub fn text_of(&self, name: &str) -> Option<&str> {
        let named = |element: &&Element| element.path.rsplit('/').next() == Some(name);
        let mut all = self.elements.iter().filter(named);
        all.find_map(|element| Some(element.text.trim()).filter(|text| !text.is_empty()))
    }

    /// An attribute of the first such element.
    pub fn attribute(&self, path: &str, name: &str) -> Option<&str> {
        let element = self.elements.iter().find(|element| element.path == path)?;
        element.attributes.iter().find(|(held, _)| held == name).map(|(_, value)| value.as_str())
    }

    /// It is more than a word in brackets.
    fn is_structured(&self) -> bool {
        self.elements.len() > 1 || self.elements.first().is_some_and(|root| !root.attributes.is_empty())
    }
}

/// The document that a text is, raw or escaped as HTML, with or without a head and the speaker's id before it.
pub fn find(text: &str) -> Option<Document> {
    let text = start(text)?;
    let unescaped: Cow<'_, str> =
        if text.starts_with('&') { markup::plain(text).into() } else { markup::elements(text) };
    let (body, has_head) = without_head(&unescaped);
    if !has_head && !ROOTS.iter().any(|root| opens(body, root)) {
        return None;
    }
    let document = read(body)?;
    let is_broken_off = !document.is_complete && body.get(1..).is_some_and(|rest| rest.contains('<'));
    (document.is_structured() || is_broken_off).then_some(document)
}

/// Where the document begins, if the text can be one.
fn start(text: &str) -> Option<&str> {
    let text = text.trim_start_matches(is_blank);
    let begins = |text: &str| text.starts_with('<') || text.starts_with("&lt;");
    if begins(text) {
        return Some(text);
    }
    let text = markup::after_speaker(text)?.trim_start_matches(is_blank);
    begins(text).then_some(text)
}

fn is_blank(c: char) -> bool {
    c.is_whitespace() || c == '\u{feff}'
}

/// The document behind its head, and whether there is a head: nobody writes one by hand.
fn without_head(text: &str) -> (&str, bool) {
    let text = text.trim_start_matches(is_blank);
    let after = text.strip_prefix("<?xml").and_then(|head| head.split_once("?>"));
    after.map_or((text, false), |(_, body)| (body.trim_start_matches(is_blank), true))
}

fn opens(text: &str, name: &str) -> bool {
    let after = text.strip_prefix('<').and_then(|text| text.strip_prefix(name));
    after.and_then(|after| after.chars().next()).is_some_and(|c| c == '>' || c == '/' || c.is_whitespace())
}

/// `None`: what stands here is no document, or somebody's words go on behind it.
fn read(text: &str) -> Option<Document> {
    let mut reader = Reader::from_str(text);
    let config = reader.config_mut();
    config.allow_dangling_amp = true;
    config.allow_unmatched_ends = true;
    config.check_end_names = false;
    let mut building = Building::default();
    while let Ok(event) = reader.read_event() {
        match event {
            Event::Start(start) => building.open(&start),
            Event::Empty(start) => {
                building.open(&start);
                building.close(start.name().as_ref());
            }
            Event::End(end) => building.close(end.name().as_ref()),
            Event::Text(words) => building.words(&words.xml10_content()),
            Event::CData(words) => building.words(&words.xml10_content()),
            Event::GeneralRef(reference) => building.words(&resolved(&reference)),
            // What declares anything of its own is not looked into.
            Event::DocType(_) => return Some(Document::default()),
            Event::Eof => break,
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
        if building.is_over() {
            let position = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
            let rest = text.get(position..).unwrap_or_default().trim_matches(is_blank);
            let is_all = rest.is_empty() || rest.starts_with('<');
            building.document.is_complete = true;
            return is_all.then_some(building.document);
        }
    }
    Some(building.document)
}

fn resolved(reference: &BytesRef<'_>) -> String {
    if let Ok(Some(c)) = reference.resolve_char_ref()
        && c != '\0'
    {
        return c.to_string();
    }
    let name = reference.xml10_content();
    quick_xml::escape::resolve_predefined_entity(&name).map_or_else(|| format!("&{name};"), str::to_owned)
}

#[derive(Default)]
struct Building {
    document: Document,
    /// The names of the open elements, and the place of each among all; `None`: it is not looked at.
    open: Vec<(String, Option<usize>)>,
    path_bytes: usize,
}

impl Building {
    fn open(&mut self, start: &BytesStart<'_>) {
        let name = start.name();
        let name: &str = name.as_ref();
        let is_kept = self.open.len() < DEEPEST
            && self.document.elements.len() < MOST_ELEMENTS
            && self.path_bytes < MOST_PATH_BYTES;
        if !is_kept {
            // Its end is to be found all the same; only so many, since nobody closes a thousand of them.
            if self.open.len() < MOST_ELEMENTS {
                self.open.push((name.to_owned(), None));
            }
            return;
        }
        let mut path = self.open.iter().fold(String::new(), |path, (name, _)| path + name + "/");
        path.push_str(name);
        self.path_bytes += path.len();
        let element = Element { path, attributes: attributes(start), text: String::new() };
        self.open.push((name.to_owned(), Some(self.document.elements.len())));
        self.document.elements.push(element);
    }

    /// An end that fits nothing is nobody's; one that fits an outer element ends all inside it.
    fn close(&mut self, name: &str) {
        if let Some(place) = self.open.iter().rposition(|(open, _)| open == name) {
            self.open.truncate(place);
        }
    }

    fn words(&mut self, words: &str) {
        if let Some((_, Some(place))) = self.open.last() {
            self.document.elements[*place].text.push_str(words);
        }
    }

    fn is_over(&self) -> bool {
        self.open.is_empty() && !self.document.elements.is_empty()
    }
}

fn attributes(start: &BytesStart<'_>) -> Vec<(String, String)> {
    let mut attributes = start.attributes();
    // Looking for repeated names takes the square of their number.
    let read = attributes.with_checks(false).take(MOST_ATTRIBUTES).flatten();
    read.map(|attribute| (attribute.key.0.to_owned(), markup::entities(&attribute.value))).collect()
}
