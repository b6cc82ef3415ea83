//! What a gateway tells by itself. Payloads are JSON text inside a numbered event; forks add numbers and drop fields, so
//! parsing is lenient: what is not understood is kept as it came, and nothing is an error.

use chrono::{DateTime, Utc};
use events::beat::VerificationKind;
use serde::Deserialize;

use super::id::{ContactId, MessageId, RoomId};
use super::time;
use super::wire::EventResponse;

/// One event, understood as far as possible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The stream is up, or the puppet still lives.
    Heartbeat,
    /// A message exists; its contents must be asked for while the gateway still has them.
    Message(MessageId),
    /// The answer to our own ding.
    Dong {
        /// What the ding carried.
        data: String,
    },
    /// Our account is invited to a room.
    RoomInvite {
        /// Key for the invitation's payload.
        invitation: String,
    },
    /// People came into a room.
    RoomJoin {
        room: RoomId,
        invitees: Vec<ContactId>,
        /// Who brought them, where known.
        inviter: Option<ContactId>,
        /// When, where the puppet says so believably.
        at: Option<DateTime<Utc>>,
    },
    /// People left a room or were removed.
    RoomLeave {
        room: RoomId,
        /// Who is gone; our own account may be among them.
        removees: Vec<ContactId>,
        /// Who removed them: themselves, where they left.
        remover: Option<ContactId>,
        /// When, where the puppet says so believably.
        at: Option<DateTime<Utc>>,
    },
    /// A room has another name. The event is right where a payload fetched now may still hold the old one.
    RoomTopic {
        room: RoomId,
        /// The name from now on.
        topic: String,
        /// Who changed it, where known.
        changer: Option<ContactId>,
        /// When, where the puppet says so believably.
        at: Option<DateTime<Utc>>,
    },
    /// Somebody must scan a QR code to log in, or has.
    Scan(Scan),
    /// A verification is asked for before the account is logged in, and only a person at the gateway can give it.
    Verify(VerificationKind),
    /// The puppet has its contacts and rooms. May come more than once.
    Ready,
    /// The account is logged in; this is our own id.
    Login(ContactId),
    /// The account is logged out. The stream stays open and silent.
    Logout,
    /// The gateway's copy of a payload changed; ours is stale.
    Dirty {
        /// 1 message, 2 contact, 3 room, 4 room member, 5 friendship, 6 post; others in forks.
        payload_type: i32,
        /// Id of the thing, for a room member perhaps a compound one.
        id: String,
    },
    /// The puppet reports a fault. Its text may hold anything and is not kept.
    Fault,
    /// A kind that does not matter to us (friendships, posts, tags), or a number that nobody has told us about.
    Other {
        /// The number on the wire.
        number: i32,
    },
    /// A kind that does matter, with a payload that cannot be read.
    Malformed {
        /// The number on the wire.
        number: i32,
    },
}

/// State of a login by QR code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// How far the login is.
    pub status: ScanStatus,
    /// What the code must contain, where one is to be shown.
    pub qrcode: Option<String>,
}

/// How far a login by QR code is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScanStatus {
    /// The phone said no.
    Cancelled,
    /// Show the code.
    Waiting,
    /// The phone has seen it.
    Scanned,
    /// The phone said yes.
    Confirmed,
    /// Too late, another code follows.
    TimedOut,
    /// Any other number.
    Unknown(i32),
}

mod number {
    pub const HEARTBEAT: i32 = 1;
    pub const MESSAGE: i32 = 2;
    pub const DONG: i32 = 3;
    pub const ERROR: i32 = 16;
    pub const ROOM_INVITE: i32 = 18;
    pub const ROOM_JOIN: i32 = 19;
    pub const ROOM_LEAVE: i32 = 20;
    pub const ROOM_TOPIC: i32 = 21;
    pub const SCAN: i32 = 22;
    pub const READY: i32 = 23;
    pub const LOGIN: i32 = 25;
    pub const LOGOUT: i32 = 26;
    pub const DIRTY: i32 = 27;
    /// Both are the `WeCom` fork's; some of its puppets write them as the status of a scan.
    pub const VERIFY_CODE: i32 = 33;
    pub const VERIFY_SLIDE: i32 = 34;
}

/// All fields of all payloads: each event uses a few, and none is required by the format.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Fields {
    message_id: String,
    data: serde_json::Value,
    room_invitation_id: String,
    room_id: String,
    invitee_id_list: Vec<String>,
    inviter_id: Option<String>,
    removee_id_list: Vec<String>,
    remover_id: Option<String>,
    changer_id: Option<String>,
    new_topic: Option<String>,
    timestamp: serde_json::Value,
    status: i32,
    qrcode: Option<String>,
    contact_id: String,
    payload_type: i32,
    payload_id: String,
}

impl Event {
    /// Reads an event off the wire. Never fails: see [`Event::Other`] and [`Event::Malformed`]. Nothing happens after
    /// its news: a time later than `arrived_at` is read as that.
    pub fn parse(response: &EventResponse, arrived_at: DateTime<Utc>) -> Self {
        let malformed = Self::Malformed { number: response.r#type };
        match response.r#type {
            // Alive is alive, whatever the payload says.
            number::HEARTBEAT => Self::Heartbeat,
            number::READY => Self::Ready,
            number::LOGOUT => Self::Logout,
            number::ERROR => Self::Fault,
            // Whatever it says, somebody has to look.
            number::VERIFY_CODE => Self::Verify(VerificationKind::Code),
            number::VERIFY_SLIDE => Self::Verify(VerificationKind::Slide),
            number if !is_known(number) => Self::Other { number },
            number => serde_json::from_str(&response.payload)
                .ok()
                .and_then(|fields| understand(number, fields, arrived_at))
                .unwrap_or(malformed),
        }
    }

    /// A short name for metrics and logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Heartbeat => "heartbeat",
            Self::Message(_) => "message",
            Self::Dong { .. } => "dong",
            Self::RoomInvite { .. } => "room_invite",
            Self::RoomJoin { .. } => "room_join",
            Self::RoomLeave { .. } => "room_leave",
            Self::RoomTopic { .. } => "room_topic",
            Self::Scan(_) => "scan",
            Self::Verify(_) => "verify",
            Self::Ready => "ready",
            Self::Login(_) => "login",
            Self::Logout => "logout",
            Self::Dirty { .. } => "dirty",
            Self::Fault => "fault",
            Self::Other { .. } => "other",
            Self::Malformed { .. } => "malformed",
        }
    }
}

fn is_known(number: i32) -> bool {
    matches!(
        number,
        number::MESSAGE
            | number::DONG
            | number::ROOM_INVITE
            | number::ROOM_JOIN
            | number::ROOM_LEAVE
            | number::ROOM_TOPIC
            | number::SCAN
            | number::LOGIN
            | number::DIRTY
    )
}

fn understand(number: i32, fields: Fields, arrived_at: DateTime<Utc>) -> Option<Event> {
    let at = timestamp(&fields.timestamp).map(|at| at.min(arrived_at));
    match number {
        number::MESSAGE => MessageId::parse(fields.message_id).map(Event::Message),
        number::DONG => Some(Event::Dong { data: fields.data.as_str().unwrap_or_default().to_owned() }),
        number::ROOM_INVITE => Some(fields.room_invitation_id)
            .filter(|id| !id.is_empty())
            .map(|invitation| Event::RoomInvite { invitation }),
        number::ROOM_JOIN => Some(Event::RoomJoin {
            room: RoomId::parse(fields.room_id)?,
            invitees: contacts(fields.invitee_id_list)?,
            inviter: fields.inviter_id.and_then(ContactId::parse),
            at,
        }),
        number::ROOM_LEAVE => Some(Event::RoomLeave {
            room: RoomId::parse(fields.room_id)?,
            removees: contacts(fields.removee_id_list)?,
            remover: fields.remover_id.and_then(ContactId::parse),
            at,
        }),
        number::ROOM_TOPIC => Some(Event::RoomTopic {
            room: RoomId::parse(fields.room_id)?,
            topic: fields.new_topic?,
            changer: fields.changer_id.and_then(ContactId::parse),
            at,
        }),
        number::SCAN if fields.status == number::VERIFY_CODE => Some(Event::Verify(VerificationKind::Code)),
        number::SCAN if fields.status == number::VERIFY_SLIDE => Some(Event::Verify(VerificationKind::Slide)),
        number::SCAN => Some(Event::Scan(Scan {
            status: scan_status(fields.status),
            qrcode: fields.qrcode.filter(|code| !code.is_empty()),
        })),
        number::LOGIN => ContactId::parse(fields.contact_id).map(Event::Login),
        number::DIRTY => Some(Event::Dirty { payload_type: fields.payload_type, id: fields.payload_id }),
        _ => None,
    }
}

/// A join or leave of nobody is no news but a broken payload.
fn contacts(ids: Vec<String>) -> Option<Vec<ContactId>> {
    let contacts: Vec<_> = ids.into_iter().filter_map(ContactId::parse).collect();
    (!contacts.is_empty()).then_some(contacts)
}

/// Some puppets write numbers, some numbers with a fraction, some text.
fn timestamp(value: &serde_json::Value) -> Option<DateTime<Utc>> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the cast saturates, and absurd values are refused below"
    )]
    let number = value
        .as_i64()
        .or_else(|| value.as_f64().map(|number| number as i64))
        .or_else(|| value.as_str()?.parse().ok())?;
    time::from_puppet(number)
}

fn scan_status(number: i32) -> ScanStatus {
    match number {
        1 => ScanStatus::Cancelled,
        2 => ScanStatus::Waiting,
        3 => ScanStatus::Scanned,
        4 => ScanStatus::Confirmed,
        5 => ScanStatus::TimedOut,
        other => ScanStatus::Unknown(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(number: i32, payload: &str) -> Event {
        let arrived_at = from("2026-03-02T08:00:00Z");
        Event::parse(&EventResponse { r#type: number, payload: payload.to_owned(), seq: 0 }, arrived_at)
    }

    fn contact(text: &str) -> ContactId {
        ContactId::parse(text).unwrap()
    }

    fn room(text: &str) -> RoomId {
        RoomId::parse(text).unwrap()
    }

    #[test]
    fn understood() {
        let at = from("2026-03-02T07:59:30Z");
        let ms = at.timestamp_millis();
        let cases = [
            (1, "not even JSON".to_owned(), Event::Heartbeat),
            (
                2,
                r#"{"messageId":"m1","more":[1]}"#.to_owned(),
                Event::Message(MessageId::parse("m1").unwrap()),
            ),
            (3, r#"{"data":"probe"}"#.to_owned(), Event::Dong { data: "probe".into() }),
            (
                19,
                format!(r#"{{"inviteeIdList":["c1",""],"inviterId":"","roomId":"r1","timestamp":{ms}}}"#),
                Event::RoomJoin {
                    room: room("r1"),
                    invitees: vec![contact("c1")],
                    inviter: None,
                    at: Some(at),
                },
            ),
            (
                20,
                format!(
                    r#"{{"removeeIdList":["c1"],"removerId":"c2","roomId":"r1","timestamp":{}}}"#,
                    ms / 1000
                ),
                Event::RoomLeave {
                    room: room("r1"),
                    removees: vec![contact("c1")],
                    remover: Some(contact("c2")),
                    at: Some(at),
                },
            ),
            (
                21,
                r#"{"changerId":null,"newTopic":"新名","oldTopic":"旧","roomId":"r1","timestamp":null}"#
                    .to_owned(),
                Event::RoomTopic { room: room("r1"), topic: "新名".into(), changer: None, at: None },
            ),
            (
                22,
                r#"{"status":2,"qrcode":"weixin://x"}"#.to_owned(),
                Event::Scan(Scan { status: ScanStatus::Waiting, qrcode: Some("weixin://x".into()) }),
            ),
            (25, r#"{"contactId":"me"}"#.to_owned(), Event::Login(contact("me"))),
            (26, "{}".to_owned(), Event::Logout),
            (
                27,
                r#"{"payloadType":3,"payloadId":"r1"}"#.to_owned(),
                Event::Dirty { payload_type: 3, id: "r1".into() },
            ),
        ];
        for (number, payload, expected) in cases {
            assert_eq!(parse(number, &payload), expected, "{payload}");
        }
    }

    #[test]
    fn kept_when_not_understood() {
        for (number, payload) in
            [(2, "{}"), (2, "nonsense"), (19, r#"{"roomId":"r1"}"#), (21, r#"{"roomId":"r1"}"#), (25, "{}")]
        {
            assert_eq!(parse(number, payload), Event::Malformed { number }, "{payload}");
        }
        for number in [0, 4, 17, 28, 32, 35, 999, -1] {
            assert_eq!(parse(number, "{}"), Event::Other { number });
        }
    }

    #[test]
    fn a_verification_is_no_code_to_be_scanned() {
        let (code, slide) = (Event::Verify(VerificationKind::Code), Event::Verify(VerificationKind::Slide));
        assert_eq!(parse(33, r#"{"id":"x","message":"请输入验证码","scene":1,"status":1}"#), code);
        assert_eq!(parse(33, "nonsense"), code);
        assert_eq!(parse(34, r#"{"url":"https://verify.example/"}"#), slide);
        assert_eq!(parse(22, r#"{"status":33,"qrcode":"https://verify.example/"}"#), code);
        assert_eq!(parse(22, r#"{"status":34,"qrcode":"https://verify.example/"}"#), slide);
    }

    #[test]
    fn nothing_happened_after_its_news() {
        let payload = r#"{"newTopic":"新名","roomId":"r1","timestamp":8000000000000000}"#;
        let Event::RoomTopic { at, .. } = parse(21, payload) else { panic!("not understood") };
        assert_eq!(at, Some(from("2026-03-02T08:00:00Z")));
    }

    #[test]
    fn an_id_of_any_characters_is_carried_in_another_form() {
        let Event::Message(id) = parse(2, r#"{"messageId":"m\u0000"}"#) else { panic!("not understood") };
        assert_eq!((id.as_str(), &*id.wire()), ("m%00", "m\0"));
        let joined = parse(19, r#"{"inviteeIdList":["c1","c\u00002"],"roomId":"r\n1"}"#);
        let Event::RoomJoin { invitees, room, .. } = joined else { panic!("not understood") };
        assert_eq!((invitees.len(), invitees[1].as_str(), room.as_str()), (2, "c%002", "r%0A1"));
    }

    fn from(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }
}
