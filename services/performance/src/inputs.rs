//! What all rooms depend on: rules, go-live and capture gaps. When it changes, the rooms that it concerns are marked, in the
//! transaction in which the change is noted, so that a crash in between loses nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::TimeDelta;
use domain::Timestamp;
use domain::gap::Gap;
use domain::golive::{Change, GoLive};
use domain::performance::LONGEST_SILENCE;
use domain::rules::RulesHistory;
use store::performance::inputs::{self, Inputs, Marks};
use store::performance::rooms;
use store::sqlx::{self, PgConnection, PgPool};

/// After so long an absence everything is taken in anew: what happened meanwhile may have been forgotten by `room-state`,
/// which remembers it for 90 days.
const LONGEST_ABSENCE: TimeDelta = TimeDelta::days(60);

/// What all rooms are taken in by.
#[derive(Debug, Clone, Default)]
pub struct Global {
    /// When the system went live.
    pub golive: GoLive,
    /// Every capture gap.
    pub gaps: Vec<Gap>,
}

impl From<Inputs> for Global {
    fn from(inputs: Inputs) -> Self {
        Self { golive: GoLive::new(inputs.golive), gaps: inputs.gaps }
    }
}

/// What all rooms are taken in by, as it was read last.
#[derive(Debug, Default)]
pub struct Followed {
    /// The version of the rules, and what else showed that there was nothing new.
    marks: Option<(i64, Marks)>,
    global: Arc<Global>,
}

impl Followed {
    /// What all rooms are taken in by.
    pub fn global(&self) -> Arc<Global> {
        self.global.clone()
    }

    /// Reads it if there is something new, or in any case, and marks the rooms that are concerned by what changed. `true`:
    /// some may be.
    pub async fn follow(
        &mut self,
        db: &PgPool,
        rules: &RulesHistory,
        in_any_case: bool,
        now: Timestamp,
    ) -> Result<bool, sqlx::Error> {
        // Read before everything else: what is added meanwhile is new at the next look.
        let marks = (rules.newest().version, inputs::marks(&mut *db.acquire().await?).await?);
        if !in_any_case && self.marks.as_ref() == Some(&marks) {
            return Ok(false);
        }
        let (global, changed) = read(db, rules, now).await?;
        self.global = Arc::new(global);
        self.marks = Some(marks);
        Ok(changed)
    }
}

async fn read(db: &PgPool, rules: &RulesHistory, now: Timestamp) -> Result<(Global, bool), sqlx::Error> {
    let mut tx = db.begin().await?;
    // Of rules that are put in force at this moment the next look finds what they change.
    let current = Inputs { rules_version: rules.newest().version, ..inputs::current(&mut tx).await? };
    let known = inputs::taken_in(&mut tx).await?;
    let changed = known.as_ref().is_none_or(|known| known.inputs != current);
    match &known {
        Some(known) if now - known.scanned_at > LONGEST_ABSENCE => {
            tracing::warn!(since = %known.scanned_at, "away for long: everything is counted anew");
            rooms::forget(&mut tx).await?;
            inputs::scanned(&mut tx, now).await?;
        }
        Some(known) if changed => mark(&mut tx, &known.inputs, &current, rules).await?,
        // There is nothing to mark.
        _ => {}
    }
    if changed {
        inputs::take_in(&mut tx, &current, now).await?;
    }
    tx.commit().await?;
    Ok((current.into(), changed))
}

async fn mark(
    connection: &mut PgConnection,
    known: &Inputs,
    current: &Inputs,
    rules: &RulesHistory,
) -> Result<(), sqlx::Error> {
    let judged_since = rules.changed_since(known.rules_version);
    let live_since = decided_since(&known.golive, &current.golive);
    if let Some(since) = judged_since.into_iter().chain(live_since).min() {
        // A room that was silent before may have been so for other reasons than it is now.
        let reaches_back = live_since.is_some() || rules.changes_silences_since(known.rules_version);
        let spoken_since = if reaches_back { since - LONGEST_SILENCE } else { since };
        rooms::all_stale(connection, since, spoken_since).await?;
    }
    for gap in differing(&known.gaps, &current.gaps) {
        rooms::stale_in(connection, gap.since, gap.until).await?;
    }
    Ok(())
}

/// Before the first new decision was made everything stays as it was decided.
fn decided_since(known: &[Change], current: &[Change]) -> Option<Timestamp> {
    current.iter().filter(|change| !known.contains(change)).map(|change| change.noted_at).min()
}

/// The gaps of one list that are not in the other.
fn differing<'g>(known: &'g [Gap], current: &'g [Gap]) -> Vec<&'g Gap> {
    let (before, now): (BTreeSet<_>, BTreeSet<_>) =
        (known.iter().map(parts).collect(), current.iter().map(parts).collect());
    let gone = known.iter().filter(|gap| !now.contains(&parts(gap)));
    gone.chain(current.iter().filter(|gap| !before.contains(&parts(gap)))).collect()
}

fn parts(gap: &Gap) -> (&str, Option<&str>, Timestamp, Option<Timestamp>) {
    (&gap.source, gap.account.as_deref(), gap.since, gap.until)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(1_795_052_800 + seconds, 0).unwrap()
    }

    fn gap(since: i64, until: Option<i64>) -> Gap {
        Gap { source: "wechaty".into(), account: None, since: at(since), until: until.map(at) }
    }

    #[test]
    fn a_gap_that_ends_concerns_what_it_concerned_before_and_what_it_concerns_now() {
        let known = [gap(0, Some(10)), gap(20, None)];
        let current = [gap(0, Some(10)), gap(20, Some(30)), gap(40, Some(50))];
        assert_eq!(differing(&known, &current), [&gap(20, None), &gap(20, Some(30)), &gap(40, Some(50))]);
        assert!(differing(&known, &known).is_empty());
    }

    #[test]
    fn a_decision_concerns_nothing_from_before_it_was_made() {
        let one = Change { since: at(100), live: true, noted_at: at(50) };
        let other = Change { since: at(300), live: false, noted_at: at(200) };
        assert_eq!(decided_since(&[], &[one, other]), Some(at(50)));
        assert_eq!(decided_since(&[one], &[one, other]), Some(at(200)));
        assert_eq!(decided_since(&[one, other], &[one, other]), None);
    }
}
