//! Commands as this program prints them, to be pasted: called as it was called itself, and about the home that is meant.

use std::path::Path;

/// Characters that no shell reads anything into.
const PLAIN: &str = "_-./+,:@%=";

/// What stands before a verb that is about this home: `target/release/huiyin --home .huiyin`.
pub(crate) fn about(home: &Path) -> String {
    let program = std::env::args_os()
        .next()
        .map_or_else(|| "huiyin".into(), |name| name.to_string_lossy().into_owned());
    format!("{} --home {}", in_shell(&program), in_shell(&home.display().to_string()))
}

/// A word as a shell reads it.
fn in_shell(word: &str) -> String {
    if !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || PLAIN.contains(c)) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_can_be_pasted() {
        assert_eq!(in_shell("/srv/huiyin/.huiyin"), "/srv/huiyin/.huiyin");
        assert_eq!(in_shell("/srv/our demo/it's"), "'/srv/our demo/it'\\''s'");
        assert!(about(Path::new("a b")).ends_with(" --home 'a b'"));
    }
}
