//! The JSON of cards, schema 2.0: the elements that Huiyin uses, each as Feishu wants it. What a card says is decided
//! elsewhere.

use serde_json::{Value, json};

use crate::{ImageKey, OpenId, OutgoingMessage};

/// The most bytes of a request. Feishu's limit is 30 KB; this stays below with room for what it adds.
pub const CARD_BYTES_MAX: usize = 28 * 1024;
/// What a request has besides the content: receiver, type, uuid, punctuation.
const REQUEST_OVERHEAD_BYTES: usize = 512;

/// The bytes of the request that carries this message: the content is a string inside JSON, so every quotation mark
/// in it counts twice.
pub fn request_bytes(message: &OutgoingMessage) -> usize {
    json!(message.content).to_string().len() + REQUEST_OVERHEAD_BYTES
}

/// A whole card, which can be changed and not be forwarded. `summary` is what the list of chats shows of it.
pub fn card(header: Option<Value>, summary: &str, elements: &[Value]) -> Value {
    let config = json!({"update_multi": true, "enable_forward": false, "summary": {"content": summary}});
    let mut card = json!({"schema": "2.0", "config": config});
    if let Some(header) = header {
        card["header"] = header;
    }
    card["body"] = json!({ "elements": elements });
    card
}

/// The title of a card. The template is a colour, or `default` for none; see [`tag`].
pub fn header(template: &str, title: &str, tags: &[Value]) -> Value {
    json!({"template": template, "title": plain_text(title), "text_tag_list": tags})
}

/// A tag beside the title. Its colours are those of templates, but for grey, which is `neutral`.
pub fn tag(text: &str, colour: &str) -> Value {
    json!({"tag": "text_tag", "text": plain_text(text), "color": colour})
}

/// Lines with markup; what strangers wrote goes through [`crate::text::markdown`] first.
pub fn markdown(content: &str) -> Value {
    json!({"tag": "markdown", "content": content})
}

/// The same in small print.
pub fn notation(content: &str) -> Value {
    json!({"tag": "markdown", "text_size": "notation", "content": content})
}

/// Lines without markup.
pub fn div(content: &str) -> Value {
    json!({"tag": "div", "text": plain_text(content)})
}

/// An uploaded picture.
pub fn image(key: &ImageKey, alt: &str) -> Value {
    json!({"tag": "img", "img_key": key, "alt": plain_text(alt)})
}

/// A panel that is folded until somebody opens it.
pub fn folded(title: &str, content: &str) -> Value {
    json!({
        "tag": "collapsible_panel",
        "expanded": false,
        "header": {"title": plain_text(title)},
        "elements": [notation(content)],
    })
}

/// A button that calls back with `value`. `kind` is `primary` or `default`; `question` (title, text) is asked before it
/// takes effect.
pub fn button(kind: &str, label: &str, value: &Value, question: Option<(&str, &str)>) -> Value {
    let mut button = json!({
        "tag": "button", "type": kind, "text": plain_text(label),
        "behaviors": [{"type": "callback", "value": value}],
    });
    if let Some((title, text)) = question {
        button["confirm"] = json!({"title": plain_text(title), "text": plain_text(text)});
    }
    button
}

/// A menu of which one option (what is shown, what comes back) is chosen; the choice calls back with `value` and the option.
pub fn select(placeholder: &str, options: &[(String, String)], value: &Value) -> Value {
    let options: Vec<Value> =
        options.iter().map(|(text, option)| json!({"text": plain_text(text), "value": option})).collect();
    json!({
        "tag": "select_static", "placeholder": plain_text(placeholder), "options": options,
        "behaviors": [{"type": "callback", "value": value}],
    })
}

/// The markup that mentions a person. Ids come from the configuration; whatever could leave the tag is left out.
pub fn mention(person: &OpenId) -> String {
    let is_safe = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let id: String = person.as_str().chars().filter(is_safe).collect();
    format!("<at id={id}></at>")
}

/// The kind of a toast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Toast {
    /// Done.
    Success,
    /// There was nothing to do.
    Info,
    /// Not done.
    Error,
}

/// The answer to an action that only says something.
pub fn answer_with_toast(kind: Toast, text: &str) -> Value {
    let kind = match kind {
        Toast::Success => "success",
        Toast::Info => "info",
        Toast::Error => "error",
    };
    json!({"toast": {"type": kind, "content": text}})
}

fn plain_text(content: &str) -> Value {
    json!({"tag": "plain_text", "content": content})
}
