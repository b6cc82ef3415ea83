//! One line for each way in which no Huiyin is found.

use std::path::Path;

use runtime::main_wrapper::DEFAULT_CONFIG;

use super::{DEMO_HOME, UP_HOME};
use crate::command_hints::{for_home, in_shell};
use crate::local::{Home, RunBy};

fn home_in_shell(folder: &Path) -> String {
    in_shell(&folder.display().to_string())
}

pub(super) fn found(folder: &Path, home: &Home) -> String {
    let by = if let Home::Running(record) = home { record.run_by } else { RunBy::Up };
    format!("about `{by}`, which runs in {}", folder.display())
}

pub(super) fn which<'f>(folders: impl Iterator<Item = &'f Path>) -> String {
    let named: Vec<String> = folders.map(|folder| format!("--home {}", home_in_shell(folder))).collect();
    format!("more than one Huiyin runs here: say which is meant, with {}", named.join(" or "))
}

pub(super) fn no_home(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "{folder}: expected the home of a running `huiyin up` or `huiyin demo`, and nothing was ever up there"
    )
}

pub(super) fn stopped(folder: &Path, run_by: RunBy) -> String {
    format!(
        "{}: nothing runs there now, and this command needs it running: `{} {}`",
        folder.display(),
        for_home(folder),
        run_by.verb()
    )
}

pub(super) fn stopped_here(folder: &Path) -> String {
    let home = folder.display();
    format!(
        "`huiyin up` does not run in {home}, and this command needs it running (where {DEFAULT_CONFIG} describes a \
         deployment by now, name it with --config)"
    )
}

pub(super) fn once_of_home(file: &Path, folder: &Path) -> String {
    format!(
        "about the servers that {} names; `huiyin up`, which ran with it in {}, does not run now",
        file.display(),
        folder.display()
    )
}

pub(super) fn name_it(folder: &Path) -> String {
    format!(
        "nothing was restored: `huiyin up`, which ran in {}, has stopped; to restore into it name it with --home {} (where \
         its configuration describes a deployment by now, name that with --config)",
        folder.display(),
        home_in_shell(folder)
    )
}

pub(super) fn as_last(config: &Path) -> String {
    format!("with {}, as the last time in this home (--config names another)", config.display())
}

pub(super) fn no_servers(file: &Path) -> String {
    format!(
        "{} names no bus, so it is one for `huiyin up`: nothing in {DEMO_HOME} or {UP_HOME} runs with it; start it, or \
         name its home with --home",
        file.display()
    )
}

pub(super) fn starting(folder: &Path) -> String {
    format!("{}: it is just starting there: try again in a moment", folder.display())
}

pub(super) fn stop_first(folder: &Path) -> String {
    let (folder, home) = (folder.display(), home_in_shell(folder));
    format!("{folder}: stop what runs there first (Ctrl-C), then restore with --home {home}")
}

pub(super) fn demo_begins_afresh(folder: &Path) -> String {
    format!("{}: a demo begins afresh at each start: name another folder", folder.display())
}

pub(super) fn nowhere() -> String {
    format!(
        "there is no file {DEFAULT_CONFIG}, and nothing runs in {DEMO_HOME} or {UP_HOME}: name a home with --home or \
         a configuration with --config"
    )
}
