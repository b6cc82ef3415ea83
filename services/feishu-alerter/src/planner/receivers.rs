//! Which chats a card goes to.

use domain::id::StaffName;
use domain::rules::Audience;
use runtime::config::Feishu;

/// The chats that get a rung's card, without repeats. None: nobody owns the room and the rung is not for the public.
///
/// An owner without a chat of their own is alerted in the public chat, where somebody can pass it on.
pub fn receivers<'c>(feishu: &'c Feishu, owner: Option<&StaffName>, audience: Audience) -> Vec<&'c str> {
    let public = feishu.public_chat.as_str();
    let private = owner.map(|owner| chat_of(feishu, owner));
    let mut chats: Vec<&str> = private.into_iter().collect();
    if audience == Audience::OwnerAndPublic && !chats.contains(&public) {
        chats.push(public);
    }
    chats
}

/// The chat in which an owner is alerted.
pub fn chat_of<'c>(feishu: &'c Feishu, owner: &StaffName) -> &'c str {
    feishu.chats.get(owner).unwrap_or(&feishu.public_chat)
}

/// Whether cards for this owner go to the public chat for want of one of their own.
pub fn is_unreachable(feishu: &Feishu, owner: &StaffName) -> bool {
    !feishu.chats.contains_key(owner)
}
