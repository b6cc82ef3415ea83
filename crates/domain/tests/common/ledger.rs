//! What a store does with the fold, in memory: keeps the timeline, the live waits with their checkpoints and the last
//! state, and folds again only the stretch that new entries touch.

use std::collections::BTreeMap;

use domain::fold::{Checkpoint, FoldState, FoldedWait, LiveWait, fold, reconcile};
use domain::id::WaitId;
use domain::rules::RulesHistory;
use domain::timeline::{Entry, Position, Timeline};
use domain::wait::Supersession;

pub struct Ledger {
    rules: RulesHistory,
    pub timeline: Timeline,
    pub state: FoldState,
    pub live: BTreeMap<WaitId, FoldedWait>,
    pub gone: BTreeMap<WaitId, Supersession>,
    /// How often new entries were folded onto the last state.
    pub continued: usize,
}

impl Ledger {
    pub fn new(rules: RulesHistory) -> Self {
        let (timeline, state) = (Timeline::default(), FoldState::default());
        Self { rules, timeline, state, live: BTreeMap::new(), gone: BTreeMap::new(), continued: 0 }
    }

    pub fn arrive(&mut self, batch: impl IntoIterator<Item = Entry>) {
        let touched: Vec<Position> =
            batch.into_iter().filter_map(|entry| self.timeline.insert(entry)).collect();
        let Some(affected) = touched.into_iter().min() else { return };
        let start = self.start_before(&affected);
        let old: Vec<LiveWait> = self
            .live
            .values()
            .filter(|folded| Some(&folded.wait.opened) > start.folded_to.as_ref())
            .map(|FoldedWait { wait, .. }| LiveWait {
                id: wait.id.clone(),
                opened: wait.opened.clone(),
                kind: wait.kind,
                customer: wait.customer.clone(),
            })
            .collect();
        let folded_to = start.folded_to.clone();
        let folded = fold(start, self.timeline.entries_after(folded_to.as_ref()), &self.rules);
        for (id, fate) in reconcile(&old, &folded.waits) {
            self.live.remove(&id);
            self.gone.insert(id, fate);
        }
        for mut new in folded.waits {
            if new.checkpoint == Checkpoint::AsStored {
                let stored = &self.live[&new.wait.id];
                new.checkpoint.clone_from(&stored.checkpoint);
                new.took_over.clone_from(&stored.took_over);
            }
            self.gone.remove(&new.wait.id);
            self.live.insert(new.wait.id.clone(), new);
        }
        self.state = folded.state;
    }

    /// The last state where nothing at or after the position was folded yet: the present one, or a checkpoint.
    fn start_before(&mut self, affected: &Position) -> FoldState {
        if self.state.folded_to.as_ref() < Some(affected) {
            self.continued += 1;
            return self.state.clone();
        }
        self.live
            .values()
            .filter_map(|folded| match &folded.checkpoint {
                Checkpoint::At(before) => Some(&**before),
                Checkpoint::None | Checkpoint::AsStored => None,
            })
            .filter(|before| before.folded_to.as_ref() < Some(affected))
            .max_by_key(|before| before.folded_to.clone())
            .cloned()
            .unwrap_or_default()
    }

    /// The live waits in order of opening.
    pub fn waits(&self) -> Vec<FoldedWait> {
        let mut waits: Vec<FoldedWait> = self.live.values().cloned().collect();
        waits.sort_by(|one, other| one.wait.opened.cmp(&other.wait.opened));
        waits
    }
}
