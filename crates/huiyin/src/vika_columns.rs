//! The ids of the sheets' columns as `vika-sync` once found them, so that a column that was renamed is not taken for a missing
//! one.

use std::collections::BTreeMap;

use sqlx::PgConnection;
use store::vika_sync;
use vika::{KnownColumns, SheetId, known_columns};

/// Those of these sheets. An installation whose services have not run yet has none, nor has one whose schema is older.
pub(crate) async fn known<'s>(
    database: &mut PgConnection,
    sheets: impl IntoIterator<Item = &'s str>,
) -> BTreeMap<SheetId, KnownColumns> {
    let mut known = BTreeMap::new();
    for sheet in sheets {
        if let Ok(id) = SheetId::try_from(sheet.to_owned())
            && let Ok(stored) = vika_sync::known_columns(database, sheet).await
        {
            known.insert(id, known_columns(stored));
        }
    }
    known
}
