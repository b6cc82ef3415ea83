//! Which of our accounts are in a room. As long as one of them is, the room is observed.
//!
//! An account is in a room from the first live message or room fact that it captured there, until it leaves or is
//! removed; another one that it captures later shows that it is back. Imported history shows nothing, since nobody has to
//! be in a room to import it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::id::EntryId;

/// Our accounts that were ever seen in a room. Empty in states of rooms in which none has captured anything live.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Presence(BTreeMap<String, Stay>);

/// One account in a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stay {
    /// When it first captured something there.
    pub since: Timestamp,
    /// It is not there any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<Absence>,
}

/// Since when an account is not in a room any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absence {
    /// The entry that says so.
    pub entry: EntryId,
    /// When it left, by the room fact's time.
    pub at: Timestamp,
    /// Display name of who removed it; `None`: not known, or nobody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// A stretch in which none of our accounts was in a room, and that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastAbsence {
    /// When the last one left.
    pub from: Timestamp,
    /// When one captured something there again.
    pub to: Timestamp,
}

impl Presence {
    /// An account captured something in the room. The absence that this ends, if nobody observed the room before.
    pub fn seen(&mut self, account: &str, at: Timestamp) -> Option<Absence> {
        let ended = self.unobserved().cloned();
        match self.0.get_mut(account) {
            Some(stay) => stay.left = None,
            None => drop(self.0.insert(account.to_owned(), Stay { since: at, left: None })),
        }
        ended
    }

    /// An account left the room. Whether nobody observes it from now on, who did until now.
    pub fn left(&mut self, account: &str, absence: Absence) -> bool {
        if self.unobserved().is_some() {
            return false;
        }
        let since = absence.at;
        self.0.entry(account.to_owned()).or_insert(Stay { since, left: None }).left.get_or_insert(absence);
        self.unobserved().is_some()
    }

    /// Since when nobody observes the room: the last one to leave. `None`: somebody does, or nobody ever has.
    pub fn unobserved(&self) -> Option<&Absence> {
        let last = self.0.values().filter_map(|stay| stay.left.as_ref()).max_by_key(|left| left.at);
        last.filter(|_| self.0.values().all(|stay| stay.left.is_some()))
    }

    /// Every account that was ever seen in the room.
    pub fn stays(&self) -> impl Iterator<Item = (&str, &Stay)> {
        self.0.iter().map(|(account, stay)| (account.as_str(), stay))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::at;

    fn absence(seconds: i64) -> Absence {
        Absence { entry: EntryId(format!("left{seconds}")), at: at(seconds), by: None }
    }

    #[test]
    fn a_room_is_observed_while_one_account_is_in_it() {
        let mut presence = Presence::default();
        assert_eq!(presence.unobserved(), None, "not known is not left");
        presence.seen("one", at(0));
        presence.seen("two", at(1));
        assert!(!presence.left("one", absence(2)));
        assert!(presence.left("two", absence(3)));
        assert!(!presence.left("two", absence(4)), "it had left before");
        assert_eq!(presence.unobserved().map(|left| left.at), Some(at(3)));
        assert_eq!(presence.seen("one", at(5)), Some(absence(3)));
        assert_eq!(presence.seen("two", at(6)), None);
        assert_eq!(presence.unobserved(), None);
    }
}
