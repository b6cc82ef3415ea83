//! Who is not to be disturbed: by the windows of the rules, and by what people asked for on a card or with the command.

use domain::Timestamp;
use domain::id::StaffName;
use domain::rules::Rules;
use store::availability::{self, Asked, Kind};
use store::sqlx::{self, PgConnection};

/// Of everybody, at one moment.
#[derive(Debug, Clone, Default)]
pub struct Availability(Vec<Asked>);

impl Availability {
    pub async fn read(connection: &mut PgConnection, now: Timestamp) -> Result<Self, sqlx::Error> {
        Ok(Self(availability::at(connection, now).await?))
    }

    /// Until when somebody's private cards wait; `None`: they do not.
    pub fn in_focus_until(&self, person: &StaffName, rules: &Rules, now: Timestamp) -> Option<Timestamp> {
        self.asked(person, Kind::Focus).map(|asked| asked.until).max(rules.focus_until(person, now))
    }

    /// How many people are in their focus.
    pub fn in_focus(&self, rules: &Rules, now: Timestamp) -> i64 {
        let names = rules.roster.iter().map(|entry| &entry.name);
        let in_focus = names.filter(|name| self.in_focus_until(name, rules, now).is_some()).count();
        i64::try_from(in_focus).unwrap_or(i64::MAX)
    }

    fn asked(&self, person: &StaffName, kind: Kind) -> Option<&Asked> {
        self.0.iter().find(|asked| asked.person == *person && asked.kind == kind)
    }
}
