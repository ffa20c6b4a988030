//! The server: from its settings to its end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::sync::watch;

use crate::app::App;
use crate::connections::{self, Port, Protocol};
use crate::tls::{Certificate, Renewal};
use crate::{ServeError, Settings, grpc, routes};

/// How often it is asked whether the server is to stop.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// How often the files of the certificate are looked at where the models are not listed by themselves.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Time beyond the grace until a server ends whatever is under way.
const LAST: Duration = Duration::from_secs(1);

/// A server that listens. [`Server::run`] answers.
///
/// ```no_run
/// use anoseg_serve::{Server, Settings};
///
/// let server = Server::bind(Settings::new("models"))?;
/// println!("{}", server.address());
/// server.run(|| false)?; // until the process ends
/// # Ok::<(), anoseg_serve::ServeError>(())
/// ```
pub struct Server {
    app: Arc<App>,
    listener: std::net::TcpListener,
    grpc: Option<std::net::TcpListener>,
    certificate: Option<Arc<Certificate>>,
}

impl Server {
    /// Takes the addresses and starts the computing threads.
    ///
    /// # Errors
    /// An address cannot be used or is open to other machines without tokens, the certificate or its key cannot be
    /// used, the folder of models cannot be listed, the audit log cannot be written.
    pub fn bind(mut settings: Settings) -> Result<Self, ServeError> {
        for address in [Some(settings.address), settings.grpc].into_iter().flatten() {
            if !address.ip().is_loopback() && settings.tokens.count() == 0 && !settings.open {
                return Err(ServeError::NoTokens { address });
            }
        }
        let certificate = settings.tls.as_ref().map(Certificate::read).transpose()?.map(Arc::new);
        let models = &settings.models;
        std::fs::read_dir(models).map_err(|source| ServeError::Io { path: models.clone(), source })?;
        let address = settings.address;
        let (listener, address) =
            listen(address).map_err(|source| ServeError::Address { address, source })?;
        settings.address = address;
        let mut grpc = None;
        if let Some(address) = settings.grpc {
            let (listener, address) =
                listen(address).map_err(|source| ServeError::GrpcAddress { address, source })?;
            (grpc, settings.grpc) = (Some(listener), Some(address));
        }
        Ok(Self { app: Arc::new(App::new(settings)?), listener, grpc, certificate })
    }

    /// Where it listens for HTTP, with the port in use.
    pub fn address(&self) -> SocketAddr {
        self.app.settings.address
    }

    /// Where it listens for gRPC, with the port in use.
    pub fn grpc_address(&self) -> Option<SocketAddr> {
        self.app.settings.grpc
    }

    /// The routes of HTTP, for a server of another kind. Models are loaded by [`Server::refresh`].
    pub fn router(&self) -> Router {
        routes::router(&self.app)
    }

    /// The services of gRPC, for a server of another kind.
    pub fn grpc_router(&self) -> Router {
        grpc::router(&self.app)
    }

    /// Compares the folder of models with what is loaded, and loads what is new or changed.
    /// [`Server::run`] does so by itself.
    pub fn refresh(&self) {
        self.app.refresh();
    }

    /// Answers requests of both protocols until `stopped` says yes. Then it is not ready any more and takes no new
    /// connections; requests under way get [`Settings::grace`] to end. It returns a second later at the
    /// latest.
    ///
    /// # Errors
    /// The system gives no threads.
    pub fn run(self, stopped: impl Fn() -> bool) -> Result<(), ServeError> {
        let Self { app, listener, grpc, certificate } = self;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("requests")
            .enable_all()
            .build()
            .map_err(ServeError::System)?;
        let (stop, watching) = watch::channel(false);
        let result = runtime.block_on(async {
            let port = |listener, protocol: Protocol, router| {
                let acceptor = certificate.as_ref().map(|certificate| certificate.acceptor(protocol.name()));
                let tls =
                    acceptor.transpose().map_err(|error| ServeError::System(io::Error::other(error)))?;
                let listener = tokio::net::TcpListener::from_std(listener).map_err(ServeError::System)?;
                Ok::<_, ServeError>(Port { listener, protocol, router, tls })
            };
            let mut ports = vec![port(listener, Protocol::Http1, routes::router(&app))?];
            if let Some(listener) = grpc {
                ports.push(port(listener, Protocol::Http2, grpc::router(&app))?);
            }
            tokio::task::spawn_blocking({
                let (app, stop) = (app.clone(), watching.clone());
                move || keep_models(&app, &stop)
            });
            if let Some(certificate) = certificate.clone() {
                let (app, stop) = (app.clone(), watching.clone());
                tokio::task::spawn_blocking(move || keep_certificate(&app, &certificate, &stop));
            }
            let serving =
                ports.into_iter().map(|port| connections::serve(app.clone(), port, watching.clone()));
            let serving = tokio::spawn(futures_util::future::join_all(serving));
            while !stopped() && !serving.is_finished() {
                tokio::time::sleep(ASK_EVERY).await;
            }
            app.stop();
            _ = stop.send(true);
            _ = serving.await;
            Ok(())
        });
        // A model that is being loaded, or work of a client that has gone, is not waited for.
        runtime.shutdown_timeout(LAST);
        result
    }
}

/// Listens on an address. Tells it with the port in use.
fn listen(address: SocketAddr) -> io::Result<(std::net::TcpListener, SocketAddr)> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Loads the models, and then what changes.
fn keep_models(app: &App, stop: &watch::Receiver<bool>) {
    app.refresh();
    if let Some(every) = app.settings.poll {
        repeat(every, stop, || app.refresh());
    }
}

/// Takes a new certificate into use.
fn keep_certificate(app: &App, certificate: &Certificate, stop: &watch::Receiver<bool>) {
    repeat(app.settings.poll.unwrap_or(LOOK_EVERY), stop, || match certificate.renew() {
        Renewal::Same => {}
        Renewal::Renewed => tracing::info!("the certificate is a new one; new connections get it"),
        Renewal::Bad(reason) => {
            tracing::warn!(reason, "the new certificate cannot be used; the former one stays in use");
            app.metrics.failed("certificate");
        }
    });
}

/// Does something again and again, with a pause before each time, until the server stops.
fn repeat(every: Duration, stop: &watch::Receiver<bool>, mut work: impl FnMut()) {
    let mut waited = Duration::ZERO;
    while !*stop.borrow() {
        std::thread::sleep(ASK_EVERY.min(every));
        waited += ASK_EVERY.min(every);
        if waited >= every {
            work();
            waited = Duration::ZERO;
        }
    }
}
