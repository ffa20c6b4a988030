//! What the tasks of all requests share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anoseg_history::History;
use axum::http::StatusCode;
use tokio::sync::Semaphore;

use crate::audit::{Asked, Audit, Entry};
use crate::failure::Failure;
use crate::held::Held;
use crate::intake::Intake;
use crate::metrics::Metrics;
use crate::proposal;
use crate::repository::{self, Change, Examiner, Named, Repository, Served};
use crate::work::{Pool, Turn};
use crate::{ServeError, Settings};

/// The state of a server.
pub(crate) struct App {
    pub(crate) settings: Settings,
    pub(crate) repository: Repository,
    pub(crate) pool: Pool,
    pub(crate) metrics: Metrics,
    pub(crate) intake: Intake,
    pub(crate) held: Held,
    audit: Audit,
    /// Verdicts, and what operators state of them.
    pub(crate) history: Option<Arc<History>>,
    /// Proposals that may be computed further at the same time.
    pub(crate) proposals: Arc<Semaphore>,
    /// Whether the folder of models was listed and its models were loaded.
    loaded: AtomicBool,
    /// Whether the server is about to end.
    stopping: Arc<AtomicBool>,
}

impl App {
    pub(crate) fn new(settings: Settings) -> Result<Self, ServeError> {
        let audit = match &settings.audit {
            Some(path) => {
                Audit::open(path).map_err(|source| ServeError::Io { path: path.clone(), source })?
            }
            None => Audit::default(),
        };
        settings.drift.validate()?;
        let history = settings.history.as_ref().map(|(folder, kept)| History::open(folder, *kept));
        let history = history.transpose()?.map(Arc::new);
        let stopping = Arc::new(AtomicBool::new(false));
        let examiner = history.as_ref().map(|history| Examiner {
            history: history.clone(),
            drift: settings.drift,
            images: settings.regression_images,
            time: settings.regression_time,
            max_worse: settings.max_worse,
            limits: settings.limits,
            stopping: stopping.clone(),
        });
        let (models, versions) = (settings.models.clone(), settings.versions.max(1));
        let pool = Pool::start(settings.workers.max(1), settings.threads.max(1), settings.queue.max(1));
        let held = Held::default();
        Ok(Self {
            repository: Repository::new(models, versions, settings.limits, examiner),
            pool: pool.map_err(ServeError::System)?,
            metrics: Metrics::new(),
            intake: Intake::new(
                held.clone(),
                settings.most_body,
                settings.most_bodies,
                settings.body_timeout,
            ),
            held,
            audit,
            history,
            proposals: Arc::new(Semaphore::new(proposal::MOST_AT_A_TIME)),
            loaded: AtomicBool::new(false),
            stopping,
            settings,
        })
    }

    /// Whether requests should come here: models are loaded, and the server is not about to end.
    pub(crate) fn is_ready(&self) -> bool {
        self.loaded.load(Ordering::Relaxed) && !self.stopping.load(Ordering::Relaxed)
    }

    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Loads what is new in the folder of models.
    pub(crate) fn refresh(&self) {
        let nobody = Asked::default();
        if let Err(error) = self.repository.refresh(&mut |change| self.changed(change, &nobody)) {
            let folder = self.settings.models.display();
            tracing::warn!(%folder, %error, "the folder of models cannot be listed; nothing changes");
        }
        self.loaded.store(true, Ordering::Relaxed);
    }

    /// Writes down that a model was loaded, unloaded or refused.
    pub(crate) fn changed(&self, change: &Change, asked: &Asked) {
        match change {
            Change::Loaded { served, again, compared } => {
                let Served { name, version, digest, .. } = &**served;
                tracing::info!(model = name, version, digest, again, "loaded");
                self.metrics.changed("load");
                if *compared {
                    self.compared(served, asked);
                }
                self.write_down(&Entry::of_model("load", asked, served));
            }
            Change::Unloaded(served) => {
                tracing::info!(model = served.name, version = served.version, "unloaded");
                self.metrics.changed("unload");
                self.write_down(&Entry::of_model("unload", asked, served));
            }
            Change::Failed { name, version, reason } => {
                tracing::warn!(model = name, version, reason, "not loaded");
                self.metrics.changed("refused");
                self.write_down(&Entry::refused(asked, name, *version, reason));
            }
        }
    }

    /// Adds a line to the audit log. A line that cannot be written is told and counted; the request
    /// goes on.
    pub(crate) fn write_down(&self, entry: &Entry<'_>) {
        if let Err(error) = self.audit.add(entry) {
            tracing::error!(%error, ?entry, "the audit log cannot be written");
            self.metrics.failed("audit");
        }
    }

    /// The version of a model that a path names. The names are looked up, never used as paths.
    pub(crate) fn served(&self, Named { model: name, version }: &Named) -> Result<Arc<Served>, Failure> {
        let unknown = || Failure::unknown_model("no such model or version is loaded");
        let version = version.as_deref();
        let version = version.map(|version| repository::version(version).ok_or_else(unknown)).transpose()?;
        self.repository.get(name, version).ok_or_else(|| {
            if self.loaded.load(Ordering::Relaxed) {
                return unknown();
            }
            let message = "the models are being loaded; try again later";
            let failure = Failure::new(StatusCode::TOO_MANY_REQUESTS, "loading", message);
            Failure { retry_after: Some(1), ..failure }
        })
    }

    /// Runs the work of a request for this version on a computing thread, until `deadline`.
    pub(crate) async fn compute<T: Send + 'static>(
        self: &Arc<Self>,
        served: Arc<Served>,
        deadline: Instant,
        work: impl FnOnce(&Self, &Served, &Turn) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let mut gone = ClientGone { app: self, armed: true };
        let (app, version, arrived) = (self.clone(), served.clone(), Instant::now());
        let work = move |turn: &Turn| {
            version.statistics.queue.add(arrived.elapsed());
            work(&app, &version, turn)
        };
        let result = self.pool.run(deadline, work).await;
        gone.armed = false;
        let statistics = &served.statistics;
        let sum = if result.is_ok() { &statistics.success } else { &statistics.fail };
        sum.add(arrived.elapsed());
        result
    }
}

/// Counts a request whose client goes before the answer is there: its task is dropped.
struct ClientGone<'a> {
    app: &'a App,
    armed: bool,
}

impl Drop for ClientGone<'_> {
    fn drop(&mut self) {
        if self.armed {
            self.app.metrics.failed("client_gone");
        }
    }
}
