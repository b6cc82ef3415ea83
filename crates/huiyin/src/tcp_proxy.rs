//! `huiyin front`: a TCP proxy, the one way from outside into a deployment in containers. It forwards connections to
//! services by name, so that a service may have any number of replicas behind one published port, and no service need be
//! on a network that is published.
//!
//! It must not look into the bytes, and keeps nothing.

use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use runtime::Shutdown;
use runtime::random::fraction;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream, lookup_host};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Connections of one route at a time; more wait in the system's queue.
const MOST_CONNECTIONS: usize = 512;
/// How long one replica may take to take a connection before the next is asked.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long no replica may be found before the caller is sent away: as long as a killed one takes to come back.
const REPLICA_WAIT: Duration = Duration::from_secs(8);
/// The pause between two looks for a replica.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// The longest that a connection stays open. No exchange of ours lasts that long.
const LONGEST_CONNECTION: Duration = Duration::from_mins(5);

/// What `front` is called with.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A route: where to listen, and the service behind it: `0.0.0.0:8080=ingest:8080`
    #[arg(required = true, value_name = "LISTEN=SERVICE")]
    routes: Vec<Route>,
}

/// Where connections come in and which service they go to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Route {
    listen: SocketAddr,
    service: String,
}

impl FromStr for Route {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let route = text.split_once('=').and_then(|(listen, service)| {
            let port = service.rsplit_once(':')?.1;
            port.parse::<u16>().ok()?;
            Some(Self { listen: listen.parse().ok()?, service: service.to_owned() })
        });
        route.ok_or_else(|| "expected an address and a service, like 0.0.0.0:8080=ingest:8080".to_owned())
    }
}

/// Runs until it is asked to stop.
pub(crate) async fn run(args: Args) -> Result<()> {
    let shutdown = Shutdown::new();
    shutdown.on_signals().context("installing signal handlers")?;
    let mut routes = JoinSet::new();
    for route in args.routes {
        let listener = TcpListener::bind(route.listen)
            .await
            .with_context(|| format!("listening on {}", route.listen))?;
        routes.spawn(accept_loop(listener, route.service));
    }
    tokio::select! {
        () = shutdown.wait() => Ok(()),
        ended = routes.join_next() => Err(anyhow!("a route closed by itself: {ended:?}")),
    }
}

async fn accept_loop(listener: TcpListener, service: String) {
    let permits = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let service: Arc<str> = service.into();
    loop {
        let Ok(permit) = permits.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((caller, _)) => {
                let service = service.clone();
                tokio::spawn(async move {
                    let forwarded = tokio::time::timeout(LONGEST_CONNECTION, forward(caller, &service)).await;
                    if let Ok(Err(error)) = forwarded {
                        tracing::warn!(service = &*service, error = format!("{error:#}"), "nobody was found");
                    }
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
    }
}

async fn forward(mut caller: TcpStream, service: &str) -> Result<()> {
    let mut replica = connect(service).await?;
    // How it ends is between the two of them.
    copy_bidirectional(&mut caller, &mut replica).await.ok();
    Ok(())
}

/// Connects to a replica, whichever takes the connection. One that was killed is back within seconds.
async fn connect(service: &str) -> Result<TcpStream> {
    let end = tokio::time::Instant::now() + REPLICA_WAIT;
    loop {
        let error = match try_replicas(service).await {
            Ok(replica) => return Ok(replica),
            Err(error) => error,
        };
        if tokio::time::Instant::now() > end {
            return Err(error);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn try_replicas(service: &str) -> Result<TcpStream> {
    let found = lookup_host(service).await.context("looking up its name")?;
    let mut replicas: Vec<(f64, SocketAddr)> = found.map(|replica| (fraction(), replica)).collect();
    replicas.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    let mut last = anyhow!("its name has no address");
    for (_, replica) in replicas {
        match tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(replica)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error.into(),
            Err(elapsed) => last = elapsed.into(),
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[test]
    fn a_route_is_an_address_and_a_service() {
        let route: Route = "0.0.0.0:8080=ingest:8080".parse().unwrap();
        assert_eq!((route.listen.port(), route.service.as_str()), (8080, "ingest:8080"));
        for wrong in ["8080=ingest:8080", "0.0.0.0:8080", "0.0.0.0:8080=ingest", "0.0.0.0:8080=ingest:http"] {
            assert!(wrong.parse::<Route>().unwrap_err().contains("expected"), "{wrong}");
        }
    }

    /// Answers each caller with what it said, once the caller has said it all.
    async fn echo(listener: TcpListener) {
        while let Ok((mut caller, _)) = listener.accept().await {
            let mut said = Vec::new();
            caller.read_to_end(&mut said).await.unwrap();
            caller.write_all(&said).await.unwrap();
        }
    }

    async fn ask(address: SocketAddr) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all("在吗".as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn who_calls_while_the_service_is_away_waits_until_it_is_back() {
        let free = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let service = free().await.unwrap();
        let address = service.local_addr().unwrap();
        let listener = free().await.unwrap();
        let route = listener.local_addr().unwrap();
        tokio::spawn(accept_loop(listener, address.to_string()));

        let serving = tokio::spawn(echo(service));
        assert_eq!(ask(route).await, "在吗");
        serving.abort();
        serving.await.ok();
        let asking = tokio::spawn(ask(route));
        tokio::time::sleep(2 * LOOK_EVERY).await;
        assert!(!asking.is_finished(), "it waits");
        tokio::spawn(echo(TcpListener::bind(address).await.unwrap()));
        assert_eq!(asking.await.unwrap(), "在吗");
    }
}
