//! Blanks the mirrored cells of sheets that are not in use any more. The active sheets need nothing here: when `room-state`
//! drops old lines from a room, its rows are written without them, in Vika and in the mirror.

use domain::Timestamp;
use runtime::Context;
use runtime::sweep::blank_daily;
use store::sqlx;
use store::vika_sync::blank_cells;

/// Rows blanked by one statement.
const ROWS: u64 = 1_000;

/// Runs until the shutdown is requested.
pub async fn run(ctx: Context) {
    blank_daily(&ctx, "rows of former sheets", |before| round(&ctx, before)).await;
}

async fn round(ctx: &Context, before: Timestamp) -> Result<(), sqlx::Error> {
    let vika = &ctx.config.vika;
    let active_sheets = if vika.enabled {
        vec![vika.sheets.today.clone(), vika.sheets.all_rooms.clone()]
    } else {
        Vec::new()
    };
    while !ctx.shutdown.requested() {
        let mut connection = ctx.db.acquire().await?;
        let blanked = blank_cells(&mut connection, &active_sheets, before, ROWS.cast_signed()).await?;
        metrics::counter!("texts_blanked_total", "of" => "rows").increment(blanked);
        if blanked < ROWS {
            break;
        }
    }
    Ok(())
}
