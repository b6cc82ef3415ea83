//! Storing entries and folding them: the one way in which rooms and waits change.
//!
//! In one transaction: lock the rooms in key order → store the entries → link recalls → fold each room, on from where
//! it stands if the entries lie behind everything folded, else again from the last quiet state before them → store.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use domain::Timestamp;
use domain::fold::{FoldState, FoldedWait, fold, reconcile};
use domain::id::{EntryId, MessageKey, RoomKey, WaitId};
use domain::rules::{Rules, RulesHistory};
use domain::timeline::capture::{Captured, places};
use domain::timeline::{Body, Entry, Position};
use domain::wait::{Supersession, Wait};
use runtime::trace::{self, Trace};
use store::rooms::commands::{self, StoredCommand};
use store::rooms::timeline::{self, NewEntry};
use store::rooms::waits::{self, NewWait};
use store::rooms::{self, Line, LockedRoom, RoomUpdate, Topic};
use store::sqlx::PgConnection;
use tracing::info_span;

use crate::entry::Fact;
use crate::failure::Failure;
use crate::lines;
use crate::notice;
use crate::rejudge::{self, Rejudge};
use crate::stages::Stages;

/// What is to happen to one locked room.
#[derive(Debug)]
pub struct RoomWork {
    /// The room as it stands.
    pub locked: LockedRoom,
    /// Entries that may be new, in any order, without repeats.
    pub entries: Vec<NewEntry>,
    /// Its name as the work reports it.
    pub topic: Option<Topic>,
    /// Judge its past again even if nothing new is stored.
    pub rejudge: Option<Rejudge>,
    /// Captures that contradict another one of the same id, among the work or stored.
    pub contradictions: Vec<Contradiction>,
    /// Live messages that were captured before others that stand already.
    pub late: Vec<Late>,
    /// The rules in force exclude the room. Judged by [`apply`].
    pub excluded: bool,
    /// In which traces the entries were captured.
    pub traces: HashMap<EntryId, Trace>,
    /// Where each id stands among the entries, until they are sorted.
    pub(crate) places: HashMap<EntryId, usize>,
}

impl RoomWork {
    /// Nothing yet for this room.
    pub fn of(locked: LockedRoom) -> Self {
        let excluded = locked.excluded;
        Self {
            locked,
            entries: Vec::new(),
            topic: None,
            rejudge: None,
            contradictions: Vec::new(),
            late: Vec::new(),
            excluded,
            traces: HashMap::new(),
            places: HashMap::new(),
        }
    }

    /// Judges the room by its name of now. What is said in an excluded room is folded like everything else, so that
    /// nothing is missing once it is excluded no more, but the words are not kept.
    fn exclude(&mut self, rules: &Rules) {
        let topic = newer_topic(&self.locked.topic, self.topic.as_ref());
        self.excluded = rules.excluded_rooms.cover(&self.locked.room, &topic.name);
        if self.excluded {
            for new in &mut self.entries {
                new.forget_words();
            }
        }
    }

    /// Takes the room's name from a fact, unless a later one is known.
    pub fn is_named(&mut self, fact: &Fact) {
        if let Some(topic) = fact.topic().filter(|topic| self.topic.as_ref().is_none_or(|t| t.at <= topic.at))
        {
            self.topic = Some(topic);
        }
    }

    /// Adds an entry. If its id stands already, the one that was captured first stays.
    pub fn keep_lowest(&mut self, mut new: NewEntry) {
        let next = self.entries.len();
        let place = *self.places.entry(new.id.clone()).or_insert(next);
        let Some(held) = self.entries.get_mut(place) else { return self.entries.push(new) };
        if new.entry.position.seq < held.entry.position.seq {
            std::mem::swap(held, &mut new);
        }
        if !content(held).agrees(&content(&new)) {
            self.contradictions.push(Contradiction::of(&new));
        }
    }

    /// Puts the live messages of the work where they stand: see [`domain::timeline::capture`].
    #[must_use]
    pub fn placed(mut self) -> Self {
        self.entries.sort_by_key(|new| new.entry.position.seq);
        let mut progress = self.locked.state.captured.clone();
        for new in &mut self.entries {
            let Entry { position, body: Body::Message(message) } = &mut new.entry else { continue };
            let Some(captured) = message.captured(position) else { continue };
            let account = &message.key.account;
            if self.locked.state.captured.is_past(account, captured.seq) {
                self.late.push(Late { entry: new.id.clone(), prefix: entries_of(&message.key) });
            }
            let place = progress.place(account, &captured);
            message.stamped = (place != captured.sent).then_some(captured.sent);
            (position.at, position.order) = (place.at, place.order);
        }
        self
    }
}

/// What the ids of all entries begin with that the same account captured.
fn entries_of(key: &MessageKey) -> String {
    MessageKey { id: String::new(), ..key.clone() }.to_string()
}

/// A live message that turned up after others that were captured later.
#[derive(Debug)]
pub struct Late {
    /// Its id.
    entry: EntryId,
    /// What the ids of its account's entries begin with.
    prefix: String,
}

/// A capture that says something else than another one of the same id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contradiction {
    /// The id.
    pub entry: EntryId,
    /// Its own place in the order of capture.
    pub seq: i64,
}

impl Contradiction {
    fn of(new: &NewEntry) -> Self {
        Self { entry: new.id.clone(), seq: new.entry.position.seq }
    }
}

/// What two captures of one entry must agree on.
struct Content<'a> {
    at: Timestamp,
    sender: Option<String>,
    text: Option<&'a str>,
}

impl Content<'_> {
    /// Whether they agree. A blanked text contradicts nothing.
    fn agrees(&self, other: &Content<'_>) -> bool {
        let texts = self.text.is_none() || other.text.is_none() || self.text == other.text;
        texts && (self.at, &self.sender) == (other.at, &other.sender)
    }
}

fn content(new: &NewEntry) -> Content<'_> {
    let sender = match &new.entry.body {
        Body::Message(message) => Some(message.sender.key.to_string()),
        _ => None,
    };
    let at = match &new.entry.body {
        Body::Message(message) => message.sent(&new.entry.position).at,
        _ => new.entry.position.at,
    };
    Content { at, sender, text: new.text.as_deref() }
}

/// A room that changed.
#[derive(Debug)]
pub struct Changed {
    /// Which.
    pub room: RoomKey,
    /// Its new version.
    pub version: i64,
    /// Every wait of the stretch that was folded.
    pub waits: Vec<FoldedWait>,
}

/// What came of the work.
#[derive(Debug, Default)]
pub struct Applied {
    /// Rooms that changed.
    pub changed: Vec<Changed>,
    /// Captures that contradict others.
    pub contradictions: Vec<Contradiction>,
    /// What was written to rooms that changed.
    pub written: Vec<Written>,
}

/// What was written to a room.
#[derive(Debug)]
pub struct Written {
    /// Which.
    pub room: RoomKey,
    /// Its version now.
    pub version: i64,
    /// The fold now.
    pub state: FoldState,
    /// Its last lines now.
    pub last_lines: Vec<Line>,
    /// How many bytes both are in the database.
    pub bytes: usize,
}

/// What a fold of all rooms has to store.
#[derive(Default)]
struct Writes {
    updates: Vec<RoomUpdate>,
    waits: Vec<NewWait>,
    supersessions: Vec<(WaitId, Supersession)>,
    notices: Vec<StoredCommand>,
    applied: Applied,
}

/// Does the work, inside the caller's transaction. Rooms in which nothing changed are left alone.
pub async fn apply(
    connection: &mut PgConnection,
    mut work: Vec<RoomWork>,
    rules: &RulesHistory,
    now: Timestamp,
    stages: &mut Stages,
) -> Result<Applied, Failure> {
    let in_force = rules.at(now);
    for room in &mut work {
        room.exclude(in_force);
    }
    let Stored { inserted, mut outcomes } = store_entries(connection, &work).await?;
    stages.done("entries");
    let mut writes = Writes::default();
    for mut room in work {
        room.entries.retain(|new| inserted.contains(new.id.as_str()));
        let outcome = outcomes.remove(&room.locked.room).unwrap_or_default();
        fold_room(connection, room, outcome, rules, now, &mut writes).await?;
    }
    stages.done("fold");
    if !writes.updates.is_empty() {
        waits::upsert(connection, &writes.waits, now).await?;
        waits::retire(connection, &writes.supersessions, now).await?;
        stages.done("waits");
        let bytes = rooms::update(connection, &writes.updates, now).await?;
        stages.done("rooms");
        let versions = writes.applied.changed.iter().map(|changed| changed.version);
        let written = writes.updates.into_iter().zip(versions).zip(bytes);
        writes.applied.written = written
            .map(|((update, version), bytes)| {
                let RoomUpdate { room, state, last_lines, .. } = update;
                Written { room, version, state, last_lines, bytes }
            })
            .collect();
        for notice in &writes.notices {
            commands::note(connection, notice).await?;
        }
    }
    Ok(writes.applied)
}

/// What storing entries gave.
#[derive(Default)]
struct Stored {
    /// Ids that were new.
    inserted: HashSet<String>,
    /// Rooms of which it brought something to light.
    outcomes: BTreeMap<RoomKey, InsertOutcome>,
}

/// What storing a room's entries brought to light.
#[derive(Debug, Default)]
struct InsertOutcome {
    /// The earliest position whose folding changed although it stood already, or whose entry got linked.
    affected: Option<Position>,
    /// Captures that contradict what is stored.
    contradictions: Vec<Contradiction>,
}

impl InsertOutcome {
    fn affect(&mut self, position: Position) {
        self.affected = Some(match self.affected.take() {
            Some(earlier) => earlier.min(position),
            None => position,
        });
    }
}

async fn store_entries(connection: &mut PgConnection, work: &[RoomWork]) -> Result<Stored, Failure> {
    let entries: Vec<&NewEntry> = work.iter().flat_map(|room| &room.entries).collect();
    if entries.is_empty() {
        return Ok(Stored::default());
    }
    let inserted = timeline::insert(connection, &entries).await?.into_iter().collect();
    let mut stored = Stored { inserted, outcomes: BTreeMap::new() };
    let displaced = settle_repeats(connection, &entries, &mut stored).await?;
    let new: Vec<&NewEntry> =
        entries.into_iter().filter(|new| stored.inserted.contains(new.id.as_str())).collect();
    for (room, position) in link(connection, &new, &displaced).await? {
        stored.outcomes.entry(room).or_default().affect(position);
    }
    for room in work {
        settle_places(connection, room, &mut stored).await?;
    }
    Ok(stored)
}

/// Links what takes back and what is taken back, where there is any among new entries. `displaced`: those that took the
/// place of an entry which may have been linked.
async fn link(
    connection: &mut PgConnection,
    new: &[&NewEntry],
    displaced: &BTreeSet<&str>,
) -> Result<Vec<(RoomKey, Position)>, Failure> {
    let ids: Vec<&str> = new.iter().map(|new| new.id.as_str()).collect();
    let awaited = timeline::awaited(connection, &ids).await?;
    let awaited: BTreeSet<&str> = awaited.iter().map(String::as_str).collect();
    let is_concerned = |new: &&&NewEntry| {
        let id = new.id.as_str();
        matches!(new.entry.body, Body::Recall { .. } | Body::CancelUndone { .. })
            || awaited.contains(id)
            || displaced.contains(id)
    };
    let concerned: Vec<&str> = new.iter().filter(is_concerned).map(|new| new.id.as_str()).collect();
    if concerned.is_empty() { Ok(Vec::new()) } else { Ok(timeline::link(connection, &concerned).await?) }
}

/// Puts the live messages of a room where they stand, if one of them was captured before others that stood already.
async fn settle_places(
    connection: &mut PgConnection,
    work: &RoomWork,
    stored: &mut Stored,
) -> Result<(), Failure> {
    let room = &work.locked.room;
    let is_new = |late: &&Late| stored.inserted.contains(late.entry.as_str());
    let prefixes: BTreeSet<&str> = work.late.iter().filter(is_new).map(|late| late.prefix.as_str()).collect();
    for prefix in prefixes {
        let standing = timeline::captured_live(connection, room, prefix).await?;
        let captured: Vec<Captured> = standing.iter().map(|placed| placed.captured).collect();
        for (old, place) in standing.into_iter().zip(places(&captured)) {
            if place == old.position.sent() {
                continue;
            }
            let sent = old.captured.sent;
            let stamped = (place != sent).then_some(sent);
            timeline::put(connection, room, &old.position.entry, place, stamped).await?;
            let outcome = stored.outcomes.entry(room.clone()).or_default();
            outcome.affect(Position { at: place.at, order: place.order, ..old.position.clone() });
            outcome.affect(old.position);
        }
    }
    Ok(())
}

/// An id that stood already is a redelivery, or a capture that contradicts it: then the lowest sequence stays. Returns
/// those that took the place of what stood.
async fn settle_repeats<'e>(
    connection: &mut PgConnection,
    entries: &[&'e NewEntry],
    found: &mut Stored,
) -> Result<BTreeSet<&'e str>, Failure> {
    let repeated: Vec<&'e NewEntry> =
        entries.iter().copied().filter(|new| !found.inserted.contains(new.id.as_str())).collect();
    if repeated.is_empty() {
        return Ok(BTreeSet::new());
    }
    let mut displaced = BTreeSet::new();
    let ids: Vec<&str> = repeated.iter().map(|new| new.id.as_str()).collect();
    let standing: BTreeMap<String, timeline::Stored> =
        timeline::stored(connection, &ids).await?.into_iter().map(|old| (old.entry.clone(), old)).collect();
    for new in repeated {
        let room = new.room.to_string();
        let Some(old) = standing.get(new.id.as_str()) else { continue };
        if old.room != room {
            return Err(Failure::in_two_rooms(&format!("the message {}", new.id)));
        }
        let held = Content { at: old.sent_at, sender: old.sender.clone(), text: old.text.as_deref() };
        if held.agrees(&content(new)) {
            continue;
        }
        let outcome = found.outcomes.entry(new.room.clone()).or_default();
        outcome.contradictions.push(Contradiction::of(new));
        if new.entry.position.seq < old.seq {
            displaced.insert(new.id.as_str());
            timeline::displace(connection, &room, new.id.as_str()).await?;
            timeline::insert(connection, &[new]).await?;
            timeline::move_cancels(connection, &room, &new.entry.position).await?;
            found.inserted.insert(new.id.0.clone());
            let (at, order, seq) = (old.at, old.order, old.seq);
            outcome.affect(Position { at, order, seq, entry: new.id.clone(), after: None });
            outcome.affect(new.entry.position.clone());
        }
    }
    Ok(displaced)
}

async fn fold_room(
    connection: &mut PgConnection,
    work: RoomWork,
    mut outcome: InsertOutcome,
    rules: &RulesHistory,
    now: Timestamp,
    writes: &mut Writes,
) -> Result<(), Failure> {
    let RoomWork { locked, mut entries, topic, rejudge, contradictions, excluded, traces, .. } = work;
    outcome.contradictions.extend(contradictions);
    let conflicts = i64::try_from(outcome.contradictions.len()).unwrap_or(i64::MAX);
    writes.applied.contradictions.append(&mut outcome.contradictions);
    entries.sort_by(|a, b| a.entry.position.cmp(&b.entry.position));
    let rejudge = match rejudge {
        Some(rejudge) => Some(rejudge),
        None => rejudge::by_newer_rules(connection, &locked, rules).await?,
    };
    let is_rejudged = rejudge.is_some();
    if let Some(from) = rejudge.as_ref().map(|rejudge| rejudge.from) {
        outcome.affect(Position::before(from));
    }
    let pinned = rejudge.map_or_else(|| locked.pinned.clone(), |rejudge| rejudge.pinned);
    let rules = &rules.with_pinned(pinned.as_ref());
    let topic = newer_topic(&locked.topic, topic.as_ref());
    let same_room = topic == locked.topic && excluded == locked.excluded;
    if entries.is_empty() && outcome.affected.is_none() && conflicts == 0 && same_room {
        return Ok(());
    }
    let behind =
        entries.first().is_none_or(|first| Some(&first.entry.position) > locked.state.folded_to.as_ref());
    let again = outcome.affected.is_some() || !behind;
    let room = locked.room.clone();
    let (folded, refolded_since) = if again {
        if let Some(first) = entries.first() {
            outcome.affect(first.entry.position.clone());
        }
        let affected = outcome.affected.as_ref();
        let Refolded { folded, supersessions, since } =
            fold_again(connection, &room, affected, rules).await?;
        writes.supersessions.extend(supersessions);
        (folded, Some(since))
    } else {
        (fold_on(locked.state, &entries, rules)?, None)
    };
    let last_lines = if excluded {
        Vec::new()
    } else if again || locked.excluded {
        lines::read(connection, &room, rules).await?
    } else {
        lines::append(locked.last_lines, &entries, rules)
    };
    let imported = entries.iter().any(|new| new.entry.body.is_history());
    writes.waits.extend(folded.waits.iter().map(|folded| NewWait {
        room: room.clone(),
        trace: opening(&room, &folded.wait, &traces),
        folded: folded.clone(),
        rejudged: is_rejudged || imported && (again || folded.wait.is_of_history()),
    }));
    let version = locked.version + 1;
    let last_spoken = folded.state.last_speaker.as_ref().map(|speaker| speaker.at);
    writes.notices.extend(folded.presence_changes.iter().map(|change| notice::of(&room, change, now)));
    writes.updates.push(RoomUpdate {
        room: room.clone(),
        topic,
        last_active_at: last_lines.last().map(|line| line.at).max(last_spoken),
        state: folded.state,
        last_lines,
        conflicts,
        excluded,
        folded_with: rules.newest().version,
        pinned,
        refolded_since,
    });
    writes.applied.changed.push(Changed { room, version, waits: folded.waits });
    Ok(())
}

/// That a message opened a wait is the span that whatever is done about the wait comes from.
fn opening(room: &RoomKey, wait: &Wait, traces: &HashMap<EntryId, Trace>) -> Option<String> {
    let message = traces.get(&wait.opened.entry)?;
    let span = info_span!(parent: None, "wait.open", room.id = %room, wait.id = %wait.id);
    trace::continue_from(&span, Some(message));
    Trace::of(&span).map(|trace| trace.to_string())
}

/// Folds entries that lie behind everything folded.
fn fold_on(
    state: FoldState,
    entries: &[NewEntry],
    rules: &RulesHistory,
) -> Result<domain::fold::Folded, Failure> {
    let opened_before = state.open.clone();
    let mut folded = guarded(state, entries.iter().map(|new| &new.entry), rules)?;
    // Of the waits that were open before, the counts are kept in the room's state.
    folded.waits.retain(|folded| !opened_before.iter().any(|open| open.equals_but_for_counts(&folded.wait)));
    Ok(folded)
}

fn newer_topic(held: &Topic, reported: Option<&Topic>) -> Topic {
    reported.filter(|reported| reported.at >= held.at).unwrap_or(held).clone()
}

/// What folding a room again gave.
pub struct Refolded {
    /// The room, and the waits of the stretch that was folded.
    pub folded: domain::fold::Folded,
    /// What became of live waits that are not among those.
    pub supersessions: Vec<(WaitId, Supersession)>,
    /// When the last entry before the stretch was sent; the earliest time of all if it begins with the first.
    pub since: Timestamp,
}

/// Folds a room again from the last wholly quiet state stored before `affected`. It stores nothing.
pub async fn fold_again(
    connection: &mut PgConnection,
    room: &RoomKey,
    affected: Option<&Position>,
    rules: &RulesHistory,
) -> Result<Refolded, Failure> {
    let start = match affected {
        Some(affected) => waits::checkpoint(connection, room, affected).await?.unwrap_or_default(),
        None => FoldState::default(),
    };
    let folded_to = start.folded_to.clone();
    let old = waits::live_after(connection, room, folded_to.as_ref()).await?;
    let entries = timeline::after(connection, room, folded_to.as_ref()).await?;
    let folded = guarded(start, entries.iter(), rules)?;
    let supersessions = reconcile(&old, &folded.waits);
    let since = folded_to.map_or(Timestamp::UNIX_EPOCH, |position| position.at);
    Ok(Refolded { folded, supersessions, since })
}

/// A panic in one room's fold is that room's problem.
fn guarded<'e>(
    start: FoldState,
    entries: impl Iterator<Item = &'e Entry>,
    rules: &'e RulesHistory,
) -> Result<domain::fold::Folded, Failure> {
    catch_unwind(AssertUnwindSafe(|| fold(start, entries, rules)))
        .map_err(|payload| Failure::panicked(&*payload))
}
