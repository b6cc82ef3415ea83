//! Cards whose readers are not left alone any more: they go out; several of one person as one digest.
//!
//! A card that goes out is looked at again before it is sent: it waits on if something else holds it back, and is dropped if
//! its wait has ended. A digest is made in the transaction that takes the cards' place, so that each is told once.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use domain::Timestamp;
use domain::fold::FoldState;
use domain::id::StaffName;
use domain::notification::{Step, Subject};
use domain::opening::closed_for;
use domain::rules::{Rules, Severity};
use runtime::Context;
use store::alerts::digest::{self, LastDigest};
use store::alerts::held::{self, HeldFor, Over};
use store::alerts::notifications::{Address, NewNotification};
use store::availability as asked;
use store::rules::RulesCache;
use store::sqlx::PgConnection;

use crate::address_book::AddressBook;
use crate::availability::Availability;
use crate::content::digest::Digest;
use crate::failure::Failure;
use crate::planner::load;

/// It blames nobody: nobody was to be disturbed.
const SEVERITY: Severity = Severity::Orange;
/// On a digest is whoever was told since then: as long as Feishu takes changes.
const TOLD_WITHIN: TimeDelta = TimeDelta::days(14);

/// Looks at what is over.
#[derive(Debug, Default)]
pub struct Releases {
    /// What decided when the cards that wait are over: the rules, and the last thing that was asked for.
    decided_by: Option<(i64, i64)>,
}

impl Releases {
    pub async fn run(&mut self, ctx: &Context, rules: &RulesCache) -> Result<(), Failure> {
        let now = ctx.clock.now();
        let mut tx = ctx.db.begin().await?;
        let history = rules.get(&mut tx).await?;
        let decided_by = (history.version_at(now).version, asked::last(&mut tx).await?);
        if self.decided_by != Some(decided_by) {
            let by_other_rules = self.decided_by.is_none_or(|(version, _)| version != decided_by.0);
            held::look_again(&mut tx, by_other_rules, now).await?;
        }
        let over = held::lock_over(&mut tx, now).await?;
        let (digestible, others): (Vec<Over>, Vec<Over>) = over.into_iter().partition(|over| over.for_digest);
        held::release(&mut tx, &ids(&others), now).await?;
        let mut by_address: BTreeMap<Address, Vec<Over>> = BTreeMap::new();
        for over in digestible {
            by_address.entry(over.to.clone()).or_default().push(over);
        }
        let rules = history.at(now);
        let availability = &Availability::read(&mut tx, now).await?;
        let book = AddressBook::new(rules, &ctx.config.feishu, availability);
        let context = Together { rules, book, availability, now };
        for (to, over) in by_address {
            context.at_address(&mut tx, &to, &over).await?;
        }
        tx.commit().await?;
        self.decided_by = Some(decided_by);
        Ok(())
    }
}

/// What decides whether cards are told together.
struct Together<'a> {
    rules: &'a Rules,
    book: AddressBook<'a>,
    availability: &'a Availability,
    now: Timestamp,
}

impl Together<'_> {
    async fn at_address(
        &self,
        connection: &mut PgConnection,
        to: &Address,
        over: &[Over],
    ) -> Result<(), Failure> {
        let Self { rules, book, availability, now } = self;
        let (ids, now) = (ids(over), *now);
        // Whose chat that is may have changed.
        let Some(whose) = book.of_chat(to) else { return Ok(held::release(connection, &ids, now).await?) };
        if let Some(until) = availability.in_focus_until(&whose.name, rules, now) {
            for id in ids {
                held::hold(connection, id, HeldFor::Digest, until).await?;
            }
            return Ok(());
        }
        if let Some(until) = closed_for(whose.team, rules, now) {
            for id in ids {
                held::hold(connection, id, HeldFor::Opening, until).await?;
            }
            return Ok(());
        }
        let load = load::read(connection, to, now).await?;
        // Alone it says more.
        if over.len() == 1 && !load::is_heavy(&load, now) {
            return Ok(held::release(connection, &ids, now).await?);
        }
        let next = load::next_digest(&load, now);
        if next > now {
            for id in ids {
                held::hold(connection, id, HeldFor::Digest, next).await?;
            }
            return Ok(());
        }
        let digest = open_digest(connection, to, &whose.name, load.last, now).await?;
        digest::tell(connection, (digest, to), &ids, now - TOLD_WITHIN, now).await?;
        refresh(connection, digest, to, (*rules, *book), now).await?;
        tracing::info!(person = %whose.name, cards = over.len(), "cards are told together");
        Ok(())
    }
}

/// A digest that is about to go out; the last one, if it was not tried yet.
async fn open_digest(
    connection: &mut PgConnection,
    to: &Address,
    person: &StaffName,
    last: Option<LastDigest>,
    now: Timestamp,
) -> Result<i64, Failure> {
    if let Some(last) = last.filter(|last| last.open)
        && digest::lock_open(connection, last.id).await?
    {
        return Ok(last.id);
    }
    let subject = Subject::Digest(person.clone());
    let new = NewNotification::new(&subject, Step::At(now), to, SEVERITY, now);
    metrics::counter!("alerts_digests_total").increment(1);
    Ok(digest::make(connection, &new, now).await?)
}

/// 我的待回复: everybody who waits for a person, whether or not a card of them is due yet. Gives how many there are.
pub async fn on_demand(
    connection: &mut PgConnection,
    to: &Address,
    person: &StaffName,
    (rules, book): (&Rules, AddressBook<'_>),
    now: Timestamp,
) -> Result<usize, Failure> {
    let all = digest::all(connection).await?;
    let here = |state: &FoldState| state.owner.as_ref().is_some_and(|owner| book.of_owner(owner) == *to);
    let waits: Vec<&str> =
        all.iter().filter(|(_, state)| here(state)).map(|(wait, _)| wait.as_str()).collect();
    if waits.is_empty() {
        return Ok(0);
    }
    let load = load::read(connection, to, now).await?;
    let digest = open_digest(connection, to, person, load.last, now).await?;
    digest::tell(connection, (digest, to), &[], now - TOLD_WITHIN, now).await?;
    digest::add(connection, digest, &waits).await?;
    refresh(connection, digest, to, (rules, book), now).await?;
    Ok(waits.len())
}

/// Notes what a digest is to show.
pub async fn refresh(
    connection: &mut PgConnection,
    digest: i64,
    to: &Address,
    by: (&Rules, AddressBook<'_>),
    now: Timestamp,
) -> Result<(), Failure> {
    let content = Digest::read(connection, (digest, to), by, now).await?;
    digest::want(connection, digest, &content.shown(), now).await?;
    if !content.0.is_empty() {
        let (rules, book) = by;
        let opening = book.of_chat(to).and_then(|whose| closed_for(whose.team, rules, now));
        digest::revive(connection, digest, opening.unwrap_or(now)).await?;
    }
    Ok(())
}

fn ids(over: &[Over]) -> Vec<i64> {
    over.iter().map(|over| over.id).collect()
}
