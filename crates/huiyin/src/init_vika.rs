//! `huiyin init-vika`: creates the managers' sheets, or finds those of an earlier run.

use anyhow::{Context as _, Result};
use vika::setup::{KnownSheets, SheetIds, init};

/// Creates what is missing in a space and returns the sheets' ids. Safe to run again.
pub async fn create(base_url: &str, token: &str, space: &str) -> Result<SheetIds> {
    let client = vika::Client::new(
        runtime::http::client()?,
        base_url,
        vika::Token::new(token),
        vika::Pacing::default(),
    );
    let space = vika::SpaceId::try_from(space.to_owned()).context("vika.space")?;
    init(&client, &space, KnownSheets::default()).await.context("creating the sheets")
}
