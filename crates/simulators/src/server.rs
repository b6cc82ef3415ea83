//! What every simulator stands on: an HTTP server on loopback whose connections can be cut before an answer is written.
//!
//! A client has to be judged by the fault that it fears most: the server did the work and the line went dead. A body that
//! breaks off is not the same, since the status line has arrived by then, and HTTP frameworks have no word for it.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::Router;
use runtime::serve::{Limits, Server};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A running simulator. It ends when it is stopped or dropped.
#[derive(Debug)]
pub struct Running {
    /// Base address, `http://127.0.0.1:<port>`, without a slash at its end.
    pub url: String,
    closing: CancellationToken,
    server: Option<JoinHandle<()>>,
}

impl Running {
    /// Stops answering and waits until the port is free again.
    pub async fn stop(mut self) {
        self.closing.cancel();
        if let Some(server) = self.server.take()
            && let Err(error) = server.await
        {
            tracing::warn!(%error, "a simulator did not end cleanly");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.closing.cancel();
    }
}

/// Serves on an address until `closing`, which ends requests that hang on purpose too.
pub(crate) async fn start(
    name: &'static str,
    (address, beyond_loopback): (SocketAddr, bool),
    router: Router,
    closing: CancellationToken,
) -> io::Result<Running> {
    if !address.ip().is_loopback() && !beyond_loopback {
        let refusal =
            format!("{name} listens on loopback only, not on {address}: its control routes ask for no token");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, refusal));
    }
    let listener = TcpListener::bind(address).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let serving = Server::new(name, Limits::LOOPBACK);
    let server =
        tokio::spawn(serving.serve_with(listener, router, closing.clone().cancelled_owned(), cuttable));
    Ok(Running { url, closing, server: Some(server) })
}

/// Cuts the connection that it belongs to: nothing more is written on it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Connection(Arc<AtomicBool>);

impl Connection {
    pub(crate) fn cut(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn is_cut(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// A stream with its [`Connection`].
struct CuttableStream {
    stream: TcpStream,
    connection: Connection,
}

fn cuttable(stream: TcpStream) -> (CuttableStream, Connection) {
    let connection = Connection::default();
    (CuttableStream { stream, connection: connection.clone() }, connection)
}

impl AsyncRead for CuttableStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for CuttableStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.connection.is_cut() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
