//! The commands that messages and cards name, as they can be pasted into a shell: with the program's own path and the home
//! or configuration that is meant.

use std::path::Path;

use runtime::Config;
use runtime::config::Operated;

use crate::local::RunBy;

/// Characters that no shell reads anything into.
const PLAIN: &str = "_-./+,:@%=";

/// What stands before a verb that is about this home: `target/release/huiyin --home .huiyin`.
pub(crate) fn for_home(home: &Path) -> String {
    format!("{} --home {}", program(), in_shell(&home.display().to_string()))
}

/// What stands before a verb that is about what this file describes.
pub(crate) fn for_config(file: &Path) -> String {
    format!("{} --config {}", program(), in_shell(&file.display().to_string()))
}

/// This program, as it was called itself.
fn program() -> String {
    let program = std::env::args_os()
        .next()
        .map_or_else(|| "huiyin".into(), |name| name.to_string_lossy().into_owned());
    in_shell(&program)
}

/// Tells services that run in a home which commands they may print. Whoever reads a card is in no certain folder.
pub(crate) fn set_operated(config: &mut Config, home: &Path, run_by: RunBy) {
    let Some(watchdog) = &mut config.watchdog else { return };
    let program =
        std::env::current_exe().map_or_else(|_| "huiyin".to_owned(), |file| file.display().to_string());
    let home = std::path::absolute(home).unwrap_or_else(|_| home.to_owned());
    let huiyin = format!("{} --home {}", in_shell(&program), in_shell(&home.display().to_string()));
    watchdog.operated = Operated::Home { verb: run_by.verb(), huiyin };
}

/// A word as a shell reads it.
pub(crate) fn in_shell(word: &str) -> String {
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
        let mut config = testkit::company::config("nats://127.0.0.1:1").unwrap();
        set_operated(&mut config, Path::new("."), RunBy::Up);
        assert_eq!(config.watchdog, None, "nobody to be told");
        let watchdog = serde_json::json!({ "operators_chat": "oc_9" });
        config.watchdog = Some(serde_json::from_value(watchdog).unwrap());
        set_operated(&mut config, Path::new("my home"), RunBy::Demo);
        let on = &config.watchdog.as_ref().unwrap().operated;
        assert!(on.restart("ingest").contains("/my home' demo（"), "a demo's home is not for `up`");
        let (shown, here) = (on.huiyin("dead list"), std::env::current_dir().unwrap());
        assert!(
            shown.starts_with('/')
                && shown.contains(&format!("--home '{}/my home' dead list", here.display())),
            "{shown}"
        );
        assert!(for_home(Path::new("a b")).ends_with(" --home 'a b'"));
        assert!(for_config(Path::new("a b.json")).ends_with(" --config 'a b.json'"));
    }
}
