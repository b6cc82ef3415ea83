//! Notices that puppets pass on as if somebody had said them: 拍一拍, and the lines that the room itself says.
//!
//! A customer may write about either in a sentence of their own. That stays what it is, so a notice has to have the very
//! form that the clients give it: names in quotation marks, the fixed words, and nothing that asks for anything.

use domain::message::MessageKind;

/// Longest text that is taken for a notice, in characters: two names, the fixed words and a suffix.
const LONGEST_NOTICE: usize = 160;
/// Longest suffix that somebody may give to being patted, in characters.
const LONGEST_SUFFIX: usize = 24;
/// Digits of an id of the web protocol, at least.
const WEB_ID: usize = 32;

const PATTED: [&str; 3] = ["拍了拍", "tickled", "nudged"];
const OPENING: &str = "\"“「『'‘《【";
const CLOSING: &str = "\"”」』'’》】";

/// Whether a text is a notice. Of what a puppet calls a text only the clients' very forms are; what it does not know
/// may be worded more loosely.
pub fn is_notice(text: &str, kind: MessageKind) -> bool {
    let text = text.trim();
    if text.chars().count() > LONGEST_NOTICE || text.contains('\n') {
        return false;
    }
    let is_loose = kind == MessageKind::Other;
    is_pat(text) || is_loose && is_loosely_a_pat(text) || is_line_of_the_room(text, is_loose)
}

/// Whether a web protocol's id begins the text.
pub fn is_web_id(text: &str) -> bool {
    let id: &str = text.strip_prefix('@').unwrap_or_default().trim_start_matches('@');
    id.split(':')
        .next()
        .is_some_and(|id| id.len() >= WEB_ID && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn is_loosely_a_pat(text: &str) -> bool {
    let names = PATTED.iter().find_map(|words| text.split_once(words));
    names.is_some_and(|(who, whom)| !who.trim().is_empty() && !whom.trim().is_empty())
        && !text.contains(|c| SENTENCE.contains(c))
}

/// 拍一拍: who, the fixed words, whom, and what that one has set behind it.
fn is_pat(text: &str) -> bool {
    let Some((who, rest)) = PATTED.iter().find_map(|words| text.split_once(words)) else { return false };
    let after_blank = who.ends_with(char::is_whitespace);
    let spaced = after_blank && rest.starts_with(char::is_whitespace);
    let (who, rest) = (who.trim(), rest.trim());
    let by_us = matches!(who, "我" | "你" | "I" | "You");
    let quoted_who = is_quoted(who);
    match whom(rest) {
        Some((Whom::Quoted, suffix)) if quoted_who || by_us => is_suffix(suffix, quoted_who),
        Some((Whom::Pronoun, suffix)) if quoted_who => is_suffix(suffix, false),
        Some((Whom::Pronoun, "")) => by_us && rest.contains("自己") || spaced && is_name(who),
        Some((Whom::Quoted, "")) => after_blank && is_name(who),
        // Without any quotation marks only the blanks that clients put in tell it from a sentence.
        _ => spaced && is_name(who) && is_name(rest),
    }
}

#[derive(Clone, Copy)]
enum Whom {
    Quoted,
    Pronoun,
}

/// Who was patted, and what follows.
fn whom(text: &str) -> Option<(Whom, &str)> {
    if let Some(pronoun) = ["自己", "我", "你", "themselves", "himself", "herself", "myself", "me", "you"]
        .into_iter()
        .find(|pronoun| text.starts_with(pronoun))
    {
        return Some((Whom::Pronoun, text[pronoun.len()..].trim()));
    }
    let (inside, close) = opened(text)?;
    let end = inside.find(close).filter(|end| *end > 0)?;
    Some((Whom::Quoted, inside[end + close.len_utf8()..].trim()))
}

/// What follows a quotation mark, and the mark that ends it.
fn opened(text: &str) -> Option<(&str, char)> {
    let open = text.chars().next()?;
    let close = OPENING.chars().zip(CLOSING.chars()).find(|(mark, _)| *mark == open)?.1;
    Some((&text[open.len_utf8()..], close))
}

/// One name in quotation marks, and nothing else.
fn is_quoted(text: &str) -> bool {
    let name = opened(text).and_then(|(inside, close)| Some((inside.strip_suffix(close)?, close)));
    name.is_some_and(|(name, close)| !name.is_empty() && !name.contains(close))
}

/// A name on its own holds nothing that a sentence is made of.
fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c| SENTENCE.contains(c)) && text.chars().count() <= LONGEST_SUFFIX
}

/// What makes a sentence.
const SENTENCE: &str = "，。？！；、,.?!;…";
/// What asks for something.
const ASKS: [&str; 20] = [
    "请",
    "吗",
    "呢",
    "什",
    "怎",
    "哪",
    "谁",
    "多少",
    "为何",
    "如何",
    "麻烦",
    "帮",
    "能不能",
    "尽快",
    "快点",
    "急",
    "回复",
    "回我",
    "报价",
    "发货",
];
/// How a suffix begins where names alone do not tell that it is one.
const BEGINS: [&str; 9] = ["的", "并", "说", "和", "一下", "了", "后", "'s", "and"];

/// The suffix that the patted one has set: short, and nothing that anybody could be waiting for. Between two quoted names
/// it may be anything else.
fn is_suffix(text: &str, between_names: bool) -> bool {
    let words = text.trim_end_matches(|c| "！!。~～.".contains(c) || CLOSING.contains(c));
    let words = words.replace("，并", "并").replace("，说", "说").replace("，和", "和");
    let asks = words.contains(|c| SENTENCE.contains(c)) || ASKS.iter().any(|word| words.contains(word));
    let begins = between_names || BEGINS.iter().any(|begin| words.starts_with(begin));
    words.is_empty() || !asks && begins && words.chars().count() <= LONGEST_SUFFIX
}

/// How lines of the room end or go on behind a quoted name, or begin.
const OF_THE_ROOM: [&str; 19] = [
    "撤回了一条消息",
    "撤回了一條訊息",
    "recalled a message",
    "加入了群聊",
    "加入群聊",
    "加入了群組",
    "移出了群聊",
    "移出群聊",
    "移出了群組",
    "退出了群聊",
    "修改群名为",
    "修改了群名",
    "更改群組名稱",
    "changed the group name to",
    "joined the group chat",
    "to the group chat",
    "from the group chat",
    "已成为新群主",
    "开启了群聊邀请确认",
];

/// What no line of the room holds.
const NOT_OF_THE_ROOM: [&str; 9] = ["？", "?", "，", "。", "吗", "呢", "什么", "怎么", "谁"];

/// A line that the room says, although a puppet names somebody as its speaker: it begins with a quoted name.
fn is_line_of_the_room(text: &str, is_loose: bool) -> bool {
    let begins = is_loose || text.starts_with(|c| OPENING.contains(c));
    let line = text.trim_end_matches(['。', '.']);
    if !begins || NOT_OF_THE_ROOM.iter().any(|word| line.contains(word)) {
        return false;
    }
    OF_THE_ROOM.iter().any(|words| {
        let parts = line.split_once(words);
        parts.is_some_and(|(before, after)| {
            (is_loose || before.contains(|c| CLOSING.contains(c))) && is_tail(after.trim())
        })
    })
}

/// What may follow the fixed words: nothing, a quoted name, or the link behind a recall.
fn is_tail(text: &str) -> bool {
    text.is_empty() || text.starts_with(|c| OPENING.contains(c)) || text == "重新编辑" || text == "Re-edit"
}
