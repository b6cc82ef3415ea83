//! Running the command itself.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

/// What a run left.
pub struct Ran {
    pub code: i32,
    pub out: String,
    /// What it complained of.
    pub err: String,
}

/// Runs `huiyin` with words of a command line, without anything of this process's environment.
pub async fn huiyin(words: &[&str]) -> Result<Ran> {
    huiyin_in(Path::new("."), words).await
}

/// The same in another working folder.
pub async fn huiyin_in(folder: &Path, words: &[&str]) -> Result<Ran> {
    let output = Command::new(env!("CARGO_BIN_EXE_huiyin"))
        .args(words)
        .current_dir(folder)
        .env_clear()
        .kill_on_drop(true)
        .output()
        .await
        .context("running huiyin")?;
    Ok(Ran {
        code: output.status.code().context("ended by a signal")?,
        out: String::from_utf8(output.stdout)?,
        err: String::from_utf8(output.stderr)?,
    })
}

/// A folder with a configuration file in it.
pub fn configured(config: &Value) -> Result<(TempDir, String)> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("huiyin.json");
    std::fs::write(&file, config.to_string())?;
    Ok((folder, text(&file)))
}

/// A path as a word of a command line.
pub fn text(path: &Path) -> String {
    path.display().to_string()
}
