//! The listening side: a TCP listener whose connections can be cut from inside a handler.
//!
//! "The server accepted the message and the connection died before the answer" is the case that delivery is built
//! around, and HTTP frameworks have no word for it. So each connection carries a switch; once it is thrown, every
//! write fails and the client sees the connection closed without a byte of an answer.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::Router;
use runtime::serve::{Limits, Server};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// The switch of one connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Connection(Arc<AtomicBool>);

impl Connection {
    /// From now on nothing reaches the client any more; the connection closes at the next write.
    pub(super) fn cut(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn is_cut(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// One TCP stream with its switch.
pub(super) struct CuttableStream {
    inner: TcpStream,
    switch: Connection,
}

impl AsyncRead for CuttableStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl AsyncWrite for CuttableStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.switch.is_cut() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// Serves until `stop`; requests still hanging on purpose are ended by the same token.
pub(super) async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let server = Server::new("feishu_simulator", Limits::LOOPBACK);
    let cuttable = |inner| {
        let switch = Connection::default();
        (CuttableStream { inner, switch: switch.clone() }, switch)
    };
    server.serve_with(listener, router, stop.cancelled_owned(), cuttable).await;
}
