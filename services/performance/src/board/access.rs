//! Who may see what. Every handler is handed a [`Viewer`], and asks it.

use domain::rules::Rules;
use runtime::config::Board;

/// Somebody who is logged in, by what they may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Viewer {
    /// Everything.
    Manager,
    /// All figures, and nothing by which a customer could be known: no rooms, no customers, no texts.
    Hr,
    /// What is their own.
    Own {
        /// By the name in the roster.
        name: String,
        /// Others' figures too, as [`Viewer::Hr`] sees them.
        sees_others: bool,
    },
}

impl Viewer {
    /// What a person may see by the rules in force. `None`: nothing, as whoever has left.
    pub fn of(person: &str, rules: &Rules, board: &Board) -> Option<Self> {
        let works_here = rules.staff_by_name(person).is_ok_and(|entry| entry.name.as_str() == person);
        if works_here && rules.managers.iter().any(|manager| manager.as_str() == person) {
            return Some(Self::Manager);
        }
        if board.hr.iter().any(|name| name == person) {
            return Some(Self::Hr);
        }
        let sees_others = board.people_see_each_other;
        works_here.then(|| Self::Own { name: person.to_owned(), sees_others })
    }

    /// Whose figures alone they see; `None`: everybody's.
    pub fn only(&self) -> Option<&str> {
        match self {
            Self::Own { name, sees_others: false } => Some(name),
            _ => None,
        }
    }

    /// Whether they see the figures of a person.
    pub fn sees_figures_of(&self, person: &str) -> bool {
        self.only().is_none_or(|own| own == person && !own.is_empty())
    }

    /// Whether they see the names of rooms and customers of what this person owns, why a wait is one, and what was said.
    pub fn sees_names_of(&self, owner: &str) -> bool {
        match self {
            Self::Manager => true,
            Self::Hr => false,
            Self::Own { name, .. } => name == owner,
        }
    }

    /// Whether they see a wait at all: it is theirs to see, or they ended it.
    pub fn sees_wait(&self, owner: &str, ended_by: Option<&str>) -> bool {
        let ended_it = matches!(self, Self::Own { name, .. } if ended_by == Some(name));
        self.sees_figures_of(owner) || ended_it
    }

    /// Whose rooms they may look through; `None`: everybody's. An error: nobody's.
    ///
    /// # Errors
    /// If they see no rooms.
    pub fn rooms_of(&self) -> Result<Option<&str>, NoRooms> {
        match self {
            Self::Manager => Ok(None),
            Self::Hr => Err(NoRooms),
            Self::Own { name, .. } => Ok(Some(name)),
        }
    }

    /// Whether people may be put in an order of their figures before them.
    pub const fn may_rank(&self) -> bool {
        matches!(self, Self::Manager)
    }

    /// The one whose page is theirs.
    pub fn own_name(&self) -> Option<&str> {
        match self {
            Self::Own { name, .. } => Some(name),
            _ => None,
        }
    }

    /// What the header says of them.
    pub const fn title(&self) -> &'static str {
        match self {
            Self::Manager => "经理",
            Self::Hr => "人事",
            Self::Own { .. } => "本人",
        }
    }
}

/// Rooms are not for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoRooms;

#[cfg(test)]
mod tests {
    use domain::id::StaffName;
    use domain::secret::Secret;

    use super::*;

    fn rules() -> Rules {
        let mut rules = testkit::company::config("nats://127.0.0.1:1").unwrap().rules;
        let mut manager = rules.roster[0].clone();
        manager.name = StaffName("周经理".into());
        rules.roster.push(manager);
        rules.managers = vec![StaffName("周经理".into()), StaffName("走了的经理".into())];
        rules
    }

    fn board(people_see_each_other: bool) -> Board {
        Board {
            listen: "127.0.0.1:0".parse().unwrap(),
            public_url: "http://127.0.0.1".into(),
            session_key: Secret::new("k".repeat(32)),
            hr: vec!["吴人事".into()],
            people_see_each_other,
            feishu_login: None,
        }
    }

    fn viewer(person: &str) -> Option<Viewer> {
        Viewer::of(person, &rules(), &board(false))
    }

    #[test]
    fn whoever_has_left_or_never_was_sees_nothing() {
        for stranger in ["", " ", "走了的经理", "王小售 ", "陈小样"] {
            assert_eq!(viewer(stranger), None, "{stranger:?}");
        }
        assert_eq!(viewer("周经理"), Some(Viewer::Manager));
        assert_eq!(viewer("吴人事"), Some(Viewer::Hr));
    }

    #[test]
    fn a_member_of_staff_sees_what_is_their_own() {
        let own = viewer("王小售").unwrap();
        assert_eq!(own, Viewer::Own { name: "王小售".into(), sees_others: false });
        assert!(own.sees_figures_of("王小售") && own.sees_names_of("王小售"));
        for other in ["李小后", "", "周经理"] {
            assert!(!own.sees_figures_of(other) && !own.sees_names_of(other));
            assert!(!own.sees_wait(other, Some("李小后")) && !own.sees_wait(other, None));
        }
        assert!(own.sees_wait("李小后", Some("王小售")), "whoever replied may look at how long it took");
        assert!(!own.may_rank());
        assert_eq!(own.rooms_of(), Ok(Some("王小售")));
    }

    #[test]
    fn figures_of_others_are_shown_by_a_setting_and_never_with_names() {
        let own = Viewer::of("王小售", &rules(), &board(true)).unwrap();
        assert!(own.sees_figures_of("李小后") && own.sees_wait("李小后", None));
        assert!(!own.sees_names_of("李小后") && !own.may_rank());
        assert_eq!(own.rooms_of(), Ok(Some("王小售")));
    }

    #[test]
    fn hr_sees_figures_and_nothing_by_which_a_customer_is_known() {
        let hr = viewer("吴人事").unwrap();
        assert!(hr.sees_figures_of("王小售") && hr.sees_figures_of("") && hr.sees_wait("王小售", None));
        assert!(!hr.sees_names_of("王小售") && !hr.may_rank());
        assert_eq!(hr.rooms_of(), Err(NoRooms));
    }

    #[test]
    fn nobodys_waits_are_the_managers_alone() {
        assert!(viewer("周经理").unwrap().sees_names_of(""));
        let nameless = Viewer::Own { name: String::new(), sees_others: false };
        assert!(!nameless.sees_figures_of(""));
    }
}
