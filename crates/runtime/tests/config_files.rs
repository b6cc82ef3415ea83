//! Every file in `config/` is a configuration that can be put in force, and the schema beside them is the types' own.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use runtime::config::{ConfigError, Source, load_complete};
use serde_json::Value;

const SCHEMA: &str = "huiyin.schema.json";
const DEMO: &str = "demo.json";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config")
}

fn configurations() -> Result<BTreeMap<String, Value>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder())? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if path.extension().is_some_and(|extension| extension == "json") && name != SCHEMA {
            let value = serde_json::from_str(&fs::read_to_string(&path)?).context(name.clone())?;
            found.insert(name, value);
        }
    }
    Ok(found)
}

/// Lets every `NAME_file` name a file that is there.
fn provide_secrets(node: &mut Value, folder: &Path) -> Result<()> {
    match node {
        Value::Object(section) => {
            for (key, value) in section {
                if let (true, Value::String(file)) = (key.ends_with("_file"), &mut *value) {
                    let kept = folder.join(file.replace('/', "_"));
                    // No two the same.
                    fs::write(&kept, format!("{}\n", file.replace('/', "-")))?;
                    *file = kept.display().to_string();
                }
                provide_secrets(value, folder)?;
            }
        }
        Value::Array(items) => items.iter_mut().try_for_each(|item| provide_secrets(item, folder))?,
        _ => {}
    }
    Ok(())
}

fn problems(name: &str, mut value: Value) -> Result<Vec<String>> {
    let folder = tempfile::tempdir()?;
    provide_secrets(&mut value, folder.path())?;
    let file = folder.path().join(name);
    fs::write(&file, value.to_string())?;
    match load_complete(&Source { file, environment: false }) {
        Ok(_) => Ok(Vec::new()),
        Err(ConfigError::Problems(problems)) => Ok(problems.iter().map(ToString::to_string).collect()),
        Err(error) => Err(error.into()),
    }
}

#[test]
fn every_configuration_can_be_put_in_force() -> Result<()> {
    let configurations = configurations()?;
    assert!(configurations.contains_key("default.json") && configurations.contains_key(DEMO));
    for (name, value) in configurations.into_iter().filter(|(name, _)| name != DEMO) {
        assert_eq!(problems(&name, value)?, Vec::<String>::new(), "{name}");
    }
    Ok(())
}

/// Addresses, tokens and sheets are each run's own; all else must stand in the file.
#[test]
fn the_demo_lacks_only_what_a_run_gives_it() -> Result<()> {
    let given = [
        "bus",
        "database.passwords",
        "feishu.app_secret",
        "feishu.encrypt_key",
        "feishu.verification_token",
        "vika.reconcile_token",
        "vika.sheets",
        "vika.sync_token",
    ];
    let demo = configurations()?.remove(DEMO).context(DEMO)?;
    for problem in problems(DEMO, demo)? {
        let lacks = problem.contains(": is missing: ") && given.iter().any(|path| problem.starts_with(path));
        assert!(lacks, "{problem}");
    }
    Ok(())
}

#[test]
fn every_configuration_is_valid_by_the_schema_that_it_refers_to() -> Result<()> {
    let schema = jsonschema::validator_for(&runtime::config::schema())?;
    for (name, value) in configurations()? {
        assert_eq!(value["$schema"], format!("./{SCHEMA}"), "{name}");
        let errors: Vec<String> = schema.iter_errors(&value).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new(), "{name}");
    }
    Ok(())
}

#[test]
fn the_schema_has_not_drifted() -> Result<()> {
    let written: Value = serde_json::from_str(&fs::read_to_string(folder().join(SCHEMA))?)?;
    assert!(
        written == runtime::config::schema(),
        "config/{SCHEMA} is not what the types say: cargo run -p huiyin -- schema > config/{SCHEMA}"
    );
    Ok(())
}

/// The default ladders are the ones that the report's users know.
#[test]
fn the_default_ladders_end_after_seventy_minutes() -> Result<()> {
    let value: Value = serde_json::from_str(&fs::read_to_string(folder().join("default.json"))?)?;
    for stage in ["pre_sales", "after_sales"] {
        let ladder: domain::rules::Ladder = serde_json::from_value(value["rules"]["ladders"][stage].clone())?;
        let steps: Vec<String> = domain::ladder::steps(&ladder)
            .map(|step| format!("{} {:?} {:?}", step.rung.0 / 60, step.colour, step.audience))
            .collect();
        assert_eq!(
            steps,
            [
                "5 Turquoise Owner",
                "10 Yellow Owner",
                "20 Orange Owner",
                "30 Red OwnerAndPublic",
                "40 Purple OwnerAndPublic",
                "50 Blue OwnerAndPublic",
                "60 Grey OwnerAndPublic",
                "70 Grey OwnerAndPublic",
            ],
            "{stage}"
        );
    }
    Ok(())
}
