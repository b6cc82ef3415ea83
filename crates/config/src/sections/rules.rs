//! The section `rules`: what the company decides. Its form and its meaning are the domain's.

use domain::rules::Rules;

use crate::problem::Problems;

/// What is wrong with the rules.
pub(crate) fn check(rules: &Rules, problems: &mut Problems) {
    for problem in rules.validate() {
        let message = format!("found {}, expected {}", problem.found, problem.expected);
        problems.add(format!("rules.{}", problem.path), message);
    }
}
