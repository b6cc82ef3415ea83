//! A way from one server to another that can be blocked: no byte passes and neither end is told, as when a cable is
//! pulled.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Bytes passed on at a time.
const CHUNK: usize = 64 * 1024;

/// A proxy for one such way. It ends when it is dropped.
#[derive(Debug)]
pub(super) struct Link {
    blocked: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Link {
    /// From whoever connects to `listener` to a port of this machine.
    pub(super) fn new(listener: TcpListener, to: u16) -> Self {
        let (blocked, watched) = watch::channel(false);
        let task = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(connect(near, SocketAddr::from((Ipv4Addr::LOCALHOST, to)), watched.clone()));
            }
        });
        Self { blocked, task }
    }

    pub(super) fn block(&self, blocked: bool) {
        self.blocked.send_replace(blocked);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn connect(near: TcpStream, to: SocketAddr, mut blocked: watch::Receiver<bool>) {
    if blocked.wait_for(|blocked| !blocked).await.is_err() {
        return;
    }
    let Ok(far) = TcpStream::connect(to).await else { return };
    let ((near_read, near_write), (far_read, far_write)) = (near.into_split(), far.into_split());
    let back = pass(far_read, near_write, blocked.clone());
    // Either end takes the other along.
    tokio::select! {
        () = pass(near_read, far_write, blocked) => {}
        () = back => {}
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut blocked: watch::Receiver<bool>) {
    let mut chunk = vec![0; CHUNK];
    while let Ok(read @ 1..) = from.read(&mut chunk).await {
        if blocked.wait_for(|blocked| !blocked).await.is_err() || to.write_all(&chunk[..read]).await.is_err()
        {
            return;
        }
    }
}
