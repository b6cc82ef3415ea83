//! Who is not to be disturbed, and who is away: by the windows of the rules, and by what people asked for on a card or with the command.

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

    /// Whoever stands in for somebody who is away, or for whoever is away of those that stand in; themselves, if they are
    /// here. `None`: nobody, since each stands in for the other.
    pub fn stand_in<'s>(&'s self, person: &'s StaffName) -> Option<&'s StaffName> {
        let mut here = person;
        // More steps than there are people away: a circle.
        for _ in 0..=self.0.len() {
            let Some(absence) = self.asked(here, Kind::Absence) else { return Some(here) };
            here = absence.deputy.as_ref()?;
        }
        None
    }

    /// Whether somebody is away.
    pub fn is_away(&self, person: &StaffName) -> bool {
        self.asked(person, Kind::Absence).is_some()
    }

    /// How many people are away.
    pub fn away(&self) -> i64 {
        i64::try_from(self.absences().count()).unwrap_or(i64::MAX)
    }

    /// Tells the absences of one moment from those of any later one: they only end, or newer ones come.
    pub fn absence_mark(&self) -> (i64, i64) {
        (self.absences().map(|absence| absence.id).max().unwrap_or_default(), self.away())
    }

    fn absences(&self) -> impl Iterator<Item = &Asked> {
        self.0.iter().filter(|asked| asked.kind == Kind::Absence)
    }

    fn asked(&self, person: &StaffName, kind: Kind) -> Option<&Asked> {
        self.0.iter().find(|asked| asked.person == *person && asked.kind == kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> StaffName {
        StaffName(name.into())
    }

    fn away(pairs: &[(&str, &str)]) -> Availability {
        let absence = |(id, (person, deputy)): (i64, &(&str, &str))| Asked {
            id,
            person: name(person),
            kind: Kind::Absence,
            deputy: Some(name(deputy)),
            by: String::new(),
            until: Timestamp::UNIX_EPOCH,
        };
        Availability((1..).zip(pairs).map(absence).collect())
    }

    #[test]
    fn whoever_is_here_stands_in_at_the_end_of_the_chain_and_nobody_in_a_circle() {
        for (pairs, expected) in [
            (&[][..], Some("a")),
            (&[("b", "a")], Some("a")),
            (&[("a", "b")], Some("b")),
            (&[("a", "b"), ("b", "c")], Some("c")),
            (&[("a", "b"), ("b", "a")], None),
            (&[("a", "b"), ("b", "c"), ("c", "b")], None),
            (&[("a", "a")], None),
        ] {
            assert_eq!(away(pairs).stand_in(&name("a")), expected.map(name).as_ref(), "{pairs:?}");
        }
    }

    #[test]
    fn an_absence_that_ends_or_begins_leaves_another_mark() {
        let marks =
            [away(&[("a", "b"), ("b", "c")]), away(&[("a", "b")]), away(&[])].map(|of| of.absence_mark());
        assert_eq!(marks, [(2, 2), (1, 1), (0, 0)]);
    }
}
