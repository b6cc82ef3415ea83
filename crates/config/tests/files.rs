//! Every file in `config/` is a configuration that can be put in force, and the schema beside them is the types' own.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use config::{ConfigError, Scope, Source, load_complete};
use domain::login::Role;
use serde_json::Value;

const SCHEMA: &str = "huiyin.schema.json";

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

/// Lets every `NAME_file`, and every path of `password_files`, name a file that is there.
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
                if let ("password_files", Value::String(files)) = (key.as_str(), &mut *value) {
                    let kept = folder.join(files.replace('/', "_")).display().to_string();
                    for login in Role::ALL.map(Role::name).into_iter().chain(["admin"]) {
                        fs::write(kept.replace("{role}", login), format!("{files}-{login}\n"))?;
                    }
                    *files = kept;
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
    if let Value::String(holidays) = &mut value["holidays"] {
        *holidays = self::folder().join(&*holidays).display().to_string();
    }
    let file = folder.path().join(name);
    fs::write(&file, value.to_string())?;
    match load_complete(&Source { file, environment: false }, Scope::Everything) {
        Ok(_) => Ok(Vec::new()),
        Err(ConfigError::Problems(problems)) => Ok(problems.iter().map(ToString::to_string).collect()),
        Err(error) => Err(error.into()),
    }
}

#[test]
fn every_configuration_can_be_put_in_force() -> Result<()> {
    let configurations = configurations()?;
    assert!(configurations.contains_key("default.json") && configurations.contains_key("demo.json"));
    for (name, value) in configurations {
        assert_eq!(problems(&name, value)?, Vec::<String>::new(), "{name}");
    }
    Ok(())
}

#[test]
fn every_configuration_is_valid_by_the_schema_that_it_refers_to() -> Result<()> {
    let schema = jsonschema::validator_for(&config::schema())?;
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
        written == config::schema(),
        "config/{SCHEMA} is not what the types say: cargo run -p huiyin -- schema > config/{SCHEMA}"
    );
    Ok(())
}

/// Whoever declares no calendar has what is shipped.
#[test]
fn the_default_calendars_are_those_of_whoever_names_none() -> Result<()> {
    let value: Value = serde_json::from_str(&fs::read_to_string(folder().join("default.json"))?)?;
    for stage in ["pre_sales", "after_sales"] {
        let calendar: domain::calendar::Calendar =
            serde_json::from_value(value["rules"]["calendars"][stage].clone())?;
        assert_eq!(calendar, domain::calendar::Calendar::default(), "{stage}");
    }
    let holidays = config::HolidayFiles::read(&folder().join("holidays"));
    assert_eq!((holidays.faults, holidays.years.len()), (Vec::new(), 2));
    Ok(())
}

/// The ladders of the original's final report, for both stages.
#[test]
fn the_default_ladders_are_the_reports() -> Result<()> {
    let value: Value = serde_json::from_str(&fs::read_to_string(folder().join("default.json"))?)?;
    let rungs = [
        "5 Turquoise [Owner]",
        "10 Yellow [Owner]",
        "20 Orange [Owner, Public]",
        "30 Red [Owner, Public]",
        "40 Purple [Owner, Public]",
    ];
    let repeats = (50..=1_000).step_by(10).map(|minutes| format!("{minutes} Grey [Owner, Public]"));
    let expected: Vec<String> = rungs.map(str::to_owned).into_iter().chain(repeats).collect();
    for stage in ["pre_sales", "after_sales"] {
        let ladders: domain::rules::Ladders = serde_json::from_value(value["rules"]["ladders"].clone())?;
        assert_eq!(ladders.goes_by(), Some(domain::rules::Preset::Report));
        let ladder = if stage == "pre_sales" { &ladders.pre_sales } else { &ladders.after_sales };
        let steps: Vec<String> = domain::ladder::steps(ladder)
            .map(|step| format!("{} {:?} {:?}", step.rung.0 / 60, step.severity, step.audience))
            .collect();
        assert_eq!(steps, expected, "{stage}");
    }
    Ok(())
}

/// What a manager is told is what is shipped.
#[test]
fn the_managers_guide_names_the_default_ladder() -> Result<()> {
    let guide = fs::read_to_string(folder().join("../docs/zh/manager.md"))?;
    let lines: Vec<&str> =
        guide.lines().skip_while(|line| !line.starts_with("| 等了多久")).skip(2).take(6).collect();
    let told = [
        ("5 分钟", "绿", "负责人的群"),
        ("10 分钟", "黄", "负责人的群"),
        ("20 分钟", "橙", "负责人的群和公共群"),
        ("30 分钟", "红", "负责人的群和公共群"),
        ("40 分钟", "紫", "负责人的群和公共群"),
        ("50 分钟起，每 10 分钟一次，到 1000 分钟为止", "灰", "负责人的群和公共群"),
    ];
    for (line, (after, colour, whom)) in lines.iter().zip(told) {
        assert!(
            line.starts_with(&format!("| {after} | {colour}")) && line.ends_with(&format!("| {whom} |")),
            "{line}"
        );
    }
    Ok(())
}
