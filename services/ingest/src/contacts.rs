//! What is known about people, kept current from what they say.
//!
//! Whoever meets people only notes them; one task writes. So a slow database holds up no message and no answer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use events::chat::ChatMessage;
use runtime::Context;
use runtime::telemetry::chain;
use store::ingest::{Contact, remember_contacts};
use tokio::sync::Notify;

/// People noted and not written: more than that while the database is away are noted when they speak again.
const MOST_NOTED: usize = 10_000;
/// The pause after the database did not take them.
const PAUSE: Duration = Duration::from_secs(1);

/// People to be remembered, each as last seen. Clones share them.
#[derive(Clone, Default)]
pub struct Contacts {
    noted: Arc<Mutex<BTreeMap<String, Contact>>>,
    wake: Arc<Notify>,
}

impl Contacts {
    /// Notes the senders of messages.
    pub fn note_senders(&self, messages: &[ChatMessage]) {
        // A notice is said by nobody, whom there is nothing to remember of.
        let by_people = messages.iter().filter(|message| message.sender.id != message.room.id);
        self.note(by_people.map(|message| {
            let sender = message.sender();
            Contact {
                person: sender.key.to_string(),
                name: sender.name,
                corporation: sender.corporation,
                coworker: sender.coworker,
            }
        }));
    }

    pub fn note(&self, contacts: impl IntoIterator<Item = Contact>) {
        let mut noted = self.lock();
        for contact in contacts {
            if noted.len() < MOST_NOTED || noted.contains_key(&contact.person) {
                noted.insert(contact.person.clone(), contact);
            }
        }
        drop(noted);
        self.wake.notify_one();
    }

    /// Writes what is noted until the shutdown is requested, and then once more.
    pub async fn run(self, ctx: Context) {
        while !ctx.shutdown.requested() {
            tokio::select! {
                () = self.wake.notified() => {}
                () = ctx.shutdown.wait() => {}
            }
            if let Err(error) = self.write(&ctx).await {
                tracing::warn!(error = chain(&error), "contacts could not be remembered yet");
                ctx.shutdown.sleep(PAUSE).await;
                self.wake.notify_one();
            }
        }
    }

    async fn write(&self, ctx: &Context) -> Result<(), store::sqlx::Error> {
        let taken: Vec<Contact> = std::mem::take(&mut *self.lock()).into_values().collect();
        if taken.is_empty() {
            return Ok(());
        }
        let stored = async {
            let mut connection = ctx.db.acquire().await?;
            remember_contacts(&mut connection, &taken, ctx.clock.now()).await
        };
        let stored = stored.await;
        if stored.is_err() {
            let mut noted = self.lock();
            for contact in taken {
                // What was noted meanwhile is newer.
                noted.entry(contact.person.clone()).or_insert(contact);
            }
        }
        stored
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Contact>> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
