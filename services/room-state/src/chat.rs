//! CHAT: batches of captured facts, two transactions a batch, each with rooms of its own; a poisoned batch is halved until
//! the culprit is alone.

use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use domain::id::{EntryId, RoomKey};
use futures::future::BoxFuture;
use runtime::bus::{DeadLetterReason, Delivery, Handler, Outcome};
use runtime::{Context, Trace};
use store::rooms;
use store::rules::RulesCache;
use tokio::task::JoinSet;

use crate::entry::Fact;
use crate::failure::{Failure, RETRY_AFTER, guarded};
use crate::fold::{Applied, Changed, RoomWork, apply};
use crate::point;
use crate::publish::PublishHandle;
use crate::stages::Stages;
use crate::state_cache::StateCache;

/// Fewer facts than these are folded in one transaction.
const WORTH_TWO: usize = 64;

/// Folds CHAT.
pub struct ChatHandler {
    publish: PublishHandle,
    lane: Lane,
}

/// What folds one of two parts of a batch. Clones share what they keep.
#[derive(Clone)]
struct Lane {
    ctx: Context,
    rules: Arc<RulesCache>,
    cache: Arc<StateCache>,
}

/// A fact, and of the delivery that brought it its place in the batch and its trace.
type Numbered = (usize, Fact, Option<Trace>);

/// What came of folding facts.
#[derive(Default)]
struct Folded {
    changed: Vec<Changed>,
    /// By delivery.
    outcomes: Vec<(usize, Outcome)>,
}

impl Folded {
    fn of(applied: Applied, facts: &[Numbered]) -> Self {
        let done = facts.iter().map(|(index, ..)| (*index, Outcome::Done)).collect();
        let mut folded = Self { changed: applied.changed, outcomes: done };
        for contradiction in applied.contradictions {
            let same = |fact: &Fact| fact.is(&contradiction.entry, contradiction.seq);
            let contradicting = facts.iter().filter(|(_, fact, _)| same(fact));
            folded
                .outcomes
                .extend(contradicting.map(|(index, ..)| (*index, contradicts(&contradiction.entry))));
        }
        folded
    }

    fn outcomes(outcomes: impl IntoIterator<Item = (usize, Outcome)>) -> Self {
        Self { changed: Vec::new(), outcomes: outcomes.into_iter().collect() }
    }

    fn extend(&mut self, other: Self) {
        self.changed.extend(other.changed);
        self.outcomes.extend(other.outcomes);
    }
}

impl Handler for ChatHandler {
    async fn handle(&mut self, batch: &[Delivery]) -> Vec<Outcome> {
        // Whatever comes of a part that is given up: nothing of it is known to be stored.
        let mut outcomes = vec![Outcome::Retry(RETRY_AFTER); batch.len()];
        let mut facts: Vec<Numbered> = Vec::with_capacity(batch.len());
        for (index, delivery) in batch.iter().enumerate() {
            match Fact::read(delivery) {
                Ok(fact) => facts.push((index, fact, delivery.trace())),
                Err(error) => outcomes[index] = dead("undecodable", error.to_string()),
            }
        }
        one_room_each(&mut facts, &mut outcomes);
        let folded = self.fold_side_by_side(lanes(facts)).await;
        for (index, outcome) in folded.outcomes {
            outcomes[index] = outcome;
        }
        let changed = folded.changed;
        self.lane.ctx.faults.reach(point::BEFORE_ACK).await;
        self.publish.send(changed);
        outcomes
    }
}

/// A message belongs to one room. Of those that name several the room of the first captured stays; what names others is
/// set aside.
fn one_room_each(facts: &mut Vec<Numbered>, outcomes: &mut [Outcome]) {
    let mut first: HashMap<EntryId, (i64, String)> = HashMap::with_capacity(facts.len());
    for (_, fact, _) in &*facts {
        let held = first.entry(fact.id()).or_insert_with(|| (fact.seq(), fact.room_id().to_owned()));
        if fact.seq() < held.0 {
            *held = (fact.seq(), fact.room_id().to_owned());
        }
    }
    facts.retain(|(index, fact, _)| {
        let stays = first.get(&fact.id()).is_none_or(|(_, room)| room == fact.room_id());
        if !stays {
            outcomes[*index] = Failure::in_two_rooms(&format!("the message {}", fact.id())).outcome();
        }
        stays
    });
}

fn contradicts(entry: &EntryId) -> Outcome {
    let explanation = format!(
        "another message was captured under the id {entry}, with another sender, time or text; the first captured stays"
    );
    dead("contradicts", explanation)
}

fn dead(reason: &'static str, explanation: String) -> Outcome {
    Outcome::DeadLetter(DeadLetterReason { reason, explanation })
}

impl ChatHandler {
    /// Ready to fold.
    pub fn new(ctx: Context, rules: Arc<RulesCache>, publish: PublishHandle) -> Self {
        Self { publish, lane: Lane { ctx, rules, cache: Arc::default() } }
    }

    /// Each part in a task of its own, which ends with this one.
    async fn fold_side_by_side(&self, parts: [Vec<Numbered>; 2]) -> Folded {
        let [one, other] = parts;
        let mut aside = JoinSet::new();
        if !other.is_empty() {
            let (lane, service) = (self.lane.clone(), runtime::panics::service());
            let folding = async move { lane.fold_or_isolate(other).await };
            match service {
                Some(service) => aside.spawn(runtime::panics::within(service, folding)),
                None => aside.spawn(folding),
            };
        }
        let mut folded = self.lane.fold_or_isolate(one).await;
        while let Some(others) = aside.join_next().await {
            match others {
                Ok(others) => folded.extend(others),
                // A panic is caught where a room is folded; one elsewhere concerns the batch.
                Err(failed) => match failed.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    Err(failed) => tracing::error!(error = %failed, "a part of a batch was given up"),
                },
            }
        }
        folded
    }
}

impl Lane {
    /// Folds facts together; where that can never succeed, in halves: first by room, then by message.
    fn fold_or_isolate(&self, facts: Vec<Numbered>) -> BoxFuture<'_, Folded> {
        Box::pin(async move {
            if facts.is_empty() {
                return Folded::default();
            }
            match guarded(self.fold(&facts)).await {
                Ok(applied) => Folded::of(applied, &facts),
                Err(Failure::Transient(error)) => {
                    tracing::warn!(error, messages = facts.len(), "batch will be delivered again");
                    Folded::outcomes(facts.iter().map(|(index, ..)| (*index, Outcome::Retry(RETRY_AFTER))))
                }
                Err(Failure::Permanent { reason, explanation }) if facts.len() == 1 => {
                    Folded::outcomes([(facts[0].0, dead(reason, explanation))])
                }
                Err(Failure::Permanent { .. }) => {
                    let (one, other) = halves(facts);
                    let mut folded = self.fold_or_isolate(one).await;
                    folded.extend(self.fold_or_isolate(other).await);
                    folded
                }
            }
        })
    }

    async fn fold(&self, facts: &[Numbered]) -> Result<Applied, Failure> {
        let now = self.ctx.clock.now();
        let rooms: Vec<RoomKey> = facts.iter().map(|(_, fact, _)| fact.room_key()).collect();
        let keys: Vec<RoomKey> = rooms.iter().collect::<BTreeSet<_>>().into_iter().cloned().collect();
        let mut stages = Stages::start();
        let mut tx = self.ctx.db.begin().await?;
        let locked = rooms::lock_with_cached(&mut tx, &keys, self.cache.take(&keys), now).await?;
        stages.done("lock");
        let newest = locked.first().map_or(0, |room| room.rules_version);
        let rules = self.rules.at_least(&mut tx, newest).await?;
        let blank_before = self.ctx.config.retention.blank_before(now);
        let mut work: Vec<RoomWork> = locked.into_iter().map(RoomWork::of).collect();
        let places: HashMap<RoomKey, usize> =
            work.iter().map(|room| room.locked.room.clone()).zip(0..).collect();
        for ((_, fact, trace), key) in facts.iter().zip(&rooms) {
            let Some(room) = places.get(key).and_then(|place| work.get_mut(*place)) else { continue };
            room.is_named(fact);
            if let Some(mut entry) = fact.entry(&rules) {
                let blank_before = room.locked.blanked_to.max(blank_before);
                // What comes later than its text may be kept is counted, and its text never stored.
                if blank_before.is_some_and(|before| entry.entry.position.at < before) {
                    entry.forget_words();
                }
                if let Some(trace) = trace {
                    room.traces.insert(entry.id.clone(), trace.clone());
                }
                room.keep_lowest(entry);
            }
        }
        stages.done("prepare");
        let work = work.into_iter().map(RoomWork::placed).collect();
        let mut applied = apply(&mut tx, work, &rules, now, &mut stages).await?;
        tx.commit().await?;
        self.cache.keep(std::mem::take(&mut applied.written), now);
        stages.done("commit");
        metrics::counter!("messages_folded_total").increment(facts.len() as u64);
        Ok(applied)
    }
}

/// Facts by room, in two parts that are folded side by side.
fn lanes(facts: Vec<Numbered>) -> [Vec<Numbered>; 2] {
    if facts.len() < WORTH_TWO {
        return [facts, Vec::new()];
    }
    let (one, other) = facts.into_iter().partition(|(_, fact, _)| {
        let mut hasher = DefaultHasher::new();
        fact.room_id().hash(&mut hasher);
        hasher.finish().is_multiple_of(2)
    });
    [one, other]
}

/// Two smaller parts: by room while there are several, else by message.
fn halves(facts: Vec<Numbered>) -> (Vec<Numbered>, Vec<Numbered>) {
    let rooms: BTreeSet<RoomKey> = facts.iter().map(|(_, fact, _)| fact.room_key()).collect();
    let Some(middle) = rooms.iter().nth(rooms.len() / 2).filter(|_| rooms.len() > 1) else {
        let mut one = facts;
        let other = one.split_off(one.len() / 2);
        return (one, other);
    };
    facts.into_iter().partition(|(_, fact, _)| fact.room_key() < *middle)
}
