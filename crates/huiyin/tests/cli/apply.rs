//! `huiyin apply` on an empty database and an empty bus.

use std::convert::Infallible;

use anyhow::{Context as _, Result};
use local_stack::testing::{TestDatabase, TestNats, servers};
use runtime::bus::{Bus, Consumer};
use serde_json::{Value, json};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, PgConnection, Row as _};
use store::role::Role;

use crate::command::{Ran, configured, huiyin};

/// An empty database, an empty bus, and a configuration for both.
struct Bare {
    database: TestDatabase,
    nats: TestNats,
    config: Value,
}

/// Roles belong to the server, which the other tests of this process use too: the same passwords as theirs.
fn password_of(role: Role) -> String {
    format!("test-{role}")
}

async fn bare() -> Result<Bare> {
    let database = servers().await?.fresh_database("empty", async |_| Ok::<(), Infallible>(())).await?;
    let nats = testkit::bus_server().await?;
    let superuser = &database.superuser;
    let password = superuser.to_url_lossy().password().context("the superuser's password")?.to_owned();
    let mut passwords: serde_json::Map<String, Value> =
        Role::ALL.iter().map(|role| (role.name().to_owned(), json!(password_of(*role)))).collect();
    passwords.insert("admin".to_owned(), json!(password));
    let mut config = testkit::company::written(&testkit::company::config(&testkit::bus_url(&nats))?);
    config["database"] = json!({
        "host": superuser.get_socket().context("a socket")?,
        "port": superuser.get_port(),
        "name": database.name,
        "admin": superuser.get_username(),
        "passwords": passwords,
    });
    Ok(Bare { database, nats, config })
}

impl Bare {
    async fn apply(&self, words: &[&str]) -> Result<Ran> {
        let (_folder, file) = configured(&self.config)?;
        huiyin(&[&["--config", &file, "apply"], words].concat()).await
    }

    async fn versions(&self) -> Result<Vec<String>> {
        let mut connection = PgConnection::connect_with(&self.database.superuser).await?;
        let rows = connection
            .fetch_all("select to_char(valid_from at time zone 'UTC', 'YYYY-MM-DD HH24:MI') from rules order by version")
            .await?;
        connection.close().await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }
}

#[tokio::test]
async fn apply_makes_everything_and_twice_changes_nothing() -> Result<()> {
    let bare = bare().await?;
    let first = bare.apply(&["--valid-from", "2026-11-01"]).await?;
    assert_eq!(first.code, 0, "{}", first.err);
    let newest = store::migrate::needed_version();
    assert!(first.out.contains(&format!("schema brought from version 0 to {newest}")), "{}", first.out);
    assert!(first.out.contains("version 1 in force from 2026-11-01T00:00:00+08:00"), "{}", first.out);

    let second = bare.apply(&[]).await?;
    assert_eq!(second.code, 0, "{}", second.err);
    assert!(second.out.contains(&format!("schema version {newest}, unchanged")), "{}", second.out);
    assert!(second.out.contains("rules: unchanged, version 1"), "{}", second.out);
    assert_eq!(bare.versions().await?, ["2026-10-31 16:00"]);

    // Every service finds what it needs: its login, the schema, its consumer.
    for role in Role::ALL {
        let options = bare.database.connect_options(role.name(), &password_of(role));
        let mut connection = PgConnection::connect_with(&options).await?;
        store::migrate::check(&mut connection).await?;
        connection.close().await?;
    }
    let bus = Bus::connect(&testkit::bus_superuser(&bare.nats), "test").await?;
    assert_eq!(bus.lag(Consumer::RoomStateChat).await?.pending, 0);
    Ok(())
}

#[tokio::test]
async fn changed_rules_are_a_new_version() -> Result<()> {
    let mut bare = bare().await?;
    assert_eq!(bare.apply(&["--valid-from", "2026-11-01T00:00:00Z"]).await?.code, 0);
    bare.config["rules"]["company_names"] = json!(["示例公司", "示例公司（上海）"]);
    let changed = bare.apply(&["--valid-from", "2026-11-02T00:00:00Z"]).await?;
    assert!(
        changed.out.contains("rules: version 2 in force from 2026-11-02T08:00:00+08:00"),
        "{}",
        changed.out
    );
    assert_eq!(bare.versions().await?, ["2026-11-01 00:00", "2026-11-02 00:00"]);
    Ok(())
}

/// Operators replace files; what is stored says by itself which days are worked.
#[tokio::test]
async fn changed_holidays_are_a_new_version() -> Result<()> {
    let mut bare = bare().await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("2026.json");
    let holiday = |date: &str| {
        let day = json!({ "name": "国庆节", "date": date, "isOffDay": true });
        std::fs::write(&file, json!({ "year": 2026, "days": [day] }).to_string())
    };
    bare.config["holidays"] = json!(folder.path());
    holiday("2026-10-01")?;
    assert!(bare.apply(&[]).await?.out.contains("rules: version 1 in force"));
    assert!(bare.apply(&[]).await?.out.contains("rules: unchanged, version 1"));
    holiday("2026-10-32")?;
    let refused = bare.apply(&[]).await?;
    let told = format!("holidays: {}: days[0].date: found \"2026-10-32\"", file.display());
    assert!(refused.code == 2 && refused.err.contains(&told), "{}", refused.err);
    holiday("2026-10-02")?;
    assert!(bare.apply(&[]).await?.out.contains("rules: version 2 in force"));
    let mut connection = PgConnection::connect_with(&bare.database.superuser).await?;
    let stored = connection
        .fetch_all("select body #>> '{holidays,0,days,0,date}' as day from rules order by version")
        .await?;
    connection.close().await?;
    let days: Vec<String> = stored.iter().map(|row| row.get("day")).collect();
    assert_eq!(days, ["2026-10-01", "2026-10-02"]);
    Ok(())
}

/// All of it is told at once, and nothing is touched.
/// A configuration that leaves open by which ladder people are told keeps what was chosen; one that names it decides.
#[tokio::test]
async fn the_ladder_that_was_chosen_stays() -> Result<()> {
    let mut bare = bare().await?;
    bare.config["rules"]["ladders"] = json!({});
    let mut presets = Vec::new();
    for step in 0..4 {
        match step {
            1 => {
                let (_folder, file) = configured(&bare.config)?;
                let chosen = huiyin(&["--config", &file, "golive", "--ladder", "calm"]).await?;
                assert_eq!(chosen.code, 0, "{}", chosen.err);
            }
            2 => bare.config["rules"]["company_names"] = json!(["示例公司", "示例公司二部"]),
            3 => bare.config["rules"]["ladders"] = json!({ "preset": "report" }),
            _ => {}
        }
        let applied = bare.apply(&[]).await?;
        assert_eq!(applied.code, 0, "{}", applied.err);
        let mut connection = PgConnection::connect_with(&bare.database.superuser).await?;
        let newest = "select body #>> '{ladders,preset}' from rules order by version desc limit 1";
        presets.push(connection.fetch_one(newest).await?.get::<Option<String>, _>(0));
        connection.close().await?;
    }
    assert_eq!(presets, [None, Some("calm"), Some("calm"), Some("report")].map(|it| it.map(str::to_owned)));
    assert_eq!(bare.versions().await?.len(), 4, "put in force again, the same rules are the same version");
    Ok(())
}

#[tokio::test]
async fn a_wrong_configuration_changes_nothing() -> Result<()> {
    let mut bare = bare().await?;
    bare.config["vika"]["poll_every"] = json!("soon");
    bare.config["rules"]["roster"][0]["addresses"]["feishu"]["chat"] = json!("oc_li");
    bare.config["database"]["passwords"].as_object_mut().context("passwords")?.remove("reader");
    let refused = bare.apply(&[]).await?;
    assert_eq!(refused.code, 2);
    for expected in [
        "3 problems",
        "vika.poll_every: found \"soon\"",
        "rules.roster[1].addresses.feishu.chat: found `oc_li`",
        "passwords.reader: is missing",
    ] {
        assert!(refused.err.contains(expected), "{expected} is not in: {}", refused.err);
    }
    let mut connection = PgConnection::connect_with(&bare.database.superuser).await?;
    assert_eq!(store::migrate::version(&mut connection).await?, 0);
    assert!(store::migrate::check(&mut connection).await.unwrap_err().to_string().contains("huiyin apply"));
    connection.close().await?;
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_reached_is_named_in_one_line() -> Result<()> {
    let mut bare = bare().await?;
    bare.config["database"]["name"] = json!("nowhere");
    let refused = bare.apply(&[]).await?;
    assert_eq!(refused.code, 1);
    assert_eq!(refused.err.lines().count(), 1, "{}", refused.err);
    assert!(refused.err.contains("cannot log in to the database nowhere"), "{}", refused.err);
    let usage = bare.apply(&["--valid-from", "yesterday"]).await?;
    assert_eq!(usage.code, 2);
    assert!(usage.err.contains("expected \"2026-11-22\""), "{}", usage.err);
    let missing = huiyin(&["--config", "none.json", "apply"]).await?;
    assert_eq!(
        (missing.code, missing.err.trim()),
        (2, "huiyin: the configuration cannot be read: there is no file none.json")
    );
    Ok(())
}
