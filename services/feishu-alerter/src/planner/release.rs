//! Cards whose readers are not left alone any more: they go out; several of one person as one digest.
//!
//! A card that goes out is looked at again before it is sent: it waits on if something else holds it back, and is dropped if
//! its wait has ended. A digest is made in the transaction that takes the cards' place, so that each is told once.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use domain::Timestamp;
use domain::notification::{Step, Subject};
use domain::rules::{Rules, Severity};
use runtime::Context;
use store::alerts::digest;
use store::alerts::held::{self, HeldFor, Over};
use store::alerts::notifications::{Address, NewNotification};
use store::availability as asked;
use store::rules::RulesCache;
use store::sqlx::PgConnection;

use crate::address_book::AddressBook;
use crate::availability::Availability;
use crate::content::digest::Digest;
use crate::failure::Failure;

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
            held::look_again(&mut tx, now).await?;
        }
        let over = held::lock_over(&mut tx, now).await?;
        let (digestible, others): (Vec<Over>, Vec<Over>) = over.into_iter().partition(|over| over.for_digest);
        held::release(&mut tx, &ids(&others), now).await?;
        let mut by_address: BTreeMap<Address, Vec<Over>> = BTreeMap::new();
        for over in digestible {
            by_address.entry(over.to.clone()).or_default().push(over);
        }
        let rules = history.at(now);
        let context = Together {
            rules,
            book: AddressBook::new(rules, &ctx.config.feishu),
            availability: Availability::read(&mut tx, now).await?,
            now,
        };
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
    availability: Availability,
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
                held::hold(connection, id, HeldFor::Focus, until).await?;
            }
            return Ok(());
        }
        // Alone it says more.
        if over.len() == 1 {
            return Ok(held::release(connection, &ids, now).await?);
        }
        let subject = Subject::Digest(whose.name.clone());
        let new = NewNotification::new(&subject, Step::At(now), to, SEVERITY, now);
        let made = digest::make(connection, &new, &ids, now - TOLD_WITHIN, now).await?;
        for digest in made.older.iter().chain([&made.id]) {
            refresh(connection, *digest, to, (*rules, *book), now).await?;
        }
        metrics::counter!("alerts_digests_total").increment(1);
        tracing::info!(person = %whose.name, cards = over.len(), "cards are told together");
        Ok(())
    }
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
        digest::revive(connection, digest, now).await?;
    }
    Ok(())
}

fn ids(over: &[Over]) -> Vec<i64> {
    over.iter().map(|over| over.id).collect()
}
