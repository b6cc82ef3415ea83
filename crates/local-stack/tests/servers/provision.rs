//! Which programs are used, and where they come from.

use std::fs;
use std::path::Path;
use std::sync::Mutex;

use crate::common::{open_home, script};
use local_stack::{Binaries, Error, NatsBinary, PostgresBinaries, Settings, Stack, silent};

#[tokio::test]
async fn a_wrong_setting_says_what_was_expected() {
    let folder = open_home();
    let missing = folder.path().join("nowhere");
    let settings = Settings {
        postgres_bin: Some(missing.clone()),
        nats_server: Some(missing.clone()),
        ..Settings::in_home(folder.path())
    };
    let postgres = PostgresBinaries::resolve(&settings, &silent).await.unwrap_err().to_string();
    assert!(postgres.contains("postgres_bin") && postgres.contains(missing.to_str().unwrap()), "{postgres}");
    assert!(postgres.contains("does not exist") && postgres.contains("Postgres 15.0 or newer"), "{postgres}");
    let nats = NatsBinary::resolve(&settings, &silent).await.unwrap_err().to_string();
    assert!(nats.contains("nats_server") && nats.contains("nats-server 2.12 or newer"), "{nats}");
}

#[tokio::test]
async fn a_program_that_is_too_old_is_refused_by_its_version() {
    let folder = open_home();
    let at = |name: &str| folder.path().join(name);
    script(&at("nats-server"), "nats-server: v2.9.10");
    script(&at("postgres"), "postgres (PostgreSQL) 14.12");
    script(&at("initdb"), "initdb (PostgreSQL) 14.12");
    let settings = Settings {
        postgres_bin: Some(folder.path().to_owned()),
        nats_server: Some(at("nats-server")),
        ..Settings::in_home(folder.path())
    };
    let nats = NatsBinary::resolve(&settings, &silent).await.unwrap_err();
    assert!(matches!(&nats, Error::Setting { problem, .. } if problem == "it is version 2.9"), "{nats}");
    let postgres = PostgresBinaries::resolve(&settings, &silent).await.unwrap_err();
    assert!(
        matches!(&postgres, Error::Setting { problem, .. } if problem == "it is version 14.12"),
        "{postgres}"
    );

    script(&at("postgres"), "postgres (PostgreSQL) 16.1");
    let found = PostgresBinaries::resolve(&settings, &silent).await.unwrap();
    assert_eq!((found.version.major, found.folder), (16, folder.path().canonicalize().unwrap()));
}

#[tokio::test]
async fn a_bare_machine_fetches_once_and_runs_what_it_fetched() {
    let home = open_home();
    let settings = Settings { usual_places: false, ..Settings::in_home(home.path()) };
    let lines = Mutex::new(Vec::new());
    let note = |line: &str| lines.lock().unwrap().push(line.to_owned());
    let (first, second) =
        tokio::join!(Binaries::resolve(&settings, &note), Binaries::resolve(&settings, &note));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!((first.postgres.version.major, first.nats.version.minor), (18, 15));
    assert_eq!(first.postgres.folder, second.postgres.folder);
    assert!(first.nats.path.starts_with(home.path().canonicalize().unwrap()));
    let fetched = lines.lock().unwrap().iter().filter(|line| line.starts_with("fetching")).count();
    assert_eq!(fetched, 2, "one for each package: {lines:?}");
    assert!(unfinished(&home.path().join("tools")).is_empty());

    let stack = Stack::start(&settings, &note).await.unwrap();
    assert!(stack.postgres.pid().await.is_some() && stack.nats.pid().await.is_some());
    stack.stop().await;
}

fn unfinished(tools: &Path) -> Vec<String> {
    let names = fs::read_dir(tools).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with('.')).collect()
}

#[tokio::test]
async fn data_of_another_version_are_named_and_not_touched() {
    let home = open_home();
    let settings = Settings { usual_places: false, ..local_stack::testing::settings(home.path()).unwrap() };
    Stack::start(&settings, &silent).await.unwrap().stop().await;
    let made_by = home.path().join("postgres/data/PG_VERSION");
    fs::write(&made_by, "12\n").unwrap();
    let refusal = Stack::start(&settings, &silent).await.unwrap_err().to_string();
    assert!(refusal.contains("made by Postgres 12") && refusal.contains("postgres_bin"), "{refusal}");
    assert_eq!(fs::read_to_string(made_by).unwrap(), "12\n");
}
