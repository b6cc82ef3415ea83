//! Spans are a by-product: whatever becomes of their receiver, work goes on at its pace and ends when it should.

use std::fs;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use runtime::Trace;
use runtime::config::Traces;
use runtime::telemetry::Exporter;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tracing::info_span;
use tracing::subscriber::set_default;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry;

/// More than the queue holds, several times over.
const SPANS: usize = 20_000;
/// Far below what the receiver is given for an answer.
const AT_ONCE: Duration = Duration::from_secs(5);

/// Receivers that are of no use.
#[derive(Debug, Clone, Copy)]
enum Broken {
    /// Nobody listens.
    Away,
    /// It takes connections and never answers.
    Silent,
    Refusing,
}

async fn receiver(broken: Broken) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    match broken {
        Broken::Away => drop(listener),
        Broken::Silent => {
            tokio::spawn(async move {
                let mut held = Vec::new();
                while let Ok((connection, _)) = listener.accept().await {
                    held.push(connection);
                }
            });
        }
        Broken::Refusing => {
            tokio::spawn(async move {
                while let Ok((connection, _)) = listener.accept().await {
                    tokio::spawn(refuse(connection));
                }
            });
        }
    }
    Ok(address)
}

async fn refuse(mut connection: TcpStream) {
    let mut read = vec![0; 64 * 1024];
    while connection.read(&mut read).await.is_ok_and(|length| length > 0) {
        let answer = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
        if connection.write_all(answer).await.is_err() {
            return;
        }
    }
}

/// Whether a thread of this process exports; `None`: this system does not tell.
fn a_thread_exports() -> Option<bool> {
    let tasks = fs::read_dir("/proc/self/task").ok()?;
    let mut names = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok());
    Some(names.any(|name| name.starts_with("OpenTelemetry")))
}

fn work() -> Duration {
    let begun = Instant::now();
    for number in 0..SPANS {
        info_span!(target: "runtime::work", "work", number).in_scope(|| assert!(Trace::current().is_some()));
    }
    begun.elapsed()
}

/// One test, since threads are the process's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_receiver_slows_anybody_and_without_one_nothing_runs() -> Result<()> {
    let none = Exporter::start("test", &Traces::default())?;
    {
        let _entered = set_default(registry().with(none.layer()));
        let outer = info_span!(target: "runtime::work", "outer");
        let (outer, inner) = outer.in_scope(|| {
            let inner = info_span!(target: "runtime::work", "inner");
            (Trace::current().unwrap(), Trace::of(&inner).unwrap())
        });
        ensure!(outer.id() == inner.id() && outer != inner, "ids flow without a receiver");
        ensure!(outer.to_string().ends_with("-00"), "and nobody is asked to record them");
        info_span!(target: "hyper::client", "theirs").in_scope(|| assert_eq!(Trace::current(), None));
    }
    none.finish().await;
    ensure!(a_thread_exports() != Some(true), "nothing is exported");

    for broken in [Broken::Away, Broken::Silent, Broken::Refusing] {
        let endpoint = format!("http://{}", receiver(broken).await?);
        let exporter = Exporter::start("test", &Traces { endpoint: Some(endpoint), sample_percent: 100 })?;
        let taken = {
            let _entered = set_default(registry().with(exporter.layer()));
            work()
        };
        ensure!(a_thread_exports() != Some(false), "otherwise the look at threads says nothing");
        let begun = Instant::now();
        exporter.finish().await;
        let ended = begun.elapsed();
        ensure!(taken < AT_ONCE && ended < AT_ONCE, "{broken:?}: {taken:?}, then {ended:?} to end");
    }
    Ok(())
}
