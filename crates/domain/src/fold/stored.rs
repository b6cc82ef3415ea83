//! How a state is written, so that release 0.1.0 can read it beside us, and how what that release wrote is read. To go
//! with the release after the next.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::FoldState;
use crate::presence::{Absence, Presence};

/// A state with the word that the former release has for [`Presence`], and needs.
#[derive(Serialize)]
struct Written<'a> {
    /// Our account has left the room.
    account_left: bool,
    #[serde(flatten, with = "FoldState")]
    state: &'a FoldState,
}

#[derive(Deserialize)]
struct Read {
    #[serde(default)]
    account_left: bool,
    #[serde(flatten, with = "FoldState")]
    state: FoldState,
}

impl Serialize for FoldState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let account_left = self.presence.unobserved().is_some();
        Written { account_left, state: self }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for FoldState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Read { account_left, mut state } = Read::deserialize(deserializer)?;
        // The former release drops what it does not know: which account left, and when, it does not say.
        if let Some(through) =
            state.through.as_ref().filter(|_| account_left && state.presence == Presence::default())
        {
            let absence = Absence { entry: through.entry.clone(), at: through.at, by: None };
            state.presence.left("", absence);
        }
        Ok(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::EntryId;
    use crate::testing::at;
    use crate::timeline::Position;

    /// Seen to fail with `account_left` not looked at: a room that everybody had left counted as observed.
    #[test]
    fn a_state_of_the_former_release_keeps_its_absence() {
        let through = Position { at: at(7), order: 0, seq: 1, entry: EntryId("left".into()), after: None };
        let state = FoldState { through: Some(through), ..FoldState::default() };
        let mut former = serde_json::to_value(&state).unwrap();
        assert_eq!(former["account_left"], false);
        former.as_object_mut().unwrap().remove("presence");
        assert_eq!(serde_json::from_value::<FoldState>(former.clone()).unwrap(), state);
        former["account_left"] = true.into();
        let read: FoldState = serde_json::from_value(former).unwrap();
        assert_eq!(read.presence.unobserved().map(|left| left.at), Some(at(7)));
        let again = serde_json::to_value(&read).unwrap();
        assert_eq!(again["account_left"], true);
        assert_eq!(serde_json::from_value::<FoldState>(again).unwrap(), read);
    }
}
