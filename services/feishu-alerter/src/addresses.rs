//! Where people and everybody are reached.

use domain::id::StaffName;
use domain::rules::Audience;
use runtime::config::Feishu;
use store::alerts::notifications::Address;

use crate::channel::feishu::NAME as FEISHU;

/// A chat of Feishu.
pub fn feishu_chat(chat: &str) -> Address {
    Address { channel: FEISHU.to_owned(), address: chat.to_owned() }
}

/// Where everybody reads.
pub fn public(feishu: &Feishu) -> Address {
    feishu_chat(&feishu.public_chat)
}

/// Where an owner is reached by themselves, if they are.
pub fn own(feishu: &Feishu, owner: &StaffName) -> Option<Address> {
    feishu.chats.get(owner).map(|chat| feishu_chat(chat))
}

/// Where an owner is alerted: where everybody reads if not by themselves, so that somebody can pass it on.
pub fn of_owner(feishu: &Feishu, owner: &StaffName) -> Address {
    own(feishu, owner).unwrap_or_else(|| public(feishu))
}

/// Whether somebody is reached by themselves there.
pub fn is_of_somebody(feishu: &Feishu, to: &Address) -> bool {
    feishu.chats.values().any(|chat| feishu_chat(chat) == *to)
}

/// Where a rung is notified, without repeats. Nowhere: nobody owns the room and the rung is not for the public.
pub fn of_audience(feishu: &Feishu, owner: Option<&StaffName>, audience: Audience) -> Vec<Address> {
    let public = public(feishu);
    let mut all: Vec<Address> = owner.map(|owner| of_owner(feishu, owner)).into_iter().collect();
    if audience == Audience::OwnerAndPublic && !all.contains(&public) {
        all.push(public);
    }
    all
}
