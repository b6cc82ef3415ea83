//! What changed in a room since it was last announced, and under which id that is announced.
//!
//! An announcement's id is made of its content and of all announcements before it: publishing one again after a crash
//! gives the same id, and a room that is again as it was before gives another.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use events::chat::RoomEvent;
use sha2::{Digest as _, Sha256};

/// Bytes of the hash in an id.
const CHAIN_BYTES: usize = 16;

/// What is known of a room.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    pub topic: String,
    /// Contact id of its owner.
    pub owner: Option<String>,
    /// Contact ids of everybody in it.
    pub members: BTreeSet<String>,
    /// Contact id of whoever brought our account in.
    pub inviter: Option<String>,
}

/// A room as it was last announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub facts: Facts,
    /// Our account is no longer in it.
    pub gone: bool,
    /// Hash over all announcements so far.
    pub chain: String,
    /// When what was announced last happened.
    pub at: DateTime<Utc>,
}

/// What is to be announced; `None`: nothing is new. `left`: an event says that our account left, which is all that tells
/// of it where a puppet does not list our account among the members.
pub fn change(old: Option<&Seen>, new: &Facts, account: &str, left: bool) -> Option<RoomEvent> {
    if left {
        return old.is_none_or(|old| !old.gone).then_some(RoomEvent::AccountLeft);
    }
    let inside = new.members.contains(account);
    let seen = || RoomEvent::Seen {
        owner: new.owner.clone(),
        members: new.members.iter().cloned().collect(),
        inviter: new.inviter.clone(),
    };
    let Some(old) = old else { return Some(seen()) };
    if old.gone {
        return inside.then(seen);
    }
    if old.facts.members.contains(account) && !inside {
        return Some(RoomEvent::AccountLeft);
    }
    if old.facts == *new {
        return None;
    }
    let only_the_name = Facts { topic: new.topic.clone(), ..old.facts.clone() } == *new;
    Some(if only_the_name { RoomEvent::Renamed } else { seen() })
}

/// The chain with one more announcement.
pub fn extended_chain(chain: &str, topic: &str, event: &RoomEvent) -> Result<String, serde_json::Error> {
    let content = serde_json::to_vec(&(chain, topic, event))?;
    Ok(data_encoding::HEXLOWER.encode(&Sha256::digest(content)[..CHAIN_BYTES]))
}

/// A short word for the kind of announcement, for ids.
pub fn event_name(event: &RoomEvent) -> &'static str {
    match event {
        RoomEvent::Seen { .. } => "seen",
        RoomEvent::Renamed => "renamed",
        RoomEvent::AccountLeft => "left",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(topic: &str, members: &[&str]) -> Facts {
        Facts {
            topic: topic.into(),
            owner: Some("s".into()),
            members: members.iter().map(ToString::to_string).collect(),
            inviter: None,
        }
    }

    fn seen(facts: Facts, gone: bool) -> Seen {
        Seen { facts, gone, chain: String::new(), at: DateTime::UNIX_EPOCH }
    }

    fn announced(old: Option<&Seen>, new: &Facts) -> Option<&'static str> {
        change(old, new, "me", false).as_ref().map(event_name)
    }

    #[test]
    fn only_what_is_new_is_announced() {
        let with_us = seen(facts("甲", &["me", "s"]), false);
        let left = seen(facts("甲", &["s"]), true);
        let never_in = seen(facts("甲", &["s"]), false);
        let cases = [
            (None, facts("甲", &["me", "s"]), Some("seen")),
            (Some(&with_us), facts("甲", &["me", "s"]), None),
            (Some(&with_us), facts("乙", &["me", "s"]), Some("renamed")),
            (Some(&with_us), facts("乙", &["me", "s", "c"]), Some("seen")),
            (Some(&with_us), facts("甲", &["s"]), Some("left")),
            (Some(&left), facts("乙", &["s", "c"]), None),
            (Some(&left), facts("甲", &["me", "s"]), Some("seen")),
            // Some puppets do not list our own account.
            (Some(&never_in), facts("甲", &["s", "c"]), Some("seen")),
        ];
        for (old, new, expected) in cases {
            assert_eq!(announced(old, &new), expected, "{old:?} → {new:?}");
        }
        let leaves = |old| change(old, &facts("甲", &["s"]), "me", true).as_ref().map(event_name);
        assert_eq!(leaves(Some(&never_in)), Some("left"), "it need not be listed to be removed");
        assert_eq!((leaves(None), leaves(Some(&left))), (Some("left"), None));
    }

    #[test]
    fn the_same_again_has_the_same_id_and_a_return_to_it_another() {
        let (one, two) = (RoomEvent::Renamed, RoomEvent::AccountLeft);
        let first = extended_chain("", "甲", &one).unwrap();
        assert_eq!(first, extended_chain("", "甲", &one).unwrap());
        let second = extended_chain(&first, "甲", &two).unwrap();
        assert_ne!(first, extended_chain(&second, "甲", &one).unwrap());
    }
}
