//! Whose turn it is: whom a message speaks to, by whom it mentions and whom it quotes.
//!
//! Sources give ids of contacts and nothing else of whoever is mentioned. One of us is known by the rules, everybody else by
//! having spoken in the room, and of whoever is not known nothing follows: a reply that mentions nobody known is for all
//! who wait, and a request that mentions a stranger is one.

use serde::{Deserialize, Serialize};

use crate::id::{MessageKey, PersonKey};
use crate::message::Sender;
use crate::nature::Nature;
use crate::rules::{NoSuchStaff, Rules};
use crate::timeline::{Message, Quote};
use crate::wait::Wait;

/// Of so many people it is known who they are: those who spoke last.
pub const KNOWN: usize = 32;
/// So many customers of a room have waits of their own at a time. Whoever else asks meanwhile waits with them.
pub const WAITING: usize = 32;

/// People who spoke in a room and are not on the roster, whoever spoke last at the end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Speakers(Vec<Speaker>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Speaker {
    key: PersonKey,
    /// Display name: quotes tell nothing else.
    name: String,
    /// Of our company, as was known of them when they spoke.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    ours: bool,
}

/// A customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// Who.
    pub key: PersonKey,
    /// Their display name.
    pub name: String,
}

/// Whom a message of staff answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Addressees {
    /// Everybody who waits.
    Everybody,
    /// Nobody: colleagues speak with each other.
    Colleagues,
    /// These customers.
    Customers(Vec<PersonKey>),
}

/// Who somebody is to a message that mentions them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Customer,
    /// A colleague, or one of our robots.
    Ours,
    Unknown,
}

impl Addressees {
    /// Whether it answers a customer.
    pub fn include(&self, customer: &PersonKey) -> bool {
        match self {
            Self::Everybody => true,
            Self::Colleagues => false,
            Self::Customers(customers) => customers.contains(customer),
        }
    }
}

impl Speakers {
    /// Whether nobody has spoken yet.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Somebody spoke who is not on the roster; `ours`: for our company.
    pub fn spoke(&mut self, sender: &Sender, ours: bool) {
        let is_known =
            |known: &Speaker| known.key == sender.key && known.ours == ours && known.name == sender.name;
        if self.0.last().is_some_and(is_known) {
            return;
        }
        self.0.retain(|known| known.key != sender.key);
        if self.0.len() >= KNOWN {
            self.0.remove(0);
        }
        self.0.push(Speaker { key: sender.key.clone(), name: sender.name.clone(), ours });
    }
}

/// Who is in a room, as far as it is known when something is said there.
pub struct Audience<'a> {
    /// Whoever spoke before.
    pub speakers: &'a Speakers,
    /// The turns that are open. Whoever waits is a customer, whatever is known of them since.
    pub turns: Vec<&'a Wait>,
    /// The rules of the moment.
    pub rules: &'a Rules,
}

impl Audience<'_> {
    /// Whom a message of staff answers: the customers whom it mentions or quotes, if there are any.
    pub fn addressees(&self, message: &Message) -> Addressees {
        if message.nature == Nature::ToEverybody {
            return Addressees::Everybody;
        }
        let mentioned = message.mentions.iter().filter(|key| self.who(key) == Who::Customer);
        let quoted = message.quote.as_ref().and_then(|quote| self.quoted(&message.key.source, quote));
        let customers: Vec<PersonKey> = mentioned.chain(quoted).cloned().collect();
        if !customers.is_empty() {
            Addressees::Customers(customers)
        } else if mentions_only(message, |key| self.who(key) == Who::Ours) {
            Addressees::Colleagues
        } else {
            Addressees::Everybody
        }
    }

    /// Whether a message of a customer speaks to other customers and to nobody else.
    pub fn are_customers_only(&self, message: &Message) -> bool {
        message.nature != Nature::ToEverybody && mentions_only(message, |key| self.who(key) == Who::Customer)
    }

    fn who(&self, key: &PersonKey) -> Who {
        if self.turns.iter().any(|wait| wait.customer == *key) {
            return Who::Customer;
        }
        if self.rules.bots.contains(key) || self.rules.staff_by_contact(key).is_some() {
            return Who::Ours;
        }
        match self.speakers.0.iter().find(|known| known.key == *key) {
            Some(Speaker { ours: true, .. }) => Who::Ours,
            Some(_) => Who::Customer,
            None => Who::Unknown,
        }
    }

    /// The customer who is quoted: by the message that they wait since, or as the only one of that name.
    fn quoted(&self, source: &str, quote: &Quote) -> Option<&PersonKey> {
        let is_opening = |wait: &&&Wait| {
            let opening = wait.id.as_str().parse::<MessageKey>();
            opening.is_ok_and(|opening| opening.source == source && Some(opening.id) == quote.id)
        };
        if let Some(wait) = self.turns.iter().find(is_opening) {
            return Some(&wait.customer);
        }
        let who = quote.who.as_str();
        if who.is_empty() || !matches!(self.rules.staff_by_name(who), Err(NoSuchStaff::Unknown)) {
            return None;
        }
        let mut named = self.speakers.0.iter().filter(|known| known.name == who);
        let only = named.next().filter(|_| named.next().is_none())?;
        Some(&only.key).filter(|key| self.who(key) == Who::Customer)
    }
}

fn mentions_only(message: &Message, of: impl Fn(&PersonKey) -> bool) -> bool {
    !message.mentions.is_empty() && message.mentions.iter().all(of)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::rules;

    fn sender(n: usize, name: &str) -> Sender {
        Sender {
            key: key(n),
            name: name.into(),
            corporation: String::new(),
            coworker: None,
            is_self: false,
            contact_type: None,
        }
    }

    fn key(n: usize) -> PersonKey {
        PersonKey { source: "test".into(), id: format!("customer-{n}") }
    }

    #[test]
    fn who_spoke_long_ago_is_not_known_any_more() {
        let rules = rules();
        let mut speakers = Speakers::default();
        (0..KNOWN).for_each(|n| speakers.spoke(&sender(n, "客户"), false));
        speakers.spoke(&sender(0, "客户"), false);
        speakers.spoke(&sender(KNOWN, "客户"), false);
        let audience = Audience { speakers: &speakers, turns: Vec::new(), rules: &rules };
        assert_eq!(speakers.0.len(), KNOWN);
        for (n, who) in [(0, Who::Customer), (1, Who::Unknown), (2, Who::Customer), (KNOWN, Who::Customer)] {
            assert_eq!(audience.who(&key(n)), who, "{n}");
        }
    }

    #[test]
    fn a_name_that_two_bear_quotes_nobody() {
        let rules = rules();
        let mut speakers = Speakers::default();
        speakers.spoke(&sender(1, "林"), false);
        speakers.spoke(&sender(2, "陈"), false);
        speakers.spoke(&sender(3, "陈"), true);
        speakers.spoke(&sender(4, &rules.roster[0].name.0), false);
        speakers.spoke(&sender(5, "周"), true);
        let audience = Audience { speakers: &speakers, turns: Vec::new(), rules: &rules };
        let quoted = |who: &str| {
            audience.quoted("test", &Quote { who: who.into(), ..Quote::default() }).map(|key| key.id.clone())
        };
        assert_eq!(quoted("林").as_deref(), Some("customer-1"));
        for nobody in ["陈", "周", "", "别人", rules.roster[0].name.as_str()] {
            assert_eq!(quoted(nobody), None, "{nobody}");
        }
    }
}
