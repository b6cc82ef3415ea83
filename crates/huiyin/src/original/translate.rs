//! The translation. Pure: one value into another, and a line for each part.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use vika::SheetId;

use super::ladder::ladder;
use super::wording;

/// What new companies copy, with people and places of nobody.
const BASE: &str = include_str!("../../../../config/default.json");
/// As the original was shipped: everything is for this room while it is being tried.
const TRIAL_ROOM: &str = "test_roomid";
const ALERT_GROUP: &str = "alert_group";

/// A configuration of Huiyin.
#[derive(Debug)]
pub(super) struct Translation {
    pub config: Value,
    /// What of the original is in it.
    pub taken: Vec<String>,
    /// What is not, and what to do instead.
    pub left: Vec<String>,
}

/// `None`: this is no configuration of the original.
pub(super) fn translate(original: &Value) -> Option<Translation> {
    let all = original.get("All").unwrap_or(original).as_object()?;
    let known = ["names", "lark", "vika", "corp"];
    if known.iter().all(|section| !all.contains_key(*section)) {
        return None;
    }
    let mut config: Value = serde_json::from_str(BASE).ok()?;
    // People whom nobody knows would get cards.
    for people in ["/rules/managers", "/watchdog/operators", "/rules/roster"] {
        *config.pointer_mut(people)? = json!([]);
    }
    let all = Value::Object(all.clone());
    let mut translation = Translation { config, taken: Vec::new(), left: Vec::new() };
    translation.company(&all);
    translation.people(&all);
    translation.chats(&all["lark"]);
    translation.ladders(&all["lark"]);
    translation.sheets(&all["vika"]);
    translation.secrets(&all);
    translation.others(&all);
    Some(translation)
}

impl Translation {
    fn set(&mut self, pointer: &str, value: Value, taken: String) {
        if let Some(place) = self.config.pointer_mut(pointer) {
            *place = value;
            self.taken.push(taken);
        }
    }

    fn company(&mut self, all: &Value) {
        match text(&all["corp"]["name"]) {
            Some(name) => self.set("/rules/company_names", json!([name]), wording::company(name)),
            None => self.left.push(wording::missing("corp.name", "rules.company_names")),
        }
        let zone = &all["timeZone"];
        match text(zone).filter(|zone| zone.parse::<chrono_tz::Tz>().is_ok()) {
            Some(zone) => self.set("/rules/time_zone", json!(zone), wording::time_zone(zone)),
            None if zone.is_null() => {}
            None => self.left.push(wording::no_time_zone()),
        }
    }

    /// Whoever stands in both lists stays in the first: a person has one team.
    fn people(&mut self, all: &Value) {
        let (names, chats) = (&all["names"], &all["lark"]["sales2chat"]);
        let (mut roster, mut met) = (Vec::new(), BTreeSet::new());
        for (list, team) in [("sales", "pre_sales"), ("after_sales", "after_sales")] {
            let place = format!("names.{list}");
            let Some(people) = names[list].as_array() else {
                self.left.push(wording::missing(&place, "rules.roster"));
                continue;
            };
            for person in people {
                let Some(name) = text(person) else {
                    self.left.push(wording::no_name(&place));
                    continue;
                };
                if !met.insert(name.to_owned()) {
                    self.left.push(wording::twice(name, &place));
                    continue;
                }
                let chat = text(&chats[name]).map_or_else(
                    || {
                        // What a search for what is still to be filled in finds.
                        let placeholder = format!("oc_example_{}", roster.len() + 1);
                        self.left.push(wording::without_chat(name, &placeholder));
                        placeholder
                    },
                    str::to_owned,
                );
                let addresses = json!({ "feishu": { "chat": chat } });
                roster.push(json!({ "name": name, "team": team, "contacts": [], "addresses": addresses }));
            }
        }
        let strangers =
            chats.as_object().into_iter().flatten().filter(|(name, _)| !met.contains(name.trim()));
        self.left.extend(strangers.map(|(name, _)| wording::stranger(name)));
        if !roster.is_empty() {
            let people = roster.len();
            self.set("/rules/roster", Value::Array(roster), wording::people(people));
        }
        self.left.push(wording::NO_MANAGERS.to_owned());
    }

    fn chats(&mut self, lark: &Value) {
        match text(&lark["appId"]) {
            Some(app) => self.set("/feishu/app_id", json!(app), wording::app()),
            None => self.left.push(wording::missing("lark.appId", "feishu.app_id")),
        }
        match text(&lark["channels"][ALERT_GROUP]) {
            Some(chat) => self.set("/feishu/public_chat", json!(chat), wording::public_chat()),
            None => self.left.push(wording::missing("lark.channels.alert_group", "feishu.public_chat")),
        }
        let known = [ALERT_GROUP, TRIAL_ROOM];
        let others = lark["channels"].as_object().into_iter().flatten();
        let others = others.filter(|(name, _)| !known.contains(&name.as_str()));
        self.left.extend(others.map(|(name, _)| wording::another_channel(name)));
        if lark["channels"].get(TRIAL_ROOM).is_some() || lark["is_developing"] == true {
            self.left.push(wording::TRIAL.to_owned());
        }
        self.left.push(wording::NO_OPERATORS.to_owned());
    }

    fn ladders(&mut self, lark: &Value) {
        for (schedule, stage) in [("salesAlert", "pre_sales"), ("afterSalesAlert", "after_sales")] {
            let place = format!("lark.{schedule}");
            match ladder(&lark[schedule], &place, &mut self.left) {
                Some(ladder) => {
                    self.config["rules"]["ladders"][stage] = ladder;
                    self.taken.push(wording::ladder(&place, stage));
                }
                None => self.left.push(wording::no_ladder(&place)),
            }
        }
        self.left.push(wording::WORKING_TIME.to_owned());
    }

    fn sheets(&mut self, vika: &Value) {
        for (theirs, ours) in [("todayRoom", "today"), ("allRooms", "all_rooms"), ("systemLog", "system_log")]
        {
            let place = format!("vika.{theirs}");
            match text(&vika[theirs]).filter(|id| SheetId::try_from((*id).to_owned()).is_ok()) {
                Some(id) => {
                    self.set(&format!("/vika/sheets/{ours}"), json!(id), wording::sheet(&place, ours));
                }
                None => self.left.push(wording::no_sheet(&place)),
            }
        }
        self.left.push(wording::NO_SPACE.to_owned());
    }

    /// Secrets go into files, and nowhere else.
    fn secrets(&mut self, all: &Value) {
        for (place, there, what) in [
            ("vika.token", &all["vika"]["token"], wording::VIKA_TOKEN),
            ("lark.appKey", &all["lark"]["appKey"], wording::APP_KEY),
            ("WechatyToken", &all["WechatyToken"], wording::WECHATY_TOKEN),
        ] {
            if !there.is_null() {
                self.left.push(wording::secret(place, what));
            }
        }
    }

    fn others(&mut self, all: &Value) {
        for (place, there, why) in [
            ("dbConfig、index", &all["dbConfig"], wording::DATABASE),
            ("updateCycleTime", &all["updateCycleTime"], wording::CYCLES),
            ("lark.serverPort", &all["lark"]["serverPort"], wording::SERVER_PORT),
        ] {
            if !there.is_null() {
                self.left.push(wording::other(place, why));
            }
        }
        let known = [
            "WechatyToken",
            "timeZone",
            "updateCycleTime",
            "dbConfig",
            "index",
            "corp",
            "vika",
            "names",
            "lark",
        ];
        let unknown = all.as_object().into_iter().flatten().filter(|(key, _)| !known.contains(&key.as_str()));
        self.left.extend(unknown.map(|(key, _)| wording::unknown(key)));
    }
}

/// A text that says something.
fn text(value: &Value) -> Option<&str> {
    value.as_str().map(str::trim).filter(|text| !text.is_empty())
}
