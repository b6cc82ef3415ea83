//! Lists that people have in their chats are kept true: whenever a room changes, what the lists on which it stands are to
//! show is computed anew.

use domain::Timestamp;
use domain::id::WaitId;
use domain::notification::Subject;
use domain::rules::Rules;
use store::alerts::changes::{self, Wanted};
use store::alerts::follow_ups;
use store::alerts::notifications;
use store::sqlx::PgConnection;

use crate::content::follow_ups::FollowUpList;
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
    for id in follow_ups::lock_lists(connection, rooms, since).await? {
        let Some(list) = notifications::get(connection, id).await? else { continue };
        let Subject::FollowUps(owner) = &list.subject else { continue };
        let read = FollowUpList::read(connection, (id, list.step), owner, rules, now).await?;
        let wanted =
            Wanted { id, follows: WaitId(list.subject.to_string()), wanted: as_json(&read.state())? };
        changes::want(connection, &[wanted], now).await?;
    }
    Ok(())
}
