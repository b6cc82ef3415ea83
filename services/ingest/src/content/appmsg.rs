//! What a document of `WeChat`'s is: an appmsg of one of its many types, a picture, a call, a notice.

use domain::message::MessageKind;
use domain::wording;

use super::xml::{self, Document};
use super::{Content, Quote};

/// Digits of a message's number: it has 64 bits.
const LONGEST_ID: usize = 20;
/// Characters of a name.
const LONGEST_NAME: usize = 128;
/// Characters that are kept of what is quoted: enough to know it again.
const LONGEST_QUOTE: usize = 2_000;

pub fn content(document: &Document) -> Content {
    described(document, true)
}

/// A quoted document is read without what it quotes in turn, so that nothing nests without end. For the same reason a
/// title that is a document once more is no title.
fn described(document: &Document, with_quote: bool) -> Content {
    let content = outermost(document, with_quote);
    match content.kind {
        _ if xml::find(&content.text).is_none() => content,
        MessageKind::Text => Content { text: String::new(), kind: MessageKind::Other, ..content },
        _ => Content { text: String::new(), ..content },
    }
}

fn outermost(document: &Document, with_quote: bool) -> Content {
    match document.root() {
        "msg" if document.has("msg/appmsg") => app(document, "msg/appmsg", with_quote),
        "appmsg" => app(document, "appmsg", with_quote),
        "msg" => media(document),
        "sysmsg" | "revokemsg" => system(document),
        "voipmsg" | "voipinvitemsg" | "voiplocalinfo" => Content::new(MessageKind::Call, ""),
        _ => Content::new(MessageKind::Other, ""),
    }
}

/// The numbers are `WeChat`'s; see `docs/wechat-messages.md`.
fn app(document: &Document, at: &str, with_quote: bool) -> Content {
    let inside = |name: &str| document.text(&format!("{at}/{name}"));
    let title = inside("title").unwrap_or_default();
    let number = inside("type").and_then(|number| number.parse::<u32>().ok()).unwrap_or_default();
    match number {
        // A reply, an answer in a list (接龙), words with a source: what people read is the title.
        1 | 53 | 57 if !title.is_empty() => {
            let quote = if with_quote { quote(document, at) } else { None };
            Content { quote, ..Content::new(MessageKind::Text, title) }
        }
        2 => Content::new(MessageKind::Image, ""),
        3..=5 | 7 | 24 | 76 | 92 => Content::new(MessageKind::Url, title),
        6 | 74 | 130 => Content::new(MessageKind::File, title),
        8 | 15 => Content::new(MessageKind::Emoticon, ""),
        17 => Content::new(MessageKind::Location, title),
        19 | 40 => Content::new(MessageKind::ChatHistory, title),
        33 | 36 | 44 | 48 => Content::new(MessageKind::MiniProgram, title),
        // A card of a channel; a film in one, live or not.
        50 => Content::new(MessageKind::Contact, title),
        51 | 63 | 88 => Content::new(MessageKind::Video, title),
        62 => Content::new(MessageKind::System, title),
        87 => announcement(inside("textannouncement").unwrap_or(title)),
        2000 => Content::new(MessageKind::Transfer, title),
        2001 | 2003 => Content::new(MessageKind::RedEnvelope, title),
        _ => Content::new(MessageKind::Other, title),
    }
}

fn announcement(text: &str) -> Content {
    Content { to_everybody: true, ..Content::new(MessageKind::Text, text) }
}

fn media(document: &Document) -> Content {
    let kinds = [
        ("msg/img", MessageKind::Image),
        ("msg/emoji", MessageKind::Emoticon),
        ("msg/gameext", MessageKind::Emoticon),
        ("msg/videomsg", MessageKind::Video),
        ("msg/voicemsg", MessageKind::Audio),
        ("msg/location", MessageKind::Location),
        ("msg/voip", MessageKind::Call),
        ("msg/op", MessageKind::System),
    ];
    let kind = kinds.into_iter().find(|(path, _)| document.has(path)).map(|(_, kind)| kind);
    let card = document.attribute("msg", "nickname").filter(|_| kind.is_none());
    match (kind, card) {
        (Some(MessageKind::Location), _) => {
            let place = document.attribute("msg/location", "poiname").filter(|name| !name.is_empty());
            let place = place.or_else(|| document.attribute("msg/location", "label"));
            Content::new(MessageKind::Location, place.unwrap_or_default())
        }
        (Some(kind), _) => Content::new(kind, ""),
        (None, Some(name)) => Content::new(MessageKind::Contact, name),
        (None, None) => Content::new(MessageKind::Other, ""),
    }
}

/// A recall names the message that it takes back; all else is a notice.
fn system(document: &Document) -> Content {
    if let Some(recalled) = document.text_of("newmsgid").filter(is_id) {
        return Content::new(MessageKind::Recalled, recalled);
    }
    let words = ["replacemsg", "plain", "template", "content"];
    let text = words.into_iter().find_map(|name| document.text_of(name)).unwrap_or_default();
    Content::new(MessageKind::System, text)
}

fn quote(document: &Document, at: &str) -> Option<Quote> {
    let inside = |name: &str| document.text(&format!("{at}/refermsg/{name}"));
    if !document.has(&format!("{at}/refermsg")) {
        return None;
    }
    let number = inside("type").and_then(|number| number.parse::<u32>().ok()).unwrap_or(1);
    let id = inside("svrid").filter(is_id).map(str::to_owned);
    let who = shortened(inside("displayname").unwrap_or_default(), LONGEST_NAME);
    let text = shown(number, inside("content").unwrap_or_default());
    Some(Quote { id, who, text: shortened(&text, LONGEST_QUOTE) })
}

/// A message's number on the server; 0 is none.
fn is_id(id: &&str) -> bool {
    id.len() <= LONGEST_ID && id.bytes().all(|byte| byte.is_ascii_digit()) && *id != "0"
}

fn shortened(text: &str, most: usize) -> String {
    text.char_indices().nth(most).map_or(text, |(end, _)| &text[..end]).to_owned()
}

/// The quoted message as a line shows it. The numbers are those of messages, not of appmsg.
fn shown(number: u32, content: &str) -> String {
    let kind = match number {
        3 => MessageKind::Image,
        34 => MessageKind::Audio,
        42 => MessageKind::Contact,
        43 | 62 => MessageKind::Video,
        47 => MessageKind::Emoticon,
        48 => MessageKind::Location,
        50 => MessageKind::Call,
        _ => {
            let inner = xml::find(content).map(|inner| described(&inner, false));
            let inner = inner.unwrap_or_else(|| Content::new(MessageKind::Text, content));
            return wording::shown(inner.kind, &inner.text);
        }
    };
    wording::shown(kind, "")
}
