//! The server: from its settings to its end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::sync::watch;

use crate::app::App;
use crate::{ServeError, Settings, connections, routes};

/// How often it is asked whether the server is to stop.
const ASK_EVERY: Duration = Duration::from_millis(50);

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
    address: SocketAddr,
}

impl Server {
    /// Takes the address and starts the computing threads.
    ///
    /// # Errors
    /// The address cannot be used or is open to other machines without tokens, the folder of models
    /// cannot be listed, the audit log cannot be written.
    pub fn bind(mut settings: Settings) -> Result<Self, ServeError> {
        let address = settings.address;
        if !address.ip().is_loopback() && settings.tokens.count() == 0 && !settings.open {
            return Err(ServeError::NoTokens { address });
        }
        let models = &settings.models;
        std::fs::read_dir(models).map_err(|source| ServeError::Io { path: models.clone(), source })?;
        let wrong = |source| ServeError::Address { address, source };
        let listener = std::net::TcpListener::bind(address).map_err(wrong)?;
        listener.set_nonblocking(true).map_err(wrong)?;
        let address = listener.local_addr().map_err(wrong)?;
        settings.address = address;
        Ok(Self { app: Arc::new(App::new(settings)?), listener, address })
    }

    /// Where it listens, with the port in use.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The routes, for a server of another kind. Models are loaded by [`Server::refresh`].
    pub fn router(&self) -> Router {
        routes::router(&self.app)
    }

    /// Compares the folder of models with what is loaded, and loads what is new or changed.
    /// [`Server::run`] does so by itself.
    pub fn refresh(&self) {
        self.app.refresh();
    }

    /// Answers requests until `stopped` says yes. Then it is not ready any more and takes no new
    /// connections; requests under way get [`Settings::grace`] to end. It returns a second later at the
    /// latest.
    ///
    /// # Errors
    /// The system gives no threads.
    pub fn run(self, stopped: impl Fn() -> bool) -> Result<(), ServeError> {
        let Self { app, listener, .. } = self;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("requests")
            .enable_all()
            .build()
            .map_err(ServeError::System)?;
        let (stop, watching) = watch::channel(false);
        let result = runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).map_err(ServeError::System)?;
            tokio::task::spawn_blocking({
                let (app, stop) = (app.clone(), watching.clone());
                move || keep_models(&app, &stop)
            });
            let serving = connections::serve(app.clone(), listener, watching);
            let serving = tokio::spawn(serving);
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

/// Loads the models, and then what changes.
fn keep_models(app: &App, stop: &watch::Receiver<bool>) {
    app.refresh();
    let Some(every) = app.settings.poll else { return };
    let mut waited = Duration::ZERO;
    while !*stop.borrow() {
        std::thread::sleep(ASK_EVERY.min(every));
        waited += ASK_EVERY.min(every);
        if waited >= every {
            app.refresh();
            waited = Duration::ZERO;
        }
    }
}
