//! `huiyin import-original`: a configuration of Huiyin from the one of the sales-assistant of 2022 (`default.json` of
//! juzibot/sales-assistant), with every part of it that could not be taken.

mod ladder;
#[cfg(test)]
mod tests;
mod translate;
mod wording;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use runtime::config::{ConfigError, Scope, Source, load_within};
use serde_json::Value;

use self::translate::{Translation, translate};
use crate::failure::{Failure, Result};

/// What `import-original` is called with.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The original's configuration
    file: PathBuf,
    /// Write the new configuration to this file, which must not exist [default: print it]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let text = fs::read_to_string(&args.file).with_context(|| args.file.display().to_string())?;
    // A secret may stand anywhere in it: the parser's message would quote it.
    let original: Value = serde_json::from_str(&text).map_err(|error| {
        Failure::Usage(wording::not_json(&args.file.display().to_string(), error.line(), error.column()))
    })?;
    let Translation { config, taken, left } =
        translate(&original).ok_or_else(|| Failure::Usage(wording::NOT_THE_ORIGINAL.to_owned()))?;
    match &args.output {
        Some(file) => write_new(file, &config)?,
        None => println!("{config:#}"),
    }
    eprintln!("{}", wording::taken(&taken));
    eprintln!("{}", wording::left(&left));
    if let Some(file) = &args.output {
        eprintln!("{}", wording::written(&file.display().to_string()));
        for problem in problems(file) {
            eprintln!("  · {problem}");
        }
    }
    Ok(())
}

/// Nothing is overwritten: it may have been filled in by hand since.
fn write_new(file: &Path, config: &Value) -> Result<()> {
    let mut new = fs::File::create_new(file).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Failure::Usage(wording::exists(&file.display().to_string())),
        _ => Failure::Failed(anyhow!(error).context(file.display().to_string())),
    })?;
    writeln!(new, "{config:#}").with_context(|| file.display().to_string())?;
    Ok(())
}

/// What is to be mended in the new configuration before it can be used, but for secrets that are not there yet.
fn problems(file: &Path) -> Vec<String> {
    let source = Source { file: file.to_owned(), environment: false };
    match load_within(&source, Scope::Secrets(&[]), None) {
        Ok(_) => Vec::new(),
        Err(ConfigError::Unreadable(message)) => vec![message],
        Err(ConfigError::Problems(problems)) => {
            problems.iter().map(|problem| format!("{}: {}", problem.path, problem.message)).collect()
        }
    }
}
