//! What a listener bears, by trying.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests: a failed expectation is a failed test"
)]

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::routing::{get, post};
use axum::{Extension, Router};
use runtime::Shutdown;
use runtime::serve::{Client, Limits, Lockout, Rate, Server};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;

/// Longer than anything here may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Shorter than any limit that a test waits for in vain.
const SHORT: Duration = Duration::from_millis(300);
/// Different clients, as far as the server can tell.
const ONE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const OTHER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

const GET: &str = "GET /ok HTTP/1.1\r\nHost: x\r\n\r\n";

struct Running {
    address: SocketAddr,
    shutdown: Shutdown,
    served: JoinHandle<()>,
}

async fn start(limits: Limits) -> Running {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let (address, shutdown) = (listener.local_addr().unwrap(), Shutdown::new());
    let router = Router::new()
        .route("/ok", get(|| async { "ok" }))
        .route("/slow", get(|| async { tokio::time::sleep(SHORT).await }))
        .route("/who", get(|Extension(client): Extension<Client>| async move { format!("{client:?}") }))
        .route("/echo", post(|body: Bytes| async move { body.len().to_string() }));
    let stop = shutdown.clone();
    let served = tokio::spawn(async move {
        Server::new("test", limits).serve(listener, router, async move { stop.wait().await }).await;
    });
    Running { address, shutdown, served }
}

impl Running {
    async fn connect(&self, from: Ipv4Addr) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((from, 0).into()).unwrap();
        tokio::time::timeout(PATIENCE, socket.connect(self.address)).await.unwrap().unwrap()
    }

    async fn ask(&self, from: Ipv4Addr, request: &str) -> String {
        let mut stream = self.connect(from).await;
        stream.write_all(request.as_bytes()).await.unwrap();
        head(&mut stream).await.expect("an answer")
    }
}

/// What comes until the end of a head; `None`: the connection was closed without a word.
async fn head(stream: &mut TcpStream) -> Option<String> {
    let mut read = Vec::new();
    let mut some = [0_u8; 1024];
    while !read.windows(4).any(|four| four == b"\r\n\r\n") {
        match tokio::time::timeout(PATIENCE, stream.read(&mut some)).await.expect("an answer in time") {
            Ok(count) if count > 0 => read.extend_from_slice(&some[..count]),
            _ => return (!read.is_empty()).then(|| String::from_utf8_lossy(&read).into_owned()),
        }
    }
    Some(String::from_utf8(read).unwrap())
}

/// How long a connection stays open, doing `meanwhile` again and again.
async fn life(stream: &mut TcpStream, meanwhile: &[u8]) -> Duration {
    let begun = Instant::now();
    let mut byte = [0_u8; 256];
    while begun.elapsed() < PATIENCE {
        let closed = tokio::time::timeout(SHORT / 6, stream.read(&mut byte)).await;
        if closed.is_ok_and(|read| read.is_ok_and(|count| count == 0))
            || stream.write_all(meanwhile).await.is_err()
        {
            break;
        }
    }
    begun.elapsed()
}

#[tokio::test]
async fn a_head_that_drips_in_is_cut_off() {
    let running = start(Limits { head: SHORT, ..Limits::OUTWARD }).await;
    let mut slow = running.connect(ONE).await;
    slow.write_all(b"GET /ok HTTP/1.1\r\nHost: x\r\nX-Drip: ").await.unwrap();
    assert!(life(&mut slow, b"a").await < PATIENCE / 2);
    assert!(life(&mut running.connect(ONE).await, b"").await < PATIENCE / 2, "not even a first byte");
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let running = start(Limits { head: SHORT, ..Limits::OUTWARD }).await;
    let mut stream = running.connect(ONE).await;
    stream.write_all(GET.as_bytes()).await.unwrap();
    assert!(head(&mut stream).await.unwrap().starts_with("HTTP/1.1 200"));
    assert!(life(&mut stream, b"").await < PATIENCE / 2);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let running = start(Limits { request: Some(SHORT), ..Limits::OUTWARD }).await;
    let request = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc";
    assert!(running.ask(ONE, request).await.starts_with("HTTP/1.1 408"));
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_announced_or_not() {
    let running = start(Limits { body: 10, ..Limits::OUTWARD }).await;
    let announced = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\nabcdefghijk";
    assert!(running.ask(ONE, announced).await.starts_with("HTTP/1.1 413"));
    let chunked = "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nabcdefghijk\r\n";
    assert!(running.ask(ONE, chunked).await.starts_with("HTTP/1.1 413"));
    let fits = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabcdefghij";
    assert!(running.ask(ONE, fits).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn whoever_asks_too_fast_is_told_to_wait_and_others_are_served() {
    let running = start(Limits { rate: Rate::per_second(1, 3), ..Limits::OUTWARD }).await;
    for _ in 0..3 {
        assert!(running.ask(ONE, GET).await.starts_with("HTTP/1.1 200"));
    }
    let refused = running.ask(ONE, GET).await;
    assert!(refused.starts_with("HTTP/1.1 429") && refused.contains("retry-after: 1"), "{refused}");
    assert!(running.ask(OTHER, GET).await.starts_with("HTTP/1.1 200"));
}

#[test]
fn whoever_guesses_too_often_is_shut_out_for_a_while() {
    let lockout = Lockout::new(Rate::one_in(PATIENCE, 3), SHORT);
    let (one, other) = (Client::at(ONE.into()), Client::at(OTHER.into()));
    (0..3).for_each(|_| lockout.offended(one));
    assert_eq!(lockout.check(one), Ok(()), "as many as are tolerated");
    lockout.offended(one);
    assert!(lockout.check(one).is_err_and(|left| left <= SHORT));
    assert_eq!(lockout.check(other), Ok(()));
    std::thread::sleep(SHORT);
    assert_eq!(lockout.check(one), Ok(()));
}

/// With the limits in force: 1,000 connections, 200 of each client.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_thousand_and_first_connection_waits_and_nobody_has_all() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let most = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most }).unwrap();
    let running = start(Limits { head: PATIENCE * 2, ..Limits::OUTWARD }).await;
    let mut open = Vec::new();
    for client in 10..15 {
        for _ in 0..200 {
            open.push(running.connect(Ipv4Addr::new(127, 0, 0, client)).await);
        }
        if client == 10 {
            let mut refused = running.connect(Ipv4Addr::new(127, 0, 0, client)).await;
            assert_eq!(head(&mut refused).await, None, "the 201st of one client");
        }
    }
    let mut late = running.connect(ONE).await;
    late.write_all(GET.as_bytes()).await.unwrap();
    let mut byte = [0_u8; 1];
    assert!(tokio::time::timeout(SHORT, late.peek(&mut byte)).await.is_err(), "the 1,001st is served");
    drop(open.pop());
    assert!(head(&mut late).await.unwrap().starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_stop_lets_requests_finish_and_waits_for_nobody_else() {
    let running = start(Limits::OUTWARD).await;
    let (mut busy, mut idle) = (running.connect(ONE).await, running.connect(ONE).await);
    busy.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    idle.write_all(b"GET /ok HT").await.unwrap();
    tokio::time::sleep(SHORT / 3).await;
    running.shutdown.request();
    assert!(head(&mut busy).await.unwrap().starts_with("HTTP/1.1 200"));
    let ended = tokio::time::timeout(Duration::from_secs(7), running.served).await;
    ended.expect("a stop within a service's grace time").unwrap();
    assert!(TcpStream::connect(running.address).await.is_err());
}

#[tokio::test]
async fn answers_carry_the_headers_that_browsers_obey() {
    let running = start(Limits::OUTWARD).await;
    let answer = running.ask(ONE, GET).await;
    for header in ["x-content-type-options: nosniff", "x-frame-options: DENY", "default-src 'none'"] {
        assert!(answer.contains(header), "{answer}");
    }
}
