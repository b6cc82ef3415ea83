//! From stored truth to what a card shows.

use std::time::Duration;

use domain::Timestamp;
use domain::id::StaffName;
use domain::rules::Colour;
use domain::rules::Rules;
use runtime::config::Feishu;
use store::alerts::cards::Card;
use store::alerts::truth::gap_since;
use store::rooms::waits::StoredWait;
use store::rooms::{self, Room};
use store::sqlx::{self, PgConnection};

use crate::card::{CardFacts, CardKind, CardState, LastLine, Owner};
use crate::fate::Fates;
use crate::feishu::OpenId;
use crate::uuid::CardUuid;

/// The truth that a card is made from.
pub struct Subject {
    /// The wait that the card follows.
    pub stored: StoredWait,
    /// Its room.
    pub room: Room,
    /// Messages may have been lost since the wait began.
    pub unverified: bool,
}

impl Subject {
    /// Reads it. `None`: the wait or the room is not there.
    pub async fn read(connection: &mut PgConnection, card: &Card) -> Result<Option<Self>, sqlx::Error> {
        let fates = Fates::read(connection, [card.wait.clone()]).await?;
        let Some(stored) = fates.of(&card.wait).cloned() else { return Ok(None) };
        let Some(room) = rooms::get(connection, &stored.room).await? else { return Ok(None) };
        let unverified = gap_since(connection, &room.room.source, stored.wait.opened.at).await?;
        Ok(Some(Self { stored, room, unverified }))
    }

    /// What the card shows while its wait stands like this.
    pub fn facts(
        &self,
        card: &Card,
        marker: CardUuid,
        state: CardState,
        rules: &Rules,
        feishu: &Feishu,
        now: Timestamp,
    ) -> CardFacts {
        let wait = &self.stored.wait;
        CardFacts {
            marker,
            kind: if card.asks_owner { CardKind::OwnerWanted } else { CardKind::Overdue },
            level: Colour::from_name(&card.colour).unwrap_or(Colour::Grey),
            threshold: Duration::from_secs(u64::try_from(card.threshold_seconds).unwrap_or_default()),
            customer: wait.customer_name.clone(),
            room: self.room.topic.clone(),
            owner: self.owner().map(|owner| Owner {
                mention: mention(feishu, owner, &card.chat),
                name: owner.as_str().to_owned(),
            }),
            waiting_since: wait.opened.at,
            last_lines: self.last_lines(),
            unverified: self.unverified,
            state,
            zone: rules.time_zone,
            made_at: now,
        }
    }

    /// The owner at the end of the wait; while it is open, the room's.
    fn owner(&self) -> Option<&StaffName> {
        match &self.stored.wait.outcome {
            Some(outcome) => outcome.owner.as_ref(),
            None => self.room.state.owner.as_ref(),
        }
    }

    fn last_lines(&self) -> Vec<LastLine> {
        let line = |line: &rooms::Line| LastLine {
            speaker: line.name.clone(),
            text: line.text.clone(),
            at: line.at,
        };
        self.room.last_lines.iter().map(line).collect()
    }
}

/// The owner's account, to be mentioned where others read along; in a private chat everything is for them anyway.
fn mention(feishu: &Feishu, owner: &StaffName, chat: &str) -> Option<OpenId> {
    let mut named = feishu.people.iter().filter(|(_, name)| *name == owner.as_str());
    match (named.next(), named.next()) {
        (Some((open_id, _)), None) if chat == feishu.public_chat => Some(OpenId::new(open_id)),
        _ => None,
    }
}
