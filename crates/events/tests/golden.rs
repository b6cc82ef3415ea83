//! Every payload version ever written stays readable, and what is written today is what the sample says.

use events::beat::Beat;
use events::chat::{ChatMessage, ChatRoom};
use events::command::Command;
use events::room::RoomChanged;
use events::{DecodeError, decode, encode};

macro_rules! golden {
    ($test:ident, $payload:ty, $file:literal) => {
        #[test]
        fn $test() {
            let sample = include_str!(concat!("../golden/", $file)).trim_end();
            let read: $payload = decode(sample.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(encode(&read).unwrap()).unwrap(), sample);
        }
    };
}

golden!(chat_message, ChatMessage, "chat_message.v1.json");
golden!(chat_message_quoted, ChatMessage, "chat_message_quoted.v1.json");
golden!(chat_room, ChatRoom, "chat_room.v1.json");
golden!(chat_room_left, ChatRoom, "chat_room_left.v1.json");
golden!(chat_room_removed, ChatRoom, "chat_room_removed.v1.json");
golden!(command_cancel, Command, "command_cancel.v1.json");
golden!(command_cancel_unseen, Command, "command_cancel_unseen.v1.json");
golden!(command_compare, Command, "command_compare.v1.json");
golden!(command_confirm_answered, Command, "command_confirm_answered.v1.json");
golden!(command_undo_cancel, Command, "command_undo_cancel.v1.json");
golden!(command_undo_last_cancel, Command, "command_undo_last_cancel.v1.json");
golden!(command_assign, Command, "command_assign.v1.json");
golden!(command_assign_approved, Command, "command_assign_approved.v1.json");
golden!(command_mark, Command, "command_mark.v1.json");
golden!(command_recompute, Command, "command_recompute.v1.json");
golden!(beat, Beat, "beat.v1.json");
golden!(beat_verification, Beat, "beat_verification.v1.json");
golden!(beat_standby, Beat, "beat_standby.v1.json");
golden!(beat_vika, Beat, "beat_vika.v1.json");
golden!(beat_performance, Beat, "beat_performance.v1.json");
golden!(room_changed, RoomChanged, "room_changed.v1.json");

#[test]
fn a_newer_version_is_named_even_if_its_shape_is_unknown() {
    assert_eq!(
        decode::<RoomChanged>(br#"{"v":2,"where":"elsewhere"}"#),
        Err(DecodeError::Version { what: "room wake-up", found: 2, known: 1 })
    );
}

#[test]
fn an_unreadable_payload_is_described_without_its_words() {
    let error = decode::<ChatMessage>(r#"{"v":1,"text":"secret words"}"#.as_bytes()).unwrap_err().to_string();
    assert!(error.starts_with("not a chat message"), "{error}");
    assert!(!error.contains("secret"), "{error}");
}

#[test]
fn a_login_code_is_never_printed() {
    let beat: Beat = decode(include_bytes!("../golden/beat.v1.json")).unwrap();
    let code = beat.login.as_ref().unwrap().code.clone();
    assert!(!format!("{beat:?}").contains(&code));
}
