//! Lists that people have in their chats are kept true: whenever a room changes, what the lists on which it stands are to
//! show is computed anew.

use domain::Timestamp;
use domain::id::WaitId;
use domain::notification::Subject;
use domain::rules::Rules;
use store::alerts::changes::{self, Wanted};
use store::alerts::{lists, notifications};
use store::sqlx::PgConnection;

use crate::content::follow_ups::FollowUpList;
use crate::content::opening::{OfOpening, OpeningList};
use crate::content::status::as_json;
use crate::failure::Failure;

/// Notes what the lists made since a moment are to show on which these rooms (keys in text form) stand.
pub async fn refresh(
    connection: &mut PgConnection,
    rules: &Rules,
    rooms: &[String],
    since: Timestamp,
    now: Timestamp,
) -> Result<(), Failure> {
    for id in lists::lock(connection, rooms, since).await? {
        let Some(list) = notifications::get(connection, id).await? else { continue };
        let wanted = match &list.subject {
            Subject::FollowUps(owner) => {
                let read = FollowUpList::read(connection, (id, list.step), owner, rules, now).await?;
                as_json(&read.state())?
            }
            Subject::Opening(owner) => {
                let of = OfOpening { list: id, step: list.step, opening: list.due_at };
                as_json(&OpeningList::read(connection, of, owner, rules, now).await?.state())?
            }
            _ => continue,
        };
        let wanted = Wanted { id, follows: WaitId(list.subject.to_string()), wanted };
        changes::want(connection, &[wanted], now).await?;
    }
    Ok(())
}
