//! The judge of cards: would Feishu take this JSON?
//!
//! Schema 2.0 is judged strictly (unknown tags and attributes are errors there); schema 1.0, which ignores what it
//! does not know, only for its shape and its people. Values of closed lists are refused when unknown, which is
//! stricter than what is documented.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::answer::Answer;
use super::card_tags::{self as tags, attributes, has};
use super::world::World;

/// Most elements in a card of schema 2.0.
const ELEMENTS_MAX: usize = 200;
/// Most tables in a card.
const TABLES_MAX: usize = 5;
const ELEMENT_ID_MAX: usize = 20;
/// Longest text of a button, in characters.
const BUTTON_TEXT_MAX: usize = 100;
const HEADER_TAGS_MAX: usize = 3;

/// Not parsable, or something in it is unknown.
const UNPARSABLE: i64 = 200_621;
/// A tag that schema 2.0 no longer has.
const DROPPED: i64 = 200_861;
/// Too much of something.
const TOO_MANY: i64 = 11_310;
/// A picture that was never uploaded.
const BAD_IMAGE: i64 = 200_570;
/// A person who does not exist.
const BAD_PERSON: i64 = 100_290;

/// The attributes that name a picture.
const IMAGE_KEYS: [&str; 2] = ["img_key", "image_key"];

/// A refusal of the card service: its code and words.
type Verdict = Result<(), (i64, String)>;

/// Whether this `content` would be taken as a card; 230099 with the card service's code otherwise.
pub(super) fn check(content: &str, world: &World) -> Result<(), Answer> {
    judge(content, world).map_err(|(sub, why)| Answer::bad_card(sub, &why))
}

/// Whether the card declares `config.update_multi: true`, which an update needs before and after.
pub(super) fn is_shared(content: &str) -> bool {
    let card: Option<Value> = serde_json::from_str(content).ok();
    card.and_then(|card| card.pointer("/config/update_multi")?.as_bool()).unwrap_or(false)
}

/// Whether the card is of schema 2.0.
pub(super) fn is_second_schema(content: &str) -> bool {
    let card: Option<Value> = serde_json::from_str(content).ok();
    card.is_some_and(|card| card.get("schema").and_then(Value::as_str) == Some("2.0"))
}

fn judge(content: &str, world: &World) -> Verdict {
    let card: Value = serde_json::from_str(content)
        .map_err(|_| (UNPARSABLE, "parse card json err, please check the card content".to_owned()))?;
    let Some(root) = card.as_object() else { return unparsable("the card is not an object") };
    let mut judge = Judge { world, elements: 0, tables: 0, ids: HashSet::new(), sizes: custom_sizes(&card) };
    match root.get("schema").and_then(Value::as_str) {
        Some("2.0") => judge.second_schema(root),
        None | Some("1.0") => judge.first_schema(root),
        Some(_) => unparsable("schema"),
    }?;
    images(&card, world)
}

/// Every picture, wherever it stands and whatever shows it, must have been uploaded.
pub(super) fn images(node: &Value, world: &World) -> Verdict {
    let is_uploaded = |key: &str| world.images.iter().any(|image| image.key == key);
    let bad_image = || Err((BAD_IMAGE, "invalid image keys".to_owned()));
    match node {
        Value::Array(items) => items.iter().try_for_each(|item| images(item, world)),
        Value::Object(fields) => {
            let keys = IMAGE_KEYS.iter().filter_map(|field| fields.get(*field));
            if !keys.into_iter().all(|key| key.as_str().is_some_and(is_uploaded)) {
                return bad_image();
            }
            let is_markdown =
                matches!(fields.get("tag").and_then(Value::as_str), Some("markdown" | "lark_md"));
            let content = fields.get("content").and_then(Value::as_str).filter(|_| is_markdown);
            if !content.is_none_or(|content| pictures(content).all(is_uploaded)) {
                return bad_image();
            }
            // What a button carries is its own affair.
            let shown = fields.iter().filter(|(field, _)| *field != "value");
            shown.map(|(_, field)| field).try_for_each(|field| images(field, world))
        }
        _ => Ok(()),
    }
}

/// The keys in `![words](key)`.
fn pictures(markdown: &str) -> impl Iterator<Item = &str> {
    markdown.split("![").skip(1).filter_map(|piece| {
        let (_, rest) = piece.split_once("](")?;
        rest.split_once(')').map(|(key, _)| key.trim())
    })
}

fn unparsable(what: &str) -> Verdict {
    Err((UNPARSABLE, format!("parse card json err, {what}")))
}

fn custom_sizes(card: &Value) -> Vec<String> {
    let styles = card.pointer("/config/style/text_size").and_then(Value::as_object);
    styles.map(|styles| styles.keys().cloned().collect()).unwrap_or_default()
}

struct Judge<'a> {
    world: &'a World,
    elements: usize,
    tables: usize,
    ids: HashSet<String>,
    sizes: Vec<String>,
}

impl Judge<'_> {
    fn first_schema(&self, root: &Map<String, Value>) -> Verdict {
        if root.get("type").is_some_and(|kind| kind == "template") {
            return Err((TOO_MANY, "template is not visible to app".to_owned()));
        }
        let by_language = root.get("i18n_elements").is_some_and(Value::is_object);
        if !by_language && !root.get("elements").is_some_and(Value::is_array) {
            return unparsable("elements");
        }
        root.values().try_for_each(|value| self.mentions_everywhere(value))
    }

    fn mentions_everywhere(&self, value: &Value) -> Verdict {
        match value {
            Value::String(text) => self.mentions(text),
            Value::Array(items) => items.iter().try_for_each(|item| self.mentions_everywhere(item)),
            Value::Object(fields) => fields.values().try_for_each(|field| self.mentions_everywhere(field)),
            _ => Ok(()),
        }
    }

    fn second_schema(&mut self, root: &Map<String, Value>) -> Verdict {
        known(root, tags::ROOT, "ROOT")?;
        if let Some(config) = object(root, "config")? {
            known(config, tags::CONFIG, "config")?;
            if config.get("update_multi").is_some_and(|multi| multi != &Value::Bool(true)) {
                return unparsable("update_multi can only be true in schema 2.0");
            }
            if let Some(summary) = object(config, "summary")? {
                known(summary, tags::SUMMARY, "config -> summary")?;
            }
        }
        if let Some(header) = object(root, "header")? {
            self.header(header)?;
        }
        let Some(body) = object(root, "body")? else { return unparsable("body") };
        known(body, tags::BODY, "body")?;
        self.children(body, "elements")
    }

    fn header(&self, header: &Map<String, Value>) -> Verdict {
        known(header, tags::HEADER, "header")?;
        let Some(title) = object(header, "title")? else { return unparsable("header -> title") };
        self.plain(title)?;
        if let Some(subtitle) = object(header, "subtitle")? {
            self.plain(subtitle)?;
        }
        one_of(header, "template", tags::TEMPLATES)?;
        let list = array(header, "text_tag_list")?;
        if list.len() > HEADER_TAGS_MAX {
            return Err((TOO_MANY, "text_tag_list over limit".to_owned()));
        }
        for tag in list {
            let Some(tag) = tag.as_object() else { return unparsable("text_tag_list") };
            known(tag, tags::TEXT_TAG, "text_tag_list")?;
            one_of(tag, "color", tags::TAG_COLORS)?;
            let Some(text) = object(tag, "text")? else { return unparsable("text_tag_list -> text") };
            self.plain(text)?;
        }
        Ok(())
    }

    fn children(&mut self, parent: &Map<String, Value>, field: &str) -> Verdict {
        let Some(Value::Array(children)) = parent.get(field) else { return unparsable(field) };
        children.iter().try_for_each(|child| self.element(child))
    }

    fn element(&mut self, element: &Value) -> Verdict {
        let Some(element) = element.as_object() else { return unparsable("element") };
        let tag = element.get("tag").and_then(Value::as_str).unwrap_or_default();
        if has(tags::DROPPED_TAGS, tag) {
            let words = format!("cards of schema V2 no longer support this capability; tag: {tag}");
            return Err((DROPPED, words));
        }
        let Some(allowed) = attributes(tag) else { return unparsable(&format!("unsupported tag {tag:?}")) };
        let allowed = |key: &str| allowed.iter().chain([&tags::GENERAL]).any(|list| has(list, key));
        let unknown = element.keys().find(|key| !allowed(key));
        if let Some(key) = unknown {
            return unparsable(&format!("unknown property, property: {key}, tag: {tag}"));
        }
        self.count(element, tag)?;
        self.parts(element, tag)?;
        match tag {
            "column_set" => self.children(element, "columns"),
            "column" | "form" | "interactive_container" | "collapsible_panel" => {
                self.children(element, "elements")
            }
            _ => Ok(()),
        }
    }

    fn count(&mut self, element: &Map<String, Value>, tag: &str) -> Verdict {
        self.elements += 1;
        self.tables += usize::from(tag == "table");
        if self.elements > ELEMENTS_MAX {
            return Err((TOO_MANY, "element exceeds the limit".to_owned()));
        }
        if self.tables > TABLES_MAX {
            return Err((TOO_MANY, "card table number over limit".to_owned()));
        }
        let Some(id) = element.get("element_id") else { return Ok(()) };
        match id.as_str() {
            Some(id) if is_element_id(id) && self.ids.insert(id.to_owned()) => Ok(()),
            _ => unparsable("element_id"),
        }
    }

    fn parts(&self, element: &Map<String, Value>, tag: &str) -> Verdict {
        match tag {
            "markdown" => {
                let Some(Value::String(content)) = element.get("content") else {
                    return unparsable("content");
                };
                self.mentions(content)?;
                self.text_size(element)
            }
            "div" => match object(element, "text")? {
                Some(text) => self.text(text),
                None if element.contains_key("fields") => Ok(()),
                None => unparsable("div -> text"),
            },
            "button" => self.button(element),
            "select_static" => self.select(element),
            "collapsible_panel" => self.panel(element),
            "img" => self.image(element),
            "person" => self.person(element.get("user_id")),
            "person_list" => self.person_list(array(element, "persons")?),
            _ => behaviors(element),
        }
    }

    fn button(&self, button: &Map<String, Value>) -> Verdict {
        one_of(button, "type", tags::BUTTON_TYPES)?;
        if let Some(text) = object(button, "text")? {
            self.text(text)?;
            let content = text.get("content").and_then(Value::as_str).unwrap_or_default();
            if content.chars().count() > BUTTON_TEXT_MAX {
                return Err((TOO_MANY, "button text over limit".to_owned()));
            }
        }
        if let Some(confirm) = object(button, "confirm")? {
            known(confirm, tags::CONFIRM, "confirm")?;
            for field in tags::CONFIRM.split_whitespace() {
                let Some(text) = object(confirm, field)? else { return unparsable("confirm") };
                self.text(text)?;
            }
        }
        behaviors(button)
    }

    /// Every option says what it is, and comes back as nothing else does.
    fn select(&self, select: &Map<String, Value>) -> Verdict {
        if let Some(placeholder) = object(select, "placeholder")? {
            self.plain(placeholder)?;
        }
        let mut seen = HashSet::new();
        for option in array(select, "options")? {
            let Some(option) = option.as_object() else { return unparsable("options") };
            known(option, tags::OPTION, "options")?;
            let Some(text) = object(option, "text")? else { return unparsable("options -> text") };
            self.plain(text)?;
            let value = option.get("value").and_then(Value::as_str);
            if !value.is_some_and(|value| seen.insert(value)) {
                return unparsable("options -> value");
            }
        }
        behaviors(select)
    }

    /// That the picture was uploaded is seen to for the whole card.
    fn image(&self, image: &Map<String, Value>) -> Verdict {
        if !image.contains_key("img_key") {
            return unparsable("img -> img_key");
        }
        match object(image, "alt")? {
            Some(alt) => self.text(alt),
            None => unparsable("img -> alt"),
        }
    }

    fn panel(&self, panel: &Map<String, Value>) -> Verdict {
        let Some(header) = object(panel, "header")? else { return unparsable("collapsible_panel -> header") };
        known(header, tags::PANEL_HEADER, "collapsible_panel -> header")?;
        let Some(title) = object(header, "title")? else { return unparsable("header -> title") };
        one_of(title, "tag", tags::PANEL_TITLES)?;
        match title.get("content") {
            Some(Value::String(content)) => self.mentions(content),
            _ => unparsable("title -> content"),
        }
    }

    /// Where markdown is not taken.
    fn plain(&self, text: &Map<String, Value>) -> Verdict {
        if text.get("tag").is_none_or(|tag| tag != "plain_text") {
            return unparsable("text -> tag: plain_text only");
        }
        self.text(text)
    }

    fn text(&self, text: &Map<String, Value>) -> Verdict {
        known(text, tags::TEXT, "text")?;
        if !matches!(text.get("tag").and_then(Value::as_str), Some("plain_text" | "lark_md")) {
            return unparsable("text -> tag");
        }
        let Some(Value::String(content)) = text.get("content") else { return unparsable("text -> content") };
        if text.get("tag").is_some_and(|tag| tag == "lark_md") {
            self.mentions(content)?;
        }
        self.text_size(text)
    }

    fn text_size(&self, text: &Map<String, Value>) -> Verdict {
        match text.get("text_size").map(Value::as_str) {
            None => Ok(()),
            Some(Some(size)) if has(tags::TEXT_SIZES, size) => Ok(()),
            Some(Some(size)) if self.sizes.iter().any(|own| own == size) => Ok(()),
            Some(_) => unparsable("text_size"),
        }
    }

    /// Every `<at …>` must name somebody: one bad id fails the whole card.
    fn mentions(&self, markdown: &str) -> Verdict {
        for piece in markdown.split("<at").skip(1) {
            let Some((attributes, _)) = piece.split_once('>') else { return bad_person() };
            let value = attributes.trim().trim_end_matches('/');
            let Some((name, ids)) = value.split_once('=') else { return bad_person() };
            let ids = ids.trim_matches(['"', '\'']);
            match name.trim() {
                "email" => {}
                "id" | "ids" | "user_id" => {
                    let unknown = |id: &str| id != "all" && !self.world.people.contains_key(id);
                    if ids.split(',').any(unknown) {
                        return bad_person();
                    }
                }
                _ => return bad_person(),
            }
        }
        Ok(())
    }

    fn person(&self, id: Option<&Value>) -> Verdict {
        let known = id.and_then(Value::as_str).is_some_and(|id| self.world.people.contains_key(id));
        if known { Ok(()) } else { bad_person() }
    }

    fn person_list(&self, persons: &[Value]) -> Verdict {
        let mut seen = HashSet::new();
        for person in persons {
            self.person(person.get("id"))?;
            if !seen.insert(person.get("id")) {
                return bad_person();
            }
        }
        Ok(())
    }
}

/// A letter, then letters, digits and underscores.
fn is_element_id(id: &str) -> bool {
    id.chars().count() <= ELEMENT_ID_MAX
        && id.starts_with(|first: char| first.is_ascii_alphabetic())
        && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn behaviors(element: &Map<String, Value>) -> Verdict {
    for behavior in array(element, "behaviors")? {
        let Some(behavior) = behavior.as_object() else { return unparsable("behaviors") };
        match behavior.get("type").and_then(Value::as_str) {
            Some("callback") if behavior.get("value").is_some_and(|v| v.is_object() || v.is_string()) => {
                known(behavior, tags::CALLBACK, "behaviors")?;
            }
            Some("open_url") if behavior.get("default_url").is_some_and(Value::is_string) => {
                known(behavior, tags::OPEN_URL, "behaviors")?;
            }
            Some("form_action") => known(behavior, tags::FORM_ACTION, "behaviors")?,
            _ => return unparsable("behaviors"),
        }
    }
    Ok(())
}

fn bad_person() -> Verdict {
    Err((BAD_PERSON, "There is an invalid user resource(at/person) in your card".to_owned()))
}

fn known(fields: &Map<String, Value>, allowed: &str, path: &str) -> Verdict {
    match fields.keys().find(|key| !has(allowed, key)) {
        Some(key) => unparsable(&format!("unknown property, property: {key}, path: {path}")),
        None => Ok(()),
    }
}

fn one_of(fields: &Map<String, Value>, field: &str, allowed: &str) -> Verdict {
    match fields.get(field).map(Value::as_str) {
        None => Ok(()),
        Some(Some(value)) if has(allowed, value) => Ok(()),
        Some(_) => unparsable(field),
    }
}

fn object<'a>(
    fields: &'a Map<String, Value>,
    field: &str,
) -> Result<Option<&'a Map<String, Value>>, (i64, String)> {
    match fields.get(field) {
        None => Ok(None),
        Some(Value::Object(object)) => Ok(Some(object)),
        Some(_) => unparsable(field).map(|()| None),
    }
}

fn array<'a>(fields: &'a Map<String, Value>, field: &str) -> Result<&'a [Value], (i64, String)> {
    match fields.get(field) {
        None => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(_) => unparsable(field).map(|()| [].as_slice()),
    }
}
