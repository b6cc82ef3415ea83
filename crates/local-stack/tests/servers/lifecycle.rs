//! The servers' lives and deaths, with real servers.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::{env, fs};

use crate::common::{open_home, runs, until};
use async_nats::{ConnectOptions, jetstream};
use local_stack::{Durability, Error, PrivateNats, PrivatePostgres, Settings, Stack, silent, testing};
use sqlx::{Connection as _, PgConnection};

/// Tells [`helper_that_is_killed`] where to work.
const HELPER_HOME: &str = "LOCAL_STACK_HELPER_HOME";

async fn ask(postgres: &PrivatePostgres, query: &'static str) -> String {
    let mut connection = PgConnection::connect_with(&postgres.superuser()).await.unwrap();
    let answer = sqlx::query_scalar(query).fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    answer
}

async fn tell(postgres: &PrivatePostgres, statement: &'static str) {
    let mut connection = PgConnection::connect_with(&postgres.superuser()).await.unwrap();
    sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

async fn client(nats: &PrivateNats) -> async_nats::Client {
    let options = ConnectOptions::with_user_and_password(nats.user().to_owned(), nats.password().to_owned());
    options.connect(nats.address()).await.unwrap()
}

fn fetch(monitor: &str, page: &str) -> String {
    let mut stream = TcpStream::connect(monitor.strip_prefix("http://").unwrap()).unwrap();
    write!(stream, "GET {page} HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

async fn running(home: &Path) -> Stack {
    Stack::start(&testing::settings(home).unwrap(), &silent).await.unwrap()
}

#[tokio::test]
async fn from_nothing_to_both_servers_and_none_left() {
    let home = open_home();
    let settings = Settings { durability: Durability::Durable, ..testing::settings(home.path()).unwrap() };
    let stack = Stack::start(&settings, &silent).await.unwrap();

    assert_eq!(ask(&stack.postgres, "SHOW listen_addresses").await, "");
    assert_eq!(ask(&stack.postgres, "SHOW fsync").await, "on");
    assert_eq!(ask(&stack.postgres, "SHOW server_encoding").await, "UTF8");
    let stranger = stack.postgres.connect_options("postgres", "wrong", "postgres");
    assert!(PgConnection::connect_with(&stranger).await.is_err(), "a wrong password was accepted");

    let jetstream = fetch(&stack.nats.monitor_url(), "/jsz?config=1");
    assert!(jetstream.contains("\"sync_always\": true"), "{jetstream}");
    client(&stack.nats).await;
    assert!(async_nats::connect(stack.nats.address()).await.is_err(), "no password was asked for");
    assert!(stack.nats.client_url().contains(stack.nats.password()));
    assert!(stack.nats.password().len() > 20 && !format!("{stack:?}").contains(stack.nats.password()));

    let pids = [stack.postgres.pid().await.unwrap(), stack.nats.pid().await.unwrap()];
    let socket = stack.postgres.socket_folder().to_owned();
    assert!(pids.into_iter().all(runs) && socket.exists());
    stack.stop().await;
    assert!(!pids.into_iter().any(runs), "a server is left");
    assert!(!socket.exists());
}

#[tokio::test]
async fn a_stopped_home_starts_again_with_its_data() {
    let home = open_home();
    let stack = running(home.path()).await;
    tell(&stack.postgres, "CREATE TABLE kept AS SELECT 'echo' AS word").await;
    stack.stop().await;
    let stack = running(home.path()).await;
    assert_eq!(ask(&stack.postgres, "SELECT word FROM kept").await, "echo");
}

#[tokio::test]
async fn what_a_crash_leaves_is_recovered() {
    let home = open_home();
    let stack = running(home.path()).await;
    let postgres = &stack.postgres;
    tell(postgres, "CREATE TABLE kept AS SELECT 'echo' AS word").await;

    let first = postgres.pid().await.unwrap();
    postgres.kill().await;
    assert!(!runs(first));
    assert!(postgres.data_folder().join("postmaster.pid").exists(), "the kill was too gentle");
    postgres.boot().await.unwrap();
    assert_eq!(ask(postgres, "SELECT word FROM kept").await, "echo");

    // The number is used by some other program meanwhile: Postgres alone would refuse to start.
    postgres.kill().await;
    let pid_file = postgres.data_folder().join("postmaster.pid");
    let left = fs::read_to_string(&pid_file).unwrap();
    let (_, rest) = left.split_once('\n').unwrap();
    fs::write(&pid_file, format!("{}\n{rest}", std::process::id())).unwrap();
    postgres.boot().await.unwrap();
    assert_eq!(ask(postgres, "SELECT word FROM kept").await, "echo");
    assert!(matches!(postgres.boot().await, Err(Error::StillUp(_))));
}

#[tokio::test]
async fn a_second_start_in_the_same_home_is_refused() {
    let home = open_home();
    let stack = running(home.path()).await;
    let refusal =
        Stack::start(&testing::settings(home.path()).unwrap(), &silent).await.unwrap_err().to_string();
    assert!(refusal.starts_with("another huiyin is running here"), "{refusal}");
    assert!(refusal.contains(&std::process::id().to_string()), "{refusal}");
    assert!(refusal.contains(home.path().to_str().unwrap()), "{refusal}");
    stack.stop().await;
    running(home.path()).await.stop().await;
}

#[tokio::test]
async fn a_live_server_on_the_same_data_is_named() {
    let home = open_home();
    let stack = running(home.path()).await;
    let pid = stack.postgres.pid().await.unwrap();
    // As after a crash of ours on a machine that cannot tie a child to its parent: the lock is free, the
    // server lives.
    for lock in ["lock", "postgres/lock"] {
        fs::remove_file(home.path().join(lock)).unwrap();
    }
    let refusal = Stack::start(&testing::settings(home.path()).unwrap(), &silent).await.unwrap_err();
    let data = stack.postgres.data_folder().canonicalize().unwrap();
    assert!(
        matches!(&refusal, Error::AlreadyRunning { folder, pid: Some(p) }
            if *p == pid && folder.canonicalize().unwrap() == data),
        "{refusal}"
    );
    assert_eq!(ask(&stack.postgres, "SELECT 'well'").await, "well");
}

#[tokio::test]
async fn nats_keeps_its_store_over_a_kill() {
    let nats = testing::nats("").await.unwrap();
    let publish = async |text: &'static str| {
        let context = jetstream::new(client(&nats).await);
        let config = jetstream::stream::Config {
            name: "KEPT".into(),
            subjects: vec!["kept".into()],
            ..Default::default()
        };
        let stream = context.get_or_create_stream(config).await.unwrap();
        context.publish("kept", text.into()).await.unwrap().await.unwrap();
        stream.get_info().await.unwrap().state.messages
    };
    assert_eq!(publish("one").await, 1);
    let (url, pid) = (nats.client_url(), nats.pid().await.unwrap());
    nats.kill().await;
    assert!(!runs(pid));
    nats.boot().await.unwrap();
    assert_eq!(nats.client_url(), url);
    assert_eq!(publish("two").await, 2);
    nats.restart().await.unwrap();
    assert_eq!(publish("three").await, 3);
}

/// Not a test of its own: [`a_killed_process_takes_its_servers_along`] runs it as another process.
#[tokio::test]
#[ignore = "is run by a_killed_process_takes_its_servers_along"]
async fn helper_that_is_killed() {
    let Some(home) = env::var_os(HELPER_HOME) else { return };
    let stack = running(Path::new(&home)).await;
    let pids = [stack.postgres.pid().await.unwrap(), stack.nats.pid().await.unwrap()];
    let told = Path::new(&home).join("pids");
    fs::write(told.with_extension("new"), format!("{} {}", pids[0], pids[1])).unwrap();
    fs::rename(told.with_extension("new"), told).unwrap();
    std::future::pending::<()>().await;
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_killed_process_takes_its_servers_along() {
    let home = open_home();
    let mut helper = Command::new(env::current_exe().unwrap());
    helper.args(["--exact", "lifecycle::helper_that_is_killed", "--ignored"]).env(HELPER_HOME, home.path());
    let helper = Killed(helper.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let told = home.path().join("pids");
    until("the helper's servers are up", || told.exists()).await;
    let pids: Vec<u32> =
        fs::read_to_string(told).unwrap().split(' ').map(|pid| pid.parse().unwrap()).collect();
    assert!(pids.iter().all(|pid| runs(*pid)));

    drop(helper); // SIGKILL: it has no chance to stop anything itself.
    let stack = running(home.path()).await; // At once, while its Postgres is still about to leave.
    until("the killed process's servers are gone", || !pids.iter().any(|pid| runs(*pid))).await;
    assert_eq!(ask(&stack.postgres, "SELECT 'well'").await, "well");
}
