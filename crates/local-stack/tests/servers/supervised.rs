//! Servers that are killed under their keeper, and homes that cannot be used.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::{open_home, runs, until};
use local_stack::supervise::{GaveUp, Pace};
use local_stack::{Error, Settings, Stack, silent, testing};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::{Connection as _, PgConnection};
use tokio::task::JoinHandle;

/// As usual, only sooner.
const SOON: Pace = Pace {
    first: Duration::from_millis(100),
    longest: Duration::from_millis(400),
    steady: Duration::from_secs(30),
    attempts: 3,
};

/// A stack under its keeper, and what was told.
struct Kept {
    stack: Arc<Stack>,
    told: Arc<Mutex<Vec<String>>>,
    keeper: JoinHandle<GaveUp>,
}

impl Kept {
    async fn start(settings: &Settings) -> Self {
        let stack = Arc::new(Stack::start(settings, &silent).await.unwrap());
        let told = Arc::new(Mutex::new(Vec::new()));
        let (kept, lines) = (stack.clone(), told.clone());
        let keeper = tokio::spawn(async move {
            kept.keep(SOON, |event| lines.lock().unwrap().push(event.to_string())).await
        });
        Self { stack, told, keeper }
    }

    fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }

    async fn until_back(&self, times: usize) {
        let back = || self.told().iter().filter(|line| line.contains("runs again")).count() == times;
        until("the dead run again", back).await;
    }

    async fn gave_up(self) -> (String, Vec<String>) {
        let gave_up = tokio::time::timeout(Duration::from_secs(30), self.keeper).await.unwrap().unwrap();
        let told = self.told.lock().unwrap().clone();
        Arc::into_inner(self.stack).unwrap().stop().await;
        (gave_up.to_string(), told)
    }
}

fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), signal).unwrap();
}

fn is_zombie(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists() && !runs(pid)
}

#[tokio::test]
async fn killed_servers_are_started_again_where_they_were() {
    let home = open_home();
    let kept = Kept::start(&testing::settings(home.path()).unwrap()).await;
    let (postgres, nats) = (&kept.stack.postgres, &kept.stack.nats);
    let (socket, url) = (postgres.socket_folder().to_owned(), nats.client_url());
    let [first, second] = [postgres.pid().await.unwrap(), nats.pid().await.unwrap()];
    signal(first, Signal::KILL);
    signal(second, Signal::KILL);
    kept.until_back(2).await;
    assert!(!is_zombie(first) && !is_zombie(second), "they are collected");
    assert_eq!((postgres.socket_folder(), nats.client_url()), (socket.as_path(), url));
    PgConnection::connect_with(&postgres.superuser()).await.unwrap().close().await.unwrap();

    let third = nats.pid().await.unwrap();
    signal(third, Signal::KILL);
    kept.until_back(3).await;
    let told = kept.told();
    assert_eq!(told.len(), 6, "one line a death, one a return: {told:?}");
    assert!(told.iter().all(|line| !line.contains('\n')), "{told:?}");
    let died = |server: &str, pause: &str| {
        let line = format!("{server} died (signal: 9 (SIGKILL)): starting it again in {pause}");
        assert!(told.contains(&line), "{line} in {told:?}");
    };
    died("Postgres", "0.1 s");
    died("nats-server", "0.1 s");
    died("nats-server", "0.2 s");
}

#[tokio::test]
async fn a_backend_that_does_not_notice_is_in_nobodys_way() {
    let home = open_home();
    let kept = Kept::start(&testing::settings(home.path()).unwrap()).await;
    let postgres = &kept.stack.postgres;
    let mut connection = PgConnection::connect_with(&postgres.superuser()).await.unwrap();
    let backend: i32 =
        sqlx::query_scalar("select pg_backend_pid()").fetch_one(&mut connection).await.unwrap();
    let backend = backend.cast_unsigned();
    signal(backend, Signal::STOP);
    signal(postgres.pid().await.unwrap(), Signal::KILL);
    kept.until_back(1).await;
    assert!(!runs(backend));
    assert_eq!(kept.told().len(), 2, "not one start was in vain: {:?}", kept.told());
    PgConnection::connect_with(&postgres.superuser()).await.unwrap().close().await.unwrap();
}

#[tokio::test]
async fn a_store_that_is_gone_is_said_and_not_begun_anew() {
    let home = open_home();
    let kept = Kept::start(&testing::settings(home.path()).unwrap()).await;
    fs::remove_dir_all(home.path().join("nats/store")).unwrap();
    signal(kept.stack.nats.pid().await.unwrap(), Signal::KILL);
    let (sentence, told) = kept.gave_up().await;
    assert!(sentence.starts_with("nats-server died and cannot be started again:"), "{sentence}");
    assert!(sentence.contains("what the bus kept is gone") && !sentence.contains('\n'), "{sentence}");
    assert_eq!(told.len(), 1, "{told:?}");

    let settings = testing::settings(home.path()).unwrap();
    let again = Stack::start(&settings, &silent).await.unwrap_err().to_string();
    assert!(again.contains("what the bus kept is gone"), "{again}");
    fs::remove_dir_all(home.path().join("postgres/data")).unwrap();
    let without_data = Stack::start(&settings, &silent).await.unwrap_err().to_string();
    assert!(without_data.contains("the database is gone"), "{without_data}");
    for folder in ["nats", "postgres"] {
        fs::remove_dir_all(home.path().join(folder)).unwrap();
    }
    Stack::start(&settings, &silent).await.unwrap().stop().await;
}

#[tokio::test]
async fn a_damaged_data_folder_is_named_at_once() {
    let home = open_home();
    let kept = Kept::start(&testing::settings(home.path()).unwrap()).await;
    let data = kept.stack.postgres.data_folder().to_owned();
    fs::rename(data.join("global/pg_control"), data.join("global/pg_control.away")).unwrap();
    signal(kept.stack.postgres.pid().await.unwrap(), Signal::KILL);
    let (sentence, told) = kept.gave_up().await;
    assert!(sentence.contains("global/pg_control is missing"), "{sentence}");
    assert_eq!(told.len(), 1, "{told:?}");
}

/// A program of its own for a test, so that it can go.
fn copied_nats(home: &Path, real: &Path) -> std::path::PathBuf {
    let copy = home.join("nats-server");
    fs::copy(real, &copy).unwrap();
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).unwrap();
    copy
}

#[tokio::test]
async fn a_program_that_is_gone_is_not_tried_again() {
    let home = open_home();
    let settings = testing::settings(home.path()).unwrap();
    let real = local_stack::NatsBinary::resolve(&settings, &silent).await.unwrap().path;
    let program = copied_nats(home.path(), &real);
    let kept = Kept::start(&Settings { nats_server: Some(program.clone()), ..settings }).await;
    fs::remove_file(&program).unwrap();
    signal(kept.stack.nats.pid().await.unwrap(), Signal::KILL);
    let (sentence, told) = kept.gave_up().await;
    assert!(sentence.contains(program.to_str().unwrap()), "{sentence}");
    assert!(sentence.contains("No such file"), "{sentence}");
    assert_eq!(told.len(), 1, "{told:?}");
}

/// A store that cannot be read makes every start fail: it is said each time, and then given up.
#[tokio::test]
async fn starts_in_vain_come_to_an_end() {
    let home = open_home();
    let settings = testing::settings(home.path()).unwrap();
    let real = local_stack::NatsBinary::resolve(&settings, &silent).await.unwrap().path;
    let program = copied_nats(home.path(), &real);
    let kept = Kept::start(&Settings { nats_server: Some(program.clone()), ..settings }).await;
    fs::remove_file(&program).unwrap();
    fs::write(&program, "#!/bin/sh\necho the disk is full\nexit 3\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    signal(kept.stack.nats.pid().await.unwrap(), Signal::KILL);
    let (sentence, told) = kept.gave_up().await;
    assert!(sentence.contains("the disk is full"), "{sentence}");
    assert!(sentence.ends_with("(the last of 3 starts in a row)"), "{sentence}");
    assert_eq!(told.len(), 3, "a death and two refusals: {told:?}");
    assert!(told[1].contains("did not start (1 of 3)"), "{told:?}");
}

#[tokio::test]
async fn data_of_another_owner_or_open_to_others_are_named_with_their_remedy() {
    let home = open_home();
    let settings = testing::settings(home.path()).unwrap();
    let stack = Stack::start(&settings, &silent).await.unwrap();
    let data = stack.postgres.data_folder().to_owned();
    stack.stop().await;
    fs::set_permissions(&data, fs::Permissions::from_mode(0o755)).unwrap();
    let refusal = Stack::start(&settings, &silent).await.unwrap_err().to_string();
    assert!(refusal.contains("mode 0755") && refusal.contains("chmod 700"), "{refusal}");
    fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).unwrap();
    if rustix::process::geteuid().is_root() {
        // As `cp -r` by root leaves it.
        chown(&data, Some(0), Some(0)).unwrap();
        let refusal = Stack::start(&settings, &silent).await.unwrap_err().to_string();
        assert!(refusal.contains("belongs to user id 0"), "{refusal}");
        assert!(refusal.contains("`chown -R ") && refusal.contains("cp -a"), "{refusal}");
    }
}

#[tokio::test]
async fn data_that_lay_elsewhere_and_are_gone_are_not_begun_anew() {
    if !rustix::process::geteuid().is_root() {
        return; // Only root's data lie elsewhere.
    }
    let closed = tempfile::tempdir().unwrap();
    let settings = testing::settings(closed.path().join("home")).unwrap();
    fs::set_permissions(closed.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let stack = Stack::start(&settings, &silent).await.unwrap();
    let place = stack.postgres.data_folder().parent().unwrap().to_owned();
    stack.stop().await;
    assert!(!place.starts_with(closed.path()), "{}", place.display());
    fs::remove_dir_all(&place).unwrap();
    let refusal = Stack::start(&settings, &silent).await.unwrap_err().to_string();
    assert!(refusal.contains("its data lay in") && refusal.contains("are gone"), "{refusal}");
    assert!(!place.join("data").exists());
    let _ = fs::remove_dir_all(&place);
}

#[tokio::test]
async fn root_is_kept_from_the_home_of_somebody_else() {
    if !rustix::process::geteuid().is_root() {
        return; // Nobody else may give files away.
    }
    let home = open_home();
    chown(home.path(), Some(65_534), Some(65_534)).unwrap();
    let refusal =
        Stack::start(&testing::settings(home.path()).unwrap(), &silent).await.unwrap_err().to_string();
    assert!(
        refusal.contains("belongs to user id 65534") && refusal.contains("sudo -u '#65534'"),
        "{refusal}"
    );
}

#[tokio::test]
async fn a_copy_without_its_data_is_refused() {
    let home = open_home();
    let postgres = home.path().join("postgres");
    fs::create_dir(&postgres).unwrap();
    let note = "The files of this folder are in /var/tmp/huiyin-0123456789ab, because the account postgres cannot enter /root.\n";
    fs::write(postgres.join("MOVED.txt"), note).unwrap();
    let refusal = Stack::start(&testing::settings(home.path()).unwrap(), &silent).await.unwrap_err();
    assert!(matches!(&refusal, Error::Unusable { .. }), "{refusal}");
    assert!(refusal.to_string().contains("cp -a /var/tmp/huiyin-0123456789ab/. "), "{refusal}");
    assert!(!postgres.join("data").exists());
}
