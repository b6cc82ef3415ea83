//! `huiyin schema`: prints the JSON Schema of the configuration file, as it is kept in `config/`.

use anyhow::Context as _;

use crate::failure::Result;

pub(crate) fn run() -> Result<()> {
    let text = serde_json::to_string_pretty(&runtime::config::schema()).context("writing the schema")?;
    println!("{text}");
    Ok(())
}
