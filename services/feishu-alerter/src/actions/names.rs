//! What people who press buttons are called. The roster knows some of their accounts; whoever it does not know is looked
//! up at Feishu, once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::display;
use domain::id::StaffName;
use feishu::{FeishuClient, OpenId};
use tokio::sync::OnceCell;

use crate::wording;

/// An action has 2.4 s for everything. Without an answer by then it counts all the same, by an unnamed person.
const WITHIN: Duration = Duration::from_secs(1);
/// A look-up that failed is not repeated sooner: a missing scope does not come back by itself.
const FAILED_FOR: Duration = Duration::from_mins(10);
/// Longest name, in characters.
const NAME_CHARS: usize = 40;
/// Names remembered; more than people press in any company's chats.
const MOST: usize = 10_000;

/// A look-up, shared by all who ask for the same person meanwhile.
type Lookup = Arc<OnceCell<LookedUp>>;

/// What became of one.
#[derive(Debug)]
enum LookedUp {
    Named(String),
    /// Feishu gave no name, or no answer.
    Nameless(Instant),
}

pub struct Names {
    feishu: Arc<FeishuClient>,
    looked_up: Mutex<HashMap<OpenId, Lookup>>,
}

impl Names {
    /// Nobody has been looked up yet.
    pub fn new(feishu: Arc<FeishuClient>) -> Self {
        Self { feishu, looked_up: Mutex::default() }
    }

    /// The name of a person: that in the roster, or Feishu's, or words for somebody unnamed.
    pub async fn of(&self, who: &OpenId, in_roster: Option<&StaffName>) -> String {
        if let Some(name) = in_roster {
            return name.as_str().to_owned();
        }
        match self.lookup_of(who).get_or_init(|| self.look_up(who)).await {
            LookedUp::Named(name) => name.clone(),
            LookedUp::Nameless(_) => wording::SOMEBODY.to_owned(),
        }
    }

    fn lookup_of(&self, who: &OpenId) -> Lookup {
        let mut looked_up = self.looked_up.lock().unwrap_or_else(PoisonError::into_inner);
        if looked_up.get(who).is_some_and(is_stale) {
            looked_up.remove(who);
        }
        if looked_up.len() >= MOST && !looked_up.contains_key(who) {
            looked_up.clear();
        }
        looked_up.entry(who.clone()).or_default().clone()
    }

    async fn look_up(&self, who: &OpenId) -> LookedUp {
        let outcome = tokio::time::timeout(WITHIN, self.feishu.person_name(who)).await;
        let name = match outcome {
            Ok(Ok(name)) => display::plain(&name, NAME_CHARS),
            Ok(Err(error)) => {
                tracing::warn!(error = %error, "who pressed a button could not be looked up");
                String::new()
            }
            Err(_elapsed) => {
                tracing::warn!("who pressed a button could not be looked up in time");
                String::new()
            }
        };
        if name.is_empty() { LookedUp::Nameless(Instant::now()) } else { LookedUp::Named(name) }
    }
}

fn is_stale(lookup: &Lookup) -> bool {
    matches!(lookup.get(), Some(LookedUp::Nameless(at)) if at.elapsed() >= FAILED_FOR)
}
