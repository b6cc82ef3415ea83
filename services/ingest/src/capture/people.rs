//! Who people are, kept for a day.
//!
//! The contact's own name is used and not what a room or our account calls them, because a roster label can only match
//! that.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use domain::id::PersonKey;
use domain::message::ContactType;
use store::ingest::Contact;

use super::{Capture, Link, SOURCE, storable};
use crate::gateway::wire::ContactPayloadResponse;
use crate::gateway::{ContactId, GatewayError, RoomId};

/// How long what is known of somebody is believed without a sign of change.
const FRESH: TimeDelta = TimeDelta::hours(24);
/// The wire's number for a user of WeCom, of any company.
const CORPORATION: i32 = 3;

/// What is known of somebody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Person {
    /// Their own display name.
    pub name: String,
    /// 企业名称; empty when unknown.
    pub corporation: String,
    /// A colleague; `None`: the puppet cannot tell.
    pub coworker: Option<bool>,
    /// Whether it is a person at all; `None`: the puppet does not say.
    pub contact_type: Option<ContactType>,
}

struct Known {
    person: Person,
    wire_type: i32,
    at: DateTime<Utc>,
}

/// Everybody seen so far.
#[derive(Default)]
pub struct People(Mutex<HashMap<ContactId, Known>>);

impl People {
    /// Somebody, from memory or from the gateway. What is old is better than nothing.
    pub async fn get(&self, capture: &Capture, link: &Link, id: &ContactId) -> Result<Person, GatewayError> {
        if let Some(person) = self.fresh(id, capture.now()) {
            return Ok(person);
        }
        let fetched = async {
            // Our own account tells which kind of puppet this is, and so what `coworker = false` means.
            if *id != link.account && self.fresh(&link.account, capture.now()).is_none() {
                let own = link.client.contact(&link.account).await?;
                self.learn(capture, &link.account, &own, &link.account);
            }
            let wire = link.client.contact(id).await?;
            Ok(self.learn(capture, id, &wire, &link.account))
        };
        match fetched.await {
            Ok(person) => Ok(person),
            Err(error) => self.known(id).ok_or(error),
        }
    }

    /// Whether nothing fresh is known of somebody.
    pub fn is_new(&self, id: &ContactId, now: DateTime<Utc>) -> bool {
        self.fresh(id, now).is_none()
    }

    /// What somebody without a name of their own is called in a room; empty if the gateway does not know either.
    pub async fn name_in_room(&self, link: &Link, room: &RoomId, id: &ContactId) -> String {
        match link.client.member(room, id).await {
            Ok(member) if member.room_alias.is_empty() => storable(&member.name),
            Ok(member) => storable(&member.room_alias),
            Err(_) => String::new(),
        }
    }

    /// The ids of those among `members` who are known under one of these names.
    pub fn called(&self, members: &BTreeSet<String>, names: &[&str]) -> Vec<String> {
        let known = self.lock();
        let is_named = |member: &&String| {
            ContactId::kept(member.as_str(), None)
                .and_then(|id| known.get(&id).map(|known| names.contains(&known.person.name.as_str())))
                .unwrap_or_default()
        };
        members.iter().filter(is_named).cloned().collect()
    }

    /// The gateway says that what it told of somebody is no longer true.
    pub fn forget(&self, id: &str) {
        if let Some(id) = ContactId::parse(id)
            && let Some(known) = self.lock().get_mut(&id)
        {
            known.at = DateTime::UNIX_EPOCH;
        }
    }

    fn learn(
        &self,
        capture: &Capture,
        id: &ContactId,
        wire: &ContactPayloadResponse,
        account: &ContactId,
    ) -> Person {
        let (wire_type, now) = (wire.r#type, capture.now());
        let wecom = wire_type == CORPORATION || self.wire_type(account) == Some(CORPORATION);
        let person = person(wire, wecom);
        self.lock().insert(id.clone(), Known { person: person.clone(), wire_type, at: now });
        let contact = Contact {
            person: PersonKey { source: SOURCE.to_owned(), id: id.to_string() }.to_string(),
            name: person.name.clone(),
            corporation: person.corporation.clone(),
            coworker: person.coworker,
        };
        capture.contacts.note([contact]);
        person
    }

    fn fresh(&self, id: &ContactId, now: DateTime<Utc>) -> Option<Person> {
        self.lock().get(id).filter(|known| now - known.at < FRESH).map(|known| known.person.clone())
    }

    fn known(&self, id: &ContactId) -> Option<Person> {
        self.lock().get(id).map(|known| known.person.clone())
    }

    fn wire_type(&self, id: &ContactId) -> Option<i32> {
        self.lock().get(id).map(|known| known.wire_type)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ContactId, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// proto3 cannot tell `coworker = false` from absent. WeCom puppets set it, so that there false is an answer; puppets
/// of personal accounts never do.
fn person(wire: &ContactPayloadResponse, wecom: bool) -> Person {
    Person {
        name: storable(&wire.name),
        corporation: storable(&wire.corporation),
        coworker: (wecom || wire.coworker).then_some(wire.coworker),
        contact_type: contact_type(wire.r#type),
    }
}

/// The wire's numbers; 4 is the `WeCom` fork's.
fn contact_type(number: i32) -> Option<ContactType> {
    match number {
        1 => Some(ContactType::Individual),
        2 => Some(ContactType::OfficialAccount),
        CORPORATION => Some(ContactType::Corporation),
        4 => Some(ContactType::Application),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn false_is_an_answer_only_where_puppets_give_one() {
        let wire = |coworker| ContactPayloadResponse {
            name: "林小样".into(),
            coworker,
            ..ContactPayloadResponse::default()
        };
        assert_eq!(person(&wire(false), true).coworker, Some(false));
        assert_eq!(person(&wire(false), false).coworker, None);
        assert_eq!(person(&wire(true), false).coworker, Some(true));
    }
}
