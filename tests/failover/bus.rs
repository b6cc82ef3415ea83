//! The bus as a cluster of three, with every stream on all of them.

use std::cell::Cell;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use domain::id::RoomKey;
use local_stack::testing::{TestCluster, nats_cluster};
use runtime::bus::rights::users;
use runtime::bus::{Bus, Login, Outgoing, User, declare, differences};
use runtime::config::Secret;
use store::role::Role;
use testkit::{Running, Stack, bus_password, until, until_some};
use tokio::sync::{Mutex, MutexGuard};

use crate::load::{Load, ROOMS, until_all_are_there};

/// What a stream that has no leader is asked again after.
const ASK_AGAIN: Duration = Duration::from_millis(200);

/// Longer than a request to the bus waits for its answer.
const LEADERLESS: Duration = Duration::from_secs(7);

/// One cluster at a time: three servers that agree by timeouts need processors to themselves.
static ONE_CLUSTER: Mutex<()> = Mutex::const_new(());

/// Capture and rooms over a cluster.
struct World {
    _turn: MutexGuard<'static, ()>,
    stack: Stack,
    cluster: TestCluster,
    /// A connection of the test's own, which may do everything.
    bus: Bus,
    services: Vec<Running>,
}

impl World {
    /// A cluster on which everything is declared so many times over; no service runs.
    async fn set(replicas: usize) -> Result<Self> {
        let turn = ONE_CLUSTER.lock().await;
        // On the heap: what is alive meanwhile is large.
        let mut stack = Box::pin(Stack::start()).await?;
        let cluster = Box::pin(nats_cluster(&users(bus_password))).await?;
        stack.config.bus.url = cluster.url();
        stack.config.bus.replicas = replicas;
        stack.config.ingest.listen = testkit::free_address()?;
        let admin = Bus::connect(&Login::of(&stack.config.bus, User::Admin)?, "test-admin").await?;
        declare(admin.jetstream(), replicas).await?;
        let node = cluster.nodes().first().context("no node")?;
        let password = Secret::new(node.password());
        let login = Login { url: cluster.url(), user: node.user().to_owned(), password };
        let bus = Bus::connect(&login, "test").await?;
        Ok(Self { _turn: turn, stack, cluster, bus, services: Vec::new() })
    }

    async fn start_services(&mut self) -> Result<Load> {
        self.services.push(self.stack.run(Role::Ingest, ingest::run).await?);
        self.services.push(self.stack.run(Role::RoomState, room_state::run).await?);
        Load::start(self.stack.config.ingest.listen)
    }

    /// Which node leads a stream.
    async fn leader(&self, stream: &str) -> Result<usize> {
        until_some(&format!("{stream} has a leader"), || async {
            let Ok(found) = self.bus.jetstream().get_stream(stream).await else {
                tokio::time::sleep(ASK_AGAIN).await;
                return Ok(None);
            };
            let leader = found.cached_info().cluster.as_ref().and_then(|cluster| cluster.leader.clone());
            Ok(leader.and_then(|name| self.cluster.position(&name)))
        })
        .await
    }

    /// Which node alone holds a stream of one replica. While a stream is gathered, its leader may soon be another.
    async fn holder(&self, stream: &str) -> Result<usize> {
        let seen = Cell::new(None);
        until_some(&format!("{stream} stays on one node"), || async {
            tokio::time::sleep(ASK_AGAIN).await;
            let found = self.bus.jetstream().get_stream(stream).await;
            let cluster = found.ok().and_then(|found| found.cached_info().cluster.clone());
            let alone = cluster.filter(|cluster| cluster.replicas.is_empty());
            let holder = alone.and_then(|cluster| self.cluster.position(&cluster.leader?));
            Ok(holder.filter(|_| seen.replace(holder) == holder))
        })
        .await
    }

    /// Asks for something that can never be understood, until it is accepted. It is set aside.
    async fn ask_nonsense(&self, number: usize) -> Result<()> {
        let room = RoomKey { source: "webhook".into(), id: "r-1".into() };
        let outgoing = Outgoing {
            subject: events::subject::command("nonsense", &room),
            id: format!("nonsense-{number}"),
            payload: b"nonsense".to_vec(),
        };
        until("nonsense is accepted", || async { Ok(self.bus.publish(&outgoing).await.is_ok()) }).await
    }

    async fn messages(&self, stream: &str) -> Result<u64> {
        Ok(self.bus.jetstream().get_stream(stream).await?.cached_info().state.messages)
    }

    /// Ends the load; everything that was accepted is there once.
    async fn nothing_is_lost_or_doubled(self, load: Load, nonsense: u64) -> Result<()> {
        let accepted = load.stop().await?;
        until_all_are_there(&self.stack.admin, &accepted).await?;
        until("what cannot be understood is set aside", || async {
            Ok(self.messages("DEAD").await.is_ok_and(|dead| dead >= nonsense))
        })
        .await?;
        until("every room is announced", || async {
            Ok(self.messages("ROOM").await.is_ok_and(|rooms| rooms == ROOMS as u64))
        })
        .await?;
        ensure!(self.messages("CHAT").await? == accepted.len() as u64, "a message stands twice on CHAT");
        ensure!(self.messages("COMMAND").await? == nonsense, "a command stands twice on COMMAND");
        ensure!(self.messages("DEAD").await? == nonsense, "a dead letter stands twice on DEAD");
        println!("· {} messages accepted, all of them there once", accepted.len());
        for service in self.services {
            ensure!(!service.ended(), "a service ended by itself");
            service.stop().await?;
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_leader_of_each_stream_is_killed_in_turn() -> Result<()> {
    let mut world = World::set(3).await?;
    let load = world.start_services().await?;
    load.goes_on("the start").await?;
    let mut nonsense = 0;
    for stream in runtime::bus::STREAMS {
        let leader = world.leader(stream).await?;
        let node = &world.cluster.nodes()[leader];
        node.kill().await;
        load.goes_on(&format!("the death of {stream}'s leader, node {leader}")).await?;
        world.ask_nonsense(nonsense).await?;
        nonsense += 1;
        // Returns when the node has what it missed, so that there is a majority for the next death.
        node.boot().await?;
    }
    world.nothing_is_lost_or_doubled(load, nonsense as u64).await
}

/// All services are connected to the node that is cut off, which keeps their connections and can do nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_is_cut_off_with_the_services_on_it() -> Result<()> {
    let mut world = World::set(3).await?;
    let lonely = world.leader("CHAT").await?;
    world.stack.config.bus.url = format!("nats://{}", world.cluster.nodes()[lonely].address());
    let load = world.start_services().await?;
    load.goes_on("the start").await?;
    world.cluster.cut_off(lonely, true);
    load.goes_on("the cut").await?;
    world.ask_nonsense(0).await?;
    world.cluster.cut_off(lonely, false);
    load.goes_on("the healing").await?;
    world.nothing_is_lost_or_doubled(load, 1).await
}

/// Servers that start together have no leader for a while.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_are_declared_once_there_is_a_leader() -> Result<()> {
    let world = World::set(3).await?;
    let nodes = world.cluster.nodes();
    nodes[1].kill().await;
    nodes[2].kill().await;
    let jetstream = world.bus.jetstream().clone();
    let declaring = tokio::spawn(async move { declare(&jetstream, 3).await });
    tokio::time::sleep(LEADERLESS).await;
    ensure!(!declaring.is_finished(), "given up, or declared by a minority");
    nodes[1].boot().await?;
    declaring.await??;
    Ok(())
}

/// What an installation goes through that grows; and a stream on one node is gone with it, which is what this is for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_are_spread_and_gathered_again() -> Result<()> {
    let world = World::set(1).await?;
    for replicas in [3, 1, 3, 1] {
        declare(world.bus.jetstream(), replicas).await?;
        // A stream that moves to other servers has no leader for a moment.
        until("all is as declared", || async {
            Ok(differences(world.bus.jetstream(), replicas).await.is_ok_and(|found| found.is_empty()))
        })
        .await?;
    }
    let alone = world.holder("CHAT").await?;
    world.cluster.nodes()[alone].kill().await;
    let message = Outgoing { subject: "chat.message.x".to_owned(), id: "x".to_owned(), payload: vec![] };
    ensure!(world.bus.publish(&message).await.is_err(), "accepted by nobody");
    Ok(())
}
