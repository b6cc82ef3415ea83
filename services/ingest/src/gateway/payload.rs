//! A message's contents, from the wire to one shape, whatever puppet it came from.
//!
//! It keeps facts only. Who is staff, whether a mention is us, what a recall takes away: that is decided elsewhere.

use chrono::{DateTime, Utc};

use super::id::{ContactId, MessageId, RoomId};
use super::time::{SentAt, sent_at};
use super::wire::MessagePayloadResponse;

/// Longest text kept, in bytes of UTF-8. `WeChat` itself stops far below.
pub const MAX_TEXT_BYTES: usize = 64 * 1024;

/// What ends a mention's name in the text: `@name` and this.
const MENTION_END: char = '\u{2005}';

/// One message as the gateway told it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The id that it was asked for by.
    pub id: MessageId,
    /// Who said it; our own account too, for what was sent from it. `None`: nobody, as puppets pass on notices, which name
    /// the room itself as their speaker, or none.
    pub talker: Option<ContactId>,
    /// Where it was said.
    pub conversation: Conversation,
    pub kind: Kind,
    /// The number on the wire behind `kind`, kept since forks add to it.
    pub wire_type: i32,
    /// The text, for other kinds often XML or empty. At most [`MAX_TEXT_BYTES`], without NUL.
    pub text: String,
    /// The text was longer than we keep.
    pub text_was_cut: bool,
    /// Name of a file.
    pub filename: Option<String>,
    /// Who was mentioned, as far as the puppet resolved it. See [`mentioned_names`] for when it did not.
    pub mentions: Vec<ContactId>,
    /// The message that this one quotes, where the gateway tells.
    pub quote: Option<MessageId>,
    /// When it was sent.
    pub sent: SentAt,
}

/// Where a message was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conversation {
    /// In a group.
    Room(RoomId),
    /// Between two people; the listener is missing with some puppets.
    Direct {
        /// Whom it was said to.
        listener: Option<ContactId>,
    },
}

/// What a message is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Text that people read, marked up or not.
    Text,
    Image,
    Audio,
    Video,
    File,
    Emoticon,
    /// A place on the map.
    Location,
    /// A link with title and picture.
    Url,
    /// A mini program's card.
    MiniProgram,
    Contact,
    ChatHistory,
    /// Money in an envelope.
    RedEnvelope,
    Transfer,
    /// A voice or video call.
    Call,
    /// An earlier message was taken back.
    Recalled {
        /// Which one. `None` where the puppet writes its notice instead of the id.
        original: Option<MessageId>,
    },
    /// `WeChat` says something itself.
    System,
    Other,
}

/// Why a payload is no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// The payload belongs to another message than the one asked for.
    #[error("the payload is of another message")]
    OtherMessage,
}

/// Brings a payload into shape. `requested` is the id that it was fetched by, `arrived_at` when its event came.
pub fn message(
    requested: &MessageId,
    wire: MessagePayloadResponse,
    arrived_at: DateTime<Utc>,
) -> Result<Message, PayloadError> {
    if !wire.id.is_empty() && wire.id != requested.wire() {
        return Err(PayloadError::OtherMessage);
    }
    let conversation = match RoomId::parse(wire.room_id) {
        Some(room) => Conversation::Room(room),
        None => Conversation::Direct { listener: ContactId::parse(wire.listener_id) },
    };
    let talker = talker(&wire.talker_id, &conversation);
    let kind = kind(wire.r#type, &wire.text);
    let (text, text_was_cut) = clean(wire.text);
    Ok(Message {
        id: requested.clone(),
        talker,
        conversation,
        kind,
        wire_type: wire.r#type,
        text,
        text_was_cut,
        filename: Some(clean(wire.filename).0).filter(|name| !name.is_empty()),
        mentions: wire.mention_ids.into_iter().filter_map(ContactId::parse).collect(),
        quote: wire.quote_id.and_then(MessageId::parse),
        sent: sent_at(wire.receive_time, wire.timestamp_deprecated, arrived_at),
    })
}

/// What the ids of group chats end with.
const ROOM_SUFFIX: &str = "@chatroom";

fn talker(id: &str, conversation: &Conversation) -> Option<ContactId> {
    let is_room =
        matches!(conversation, Conversation::Room(room) if room.wire() == id) || id.ends_with(ROOM_SUFFIX);
    ContactId::parse(id).filter(|_| !id.trim().is_empty() && !is_room)
}

/// The numbers are those of Wechaty's TypeScript enum, which both server families write. The enum in the published
/// proto differs (there 7 is a film) and is wrong on the wire.
fn kind(number: i32, text: &str) -> Kind {
    match number {
        1 => Kind::File,
        2 => Kind::Audio,
        3 | 23 => Kind::Contact,
        4 => Kind::ChatHistory,
        5 => Kind::Emoticon,
        6 => Kind::Image,
        // 19 is markdown, 22 a note: people read both as text.
        7 | 19 | 22 => Kind::Text,
        8 => Kind::Location,
        9 => Kind::MiniProgram,
        11 => Kind::Transfer,
        12 => Kind::RedEnvelope,
        13 => Kind::Recalled { original: recalled_id(text) },
        14 => Kind::Url,
        // 17 is a film in a channel (视频号).
        15 | 17 => Kind::Video,
        18 => Kind::System,
        20 => Kind::Call,
        _ => Kind::Other,
    }
}

/// An id has no white space and nothing but ASCII; a notice ("某人撤回了一条消息", `<sysmsg …>`) has.
fn recalled_id(text: &str) -> Option<MessageId> {
    let id = text.trim();
    let is_id = id.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'<');
    if is_id { MessageId::parse(id) } else { None }
}

/// NUL cannot be stored, and nobody writes a text as long as the limit.
fn clean(text: String) -> (String, bool) {
    let mut text = if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text };
    let too_long = text.len() > MAX_TEXT_BYTES;
    if too_long {
        text.truncate(text.floor_char_boundary(MAX_TEXT_BYTES));
    }
    (text, too_long)
}

/// The names that a text mentions, for puppets that give no ids: `@name` up to U+2005. Compare them with the names and
/// room aliases of the room's members; a name may hold spaces and other `@`.
pub fn mentioned_names(text: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = text.split(MENTION_END).collect();
    // What follows the last end mark is not a mention.
    parts.pop();
    parts
        .into_iter()
        .filter_map(|part| part.find('@').map(|at| &part[at + 1..]))
        .filter(|name| !name.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::time::TimeOrigin;
    use super::super::wire::Timestamp;
    use super::*;

    fn id(text: &str) -> MessageId {
        MessageId::parse(text).unwrap()
    }

    fn arrived() -> DateTime<Utc> {
        "2026-03-02T08:00:00Z".parse().unwrap()
    }

    fn wire(number: i32, text: &str) -> MessagePayloadResponse {
        MessagePayloadResponse {
            id: "m1".into(),
            talker_id: "u1".into(),
            room_id: "r1".into(),
            text: text.into(),
            r#type: number,
            receive_time: Some(Timestamp { seconds: 1_772_438_370, nanos: 5_000_000 }),
            ..MessagePayloadResponse::default()
        }
    }

    fn read(wire: MessagePayloadResponse) -> Result<Message, PayloadError> {
        message(&id("m1"), wire, arrived())
    }

    #[test]
    fn a_text_in_a_room() {
        let message =
            read(MessagePayloadResponse { mention_ids: vec!["u9".into()], ..wire(7, "好") }).unwrap();
        assert_eq!(message.kind, Kind::Text);
        assert_eq!(message.conversation, Conversation::Room(RoomId::parse("r1").unwrap()));
        assert_eq!(message.mentions, [ContactId::parse("u9").unwrap()]);
        assert_eq!(message.sent.origin, TimeOrigin::Puppet);
        assert_eq!(message.sent.at.timestamp_millis(), 1_772_438_370_005);
    }

    #[test]
    fn numbers_are_those_of_the_wire() {
        let cases = [
            (0, Kind::Other),
            (1, Kind::File),
            (6, Kind::Image),
            (7, Kind::Text),
            (15, Kind::Video),
            (19, Kind::Text),
            (13, Kind::Recalled { original: Some(id("m0")) }),
            (4242, Kind::Other),
            (-1, Kind::Other),
        ];
        for (number, expected) in cases {
            let message = read(wire(number, "m0")).unwrap();
            assert_eq!((message.kind, message.wire_type), (expected, number));
        }
    }

    #[test]
    fn a_recall_notice_is_not_an_id() {
        for notice in ["某人撤回了一条消息", "<sysmsg type=\"revokemsg\"></sysmsg>", "you recalled it", ""]
        {
            assert_eq!(read(wire(13, notice)).unwrap().kind, Kind::Recalled { original: None }, "{notice}");
        }
    }

    #[test]
    fn a_direct_chat_has_no_room() {
        let wire =
            MessagePayloadResponse { room_id: String::new(), listener_id: "me".into(), ..wire(7, "x") };
        assert_eq!(
            read(wire).unwrap().conversation,
            Conversation::Direct { listener: ContactId::parse("me") }
        );
    }

    #[test]
    fn text_is_made_storable() {
        let long = "字".repeat(MAX_TEXT_BYTES);
        let message = read(wire(7, &long)).unwrap();
        assert!(message.text_was_cut && message.text.len() <= MAX_TEXT_BYTES);
        assert_eq!(read(wire(7, "a\0b")).unwrap().text, "a\u{fffd}b");
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let other = MessagePayloadResponse { id: "m2".into(), ..wire(7, "x") };
        assert_eq!(read(other), Err(PayloadError::OtherMessage));
    }

    #[test]
    fn notices_are_said_by_nobody() {
        for talker in ["", " ", "r1", "12345@chatroom"] {
            let notice = MessagePayloadResponse { talker_id: talker.into(), ..wire(7, "x") };
            assert_eq!(read(notice).unwrap().talker, None, "{talker:?}");
        }
        assert_eq!(read(wire(7, "x")).unwrap().talker, ContactId::parse("u1"));
    }

    #[test]
    fn names_end_at_the_mark() {
        assert_eq!(
            mentioned_names("请看 @林 小样\u{2005}和@周例安\u{2005}，谢谢 a@b"),
            ["林 小样", "周例安"]
        );
        assert_eq!(mentioned_names("没有 @谁"), Vec::<&str>::new());
    }
}
