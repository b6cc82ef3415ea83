//! Who gets a card: names of the rules, until a notification is made. Where each of them is reached is the address book's.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::address::FeishuChat;
use crate::id::StaffName;
use crate::rules::Rules;

/// One of those who get a card.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// The room's owner.
    Owner,
    /// Everybody in the public chat.
    Public,
    /// Each of those whom `managers` names.
    Manager,
    /// Everybody in a chat that `chats` names.
    Chat(String),
    /// Somebody of the roster.
    Person(StaffName),
}

/// Where a named chat is, by channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NamedChat {
    /// On Feishu, `oc_…`.
    pub feishu: FeishuChat,
}

/// Somebody who gets a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Recipient<'r> {
    /// A member of staff, by themselves.
    Person(&'r StaffName),
    /// Everybody.
    Public,
    /// Everybody in a chat that `chats` names.
    Chat(&'r str),
}

impl fmt::Display for Recipient<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person(name) => name.fmt(f),
            Self::Public => f.write_str("公共群"),
            Self::Chat(name) => f.write_str(name),
        }
    }
}

impl Rules {
    /// Who gets a card about a room of this owner, each once. Nobody: it is for the owner alone, and there is none.
    pub fn recipients<'r>(
        &'r self,
        audience: &'r [Audience],
        owner: Option<&'r StaffName>,
    ) -> Vec<Recipient<'r>> {
        let mut all = Vec::new();
        for one in audience {
            let named: Vec<Recipient<'r>> = match one {
                Audience::Owner => owner.map(Recipient::Person).into_iter().collect(),
                Audience::Public => vec![Recipient::Public],
                Audience::Manager => self.managers.iter().map(Recipient::Person).collect(),
                Audience::Chat(name) => vec![Recipient::Chat(name)],
                Audience::Person(name) => vec![Recipient::Person(name)],
            };
            let new: Vec<_> = named.into_iter().filter(|recipient| !all.contains(recipient)).collect();
            all.extend(new);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::rules;

    #[test]
    fn everybody_who_is_named_gets_one_card() {
        let name = |name: &str| StaffName(name.into());
        let (wang, li, zhao) = (name("王小售"), name("李小后"), name("赵小助"));
        let mut rules = rules();
        rules.managers = vec![zhao.clone(), wang.clone()];
        let everybody = [
            Audience::Owner,
            Audience::Public,
            Audience::Manager,
            Audience::Chat("值班".into()),
            Audience::Person(li.clone()),
            Audience::Person(zhao.clone()),
        ];
        let person = Recipient::Person;
        assert_eq!(
            rules.recipients(&everybody, Some(&wang)),
            [person(&wang), Recipient::Public, person(&zhao), Recipient::Chat("值班"), person(&li)]
        );
        assert_eq!(rules.recipients(&[Audience::Owner], None), []);
        assert_eq!(
            rules.recipients(&[Audience::Owner, Audience::Manager], None),
            [person(&zhao), person(&wang)]
        );
    }

    #[test]
    fn it_is_written_as_a_word_or_a_name() {
        let read = |text: &str| serde_json::from_str::<Audience>(text);
        assert_eq!(read("\"owner\"").unwrap(), Audience::Owner);
        assert_eq!(read(r#"{"chat":"值班"}"#).unwrap(), Audience::Chat("值班".into()));
        assert_eq!(read(r#"{"person":"李小后"}"#).unwrap(), Audience::Person(StaffName("李小后".into())));
        assert!(read("\"owner_and_public\"").is_err() && read("\"chat\"").is_err());
    }
}
