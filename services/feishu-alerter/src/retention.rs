//! Blanks the words that cards showed longer ago than the configured time. What stands in a chat is Feishu's.

use domain::Timestamp;
use runtime::Context;
use runtime::sweep::blank_daily;
use store::alerts::retention;
use store::sqlx;

/// Cards blanked with one statement.
const CARDS: u64 = 1_000;

/// Runs until the shutdown is requested.
pub async fn run(ctx: Context) {
    blank_daily(&ctx, "old cards", |before| round(&ctx, before)).await;
}

async fn round(ctx: &Context, before: Timestamp) -> Result<(), sqlx::Error> {
    while !ctx.shutdown.requested() {
        let blanked =
            retention::blank_payloads(&mut *ctx.db.acquire().await?, before, CARDS.cast_signed()).await?;
        metrics::counter!("texts_blanked_total", "of" => "cards").increment(blanked);
        if blanked < CARDS {
            break;
        }
    }
    Ok(())
}
