//! Who stands on the list of a working morning, read when its card is frozen.

use domain::Timestamp;
use domain::notification::Step;
use domain::rules::Rules;
use store::alerts::notifications::Notification;
use store::alerts::unanswered;
use store::sqlx::{self, PgConnection};

use super::card::List;

/// How many are named. Whoever is not is counted.
const MOST: i64 = 20;
/// What the card of a day is made from.
#[derive(Debug, Clone)]
pub struct DayList {
    pub list: List,
    /// The day is not over.
    pub is_of_today: bool,
}

impl DayList {
    /// Those who wait now, for the card of a day.
    pub async fn read(
        connection: &mut PgConnection,
        notification: &Notification,
        rules: &Rules,
        now: Timestamp,
    ) -> Result<Self, sqlx::Error> {
        let (named, total) = unanswered::list(connection, notification.due_at, MOST).await?;
        let today = rules.day_of(now);
        Ok(Self { list: List { named, total }, is_of_today: notification.step == Step::Day(today) })
    }
}
