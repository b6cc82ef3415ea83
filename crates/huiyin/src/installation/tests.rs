use std::fs::{self, File};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;

/// A working folder with homes and configurations in it.
struct Here {
    folder: TempDir,
    /// Held as a running process holds its home.
    held: Vec<File>,
}

impl Here {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), held: Vec::new() }
    }

    fn config(&self, file: &str, text: &Value) -> PathBuf {
        let file = self.folder.path().join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, text.to_string()).unwrap();
        file
    }

    fn home(&self, home: &str, run_by: RunBy, config: &Path) -> PathBuf {
        let home = self.folder.path().join(home);
        fs::create_dir_all(&home).unwrap();
        let record = json!({
            "run_by": run_by, "pid": std::process::id(), "config": config, "monitor": "http://127.0.0.1:1",
            "database": { "host": "/private", "name": "huiyin" },
            "bus": { "url": "nats://private" },
        });
        fs::write(home.join("home.json"), record.to_string()).unwrap();
        home
    }

    /// As it is before the servers are up.
    fn unsaid(home: &Path, config: &Path) {
        let record = json!({ "run_by": RunBy::Up, "pid": std::process::id(), "config": config });
        fs::write(home.join("home.json"), record.to_string()).unwrap();
    }

    fn alive(&mut self, home: &Path) {
        let path = home.join("lock");
        fs::write(&path, std::process::id().to_string()).unwrap();
        let file = File::open(&path).unwrap();
        file.lock().unwrap();
        self.held.push(file);
    }

    fn target(&self, home: Option<&Path>, config: Option<&Path>, variable: Option<&Path>) -> Target {
        Target {
            home: home.map(Into::into),
            config: config.map(Into::into),
            variable: variable.map(Into::into),
            here: self.folder.path().to_owned(),
        }
    }
}

fn of_a_deployment() -> Value {
    json!({ "bus": { "url": "nats://nats:4222" }, "database": { "host": "postgres" } })
}

/// One line, and the exit code's kind.
fn refused<T>(asked: Result<T>) -> String {
    let line = match asked {
        Ok(_) => panic!("something was found"),
        Err(Failure::Usage(line)) => format!("usage: {line}"),
        Err(Failure::Failed(error)) => format!("failed: {error:#}"),
        Err(other) => format!("{other:?}"),
    };
    assert_eq!(line.lines().count(), 1, "{line}");
    line
}

fn bus(installation: &Installation) -> &str {
    installation.servers.as_ref().map_or("configured", |servers| servers.bus.url.as_str())
}

#[test]
fn with_nothing_named_the_one_that_runs_here_is_meant() {
    let mut here = Here::new();
    let line = refused(here.target(None, None, None).running());
    assert!(line.contains("usage: there is no file config/huiyin.json"), "{line}");
    let company = here.config("company.json", &json!({}));
    let (up, demo) = (here.home(UP_HOME, RunBy::Up, &company), here.home(DEMO_HOME, RunBy::Demo, &company));
    here.alive(&up);
    let found = here.target(None, None, None).running().unwrap();
    assert_eq!((bus(&found), found.file()), ("nats://private", company.as_path()));
    here.alive(&demo);
    let line = refused(here.target(None, None, None).running());
    assert!(line.contains("usage: ") && line.contains("--home .huiyin or --home .huiyin/up"), "{line}");
    let named = here.target(Some(&demo), None, None).running().unwrap();
    assert!(!named.source().environment, "a demo's configuration is not open to the environment");
}

#[test]
fn a_configuration_that_is_named_is_a_deployment_unless_a_home_runs_with_it() {
    let mut here = Here::new();
    let (ours, other) = (here.config("ours.json", &json!({})), here.config("other.json", &of_a_deployment()));
    let up = here.home(UP_HOME, RunBy::Up, &ours);
    here.alive(&up);
    for target in [here.target(None, Some(&ours), None), here.target(None, None, Some(&ours))] {
        assert_eq!(bus(&target.running().unwrap()), "nats://private");
    }
    for target in [here.target(None, Some(&other), None), here.target(None, Some(&other), Some(&ours))] {
        let found = target.running().unwrap();
        assert_eq!((bus(&found), found.file()), ("configured", other.as_path()));
    }
    // A home that is named is meant, whatever the environment says; --config beside it is its configuration.
    let found = here.target(Some(&up), None, Some(&other)).running().unwrap();
    assert_eq!((bus(&found), found.file()), ("nats://private", ours.as_path()));
    let found = here.target(Some(&up), Some(&other), None).running().unwrap();
    assert_eq!((bus(&found), found.file()), ("nats://private", other.as_path()));
}

#[test]
fn what_does_not_run_is_said_in_one_line() {
    let here = Here::new();
    let usual = here.config(DEFAULT_CONFIG, &json!({}));
    let nowhere = here.folder.path().join("nowhere");
    let line = refused(here.target(Some(&nowhere), None, None).running());
    assert!(line.contains("failed: ") && line.contains("nothing was ever up there"), "{line}");
    // A configuration that names no servers can only be `up`'s.
    let found = here.target(None, None, None).running().unwrap();
    assert!(refused(found.config(&["bus.url"])).contains("names no bus, so it is one for `huiyin up`"));
    let up = here.home(UP_HOME, RunBy::Up, &usual);
    let line = refused(here.target(None, None, None).running());
    assert!(line.contains("`huiyin up` does not run in .huiyin/up"), "{line}");
    let line = refused(here.target(Some(&up), None, None).running());
    assert!(
        line.contains("nothing runs there now")
            && line.contains(&format!("{} up`", crate::command_hints::for_home(&up))),
        "{line}"
    );
    // What asks for the configuration alone asks for no more.
    assert_eq!(here.target(Some(&up), None, None).configured().unwrap().file(), usual);
    assert_eq!(here.target(None, None, None).configured().unwrap().file(), usual);
}

#[test]
fn the_file_of_a_home_that_starts_or_has_stopped_leads_to_it() {
    let mut here = Here::new();
    let (ours, other) = (here.config("ours.json", &json!({})), here.config("other.json", &of_a_deployment()));
    let up = here.home(UP_HOME, RunBy::Up, &ours);
    let named = |here: &Here, file: &Path| here.target(None, Some(file), None);
    let line = refused(named(&here, &ours).running());
    assert!(line.contains(".huiyin/up: nothing runs there now"), "{line}");
    // One that names servers by now is believed.
    here.config("ours.json", &of_a_deployment());
    assert_eq!(bus(&named(&here, &ours).running().unwrap()), "configured");
    Here::unsaid(&up, &ours);
    here.alive(&up);
    for asked in [named(&here, &ours), here.target(None, None, Some(&ours))] {
        let line = refused(asked.running());
        assert!(line.contains(".huiyin/up: it is just starting"), "{line}");
        let line = refused(asked.destination());
        assert!(line.contains("stop what runs there first"), "{line}");
    }
    assert_eq!(bus(&named(&here, &other).running().unwrap()), "configured");
    // Nothing was said yet: only one without servers can be what it starts with.
    fs::remove_file(up.join("home.json")).unwrap();
    assert_eq!(bus(&named(&here, &ours).running().unwrap()), "configured");
    here.config("ours.json", &json!({}));
    let line = refused(named(&here, &ours).running());
    assert!(line.contains("it is just starting"), "{line}");
}

#[test]
fn an_up_goes_on_with_the_configuration_of_its_home() {
    let here = Here::new();
    let (company, other) = (here.config("company.json", &json!({})), here.config("b.json", &json!({})));
    let usual = here.folder.path().join(DEFAULT_CONFIG);
    let up = here.home(UP_HOME, RunBy::Up, &company);
    let demo = here.home(DEMO_HOME, RunBy::Demo, &company);
    let config = |config, variable, home| here.target(None, config, variable).config_for_up(home);
    assert_eq!(config(None, None, &up), company);
    assert_eq!(config(Some(&other), None, &up), other);
    assert_eq!(config(None, Some(&other), &up), other);
    assert_eq!(config(None, None, &demo), usual, "which is no company's");
    fs::remove_file(&company).unwrap();
    assert_eq!(config(None, None, &up), usual, "the home came from another machine");
}

#[test]
fn a_home_that_cannot_be_read_is_in_nobodys_way() {
    let here = Here::new();
    let company = here.config("company.json", &of_a_deployment());
    let home = here.home(DEMO_HOME, RunBy::Demo, &company);
    fs::write(home.join("home.json"), "{}").unwrap();
    assert_eq!(here.target(None, Some(&company), None).running().unwrap().file(), company);
    let line = refused(here.target(None, None, None).running());
    assert!(line.contains("home.json is damaged"), "{line}");
}

#[test]
fn a_home_that_another_process_has_just_taken_is_not_guessed_at() {
    let mut here = Here::new();
    let company = here.config("company.json", &json!({}));
    let up = here.home(UP_HOME, RunBy::Up, &company);
    let record = fs::read_to_string(up.join("home.json")).unwrap();
    let earlier = record.replace(&format!("\"pid\":{}", std::process::id()), "\"pid\":1");
    fs::write(up.join("home.json"), earlier).unwrap();
    here.alive(&up);
    let line = refused(here.target(None, None, None).running());
    assert!(line.contains("it is just starting"), "{line}");
}

#[test]
fn a_restore_never_goes_into_what_runs() {
    let mut here = Here::new();
    let company = here.config("company.json", &of_a_deployment());
    let (up, demo) = (here.home(UP_HOME, RunBy::Up, &company), here.home(DEMO_HOME, RunBy::Demo, &company));
    let deployment = here.target(None, Some(&company), None).destination();
    assert!(matches!(deployment, Ok(Destination::Deployment(_))));
    assert!(matches!(here.target(Some(&up), None, None).destination(), Ok(Destination::Home { .. })));
    let line = refused(here.target(Some(&demo), None, None).destination());
    assert!(line.contains("a demo begins afresh"), "{line}");
    // What has stopped is named, not asked to run.
    let own = here.config("own.json", &json!({}));
    here.home(UP_HOME, RunBy::Up, &own);
    for target in [here.target(None, None, None), here.target(None, Some(&own), None)] {
        let line = refused(target.destination());
        assert!(line.contains("--home .huiyin/up") && !line.contains("needs it running"), "{line}");
    }
    here.home(UP_HOME, RunBy::Up, &company);
    here.alive(&up);
    for target in [
        here.target(Some(&up), None, None),
        here.target(None, None, None),
        here.target(None, Some(&company), None),
    ] {
        let line = refused(target.destination());
        assert!(line.contains("stop what runs there first"), "{line}");
    }
}
