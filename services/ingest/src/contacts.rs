//! What is known about people, kept current from what they say.

use std::collections::BTreeMap;

use events::chat::ChatMessage;
use runtime::Context;
use runtime::telemetry::chain;
use store::ingest::Contact;

/// Remembers the senders. Messages are safe on the bus already, so that a failure only costs freshness.
pub async fn remember(ctx: &Context, messages: &[ChatMessage]) {
    let contacts: BTreeMap<String, Contact> = messages
        .iter()
        .map(|message| {
            let sender = message.sender();
            let person = sender.key.to_string();
            let contact = Contact {
                person: person.clone(),
                name: sender.name,
                corporation: sender.corporation,
                coworker: sender.coworker,
            };
            (person, contact)
        })
        .collect();
    let contacts: Vec<Contact> = contacts.into_values().collect();
    store(ctx, &contacts).await;
}

/// Remembers people; a failure is only logged.
pub async fn store(ctx: &Context, contacts: &[Contact]) {
    let now = ctx.clock.now();
    let stored = async {
        let mut connection = ctx.db.acquire().await?;
        store::ingest::remember_contacts(&mut connection, contacts, now).await
    };
    if let Err(error) = stored.await {
        tracing::warn!(error = chain(&error), "contacts could not be remembered");
    }
}
