//! What a message *is*: the one place between what a puppet (or an integrator) wrote and the fact that goes on CHAT.
//!
//! Puppets pass on what `WeChat`'s own protocols carry: XML for everything that is no plain text, HTML for emoji and
//! line breaks, notices as if somebody had said them. Nothing behind this module sees markup. It is pure: text in,
//! content out; who is staff and whether a reply is owed is decided elsewhere. Every form that is understood here
//! stands with its source in `docs/wechat-messages.md`, and as an example in the tests.

mod appmsg;
mod markup;
mod notice;
#[cfg(test)]
mod tests;
mod xml;

use domain::message::MessageKind;

/// A message as its source describes it.
#[derive(Debug, Clone, Copy)]
pub struct Raw<'a> {
    /// The kind that the source says it is; [`MessageKind::Other`] where it does not know.
    pub kind: MessageKind,
    /// Its text, with whatever markup the source left in it.
    pub text: &'a str,
    /// Nobody said it: the source names no speaker, or the room itself.
    pub nobody: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    pub kind: MessageKind,
    /// Its text as people read it: for a file the name, for a link or a card the title, for a recall the id.
    pub text: String,
    /// What it quotes, where the text says so.
    pub quote: Option<Quote>,
    /// It speaks to everybody in the room, although its text may not say so: an announcement.
    pub to_everybody: bool,
}

/// A message that another one quotes, as the quoting one describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Quote {
    /// Its id on `WeChat`'s server.
    pub id: Option<String>,
    /// Display name of who said it.
    pub who: String,
    /// What it said, as lines show it.
    pub text: String,
}

impl Content {
    fn new(kind: MessageKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), quote: None, to_everybody: false }
    }
}

/// A name or a topic as people read it: the web protocol puts the same markup there.
pub fn name(text: &str) -> String {
    if text.contains(['<', '&']) { markup::plain(text).replace('\n', " ") } else { text.to_owned() }
}

/// Says what a message is.
pub fn read(raw: Raw<'_>) -> Content {
    match raw.kind {
        // The text is an id.
        MessageKind::Recalled => Content::new(raw.kind, raw.text),
        // Their texts are markup for machines, if there are any.
        MessageKind::Image | MessageKind::Audio | MessageKind::Video | MessageKind::Emoticon
            if !raw.nobody =>
        {
            Content::new(raw.kind, "")
        }
        _ if raw.nobody || raw.kind == MessageKind::System => notice(raw.text),
        MessageKind::Text | MessageKind::Other => text_content(raw.kind, raw.text),
        kind => Content::new(kind, title(raw.text)),
    }
}

/// What nobody said changes nothing, however it is worded. But a recall may hide in it.
fn notice(text: &str) -> Content {
    match from_xml(text) {
        Some(content) if content.kind == MessageKind::Recalled => content,
        Some(content) => Content::new(MessageKind::System, content.text),
        None => Content::new(MessageKind::System, markup::plain(text)),
    }
}

fn text_content(kind: MessageKind, text: &str) -> Content {
    if let Some(content) = from_xml(text) {
        return content;
    }
    let plain = markup::plain(markup::without_speaker(text));
    // What reads as a document only once it is unescaped is nobody's words either.
    if plain.len() < text.len()
        && let Some(content) = from_xml(&plain)
    {
        return content;
    }
    if notice::is_notice(&plain, kind) {
        return Content::new(MessageKind::System, plain);
    }
    match quoted_above(&plain).filter(|_| kind == MessageKind::Text) {
        Some((quote, own)) => Content { quote: Some(quote), ..Content::new(kind, own) },
        None => Content::new(kind, plain),
    }
}

/// The title that a text in XML has; any other text as it reads.
fn title(text: &str) -> String {
    from_xml(text).map_or_else(|| markup::plain(text), |content| content.text)
}

fn from_xml(text: &str) -> Option<Content> {
    xml::find(text).map(|document| appmsg::content(&document))
}

/// The dashes of the divider that clients put between a quote and the reply, at least.
const DIVIDER_DASHES: usize = 6;

/// A quote as older clients and `WeCom` write it into the text: 「who：what」, a line of dashes, and the reply.
fn quoted_above(text: &str) -> Option<(Quote, &str)> {
    let (who, rest) = text.strip_prefix('「')?.split_once('：')?;
    let (said, rest) = rest.split_once("」\n")?;
    let (divider, own) = rest.split_once('\n')?;
    let dashes = divider.chars().filter(|c| *c == '-').count();
    let is_divider = dashes >= DIVIDER_DASHES && divider.trim().chars().all(|c| matches!(c, '-' | ' '));
    let is_quote = is_divider && !who.contains('\n') && !own.trim().is_empty();
    is_quote.then(|| (Quote { id: None, who: who.to_owned(), text: said.to_owned() }, own))
}
