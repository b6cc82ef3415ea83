//! A primary and its standby: the primary is lost under load, and the standby takes its place.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use chrono::TimeDelta;
use local_stack::testing::{TestNats, settings};
use local_stack::{Binaries, Durability, PrivatePostgres, silent};
use runtime::bus::{Bus, Consumer, Login, User, declare};
use runtime::config::Secret;
use runtime::main_wrapper::{connect, connect_options, supervise};
use runtime::{Clock, Config, Context, Shutdown};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustix::process::{Pid, Signal, kill_process};
use store::role::Role;
use store::sqlx::postgres::PgPoolOptions;
use store::sqlx::{ConnectOptions as _, Connection as _, PgPool};
use tempfile::TempDir;
use testkit::{bus_server, bus_superuser, bus_url, company, until};
use tokio::task::JoinHandle;

use crate::load::{Load, timeline, until_all_are_there};

const DATABASE: &str = "huiyin";

/// Capture and rooms over a pair of database servers.
struct World {
    // Before the folder: the servers go first.
    primary: PrivatePostgres,
    standby: PrivatePostgres,
    nats: TestNats,
    config: Arc<Config>,
    services: Vec<Service>,
    folder: TempDir,
}

struct Service {
    shutdown: Shutdown,
    task: JoinHandle<Result<()>>,
}

impl World {
    async fn set() -> Result<Self> {
        // Where also the account of Postgres can enter.
        let folder = tempfile::Builder::new().prefix("hy-pair-").tempdir_in("/tmp")?;
        let programs = Binaries::resolve(&settings(folder.path())?, &silent).await?;
        let place = folder.path().join("primary");
        let primary = PrivatePostgres::start(&programs.postgres, &place, Durability::Fast, &silent).await?;
        let nats = bus_server().await?;
        let mut config = company::config(&bus_url(&nats))?;
        config.ingest.listen = testkit::free_address()?;
        provision(&primary, &config).await?;
        let standby = primary.start_standby(&folder.path().join("standby"), &silent).await?;
        let database = &mut config.database;
        database.host =
            [&primary, &standby].map(|server| server.socket_folder().display().to_string()).join(",");
        database.port = local_stack::SOCKET_PORT;
        DATABASE.clone_into(&mut database.name);
        database.passwords =
            Role::ALL.map(|role| (role.name().to_owned(), Secret::new(password(role)))).into();
        let admin = Bus::connect(&Login::of(&config.bus, User::Admin)?, "test-admin").await?;
        declare(admin.jetstream(), config.bus.replicas).await?;
        let config = Arc::new(config);
        Ok(Self { primary, standby, nats, config, services: Vec::new(), folder })
    }

    /// Has both servers listen on TCP as managed ones do, with TLS by a certificate authority of the test's own.
    async fn go_on_the_network(&mut self) -> Result<()> {
        let authority = Authority::new()?;
        let file = self.folder.path().join("ca.pem");
        fs::write(&file, &authority.certificate)?;
        let addresses = [1, 2].map(address);
        for (server, address) in [&self.primary, &self.standby].into_iter().zip(addresses) {
            let (certificate, key) = authority.issue(address)?;
            server.listen(address, &certificate, &key).await?;
        }
        let mut config = (*self.config).clone();
        config.database.host = addresses.map(|address| address.to_string()).join(",");
        config.database.tls_ca = Some(file);
        self.config = Arc::new(config);
        Ok(())
    }

    /// How a service would log in that trusts this authority.
    async fn log_in(&self, authority: &Authority) -> Result<()> {
        let mut database = self.config.database.clone();
        let file = self.folder.path().join("another.pem");
        fs::write(&file, &authority.certificate)?;
        database.tls_ca = Some(file);
        let options = connect_options(&database, Role::RoomState)?;
        Ok(runtime::database::connect(&database, &options).await?.close().await?)
    }

    async fn start_services(&mut self) -> Result<Load> {
        let ingest = self.start(Role::Ingest, ingest::run).await?;
        let room_state = self.start(Role::RoomState, room_state::run).await?;
        self.services = vec![ingest, room_state];
        Load::start(self.config.ingest.listen)
    }

    /// As a process of its own would.
    async fn start<F, Fut>(&self, role: Role, run: F) -> Result<Service>
    where
        F: FnOnce(Context) -> Fut + Send + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        let shutdown = Shutdown::new();
        let options = connect_options(&self.config.database, role)?;
        let bus = Login::of(&self.config.bus, User::Role(role))?;
        let (config, clock) = (self.config.clone(), Clock::system());
        let context = connect(config, role.service(), options, &bus, clock, shutdown.clone()).await?;
        context.health.started(&context.db, &context.bus);
        Ok(Service { shutdown, task: tokio::spawn(supervise(role.service(), context, run)) })
    }

    /// The first server is lost when the second has not had everything from it for a while, and the second takes over.
    async fn lose_primary(&self, load: &Load) -> Result<()> {
        self.standby.unfollow().await?;
        let (accepted, enough) = (load.accepted(), load.accepted() + 60);
        until("more is accepted", || async { Ok(load.accepted() >= enough) }).await?;
        // So that the services have had the time to take it in.
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.primary.kill().await;
        self.standby.promote().await?;
        println!("· the standby takes writes; {} messages came that it had not", load.accepted() - accepted);
        Ok(())
    }

    /// Waits until the services have handled all that was accepted.
    async fn until_handled(&self) -> Result<()> {
        let bus = Bus::connect(&bus_superuser(&self.nats), "test").await?;
        let stream = bus.jetstream().get_stream(Consumer::RoomStateChat.stream()).await?;
        until("everything is handled", || async {
            let info = stream.consumer_info(Consumer::RoomStateChat.name()).await?;
            Ok(info.num_pending == 0 && info.num_ack_pending == 0)
        })
        .await
    }

    async fn stop(self) -> Result<()> {
        for service in self.services {
            ensure!(!service.task.is_finished(), "a service ended by itself");
            service.shutdown.request();
            service.task.await??;
        }
        Ok(())
    }
}

/// Who says that a server is who it says.
struct Authority {
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Result<Self> {
        let (key, mut own) = (KeyPair::generate()?, CertificateParams::new(Vec::new())?);
        own.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = own.self_signed(&key)?.pem();
        Ok(Self { certificate, issuer: Issuer::new(own, key) })
    }

    /// A certificate for an address, and its key.
    fn issue(&self, address: IpAddr) -> Result<(String, String)> {
        let (key, own) = (KeyPair::generate()?, CertificateParams::new(vec![address.to_string()])?);
        Ok((own.signed_by(&key, &self.issuer)?.pem(), key.serialize_pem()))
    }
}

/// An address of this machine that no other test has.
fn address(server: u8) -> IpAddr {
    let [_, _, high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, high, low, server).into()
}

fn password(role: Role) -> String {
    format!("test-{role}")
}

fn pool(server: &PrivatePostgres) -> PgPool {
    PgPoolOptions::new().max_connections(2).connect_lazy_with(server.superuser().database(DATABASE))
}

async fn provision(server: &PrivatePostgres, config: &Config) -> Result<()> {
    server.create_database(DATABASE, None).await?;
    let mut connection = server.superuser().database(DATABASE).connect().await?;
    store::migrate::provision(&mut connection, password).await?;
    let now = Clock::system().now();
    let before = now - TimeDelta::days(400);
    store::rules::apply(&mut connection, &config.rules, before, now).await?;
    store::golive::decide(&mut connection, true, before, before).await?;
    connection.close().await.context("closing")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_synchronous_standby_takes_over_and_nothing_is_lost() -> Result<()> {
    let mut world = World::set().await?;
    world.primary.wait_for_standby(true).await?;
    let load = world.start_services().await?;
    load.goes_on("the start").await?;
    world.lose_primary(&load).await?;
    load.goes_on("the loss of the primary").await?;
    until_all_are_there(&pool(&world.standby), &load.stop().await?).await?;
    the_former_primary_is_left_alone(&mut world).await?;
    world.stop().await
}

/// The same as with a managed pair: by TCP, and with TLS that proves who the servers are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pair_on_the_network_is_followed_with_tls() -> Result<()> {
    let mut world = World::set().await?;
    world.go_on_the_network().await?;
    world.primary.wait_for_standby(true).await?;
    let load = world.start_services().await?;
    load.goes_on("the start").await?;
    let encrypted = "select bool_and(ssl) from pg_stat_ssl join pg_stat_activity using (pid)
                     where application_name in ('ingest', 'room-state')";
    let encrypted: Option<bool> =
        store::sqlx::query_scalar(encrypted).fetch_one(&pool(&world.primary)).await?;
    ensure!(encrypted == Some(true), "a service's connection is not encrypted");
    let refused = world.log_in(&Authority::new()?).await.err().context("anybody's server is believed")?;
    ensure!(format!("{refused:#}").to_lowercase().contains("certificate"), "{refused:#}");
    world.lose_primary(&load).await?;
    load.goes_on("the loss of the primary").await?;
    until_all_are_there(&pool(&world.standby), &load.stop().await?).await?;
    the_former_primary_is_left_alone(&mut world).await?;
    world.stop().await
}

/// It comes back as it was, and takes writes: for whoever starts now, there are two of them.
async fn the_former_primary_is_left_alone(world: &mut World) -> Result<()> {
    world.primary.boot().await?;
    let room_state = world.services.pop().context("no room-state")?;
    room_state.shutdown.request();
    room_state.task.await??;
    let before = timeline(&pool(&world.standby)).await?;
    let again = world.start(Role::RoomState, room_state::run).await?;
    world.services.push(again);
    let message = company::says("r-late", company::CHEN, Clock::system().now(), "还在吗？");
    let bus = Bus::connect(&bus_superuser(&world.nats), "test").await?;
    bus.publish(&company::captured(&message)?).await?;
    until("the new primary has it", || async {
        Ok(timeline(&pool(&world.standby)).await?.len() == before.len() + 1)
    })
    .await
}

/// It lives and takes writes, but none of its commits is confirmed any more: those that wait for that are given up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_lives_on_alone_is_left() -> Result<()> {
    let mut world = World::set().await?;
    world.primary.wait_for_standby(true).await?;
    let load = world.start_services().await?;
    load.goes_on("the start").await?;
    world.standby.unfollow().await?;
    load.goes_on("commits hang").await?;
    world.standby.promote().await?;
    load.goes_on("the promotion").await?;
    until_all_are_there(&pool(&world.standby), &load.stop().await?).await?;
    world.stop().await
}

/// As when its machine vanishes with every connection open. Whoever waits for it waits for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_a_primary_that_never_answers_is_given_up() -> Result<()> {
    let mut world = World::set().await?;
    world.primary.wait_for_standby(true).await?;
    let load = world.start_services().await?;
    load.goes_on("the start").await?;
    // A fold asks for the lease again; a service of which a part says nothing any more ends, to be started again.
    let waits = async |ctx: Context| {
        ctx.health.beat("waits");
        std::future::pending().await
    };
    let waiting = world.start(Role::VikaReconcile, waits).await?;
    // Commits wait from now on.
    world.standby.unfollow().await?;
    load.goes_on("commits hang").await?;
    freeze(&world.primary, true).await?;
    let went_on = async {
        world.standby.promote().await?;
        load.goes_on("the primary froze").await?;
        until_all_are_there(&pool(&world.standby), &load.stop().await?).await?;
        anyhow::Ok(tokio::time::timeout(Duration::from_mins(1), waiting.task).await??)
    };
    let ended = went_on.await;
    freeze(&world.primary, false).await?;
    let why = format!("{:#}", ended?.err().context("it ended without an error")?);
    ensure!(why.contains("waits did not come back after the database's primary moved"), "{why}");
    world.stop().await
}

/// Stops a server with all its processes, or lets it go on.
async fn freeze(server: &PrivatePostgres, frozen: bool) -> Result<()> {
    let signal = if frozen { Signal::STOP } else { Signal::CONT };
    let first = server.pid().await.context("it does not run")?;
    for process in processes_of(first) {
        if let Some(pid) = Pid::from_raw(process.cast_signed()) {
            kill_process(pid, signal).ok();
        }
    }
    Ok(())
}

/// This process and those that it started, as `/proc` tells.
fn processes_of(first: u32) -> Vec<u32> {
    let parent = |pid: u32| -> Option<u32> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in brackets may hold anything; state and parent come after it.
        stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
    };
    let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| *pid == first || parent(*pid) == Some(first)).collect()
}

/// What docs/operations.md says may be lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_synchronous_replication_what_the_standby_had_not_is_lost() -> Result<()> {
    let mut world = World::set().await?;
    let load = world.start_services().await?;
    load.goes_on("the start").await?;
    world.lose_primary(&load).await?;
    load.goes_on("the loss of the primary").await?;
    let accepted = load.stop().await?;
    world.until_handled().await?;
    let there = timeline(&pool(&world.standby)).await?;
    let lost = accepted.difference(&there).count();
    println!("· {lost} of {} are lost", accepted.len());
    ensure!(lost > 0, "the loss that waiting for the standby prevents did not happen");
    world.stop().await
}
