//! What an operator is told about a configuration, and what nobody is told.

use std::fs;
use std::path::Path;

use anyhow::Result;
use config::{Config, ConfigError, Scope, Source, load, load_complete, load_using, load_with, secret_files};
use serde_json::{Value, json};

const SECRET: &str = "do-not-show-me-8472";

fn sample() -> Value {
    let ladder = json!({
        "rungs": [
            { "after": "5m", "colour": "turquoise", "audience": ["owner"] },
            { "after": "30m", "colour": "red", "audience": ["owner", "public"] }
        ],
        "repeat": { "every": "10m", "colour": "grey", "audience": ["owner", "public"], "until": "70m" }
    });
    let mut listed = ladder.clone();
    listed["list"] = json!({ "every": "1h", "colour": "grey", "audience": ["owner"] });
    json!({
        "rules": {
            "time_zone": "Asia/Shanghai",
            "company_names": ["示例公司"],
            "roster": [
                {
                    "name": "王小售", "team": "pre_sales", "contacts": ["wechaty:1"],
                    "addresses": { "feishu": { "chat": "oc_1", "open_id": "ou_1" } }
                },
                { "name": "李小后", "team": "after_sales", "addresses": { "feishu": { "chat": "oc_2" } } },
                { "name": "吴小研", "team": "other" }
            ],
            "phrases": { "version": 1, "closing": ["好的"] },
            "ladders": {
                "pre_sales": listed, "after_sales": listed, "soft": ladder, "promise": listed,
                "exceptions": [{ "rooms": ["VIP*"], "ladder": listed }]
            },
            "calendars": { "pre_sales": "always" },
            "priority": [{ "reason": "谈到价格", "points": 30, "words": ["价格"] }]
        },
        "database": { "passwords": {} },
        "bus": { "url": "nats://127.0.0.1:4222", "passwords": { "ingest": SECRET } },
        "ingest": { "webhook_tokens": [{ "name": "crm", "token": SECRET }] },
        "vika": {
            "space": "spc1", "sync_token": SECRET, "reconcile_token": SECRET, "bot_names": ["机器人"],
            "sheets": { "today": "", "all_rooms": "", "system_log": "" }
        },
        "feishu": {
            "app_id": "cli_1", "app_secret": SECRET, "encrypt_key": SECRET, "verification_token": SECRET,
            "public_chat": "oc_3"
        }
    })
}

fn read(value: &Value, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    load_with(&value.to_string(), "sample.json", Path::new("."), variables)
}

/// As a service reads it whose secrets stand at, or below, these places.
fn load_for(source: &Source, secrets: &[&str]) -> Result<Config, ConfigError> {
    load_using(source, &secrets.iter().map(|place| (*place).to_owned()).collect::<Vec<_>>())
}

/// The sample with changes: `(pointer, value)`, `null` takes away.
fn with(changes: &[(&str, Value)]) -> Value {
    let mut sample = sample();
    for (pointer, value) in changes {
        if let Some(place) = sample.pointer_mut(pointer).filter(|_| !value.is_null()) {
            *place = value.clone();
            continue;
        }
        let (parent, key) = pointer.rsplit_once('/').unwrap_or_default();
        match (sample.pointer_mut(parent), value) {
            (Some(Value::Object(section)), Value::Null) => drop(section.remove(key)),
            (Some(Value::Object(section)), value) => drop(section.insert(key.to_owned(), value.clone())),
            _ => panic!("{pointer} leads nowhere"),
        }
    }
    sample
}

fn problems(value: &Value, variables: &[(&str, &str)]) -> Vec<String> {
    match read(value, variables) {
        Ok(_) => Vec::new(),
        Err(ConfigError::Problems(problems)) => problems.iter().map(ToString::to_string).collect(),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn the_sample_is_sound() {
    assert_eq!(problems(&sample(), &[]), Vec::<String>::new());
}

/// Mistakes of form and of meaning, in one report: whoever corrects them should not have to come back.
#[test]
fn five_mistakes_are_five_lines_of_one_report() {
    let value = with(&[
        ("/vika/poll_every", json!("5 minutes")),
        ("/feishu/app_secert", json!(SECRET)),
        ("/feishu/public_chat", Value::Null),
        ("/rules/roster/2/name", json!("王小售")),
        ("/rules/company_names", json!("示例公司")),
    ]);
    let mut found = problems(&value, &[]);
    found.sort();
    assert_eq!(
        found,
        [
            "feishu.app_secert: unknown key: expected one of `app_id`, `app_secret`, `base_url`, \
             `enabled`, `encrypt_key`, `follow_ups_at`, `listen`, `public_chat`, `unanswered_at`, `verification_token`",
            "feishu.public_chat: is missing: expected a text",
            "rules.company_names: found a text, expected a list `[…]`, each item a text",
            "rules.roster[2].name: found `王小售`, which is roster[0].name too, expected a label that no other entry has",
            "vika.poll_every: found \"5 minutes\", expected a length of time like \"90s\", \"5m\" or \"1h30m\"",
        ]
    );
}

const FORM: &[(&str, &str, &str)] = &[
    (
        "/http",
        r#"{ "trusted_proxies": ["proxy"] }"#,
        "http.trusted_proxies[0]: found \"proxy\", expected an IP address",
    ),
    ("/rules/time_zone", r#""Shanghai""#, "rules.time_zone: found \"Shanghai\", expected an IANA time zone"),
    (
        "/ingest/listen",
        r#""localhost""#,
        "ingest.listen: found \"localhost\", expected an IP address and port",
    ),
    (
        "/feishu/unanswered_at",
        r#""9 am""#,
        "feishu.unanswered_at: found \"9 am\", expected a time of the day like \"09:00\"",
    ),
    (
        "/rules/approvals_at",
        r#""5 pm""#,
        "rules.approvals_at: found \"5 pm\", expected a time of the day like \"09:00\"",
    ),
    (
        "/feishu/follow_ups_at",
        r#""25:00""#,
        "feishu.follow_ups_at: found \"25:00\", expected a time of the day like \"09:00\"",
    ),
    ("/health_listen", "9000", "health_listen: found 9000, expected an IP address and port"),
    ("/vika/sync_every", "10", "vika.sync_every: found 10, expected a length of time"),
    (
        "/vika/sync_every",
        r#""99999999999999999999s""#,
        "vika.sync_every: found \"99999999999999999999s\", expected a length of time",
    ),
    ("/vika/calls_per_second", "0", "vika.calls_per_second: found 0, expected a whole number from 1 to 50"),
    (
        "/huoban",
        r#"{ "enabled": true, "api_key": "k", "space": "40", "page_size": 51 }"#,
        "huoban.page_size: found 51, expected a whole number from 1 to 50",
    ),
    ("/huoban", r#"{ "enabled": true, "space": "40" }"#, "huoban.api_key: is missing: expected"),
    ("/vika/enabled", r#""yes""#, "vika.enabled: found a text, expected true or false"),
    (
        "/rules/roster/1/team",
        r#""sales""#,
        "rules.roster[1].team: found \"sales\", expected one of `pre_sales`, `after_sales`, `other`",
    ),
    (
        "/rules/roster/0/contacts/0",
        r#""王""#,
        "rules.roster[0].contacts[0]: found \"王\", expected a chat account",
    ),
    ("/rules/roster/1", r#""李小后""#, "rules.roster[1]: found a text, expected a section"),
    (
        "/rules/roster/1/addresses/feishu/chat",
        r#""李小后的群""#,
        "rules.roster[1].addresses.feishu.chat: found \"李小后的群\", expected a chat's id, which begins with `oc_`",
    ),
    (
        "/rules/roster/0/addresses/feishu/open_id",
        r#""oc_1""#,
        "rules.roster[0].addresses.feishu.open_id: found \"oc_1\", expected a person's id, which begins with `ou_`",
    ),
    (
        "/rules/roster/2/addresses",
        r#"{ "wecom": { "user": "wu" } }"#,
        "rules.roster[2].addresses.wecom: unknown key: expected one of `feishu`",
    ),
    (
        "/rules/ladders/pre_sales/repeat",
        r#"{ "every": "1m", "colour": "grey", "until": "70m" }"#,
        "rules.ladders.pre_sales.repeat.audience: is missing: expected a list",
    ),
    (
        "/rules/ladders/soft/rungs/0/audience",
        r#""owner""#,
        "rules.ladders.soft.rungs[0].audience: found a text, expected a list",
    ),
    ("/rules/ladders/soft/rungs/0/audience", r#"["boss"]"#, "rules.ladders.soft.rungs[0].audience[0]: found"),
    (
        "/rules/ladders/soft/rungs/0/audience",
        r#"[{ "chats": "值班" }]"#,
        "rules.ladders.soft.rungs[0].audience[0]: found",
    ),
    (
        "/rules/ladders/pre_sales/repeat",
        "5",
        "rules.ladders.pre_sales.repeat: found a number, expected a section `{…}`, or null",
    ),
    (
        "/ingest/gateway",
        r#"{ "name": "g", "endpoint": "g:1" }"#,
        "ingest.gateway.token: is missing: expected a text that is not empty (or `token_file`",
    ),
    (
        "/feishu/app_secret",
        r#""""#,
        "feishu.app_secret: found an empty text, expected a text that is not empty (or `app_secret_file`",
    ),
    ("/typo", "1", "typo: unknown key: expected one of `bus`, `database`"),
    (
        "/rules/calendars/pre_sales",
        r#""alway""#,
        "rules.calendars.pre_sales: found \"alway\", expected \"always\", or a section `{…}` of working hours",
    ),
    (
        "/rules/calendars/pre_sales",
        r#"["09:00-18:00"]"#,
        "rules.calendars.pre_sales: found a list, expected \"always\", or a section",
    ),
    (
        "/rules/calendars/pre_sales",
        r#"{ "hours": ["9-18"] }"#,
        "rules.calendars.pre_sales.hours[0]: found \"9-18\", expected a part of a day like \"09:00-12:00\"",
    ),
    (
        "/rules/calendars/pre_sales",
        r#"{ "weekdays": { "satuday": [] } }"#,
        "rules.calendars.pre_sales.weekdays.satuday: unknown key: expected one of `friday`, `monday`",
    ),
    (
        "/rules/calendars/pre_sales",
        r#"{ "days_off": ["2026-02-30"] }"#,
        "rules.calendars.pre_sales.days_off[0]: found \"2026-02-30\", expected a day like \"2026-10-01\"",
    ),
];

const MEANING: &[(&str, &str, &str)] = &[
    (
        "/rules/cards",
        r#"{ "title": "{群名} {经理}" }"#,
        "rules.cards.title: found `{经理}`, expected one of {级别}, {分钟}, {时长}, {群名}",
    ),
    (
        "/rules/ladders/soft/rungs/0/audience",
        "[]",
        "rules.ladders.soft.rungs[0].audience: found an empty list, expected at least one of owner, public",
    ),
    (
        "/rules/ladders/soft/rungs/0/audience",
        r#"["owner", { "chat": "值班" }]"#,
        "rules.ladders.soft.rungs[0].audience[1]: found the chat `值班`, expected a name of chats",
    ),
    (
        "/rules/ladders/promise/repeat/audience",
        r#"[{ "person": "陈某" }]"#,
        "rules.ladders.promise.repeat.audience[0]: found `陈某`, expected a name of the roster",
    ),
    (
        "/rules/chats",
        r#"{ "值班": { "feishu": "oc_3" } }"#,
        "rules.chats.值班.feishu: is the same chat as feishu.public_chat",
    ),
    ("/vika/sync_every", r#""0s""#, "vika.sync_every: \"0s\" is too short: expected at least \"1s\""),
    (
        "/rules/ladders/pre_sales/rungs/0/after",
        r#""1h""#,
        "rules.ladders.pre_sales.rungs[1].after: found 30m after a rung at 1h",
    ),
    (
        "/ingest/gateway",
        r#"{ "name": "g", "endpoint": "http://g", "token": "t" }"#,
        "ingest.gateway.endpoint: expected host and port",
    ),
    (
        "/rules/roster/0/addresses",
        "null",
        "rules.roster[0].addresses.feishu.chat: is missing: expected the private chat",
    ),
    (
        "/rules/roster/1/addresses/feishu/chat",
        r#""oc_1""#,
        "rules.roster[1].addresses.feishu.chat: found `oc_1`, which is roster[0].addresses.feishu.chat too",
    ),
    (
        "/rules/roster/2/addresses",
        r#"{ "feishu": { "open_id": "ou_1" } }"#,
        "rules.roster[2].addresses.feishu.open_id: found `ou_1`, which is roster[0].addresses.feishu.open_id too",
    ),
    (
        "/rules/roster/0/addresses/feishu/chat",
        r#""oc_3""#,
        "rules.roster[0].addresses.feishu.chat: is the same chat as feishu.public_chat",
    ),
    (
        "/feishu/public_chat",
        r#""公共群""#,
        "feishu.public_chat: expected a chat's id, which begins with `oc_`",
    ),
    ("/feishu/base_url", r#""open.feishu.cn""#, "feishu.base_url: expected an address without a path"),
    (
        "/vika/sheets/today",
        r#""今日群聊""#,
        "vika.sheets.today: expected a sheet's id, which begins with `dst`",
    ),
    (
        "/huoban",
        r#"{ "enabled": true, "api_key": "k", "space": "spc1" }"#,
        "huoban.space: expected the id of a space, which is digits",
    ),
    (
        "/huoban",
        r#"{ "enabled": true, "api_key": "k", "tables": { "person_days": "2100000000000001" } }"#,
        "huoban.space: is empty: expected the space's id, or the ids of both tables",
    ),
    (
        "/huoban",
        r#"{ "enabled": true, "api_key": "k", "tables": { "person_days": "21", "room_days": "21" } }"#,
        "huoban.tables.room_days: is the same as huoban.tables.person_days",
    ),
    (
        "/huoban",
        r#"{ "enabled": true, "api_key": "Bearer k", "space": "40" }"#,
        "huoban.api_key: expected letters, digits and signs without blanks",
    ),
    (
        "/huoban",
        r#"{ "enabled": true, "api_key": "k", "space": "40", "calls_per_hour": 100, "calls_per_day": 99 }"#,
        "huoban.calls_per_day: is less than huoban.calls_per_hour",
    ),
    ("/vika/bot_names", "[]", "vika.bot_names: found an empty list"),
    (
        "/database/passwords/roomstate",
        r#""x""#,
        "database.passwords.roomstate: unknown role: expected one of `ingest`",
    ),
    ("/bus/url", r#""nats://""#, "bus.url: expected \"nats://host:port\""),
    ("/bus/url", r#""nats://u:p@bus:4222""#, "bus.url: names a user: expected \"nats://host:port\""),
    ("/bus/url", r#""nats://one:4222,nats://""#, "bus.url: expected \"nats://host:port\""),
    ("/bus/replicas", "2", "bus.replicas: found 2, expected 1, 3 or 5"),
    ("/database/host", r#""one,,two""#, "database.host: expected host names separated by commas"),
    ("/database/host", r#""one,two:many""#, "database.host: expected host names separated by commas"),
    (
        "/bus/passwords/room-state",
        r#""x""#,
        "bus.passwords.room-state: unknown role: expected one of `ingest`",
    ),
    ("/logs", r#"{ "filter": "room_state=loud" }"#, "logs.filter: expected levels like"),
    (
        "/ingest/webhook_tokens",
        r#"[{ "name": "a", "token": "t" }, { "name": "a", "token": "u" }]"#,
        "ingest.webhook_tokens[1].name: `a` once more",
    ),
    (
        "/rules/calendars/pre_sales",
        r#"{ "hours": ["09:00-12:00", "11:30-18:00"] }"#,
        "rules.calendars.pre_sales.hours[1]: found 11:30-18:00 after 09:00-12:00, expected parts in rising order",
    ),
];

#[test]
fn every_kind_of_mistake_says_what_was_expected() {
    for (pointer, value, expected) in FORM.iter().chain(MEANING) {
        let found = problems(&with(&[(pointer, serde_json::from_str(value).unwrap())]), &[]);
        assert_eq!(found.len(), 1, "{pointer} {value}: {found:#?}");
        assert!(found[0].starts_with(expected), "{pointer}: {}", found[0]);
    }
}

/// What is switched off may be nonsense.
#[test]
fn what_is_switched_off_needs_no_chats_and_no_sheets() {
    let value = with(&[
        ("/feishu/enabled", json!(false)),
        ("/rules/roster/0/addresses", Value::Null),
        ("/vika/enabled", json!(false)),
        ("/vika/sheets/today", json!("later")),
    ]);
    assert_eq!(problems(&value, &[]), Vec::<String>::new());
}

#[test]
fn of_what_is_switched_off_nothing_is_asked() -> Result<()> {
    let off = json!({ "enabled": false });
    let value = with(&[("/feishu", off.clone()), ("/vika", off)]);
    assert_eq!(problems(&value, &[]), Vec::<String>::new());
    // What is left of it may be unfinished, and its files need not be there.
    let left = json!({ "enabled": false, "app_id": "", "app_secret_file": "none", "listen": "later", "public_chat": null });
    let tables = json!({ "enabled": false, "space": "", "sync_token": "", "reconcile_token_file": "none" });
    let value = with(&[("/feishu", left), ("/vika", tables)]);
    assert_eq!(problems(&value, &[]), Vec::<String>::new());
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("huiyin.json");
    fs::write(&file, value.to_string())?;
    let source = Source { file, environment: false };
    assert!(!load_for(&source, &["vika.sync_token"])?.vika.enabled);
    assert!(!load_for(&source, &["feishu."])?.feishu.enabled);
    assert_eq!(secret_files(&source), []);
    // By the environment as well.
    let needy = with(&[("/feishu/app_secret", Value::Null), ("/vika/space", Value::Null)]);
    let switches = [("HUIYIN_FEISHU__ENABLED", "false"), ("HUIYIN_VIKA__ENABLED", "false")];
    assert_eq!(problems(&needy, &[]).len(), 2);
    assert_eq!(problems(&needy, &switches), Vec::<String>::new());
    // A slip of the pen is told all the same, and so is a switch that is none.
    let slip = with(&[("/vika", json!({ "enabled": false, "spcae": "spc1" }))]);
    assert!(problems(&slip, &[])[0].starts_with("vika.spcae: unknown key"));
    let unclear = with(&[("/vika/enabled", json!("no")), ("/vika/space", Value::Null)]);
    assert_eq!(problems(&unclear, &[]).len(), 2);
    Ok(())
}

#[test]
fn a_file_that_is_none_is_named() {
    let source = Source { file: "no/such/huiyin.json".into(), environment: false };
    assert_eq!(
        load(&source).unwrap_err().to_string(),
        "the configuration cannot be read: there is no file no/such/huiyin.json"
    );
    let broken = load_with("{ \"rules\": ", "broken.json", Path::new("."), []).unwrap_err().to_string();
    assert!(broken.contains("broken.json is not JSON") && broken.contains("line 1"), "{broken}");
}

#[test]
fn secrets_come_from_files_beside_the_configuration() -> Result<()> {
    let folder = tempfile::tempdir()?;
    fs::create_dir(folder.path().join("secrets"))?;
    fs::write(folder.path().join("secrets/app"), "from a file\n")?;
    fs::write(folder.path().join("secrets/room"), "123456\r\n")?;
    let value = with(&[
        ("/feishu/app_secret", Value::Null),
        ("/feishu/app_secret_file", json!("secrets/app")),
        ("/database/passwords/room_state_file", json!("secrets/room")),
    ]);
    let file = folder.path().join("huiyin.json");
    fs::write(&file, format!("\u{feff}{value}"))?;
    let config = load(&Source { file: file.clone(), environment: false })?;
    assert_eq!(config.feishu.app_secret.expose(), "from a file");
    assert_eq!(config.database.passwords["room_state"].expose(), "123456");

    fs::write(folder.path().join("secrets/app"), "\n")?;
    fs::remove_file(folder.path().join("secrets/room"))?;
    let error = load(&Source { file, environment: false }).unwrap_err().to_string();
    let secrets = folder.path().join("secrets");
    for expected in [
        "2 problems".to_owned(),
        format!("feishu.app_secret_file: the file {}/app is empty", secrets.display()),
        format!("database.passwords.room_state_file: there is no file {}/room", secrets.display()),
    ] {
        assert!(error.contains(&expected), "{expected} is not in: {error}");
    }
    Ok(())
}

#[test]
fn a_secret_is_given_once_and_only_secrets_come_from_files() {
    let value = with(&[("/feishu/app_secret_file", json!("x")), ("/feishu/app_id_file", json!("y"))]);
    let found = problems(&value, &[]);
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(found[0], "feishu.app_secret_file: `app_secret` is given as well: expected one of the two");
    assert!(found[1].starts_with("feishu.app_id_file: unknown key"), "{found:?}");
}

#[test]
fn the_environment_overrides_by_what_is_expected_in_its_place() -> Result<()> {
    let value =
        with(&[("/feishu/app_secret", Value::Null), ("/feishu/app_secret_file", json!("/there/is/none"))]);
    let config = read(
        &value,
        &[
            ("HUIYIN_FEISHU__APP_SECRET", "0012345678901234567890"),
            ("HUIYIN_DATABASE__PASSWORDS__ROOM_STATE", "true"),
            ("HUIYIN_DATABASE__PORT", "6432"),
            ("HUIYIN_VIKA__ENABLED", "false"),
            ("HUIYIN_VIKA__POLL_EVERY", "1h"),
            ("HUIYIN_RULES__COMPANY_NAMES", r#"["甲","乙"]"#),
            ("HUIYIN_HEALTH_LISTEN", "127.0.0.1:9000"),
            // Not ours: the file's name, and what a cluster sets for its own services.
            ("HUIYIN_CONFIG", "somewhere.json"),
            ("HUIYIN_INGEST_PORT", "tcp://10.0.0.1:8080"),
            ("PATH", "/bin"),
        ],
    )?;
    assert_eq!(config.feishu.app_secret.expose(), "0012345678901234567890");
    assert_eq!(config.database.passwords["room_state"].expose(), "true");
    assert_eq!((config.database.port, config.vika.enabled), (6432, false));
    assert_eq!(config.vika.poll_every.to_string(), "1h");
    assert_eq!(config.rules.company_names, ["甲", "乙"]);
    assert_eq!(config.health_listen.map(|address| address.port()), Some(9000));
    Ok(())
}

#[test]
fn a_wrong_variable_is_named() {
    let mut found = problems(
        &sample(),
        &[
            ("HUIYIN_DATABASE__PORT", "many"),
            ("HUIYIN_FEISHU__APP_SECERT", SECRET),
            ("HUIYIN_FEISHU__ENCRYPT_KEY_FILE", "/none"),
        ],
    );
    found.sort();
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].starts_with("database.port: found \"many\", expected a whole number"), "{found:?}");
    assert!(found[0].ends_with("(set by the environment variable HUIYIN_DATABASE__PORT)"), "{found:?}");
    assert!(found[1].starts_with("feishu.app_secert: unknown key"), "{found:?}");
    assert!(found[1].ends_with("(set by the environment variable HUIYIN_FEISHU__APP_SECERT)"), "{found:?}");
    assert!(found[2].starts_with("feishu.encrypt_key_file: there is no file /none"), "{found:?}");
}

#[test]
fn setting_up_the_database_takes_the_password_of_every_role() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("huiyin.json");
    let value = with(&[("/database/passwords", json!({ "ingest": "x" })), ("/vika/bot_names", json!([]))]);
    fs::write(&file, value.to_string())?;
    let error =
        load_complete(&Source { file, environment: false }, Scope::Everything).unwrap_err().to_string();
    assert!(
        error.contains("10 problems") && error.contains("database.passwords.admin: is missing"),
        "{error}"
    );
    assert!(error.contains("bus.passwords.admin: is missing"), "{error}");
    assert!(!error.contains("passwords.ingest:"), "{error}");
    Ok(())
}

/// Neither the whole configuration nor any report of a mistake shows a secret, also not one in a wrong place.
#[test]
fn no_secret_is_ever_shown() -> Result<()> {
    let config = read(&sample(), &[("HUIYIN_DATABASE__PASSWORDS__ADMIN", SECRET)])?;
    assert!(!format!("{config:?}{config:#?}").contains(SECRET));
    assert!(!serde_json::to_string(&config)?.contains(SECRET), "written out");
    for (pointer, value) in [
        ("/feishu/app_secret", json!([SECRET])),
        ("/feishu/app_secret", json!({ "value": SECRET })),
        ("/feishu", json!(SECRET)),
        ("/bus/url", json!(format!("nats://u:{SECRET}@"))),
        ("/bus/url", json!(format!("nats://u:{SECRET}@bus:4222"))),
        ("/bus/passwords", json!({ "somebody": SECRET })),
        ("/bus", json!({ "ulr": SECRET })),
        ("/database/passwords", json!([SECRET])),
        ("/database/password", json!(SECRET)),
        ("/vika/sync_token_file", json!(5)),
        ("/ingest/webhook_tokens", json!([SECRET])),
        (
            "/ingest/webhook_tokens",
            json!([{ "name": "a", "token": SECRET }, { "name": "b", "token": SECRET }]),
        ),
    ] {
        let error = read(&with(&[(pointer, value)]), &[]).unwrap_err();
        let told = format!("{error}\n{error:?}");
        assert!(!told.contains(SECRET), "{pointer}: {told}");
    }
    Ok(())
}

/// A container of a service holds the secrets of that service alone.
#[test]
fn a_service_does_without_the_secrets_of_others() -> Result<()> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("token"), SECRET)?;
    let value = with(&[
        ("/vika/sync_token", Value::Null),
        ("/vika/sync_token_file", json!("token")),
        ("/vika/reconcile_token", Value::Null),
        ("/vika/reconcile_token_file", json!("none")),
        ("/feishu/app_secret", Value::Null),
        ("/feishu/app_secret_file", json!("none")),
        ("/database/passwords/vika_sync_file", json!("token")),
        ("/database/passwords/ingest_file", json!("none")),
    ]);
    let file = folder.path().join("huiyin.json");
    fs::write(&file, value.to_string())?;
    let source = Source { file, environment: false };

    let config = load_for(&source, &["database.passwords.vika_sync", "vika.sync_token"])?;
    assert_eq!(config.vika.sync_token.expose(), SECRET);
    assert_eq!(config.database.passwords["vika_sync"].expose(), SECRET);
    assert_ne!(config.vika.reconcile_token.expose(), SECRET);

    let missing = |secrets| match load_for(&source, &[secrets]) {
        Err(ConfigError::Problems(problems)) => problems.into_iter().map(|problem| problem.path).collect(),
        _ => Vec::new(),
    };
    assert_eq!(missing("database.passwords.ingest"), ["database.passwords.ingest_file"]);
    assert_eq!(missing("vika.reconcile_token"), ["vika.reconcile_token_file"]);
    assert_eq!(missing("feishu."), ["feishu.app_secret_file"]);
    Ok(())
}

#[test]
fn a_watchdog_that_could_tell_nobody_is_refused_point_by_point() {
    let watchdog = json!({
        "operators_chat": "the operators", "operators": ["ou_1", "somebody"],
        "fallback": { "url": format!("ftp://{SECRET}") }, "heartbeat_url": SECRET,
        "expected": ["room-state", "cron"], "beat_every": "40s"
    });
    let found = problems(&with(&[("/watchdog", watchdog.clone())]), &[]);
    let paths: Vec<&str> = found.iter().map(|line| line.split(": ").next().unwrap_or_default()).collect();
    assert_eq!(
        paths,
        [
            "watchdog.operators_chat",
            "watchdog.operators[1]",
            "watchdog.fallback.url",
            "watchdog.heartbeat_url",
            "watchdog.expected[1]",
            "watchdog.thresholds.silent_after",
        ],
        "{found:?}"
    );
    assert!(!format!("{found:?}").contains(SECRET), "{found:?}");
    let silent =
        with(&[("/watchdog", json!({ "operators_chat": "oc_9" })), ("/feishu/enabled", json!(false))]);
    assert_eq!(
        problems(&silent, &[]),
        ["watchdog: found a section, expected null while feishu.enabled is false"]
    );
}

/// One path for the files of all roles; what is given for a role itself holds.
#[test]
fn passwords_can_be_files_that_are_named_after_their_roles() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for (name, text) in [("pg_ingest", "one"), ("pg_room_state", "two"), ("mine", "three")] {
        fs::write(folder.path().join(name), text)?;
    }
    let value = with(&[
        ("/database/password_files", json!("pg_{role}")),
        ("/database/passwords/reader", json!("four")),
        ("/database/passwords/room_state_file", json!("mine")),
    ]);
    let file = folder.path().join("huiyin.json");
    fs::write(&file, value.to_string())?;
    let source = Source { file, environment: false };
    let load = |login: &str| load_for(&source, &[&format!("database.passwords.{login}")]);
    let password =
        |login: &str| -> Result<String> { Ok(load(login)?.database.passwords[login].expose().to_owned()) };
    assert_eq!((password("ingest")?, password("room_state")?), ("one".into(), "three".into()));
    assert_eq!(password("reader")?, "four");
    let error = load("vika_sync").unwrap_err().to_string();
    assert!(error.contains("database.passwords.vika_sync_file: there is no file"), "{error}");
    Ok(())
}

/// One file for all would hold one password for all.
#[test]
fn a_pattern_of_password_files_names_the_role() {
    let value = with(&[
        ("/database/password_files", json!("/run/secrets/postgres")),
        ("/bus/password_files", json!("nats_{role}")),
    ]);
    let found = problems(&value, &[]);
    assert!(
        found
            .iter()
            .any(|problem| problem.starts_with("database.password_files:") && problem.contains("{role}")),
        "{found:?}"
    );
    assert!(!found.iter().any(|problem| problem.starts_with("bus.password_files:")), "{found:?}");
}

#[test]
fn an_optional_secret_can_be_a_file_as_well() -> Result<()> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("url"), format!("https://ping.example/{SECRET}\n"))?;
    let watchdog = json!({ "operators_chat": "oc_9", "heartbeat_url_file": "url" });
    let text = with(&[("/watchdog", watchdog)]).to_string();
    let config = load_with(&text, "sample.json", folder.path(), [])?;
    let watchdog = config.watchdog.as_ref().unwrap();
    assert_eq!(watchdog.heartbeat_url.as_ref().unwrap().expose(), format!("https://ping.example/{SECRET}"));
    assert!(!format!("{config:?}").contains(SECRET));
    Ok(())
}

/// The places of the configuration at which a length of time stands, as pointers.
fn lengths(root: &Value, node: &Value, pointer: &str, found: &mut Vec<String>) {
    if let Some(target) = node["$ref"].as_str() {
        if target.ends_with("/Span") {
            found.push(pointer.to_owned());
        } else if let Some(target) = root.pointer(target.trim_start_matches('#')) {
            lengths(root, target, pointer, found);
        }
        return;
    }
    for choice in node["anyOf"].as_array().into_iter().flatten() {
        lengths(root, choice, pointer, found);
    }
    for (key, property) in node["properties"].as_object().into_iter().flatten() {
        lengths(root, property, &format!("{pointer}/{key}"), found);
    }
    if node["items"].is_object() {
        lengths(root, &node["items"], &format!("{pointer}/0"), found);
    }
}

fn set(mut node: &mut Value, pointer: &str, value: Value) {
    for key in pointer.split('/').skip(1) {
        node = match key.parse::<usize>() {
            Ok(index) => &mut node[index],
            Err(_) => &mut node[key],
        };
    }
    *node = value;
}

/// No period of nothing, wherever one stands, also in settings that are yet to come.
#[test]
fn a_period_of_nothing_is_too_short_wherever_it_stands() {
    // What comes back is a new alarm each time.
    const NOTHING_IS_FINE: [&str; 1] = ["/watchdog/thresholds/reopen_within"];
    let schema = config::schema();
    let mut places = Vec::new();
    lengths(&schema, &schema, "", &mut places);
    assert!(places.len() >= 19, "{places:?}");
    // A soft ladder has no list at all.
    places.retain(|place| place != "/rules/ladders/soft/list/every");
    for place in places {
        // Of what is off by default nothing is asked.
        let huoban = json!({ "enabled": true, "api_key": "k", "space": "4" });
        let target =
            json!({ "team": "pre_sales", "share": { "percent": 80, "within": "10m" }, "median": "5m" });
        let mut value = with(&[
            ("/watchdog", json!({ "operators_chat": "oc_9" })),
            ("/huoban", huoban),
            ("/rules/targets", json!([target])),
        ]);
        set(&mut value, &place, json!("0s"));
        let told = problems(&value, &[]);
        let path = place[1..].replace("/0/", "[0].").replace('/', ".");
        if NOTHING_IS_FINE.contains(&place.as_str()) {
            assert_eq!(told, Vec::<String>::new(), "{place}");
            continue;
        }
        assert_eq!(told.len(), 1, "{place}: {told:?}");
        let named = told[0].starts_with(&format!("{path}: ")) && told[0].contains("\"0s\"");
        let least = told[0].contains("too short") && told[0].contains("at least \"");
        assert!(named && least, "{place}: {told:?}");
    }
}

/// A configuration in a folder, with these files of public holidays beside it.
fn with_holidays(files: &[(&str, &str)]) -> Result<(tempfile::TempDir, Source)> {
    let folder = tempfile::tempdir()?;
    fs::create_dir(folder.path().join("holidays"))?;
    for (name, text) in files {
        fs::write(folder.path().join("holidays").join(name), text)?;
    }
    let file = folder.path().join("huiyin.json");
    fs::write(&file, with(&[("/holidays", json!("holidays"))]).to_string())?;
    Ok((folder, Source { file, environment: false }))
}

/// As the public repository has it, with what else is in its folder and in its files.
const YEAR: &str = r#"{
    "$schema": "https://example.com/schema.json", "year": 2026, "papers": ["https://example.com/notice"],
    "days": [
        { "name": "国庆节", "date": "2026-10-01", "isOffDay": true },
        { "name": "国庆节", "date": "2026-10-10", "isOffDay": false }
    ]
}"#;

#[test]
fn public_holidays_come_from_files_beside_the_configuration() -> Result<()> {
    let announced = r#"{ "year": 2027, "days": [] }"#;
    let others = [("2026.json", YEAR), ("2027.json", announced), ("schema.json", "{}"), ("README.md", "")];
    let (folder, source) = with_holidays(&others)?;
    let config = load(&source)?;
    let days = |config: &Config| {
        let days = config.rules.holidays.iter().flat_map(|year| &year.days);
        days.map(|day| format!("{} {}", day.date, day.is_off_day)).collect::<Vec<_>>()
    };
    assert_eq!(days(&config), ["2026-10-01 true", "2026-10-10 false"]);
    let day = |text: &str| text.parse().unwrap_or_default();
    let calendar = config.rules.calendar(domain::rules::Stage::AfterSales);
    assert!(!calendar.is_working_day(day("2026-10-01")) && calendar.is_working_day(day("2026-10-10")));
    // What is stored of the rules says it all by itself.
    let stored: domain::rules::Rules = serde_json::from_value(json!(config.rules))?;
    assert_eq!(stored.calendar(domain::rules::Stage::AfterSales), calendar);
    // A changed file makes other rules.
    fs::write(folder.path().join("holidays/2027.json"), YEAR.replace("2026", "2027"))?;
    assert_ne!(load(&source)?.rules, config.rules);
    // A service goes by the stored ones, and need not have the files.
    fs::remove_dir_all(folder.path().join("holidays"))?;
    assert_eq!(days(&load_for(&source, &[])?), Vec::<String>::new());
    let expected = format!("holidays: there is no folder {}", folder.path().join("holidays").display());
    assert!(load(&source).unwrap_err().to_string().contains(&expected));
    let places = Scope::Places(&["database"]);
    assert!(config::load_within(&source, places, None).is_ok(), "whoever uses none of it is not told");
    Ok(())
}

#[test]
fn everything_wrong_with_files_of_holidays_is_told_at_once() -> Result<()> {
    let faulty = r#"{ "year": 2026, "days": [
        { "name": "元旦", "date": "2026-1-1", "isOffDay": true },
        { "date": "2026-01-02", "isOffDay": "yes" },
        5
    ] }"#;
    let twice = r#"{ "year": 2025, "days": [
        { "name": "元旦", "date": "2025-01-01", "isOffDay": true },
        { "name": "元旦", "date": "2025-01-01", "isOffDay": true },
        { "name": "元旦", "date": "2025-01-02", "isOffDay": true }
    ] }"#;
    let other = r#"{ "year": 2024, "days": [{ "name": "元旦", "date": "2025-01-02", "isOffDay": false }] }"#;
    let files = [
        ("2023.json", "{ \"year\": "),
        ("2024.json", other),
        ("2025.json", twice),
        ("2026.json", faulty),
        ("2027.json", YEAR),
        ("2028.json", "[]"),
    ];
    let (folder, source) = with_holidays(&files)?;
    let Err(ConfigError::Problems(told)) = load(&source) else { panic!("it is not sound") };
    let within = format!("holidays: {}/", folder.path().join("holidays").display());
    let told: Vec<String> = told.iter().map(|problem| problem.to_string().replace(&within, "")).collect();
    let expected = [
        "2023.json: the file is not JSON",
        "2026.json: days[0].date: found \"2026-1-1\", expected a day like \"2026-10-01\"",
        "2026.json: days[1].name: found nothing, expected a text",
        "2026.json: days[1].isOffDay: found \"yes\", expected true or false",
        "2026.json: days[2].name: found nothing",
        "2026.json: days[2].date: found nothing",
        "2026.json: days[2].isOffDay: found nothing",
        "2027.json: year: found 2026, expected 2027",
        "2028.json: year: found nothing",
        "2028.json: days: found nothing, expected a list",
        "2025.json: days[1].date: found 2025-01-01 once more, expected each day once",
        "2025.json: days[2].isOffDay: found 2025-01-02 otherwise than",
    ];
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.starts_with(expected), "{told}\n{expected}");
    }
    assert!(told[11].contains("2024.json days[0]"), "{}", told[11]);
    let (_folder, empty) = with_holidays(&[("readme.txt", "")])?;
    assert!(load(&empty).unwrap_err().to_string().contains("there are no files of years in the folder"));
    Ok(())
}

#[test]
fn everything_wrong_with_the_board_is_told_at_once() {
    let board = json!({
        "listen": "127.0.0.1:8082", "public_url": "https://board.example.com/huiyin", "session_key": "do-not-show-me",
        "hr": ["吴人事", " ", "吴人事"]
    });
    let found = problems(&with(&[("/performance", json!({ "board": board }))]), &[]);
    let paths: Vec<&str> = found.iter().filter_map(|line| line.split(": ").next()).collect();
    let expected =
        ["public_url", "session_key", "hr[1]", "hr[2]"].map(|key| format!("performance.board.{key}"));
    assert_eq!(paths, expected);
    assert!(!found.concat().contains("do-not-show-me"));
    let key = "a key that nobody can guess, at all".to_owned();
    let at = |url: &str| json!({ "listen": "[::]:8082", "public_url": url, "session_key": key });
    // Browsers say neither where they are.
    for url in ["https://Board.example.com", "https://board.example.com:443", "http://board.example.com:80"] {
        let found = problems(&with(&[("/performance", json!({ "board": at(url) }))]), &[]);
        assert!(found.len() == 1 && found[0].starts_with("performance.board.public_url: found"), "{found:?}");
    }
    let sound = at("https://board.example.com");
    assert_eq!(problems(&with(&[("/performance", json!({ "board": sound }))]), &[]), Vec::<String>::new());
    assert_eq!(problems(&with(&[("/performance", json!({ "board": null }))]), &[]), Vec::<String>::new());
}
