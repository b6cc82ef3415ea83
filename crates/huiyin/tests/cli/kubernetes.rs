//! The manifests in `deploy/kubernetes`, and what `huiyin kubernetes` will not write.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Result, ensure};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn kubernetes(config: &Path, folder: &Path) -> Result<Output> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_huiyin"));
    Ok(command.arg("--config").arg(config).arg("kubernetes").arg(folder).output()?)
}

fn files(folder: &Path) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        found.insert(name, fs::read_to_string(&path)?);
    }
    Ok(found)
}

#[test]
fn the_manifests_have_not_drifted() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let ran = kubernetes(&repository().join("config/default.json"), folder.path())?;
    ensure!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let (written, kept) = (files(folder.path())?, files(&repository().join("deploy/kubernetes"))?);
    for (name, text) in &written {
        ensure!(
            kept.get(name) == Some(text),
            "{name}: write it anew with `huiyin --config config/default.json kubernetes deploy/kubernetes`"
        );
    }
    ensure!(written.len() + 1 == kept.len(), "besides these there is the check alone: {:?}", kept.keys());
    Ok(())
}

/// Pods find the files where the configuration says, which is beside it.
#[test]
fn holidays_from_elsewhere_are_refused() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let config = folder.path().join("huiyin.json");
    let text = fs::read_to_string(repository().join("config/default.json"))?;
    for (named, told) in [("/srv/holidays", "expected a folder within"), ("holidays", "there is no folder")] {
        fs::write(
            &config,
            text.replace("\"holidays\": \"holidays\"", &format!("\"holidays\": \"{named}\"")),
        )?;
        let ran = kubernetes(&config, &folder.path().join("manifests"))?;
        let said = String::from_utf8_lossy(&ran.stderr);
        ensure!(ran.status.code() == Some(2) && said.contains(told), "{said}");
    }
    Ok(())
}

#[test]
fn no_secret_gets_into_a_manifest() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let config = folder.path().join("huiyin.json");
    let text = fs::read_to_string(repository().join("config/default.json"))?;
    fs::write(&config, text.replace("\"app_secret_file\": \"/run/secrets/", "\"app_secret\": \""))?;
    let ran = kubernetes(&config, &folder.path().join("manifests"))?;
    let said = String::from_utf8_lossy(&ran.stderr);
    ensure!(ran.status.code() == Some(2) && said.contains("feishu.app_secret"), "{said}");
    ensure!(!folder.path().join("manifests").exists(), "nothing is written");
    Ok(())
}
