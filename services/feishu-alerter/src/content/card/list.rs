//! The card of a working morning: who waits although every reminder has gone out. Nothing on it can be pressed.

use chrono_tz::Tz;
use domain::Timestamp;
use domain::rules::Colour;
use feishu::card::{self, CARD_BYTES_MAX, request_bytes};
use feishu::{CardUuid, OutgoingMessage, text};
use serde_json::Value;
use store::alerts::unanswered::Unanswered;

use super::facts::Form;
use super::folded_marker;
use crate::wording;

/// Longest name, in characters.
const NAME_CHARS: usize = 40;

/// Who stands on a list.
#[derive(Debug, Clone)]
pub struct List {
    /// Those who have waited longest, longest first.
    pub named: Vec<Unanswered>,
    /// How many wait in all.
    pub total: i64,
}

/// How a list is shown.
pub struct Setting {
    pub marker: CardUuid,
    /// The colour of its title.
    pub colour: Colour,
    /// The zone that times are shown in.
    pub zone: Tz,
    /// When it is made; how long each has waited is counted to here.
    pub now: Timestamp,
}

/// The message in this form, or in the next simpler one that fits Feishu's size.
pub fn render_list(list: &List, setting: &Setting, form: Form) -> OutgoingMessage {
    let message = match form {
        Form::PlainText => OutgoingMessage::text(&plain_text(list, setting)),
        _ => OutgoingMessage::card(&card(list, setting)),
    };
    match form.simpler() {
        Some(simpler) if request_bytes(&message) > CARD_BYTES_MAX => render_list(list, setting, simpler),
        _ => message,
    }
}

fn card(list: &List, setting: &Setting) -> Value {
    let title = wording::unanswered_title(list.total);
    let lines = lines(list, setting, |name| text::markdown(name, NAME_CHARS)).join("\n");
    let elements = [card::markdown(&lines), card::notation(&note(setting)), folded_marker(&setting.marker)];
    card::card(Some(card::header(setting.colour.name(), &title)), &title, &elements)
}

fn lines(list: &List, setting: &Setting, clean: impl Fn(&str) -> String) -> Vec<String> {
    let named = |name: &str| {
        let clean = clean(name);
        if clean.is_empty() { wording::NAMELESS.to_owned() } else { clean }
    };
    let line = |of: &Unanswered| {
        let owner = of.owner.as_deref().map_or(wording::NO_OWNER.to_owned(), &named);
        let waited = (setting.now - of.opened_at).to_std().unwrap_or_default();
        let customer = named(domain::wording::name(&of.customer));
        wording::unanswered_line(&named(&of.topic), &customer, &owner, waited)
    };
    let more = list.total - i64::try_from(list.named.len()).unwrap_or(i64::MAX);
    let more = (more > 0).then(|| wording::and_more(more));
    list.named.iter().map(line).chain(more).collect()
}

fn note(setting: &Setting) -> String {
    wording::unanswered_note(&setting.now.with_timezone(&setting.zone).format("%m-%d %H:%M").to_string())
}

fn plain_text(list: &List, setting: &Setting) -> String {
    let mut all = vec![wording::unanswered_title(list.total)];
    all.extend(lines(list, setting, |name| text::plain(name, NAME_CHARS)));
    all.push(note(setting));
    all.push(format!("{} {}", wording::MARKER, setting.marker));
    all.join("\n")
}
