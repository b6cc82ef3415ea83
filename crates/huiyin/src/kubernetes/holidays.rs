//! The files of public holidays in a cluster: a `ConfigMap` beside the configuration's, which only `apply` reads.

use std::fs;
use std::path::{Component, Path};

use anyhow::Context as _;
use runtime::config::HolidayFiles;
use serde_json::{Map, Value, json};

use crate::failure::{Failure, Result};

/// What the folder holds that a configuration names.
#[derive(Debug, Default)]
pub(super) struct Holidays {
    /// The folder, from the configuration's.
    folder: String,
    /// Each file's name and text.
    files: Vec<(String, String)>,
    /// All texts.
    text: String,
}

impl Holidays {
    /// Reads them; `beside` is the configuration's folder.
    pub(super) fn read(config: &Value, beside: &Path) -> Result<Self> {
        let Some(folder) = config["holidays"].as_str() else { return Ok(Self::default()) };
        let plain = Path::new(folder).components().all(|part| matches!(part, Component::Normal(_)));
        if !plain {
            let message = format!("holidays: `{folder}`, expected a folder within that of the configuration");
            return Err(Failure::Usage(message));
        }
        let read = HolidayFiles::read(&beside.join(folder));
        if !read.faults.is_empty() {
            return Err(Failure::Usage(read.faults.join("\n")));
        }
        let mut files = Vec::new();
        for file in &read.files {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            files.push((name, fs::read_to_string(file).with_context(|| file.display().to_string())?));
        }
        let text = files.iter().map(|(_, text)| text.as_str()).collect();
        Ok(Self { folder: folder.to_owned(), files, text })
    }

    /// What tells these files from others.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The data of the `ConfigMap`, if there are files.
    pub(super) fn data(&self) -> Option<Value> {
        let data: Map<String, Value> =
            self.files.iter().map(|(name, text)| (name.clone(), json!(text))).collect();
        (!data.is_empty()).then_some(Value::Object(data))
    }

    /// Where each of them is mounted, if there are files.
    pub(super) fn items(&self) -> Option<Value> {
        let item =
            |(name, _): &(String, String)| json!({ "key": name, "path": format!("{}/{name}", self.folder) });
        (!self.files.is_empty()).then(|| self.files.iter().map(item).collect())
    }
}
