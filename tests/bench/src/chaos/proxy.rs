//! A small proxy between a service and what it talks to, which can cut, refuse and stall connections.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::watch;

/// Bytes passed on at a time.
const CHUNK: usize = 16 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    Open,
    /// Connections stay, and nothing passes.
    Stalled,
    /// Connections are cut and new ones are not taken on.
    Cut,
}

/// A proxy for one link. It ends when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    state: watch::Sender<LinkState>,
    task: tokio::task::JoinHandle<()>,
}

impl Proxy {
    /// Between a free TCP port, which is returned, and another.
    pub async fn tcp(to: SocketAddr) -> io::Result<(Self, SocketAddr)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (state, watched) = watch::channel(LinkState::Open);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                client.set_nodelay(true).ok();
                tokio::spawn(link(client, TcpStream::connect(to), watched.clone()));
            }
        });
        Ok((Self { state, task }, address))
    }

    /// Between a socket in a folder, as Postgres names it, and another.
    pub fn unix(at: &Path, to: PathBuf) -> io::Result<Self> {
        let listener = UnixListener::bind(at)?;
        let (state, watched) = watch::channel(LinkState::Open);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let to = to.clone();
                tokio::spawn(link(client, async move { UnixStream::connect(to).await }, watched.clone()));
            }
        });
        Ok(Self { state, task })
    }

    pub fn set(&self, state: LinkState) {
        self.state.send_replace(state);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn link<C, S>(
    client: C,
    server: impl Future<Output = io::Result<S>>,
    mut watched: watch::Receiver<LinkState>,
) where
    C: AsyncRead + AsyncWrite,
    S: AsyncRead + AsyncWrite,
{
    if *watched.borrow() == LinkState::Cut {
        return;
    }
    let Ok(server) = server.await else { return };
    let ((client_in, client_out), (server_in, server_out)) =
        (tokio::io::split(client), tokio::io::split(server));
    let (up, down) = (watched.clone(), watched.clone());
    tokio::select! {
        _ = pass(client_in, server_out, up) => {}
        _ = pass(server_in, client_out, down) => {}
        _ = watched.wait_for(|state| *state == LinkState::Cut) => {}
    }
}

/// One direction, until its end.
async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut watched: watch::Receiver<LinkState>,
) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        let length = from.read(&mut chunk).await?;
        if length == 0 {
            return to.shutdown().await;
        }
        if watched.wait_for(|state| *state != LinkState::Stalled).await.is_err() {
            return Ok(());
        }
        to.write_all(&chunk[..length]).await?;
    }
}
