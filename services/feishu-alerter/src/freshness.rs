//! The freshness gate: no card goes out while capture or folding is not known to be up to date, since the customer may
//! have been answered in a message that nobody has captured or folded yet.

use chrono::TimeDelta;
use domain::Timestamp;
use runtime::Config;
use runtime::bus::Consumer;
use store::alerts::freshness::{self, CaptureState};
use store::rooms::progress::{self, Progress};
use store::sqlx::{self, PgConnection};

/// What was true so long ago counts as true now.
const FRESH: TimeDelta = TimeDelta::seconds(20);
/// A gateway's state while it captures.
const LIVE: &str = "live";
/// A gateway's state while a silence is being looked into; a live one answers within about a second.
const SUSPECT: &str = "suspect";
/// For this long a silent gateway counts as live, so that a quiet night does not hold every card for a moment.
const SUSPECT_GRACE: TimeDelta = TimeDelta::seconds(4);
/// Everything that is captured goes through these.
const FOLDS: [Consumer; 2] = [Consumer::RoomStateChat, Consumer::RoomStateCommand];

/// Why cards are held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldReason {
    /// The gateway is unknown, not live, or silent.
    NotCapturing,
    /// Messages are being lost at this moment.
    CaptureGap,
    /// Captured messages or commands are not known to be folded.
    FoldBehind,
}

impl HoldReason {
    const ALL: [Self; 3] = [Self::NotCapturing, Self::CaptureGap, Self::FoldBehind];

    const fn name(self) -> &'static str {
        match self {
            Self::NotCapturing => "not_capturing",
            Self::CaptureGap => "capture_gap",
            Self::FoldBehind => "fold_behind",
        }
    }
}

/// Why cards are to be held back at this moment, if they are.
pub async fn hold_reason(
    connection: &mut PgConnection,
    config: &Config,
    now: Timestamp,
) -> Result<Option<HoldReason>, sqlx::Error> {
    if let Some(gateway) = &config.ingest.gateway
        && let Some(why) =
            capture_hold(freshness::capture_state(connection, &gateway.name).await?.as_ref(), now)
    {
        return Ok(Some(why));
    }
    let progress = progress::all(connection).await?;
    let caught_up = FOLDS.iter().all(|fold| is_caught_up(&progress, *fold, now));
    Ok((!caught_up).then_some(HoldReason::FoldBehind))
}

fn capture_hold(capture: Option<&CaptureState>, now: Timestamp) -> Option<HoldReason> {
    match capture {
        Some(capture) if capture.gap_open => Some(HoldReason::CaptureGap),
        Some(CaptureState { state, state_since, last_live_at: Some(at), .. })
            if now - *at <= FRESH
                && (state == LIVE || state == SUSPECT && now - *state_since <= SUSPECT_GRACE) =>
        {
            None
        }
        _ => Some(HoldReason::NotCapturing),
    }
}

fn is_caught_up(progress: &[Progress], fold: Consumer, now: Timestamp) -> bool {
    progress.iter().any(|of| of.consumer == fold.name() && now - of.caught_up_at <= FRESH)
}

/// Logs when cards begin and cease to be held back, once each time.
#[derive(Debug, Default)]
pub struct HoldLog {
    last: Option<HoldReason>,
}

impl HoldLog {
    /// How it stands now.
    pub fn note(&mut self, held: Option<HoldReason>) {
        for why in HoldReason::ALL {
            metrics::gauge!("alerts_held", "reason" => why.name()).set(f64::from(held == Some(why)));
        }
        if self.last != held {
            if let Some(why) = held {
                tracing::info!(reason = why.name(), "cards are held back");
            } else {
                tracing::info!("cards go out again");
            }
            self.last = held;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(1_795_052_800 + seconds, 0).unwrap()
    }

    #[test]
    fn only_a_live_gateway_without_a_gap_captures() {
        let live = CaptureState {
            state: LIVE.into(),
            state_since: at(-60),
            last_live_at: Some(at(0)),
            gap_open: false,
        };
        let suspect = |since| CaptureState { state: SUSPECT.into(), state_since: at(since), ..live.clone() };
        let cases = [
            (Some(live.clone()), None),
            (None, Some(HoldReason::NotCapturing)),
            (
                Some(CaptureState { state: "connecting".into(), ..live.clone() }),
                Some(HoldReason::NotCapturing),
            ),
            (Some(CaptureState { last_live_at: None, ..live.clone() }), Some(HoldReason::NotCapturing)),
            (
                Some(CaptureState { last_live_at: Some(at(-1)), ..live.clone() }),
                Some(HoldReason::NotCapturing),
            ),
            (Some(suspect(16)), None),
            (Some(suspect(15)), Some(HoldReason::NotCapturing)),
            (Some(CaptureState { gap_open: true, ..live.clone() }), Some(HoldReason::CaptureGap)),
        ];
        for (capture, expected) in cases {
            assert_eq!(capture_hold(capture.as_ref(), at(20)), expected, "{capture:?}");
        }
    }

    #[test]
    fn both_folds_have_to_be_caught_up() {
        let progress =
            |name: &str, seconds| Progress { consumer: name.into(), pending: 0, caught_up_at: at(seconds) };
        let rows = [progress("room-state-chat", 0), progress("room-state-command", -1)];
        assert!(is_caught_up(&rows, Consumer::RoomStateChat, at(20)));
        assert!(!is_caught_up(&rows, Consumer::RoomStateCommand, at(20)), "too long ago");
        assert!(!is_caught_up(&rows[..1], Consumer::RoomStateCommand, at(0)), "never heard of");
    }
}
