//! Three `nats-server`s as one cluster, each of which can die or be cut off from the others.

use std::io;
use std::net::Ipv4Addr;

use tempfile::TempDir;
use tokio::net::TcpListener;

use super::link::Link;
use super::{folder, settings};
use crate::error::{Error, IoContext as _};
use crate::free_address;
use crate::nats::Member;
use crate::secret::load_or_create;
use crate::{NatsBinary, PrivateNats, silent};

const SIZE: usize = 3;

/// A running cluster. It ends, and what it kept goes, when it is dropped.
#[derive(Debug)]
pub struct TestCluster {
    // Before the folders: the servers go first.
    nodes: [PrivateNats; SIZE],
    ways: Vec<Way>,
    _folders: Vec<TempDir>,
}

/// The way by which one node reaches another.
#[derive(Debug)]
struct Way {
    from: usize,
    to: usize,
    port: u16,
    link: Link,
}

/// A cluster for a single test, with empty stores, on the caller's runtime. `users` as for [`super::nats()`].
pub async fn nats_cluster(users: &str) -> Result<TestCluster, Error> {
    let home = folder::of_this_process()?;
    let program = NatsBinary::resolve(&settings(&home)?, &silent).await?;
    // In a folder of its own: other tests of this process may be starting a cluster at the same time.
    let own = TempDir::with_prefix_in("cluster-", &home).context("create a folder in", &home)?;
    let password = load_or_create(&own.path().join("password"))?;
    let ports = free_ports().context("find free ports for", &program.path)?;
    let ways = ways(&ports).await.context("find free ports for", &program.path)?;
    let mut folders = vec![own];
    let mut node = |node: usize| {
        // Each beside the others, where the next test process looks for what this one left.
        let folder = TempDir::with_prefix_in("nats-", &home).context("create a folder in", &home)?;
        let routes = ways.iter().filter(|way| way.from == node).map(|way| way.port).collect();
        let member = Member { name: name(node), port: ports[node], routes };
        let nats = PrivateNats::member(&program, folder.path(), users, &password, member)?;
        folders.push(folder);
        Ok::<_, Error>(nats)
    };
    let nodes = [node(0)?, node(1)?, node(2)?];
    tokio::try_join!(nodes[0].boot(), nodes[1].boot(), nodes[2].boot())?;
    Ok(TestCluster { nodes, ways, _folders: folders })
}

impl TestCluster {
    /// The nodes.
    pub fn nodes(&self) -> &[PrivateNats] {
        &self.nodes
    }

    /// Which node has this name, by which the cluster speaks of its leaders.
    pub fn position(&self, name_of_node: &str) -> Option<usize> {
        (0..SIZE).find(|node| name(*node) == name_of_node)
    }

    /// Where clients find all of them: `nats://` and addresses, separated by commas.
    pub fn url(&self) -> String {
        self.nodes.each_ref().map(|node| format!("nats://{}", node.address())).join(",")
    }

    /// Lets nothing pass between this node and the other two, or everything again. Its clients still reach it.
    pub fn cut_off(&self, node: usize, cut: bool) {
        for way in self.ways.iter().filter(|way| way.from == node || way.to == node) {
            way.link.block(cut);
        }
    }
}

fn name(node: usize) -> String {
    format!("node-{node}")
}

fn free_ports() -> io::Result<[u16; SIZE]> {
    Ok([free_address()?.port(), free_address()?.port(), free_address()?.port()])
}

/// From each node to each other one.
async fn ways(ports: &[u16; SIZE]) -> io::Result<Vec<Way>> {
    let mut ways = Vec::new();
    for (from, to) in (0..SIZE).flat_map(|from| (0..SIZE).map(move |to| (from, to))) {
        if from != to {
            let listener = listener().await?;
            let port = listener.local_addr()?.port();
            ways.push(Way { from, to, port, link: Link::new(listener, ports[to]) });
        }
    }
    Ok(ways)
}

async fn listener() -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await
}
