//! What several sections ask of a value.

use domain::span::Span;

use crate::problem::Problems;

/// No period is shorter: what is done in it would be done without an end.
pub(super) const SHORTEST_PERIOD: Span = Span::seconds(1);

/// A time after which something is done again.
pub(super) fn period(path: &str, span: Span, problems: &mut Problems) {
    if span < SHORTEST_PERIOD {
        problems.add(path, too_short(span, SHORTEST_PERIOD));
    }
}

/// What is said of a length of time that is below the least.
pub(super) fn too_short(found: Span, least: Span) -> String {
    format!("\"{found}\" is too short: expected at least \"{least}\"")
}

/// A root to which paths are added.
pub(super) fn address(path: &str, url: &str, problems: &mut Problems) {
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    if host.is_none_or(|host| host.is_empty() || host.contains(['/', '?', '#', ' ', '@'])) {
        problems.add(path, "expected an address without a path, like \"https://example.com\"");
    }
}
