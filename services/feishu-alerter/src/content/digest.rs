//! Who is on a digest: those who wait for its reader, and were told to them.

use std::cmp::Reverse;

use domain::Timestamp;
use domain::priority::{Situation, priority};
use domain::rules::{RoomView, Rules};
use serde_json::{Value, json};
use store::alerts::digest::{self, Member};
use store::alerts::notifications::Address;
use store::rooms::customer_lines;
use store::sqlx::{self, PgConnection};

use super::card::DigestLine;
use crate::address_book::AddressBook;

/// What a digest is made from: those who go first by the rules of priority; of equal ones whoever has waited longest.
#[derive(Debug, Clone)]
pub struct Digest(pub Vec<DigestLine>);

impl Digest {
    /// Who is on it now: whose cards do not go to its address any more is not.
    pub async fn read(
        connection: &mut PgConnection,
        (digest, to): (i64, &Address),
        (rules, book): (&Rules, AddressBook<'_>),
        now: Timestamp,
    ) -> Result<Self, sqlx::Error> {
        let members = digest::members(connection, digest).await?;
        let is_told_here = |member: &Member| {
            let owner = member.state.owner.as_ref();
            let room = RoomView { stage: member.state.stage, name: &member.topic, owner };
            book.is_read_at(owner, rules.ladder(member.kind, room), to)
        };
        let here = members.into_iter().filter(is_told_here);
        let mut lines: Vec<(u32, DigestLine)> = here.map(|member| line(member, rules, book, now)).collect();
        lines.sort_by_key(|(points, _)| Reverse(*points));
        Ok(Self(lines.into_iter().map(|(_, line)| line).collect()))
    }

    /// What it shows, as it is stored with it. When that changes the card does, and whoever goes first by then goes first.
    pub fn shown(&self) -> Value {
        let mut waits: Vec<&str> = self.0.iter().map(|line| line.wait.as_str()).collect();
        waits.sort_unstable();
        json!({ "waits": waits })
    }
}

/// How it is named, and the points of its priority.
fn line(member: Member, rules: &Rules, book: AddressBook<'_>, now: Timestamp) -> (u32, DigestLine) {
    let lines = customer_lines(&member.last_lines);
    let first = priority(&rules.priority, &Situation::of(&member.state, &lines, rules, now));
    let (points, because) = (first.points, first.reasons());
    let Member { wait, kind, opened_at, customer, topic, state, .. } = member;
    let instead_of = state.owner.filter(|owner| book.deputy(owner).is_some()).map(|owner| owner.to_string());
    (points, DigestLine { wait, kind, opened_at, customer, topic, instead_of, because })
}
