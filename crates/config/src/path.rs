//! Where something stands in the configuration: `rules.roster[2].contacts[0]`.

use std::fmt;

use jsonschema::paths::{Location, LocationSegment};
use serde_json::Value;

/// One step into a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Into a section, by key.
    Key(String),
    /// Into a list, by position.
    Index(usize),
}

/// A place. The empty one is the whole configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Path(Vec<Step>);

impl Path {
    /// The place of a key within this one.
    pub(super) fn key(&self, key: &str) -> Self {
        self.with(Step::Key(key.to_owned()))
    }

    /// The place of a list's item within this one.
    pub(super) fn index(&self, index: usize) -> Self {
        self.with(Step::Index(index))
    }

    /// From its words, for comparing: an index stays part of its key.
    pub(super) fn of_text(text: &str) -> Self {
        Self(text.split('.').map(|key| Step::Key(key.to_owned())).collect())
    }

    fn with(&self, step: Step) -> Self {
        Self(self.0.iter().cloned().chain([step]).collect())
    }

    pub(super) fn of_keys(keys: &[String]) -> Self {
        Self(keys.iter().cloned().map(Step::Key).collect())
    }

    /// The place that `pointer` names within `root`, which tells lists from sections with numbers for keys.
    pub(super) fn of_pointer(pointer: &Location, root: &Value) -> Self {
        let mut here = Some(root);
        let step = |segment: LocationSegment<'_>| {
            let text = segment.to_string();
            let list = here.and_then(Value::as_array);
            if let (Some(list), Ok(index)) = (list, text.parse::<usize>()) {
                here = list.get(index);
                return Step::Index(index);
            }
            here = here.and_then(|value| value.get(&text));
            Step::Key(text)
        };
        Self(pointer.iter().map(step).collect())
    }

    pub(super) fn steps(&self) -> &[Step] {
        &self.0
    }

    /// The key that it ends with.
    pub(super) fn last_key(&self) -> Option<&str> {
        match self.0.last() {
            Some(Step::Key(key)) => Some(key),
            _ => None,
        }
    }

    /// The place around this one.
    pub(super) fn parent(&self) -> Self {
        Self(self.0[..self.0.len().saturating_sub(1)].to_vec())
    }

    /// Whether `text` names this place or one within it.
    pub(super) fn covers(&self, text: &str) -> bool {
        let own = self.to_string();
        text.strip_prefix(own.as_str())
            .is_some_and(|rest| own.is_empty() || rest.is_empty() || rest.starts_with(['.', '[']))
    }

    /// What stands at this place.
    pub(super) fn find<'v>(&self, root: &'v Value) -> Option<&'v Value> {
        self.0.iter().try_fold(root, |here, step| match step {
            Step::Key(key) => here.get(key),
            Step::Index(index) => here.get(index),
        })
    }

    /// The same, to be changed.
    pub(super) fn find_mut<'v>(&self, root: &'v mut Value) -> Option<&'v mut Value> {
        self.0.iter().try_fold(root, |here, step| match step {
            Step::Key(key) => here.get_mut(key),
            Step::Index(index) => here.get_mut(index),
        })
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if position == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}
