//! Forgets what rows of former sheets held. The sheets that are kept up need nothing here: as `room-state` takes old
//! lines from a room, the room changes, and its rows are written without them, in Vika and in the mirror.

use domain::Timestamp;
use runtime::Context;
use runtime::sweep::blank_daily;
use store::sqlx;
use store::vika_sync::blank_cells;

/// Rows blanked with one statement.
const ROWS: u64 = 1_000;

/// Runs until the shutdown is requested.
pub async fn run(ctx: Context) {
    blank_daily(&ctx, "rows of former sheets", |before| round(&ctx, before)).await;
}

async fn round(ctx: &Context, before: Timestamp) -> Result<(), sqlx::Error> {
    let vika = &ctx.config.vika;
    let kept_up = if vika.enabled {
        vec![vika.sheets.today.clone(), vika.sheets.all_rooms.clone()]
    } else {
        Vec::new()
    };
    while !ctx.shutdown.requested() {
        let mut connection = ctx.db.acquire().await?;
        let blanked = blank_cells(&mut connection, &kept_up, before, ROWS.cast_signed()).await?;
        metrics::counter!("texts_blanked_total", "of" => "rows").increment(blanked);
        if blanked < ROWS {
            break;
        }
    }
    Ok(())
}
