//! Connections: a bounded number, none slower than allowed, and an end that lets requests end first. The same for
//! both protocols, encrypted or not.

mod activity;
mod answer;
mod timed;

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use crate::app::App;
use activity::{Activity, End};
use answer::Pieces;
use timed::Timed;

/// Pause after a connection could not be taken, such as without descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Calls of a connection of HTTP/2 at a time.
const MOST_STREAMS: u32 = 128;

/// Bytes of a call, and of all calls of a connection, that are on their way before they are read.
const WINDOW: (u32, u32) = (1 << 20, 4 << 20);

/// Most bytes of the headers of a call.
const MOST_HEADERS: u32 = 16 << 10;

/// Calls that a client may take back before they are begun, and faulty ones; a connection with more ends.
const MOST_RESETS: (usize, usize) = (32, 256);

/// Most bytes of answers that wait in a connection of HTTP/2, for each call.
const MOST_BUFFERED: usize = 256 << 10;

/// What is spoken on a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2, for gRPC.
    Http2,
}

impl Protocol {
    /// Its name in the handshake of encrypted connections.
    pub(crate) fn name(self) -> &'static [u8] {
        match self {
            Self::Http1 => b"http/1.1",
            Self::Http2 => b"h2",
        }
    }
}

/// A port that is listened on.
pub(crate) struct Port {
    pub(crate) listener: TcpListener,
    pub(crate) protocol: Protocol,
    pub(crate) router: Router,
    /// What encrypts its connections.
    pub(crate) tls: Option<TlsAcceptor>,
}

/// Takes connections until `stop`, and then lets requests under way end, within the grace of the settings.
pub(crate) async fn serve(app: Arc<App>, port: Port, mut stop: watch::Receiver<bool>) {
    let Port { listener, protocol, router, tls } = port;
    let permits = Arc::new(Semaphore::new(app.settings.connections.max(1)));
    // Every connection has a sender, so that the channel ends after the last one.
    let (open, mut ended) = mpsc::channel::<()>(1);
    loop {
        let accepted = tokio::select! {
            _ = stop.changed() => break,
            accepted = accept(&listener, &permits) => accepted,
        };
        let (stream, permit) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        // Answers are written whole; waiting for more of them only delays.
        _ = stream.set_nodelay(true);
        let connection =
            Connection { app: app.clone(), protocol, router: router.clone(), stop: stop.clone() };
        let (tls, open) = (tls.clone(), open.clone());
        tokio::spawn(async move {
            connection.serve(stream, tls).await;
            drop((permit, open));
        });
    }
    drop((listener, open));
    if tokio::time::timeout(app.settings.grace, ended.recv()).await.is_err() {
        tracing::warn!("requests under way are ended: their time is over");
    }
}

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let permit = permits.clone().acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, permit))
}

/// A connection that was taken.
struct Connection {
    app: Arc<App>,
    protocol: Protocol,
    router: Router,
    stop: watch::Receiver<bool>,
}

impl Connection {
    async fn serve(self, stream: TcpStream, tls: Option<TlsAcceptor>) {
        let Some(tls) = tls else { return self.speak(stream).await };
        let mut stop = self.stop.clone();
        let handshake = tokio::time::timeout(self.app.settings.header_timeout, tls.accept(stream));
        let handshake = tokio::select! {
            handshake = handshake => handshake,
            _ = stop.wait_for(|stopped| *stopped) => return,
        };
        match handshake {
            Ok(Ok(stream)) => self.speak(stream).await,
            Ok(Err(error)) => tracing::debug!(%error, "a connection was not encrypted as it must be"),
            Err(_) => tracing::debug!("a connection took too long to be encrypted"),
        }
    }

    async fn speak<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(self, stream: S) {
        let settings = &self.app.settings;
        let stream = Timed::new(stream, settings.write_timeout);
        if self.protocol == Protocol::Http1 {
            let mut http = hyper::server::conn::http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(settings.header_timeout);
            let service = TowerToHyperService::new(self.router.clone());
            let connection = http.serve_connection(TokioIo::new(stream), service);
            return self.drive(connection, std::future::pending()).await;
        }
        let activity = Activity::new(stream.received());
        let service = service_fn(|request| {
            let (call, router, share) = (activity.begin(), self.router.clone(), self.app.held.share());
            async move {
                let response = router.oneshot(request).await?;
                Ok::<_, std::convert::Infallible>(
                    response.map(|body| Body::new(Pieces::new(body, share, call))),
                )
            }
        });
        let mut http = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        http.timer(TokioTimer::new())
            .max_concurrent_streams(MOST_STREAMS)
            .initial_stream_window_size(WINDOW.0)
            .initial_connection_window_size(WINDOW.1)
            .max_header_list_size(MOST_HEADERS)
            .max_pending_accept_reset_streams(MOST_RESETS.0)
            .max_local_error_reset_streams(MOST_RESETS.1)
            .max_send_buf_size(MOST_BUFFERED)
            .keep_alive_interval(settings.header_timeout)
            .keep_alive_timeout(settings.header_timeout);
        let connection = http.serve_connection(TokioIo::new(stream), service);
        self.drive(connection, activity.watch(settings)).await;
    }

    /// Lets a connection go on until it ends, the server stops, or `end`.
    async fn drive<C>(&self, connection: C, end: impl Future<Output = End>)
    where
        C: GracefulConnection,
        C::Error: std::fmt::Display,
    {
        let mut stop = self.stop.clone();
        let (mut connection, mut end) = (pin!(connection), pin!(end));
        // Time for what is under way: when the server stops, its grace ends all connections.
        let (result, time) = tokio::select! {
            result = connection.as_mut() => (Some(result), Duration::ZERO),
            _ = stop.wait_for(|stopped| *stopped) => (None, self.app.settings.grace),
            end = end.as_mut() => match end {
                // Nothing is, but a client may not take note of the end.
                End::Idle => (None, self.app.settings.header_timeout.max(self.app.settings.deadline)),
                End::Slow => return tracing::debug!("a connection is ended: its client is too slow"),
            },
        };
        let result = match result {
            Some(result) => Some(result),
            None => {
                connection.as_mut().graceful_shutdown();
                tokio::time::timeout(time, connection).await.ok()
            }
        };
        if let Some(Err(error)) = result {
            tracing::debug!(%error, "a connection ended early");
        }
    }
}
