//! A timeline in memory: entries in order whatever the order they came in, with recalls, undone cancels and cancels
//! linked to what they name, whichever of the two comes first.

use std::collections::HashMap;

use super::{Body, Entry, Position};
use crate::id::{CommandId, EntryId, MessageKey};

/// A room's timeline, or a stretch of it.
///
/// A stretch may lack the target of a recall or the recall of a message that is marked as recalled; what is marked
/// stays marked.
#[derive(Debug, Clone, Default)]
pub struct Timeline {
    entries: Vec<Entry>,
    /// Where each entry stands, by its own id.
    places: HashMap<EntryId, Position>,
    /// The recalls that name a message, by the message's entry id.
    recalls: HashMap<EntryId, Vec<Position>>,
    /// The undone cancels that name a command.
    undos: HashMap<CommandId, Vec<Position>>,
    /// The cancels that stand after an entry, by that entry's id.
    hanging: HashMap<EntryId, Vec<EntryId>>,
    /// The entry of a cancel, by its command.
    cancels: HashMap<CommandId, EntryId>,
    conflicts: u64,
}

impl Timeline {
    /// Takes in an entry. The earliest position whose folding it changes; `None` for a duplicate that changes nothing.
    ///
    /// Where an id comes again, the entry with the lowest sequence stays. Cancels are the exception, since their position
    /// carries another entry's sequence: the first stays, and the record of commands decides which one that is.
    pub fn insert(&mut self, mut entry: Entry) -> Option<Position> {
        let Some(held) = self.places.get(entry.id()).cloned() else {
            return Some(self.add(entry));
        };
        if self.get(&held).is_some_and(|old| !same_content(old, &entry)) {
            self.conflicts += 1;
        }
        if held.after.is_some() || entry.position.after.is_some() || held.seq <= entry.position.seq {
            return None;
        }
        if let (Body::Message(new), Some(Entry { body: Body::Message(old), .. })) =
            (&mut entry.body, self.get(&held))
        {
            new.recalled.clone_from(&old.recalled);
        }
        let gone = self.remove(&held);
        Some(self.add(entry).min(gone))
    }

    /// How often an id came again with other content.
    pub const fn conflicts(&self) -> u64 {
        self.conflicts
    }

    /// Where an entry stands.
    pub fn position(&self, id: &EntryId) -> Option<&Position> {
        self.places.get(id)
    }

    /// All entries in order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entries at and after a position, in order.
    pub fn entries_from(&self, position: &Position) -> &[Entry] {
        &self.entries[self.entries.partition_point(|entry| entry.position < *position)..]
    }

    /// The entries after a position (all for `None`), in order: what is to be folded onto a state that reaches there.
    pub fn entries_after(&self, position: Option<&Position>) -> &[Entry] {
        let skip =
            position.map_or(0, |position| self.entries.partition_point(|entry| entry.position <= *position));
        &self.entries[skip..]
    }

    fn get(&self, position: &Position) -> Option<&Entry> {
        self.entries.binary_search_by(|entry| entry.position.cmp(position)).ok().map(|at| &self.entries[at])
    }

    fn get_mut(&mut self, id: &EntryId) -> Option<&mut Entry> {
        let position = self.places.get(id)?;
        let at = self.entries.binary_search_by(|entry| entry.position.cmp(position)).ok()?;
        self.entries.get_mut(at)
    }

    /// Adds an entry whose id is not there. The earliest position affected.
    fn add(&mut self, mut entry: Entry) -> Position {
        let own = entry.position.clone();
        let linked = match &mut entry.body {
            Body::Message(message) => {
                let recall = self.recalls.get(&own.entry).and_then(|recalls| recalls.iter().min());
                message.recalled = message.recalled.iter().chain(recall).min().cloned();
                None
            }
            Body::Recall { target } => {
                let target = EntryId::from(&*target);
                self.recalls.entry(target.clone()).or_default().push(own);
                self.mark_recalled(&target)
            }
            Body::Cancel(cancel) => {
                cancel.undone |= self.undos.contains_key(&cancel.command);
                self.hang(cancel.command.clone(), &mut entry.position);
                None
            }
            Body::CancelUndone { target } => {
                self.undos.entry(target.clone()).or_default().push(own);
                self.mark_undone(target, true)
            }
            Body::Assigned { .. } | Body::Marked(_) | Body::Facts(_) | Body::AccountLeft(_) => None,
        };
        let position = entry.position.clone();
        let moved = self.put(entry);
        linked.into_iter().chain(moved).fold(position, Position::min)
    }

    /// Puts a linked entry in its place, and the cancels that were waiting for it after it. The earliest position that
    /// such a cancel has left or taken.
    fn put(&mut self, entry: Entry) -> Option<Position> {
        let id = entry.id().clone();
        let position = entry.position.clone();
        let at = self.entries.partition_point(|other| other.position < position);
        self.entries.insert(at, entry);
        self.places.insert(id.clone(), position.clone());
        let mut earliest = None;
        for cancel in self.hanging.get(&id).cloned().unwrap_or_default() {
            let Some(held) = self.places.get(&cancel).cloned() else { continue };
            if held.is_at(&position) {
                continue;
            }
            if let Ok(at) = self.entries.binary_search_by(|entry| entry.position.cmp(&held)) {
                let mut moved = self.entries.remove(at);
                moved.position.move_to(&position);
                let at = self.entries.partition_point(|other| other.position < moved.position);
                self.places.insert(cancel, moved.position.clone());
                let first = held.min(moved.position.clone());
                earliest = Some(earliest.map_or(first.clone(), |earliest: Position| earliest.min(first)));
                self.entries.insert(at, moved);
            }
        }
        earliest
    }

    /// Remembers where a cancel belongs, and moves its position there if the entry it stands after is known.
    fn hang(&mut self, command: CommandId, position: &mut Position) {
        let Some(own) = position.after.clone() else { return };
        if let Some(seen_up_to) = self.places.get(&position.entry) {
            position.move_to(seen_up_to);
        }
        self.hanging.entry(position.entry.clone()).or_default().push(own.clone());
        self.cancels.insert(command, own);
    }

    /// Removes an entry that a better copy of itself replaces. The earliest position affected.
    fn remove(&mut self, position: &Position) -> Position {
        let Ok(at) = self.entries.binary_search_by(|entry| entry.position.cmp(position)) else {
            return position.clone();
        };
        let entry = self.entries.remove(at);
        self.places.remove(entry.id());
        let linked = match &entry.body {
            Body::Recall { target } => self.unlink_recall(target, position),
            Body::CancelUndone { target } => {
                let left = self.undos.get_mut(target).is_some_and(|undos| {
                    undos.retain(|undo| undo != position);
                    !undos.is_empty()
                });
                if !left {
                    self.undos.remove(target);
                }
                self.mark_undone(target, left)
            }
            _ => None,
        };
        linked.into_iter().fold(entry.position, Position::min)
    }

    fn unlink_recall(&mut self, target: &MessageKey, recall: &Position) -> Option<Position> {
        let target = EntryId::from(target);
        if let Some(recalls) = self.recalls.get_mut(&target) {
            recalls.retain(|other| other != recall);
        }
        if let Some(Entry { body: Body::Message(message), .. }) = self.get_mut(&target) {
            message.recalled = None;
        }
        self.mark_recalled(&target)
    }

    /// Marks a message with the earliest recall known. The message's position, if it is known.
    fn mark_recalled(&mut self, target: &EntryId) -> Option<Position> {
        let recall = self.recalls.get(target).and_then(|recalls| recalls.iter().min()).cloned();
        let Entry { position, body: Body::Message(message) } = self.get_mut(target)? else { return None };
        message.recalled = message.recalled.take().into_iter().chain(recall).min();
        Some(position.clone())
    }

    fn mark_undone(&mut self, target: &CommandId, undone: bool) -> Option<Position> {
        let cancel = self.cancels.get(target)?.clone();
        let Entry { position, body: Body::Cancel(cancel) } = self.get_mut(&cancel)? else { return None };
        cancel.undone = undone;
        Some(position.clone())
    }
}

/// Whether two entries of one id say the same, leaving out sequences and what the timeline itself has marked.
fn same_content(one: &Entry, other: &Entry) -> bool {
    let same_body = match (&one.body, &other.body) {
        (Body::Message(one), Body::Message(other)) => {
            (&one.sender, one.kind, &one.features, one.history)
                == (&other.sender, other.kind, &other.features, other.history)
        }
        (Body::Cancel(one), Body::Cancel(other)) => {
            (&one.by, &one.reason, one.kind, one.at) == (&other.by, &other.reason, other.kind, other.at)
        }
        (one, other) => one == other,
    };
    let hangs = one.position.after.is_some();
    same_body && (hangs || one.position.at == other.position.at) && one.position.after == other.position.after
}
