//! What is done with a version that was loaded before it is put into force, where a history is kept: its drift is
//! taken up, and its decisions are compared with those of the former version.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anoseg::Limits;
use anoseg_history::comparison::{Bounds, Comparison, Judge};
use anoseg_history::{Filter, History, drift};

use super::Served;
use crate::drift::Watch;
use crate::regression::{MOST_CHANGES, Report};

/// Examines versions.
pub(crate) struct Examiner {
    pub(crate) history: Arc<History>,
    pub(crate) drift: drift::Settings,
    /// Images that are judged by both versions, at most, and for how long.
    pub(crate) images: usize,
    pub(crate) time: Duration,
    /// Images that may be decided worse.
    pub(crate) max_worse: Option<u64>,
    pub(crate) limits: Limits,
    /// Whether the server is about to end.
    pub(crate) stopping: Arc<AtomicBool>,
}

impl Examiner {
    /// Takes up the drift of a version, and compares it with the `former` one. Where that is the same model under the
    /// same number, both go on as they are.
    ///
    /// # Errors
    /// It decides more images worse than allowed, or that cannot be found out.
    pub(super) fn examine(&self, served: &mut Served, former: Option<&Served>) -> Result<(), String> {
        let same =
            former.filter(|former| (former.version, &former.digest) == (served.version, &served.digest));
        if let Some(same) = same {
            served.drift.clone_from(&same.drift);
            served.regression.clone_from(&same.regression);
            return Ok(());
        }
        if let Some(former) = former.filter(|former| former.digest != served.digest) {
            self.compare(served, former)?;
        }
        match Watch::resume(&self.history, &served.key, &served.model, self.drift) {
            Ok(watch) => served.drift = Some(Arc::new(watch)),
            Err(error) => tracing::error!(model = served.name, %error, "drift cannot be taken up"),
        }
        Ok(())
    }

    fn compare(&self, served: &mut Served, former: &Served) -> Result<(), String> {
        if self.images == 0 {
            return Ok(());
        }
        let report = self.report(served, former);
        // Half a comparison says nothing, and what was asked of the server is its end.
        if self.stopping.load(Ordering::Relaxed) {
            return Err(
                "the server was stopped while the version was compared with the former one".to_owned()
            );
        }
        match (report, self.max_worse) {
            (Ok(report), most) => {
                if let Some(refusal) = most.and_then(|most| report.refusal(most)) {
                    return Err(refusal);
                }
                let is_empty = report.comparison.available == 0;
                served.regression = (!is_empty).then(|| Arc::new(report));
                Ok(())
            }
            (Err(error), None) => {
                tracing::error!(model = served.name, error, "versions cannot be compared");
                Ok(())
            }
            (Err(error), Some(_)) => Err(format!("it cannot be compared with the former version: {error}")),
        }
    }

    /// One thread, so that requests keep the others.
    fn report(&self, served: &Served, former: &Served) -> Result<Report, String> {
        let threads =
            rayon::ThreadPoolBuilder::new().num_threads(1).build().map_err(|error| error.to_string())?;
        let bounds = Bounds {
            images: self.images,
            time: self.time,
            limits: &self.limits,
            changes: MOST_CHANGES,
            stopped: &|| self.stopping.load(Ordering::Relaxed),
        };
        let reader = self.history.reader();
        let compare = || Comparison::of(reader, &served.name, (Some(judge(former)), judge(served)), bounds);
        let told = threads.install(compare).and_then(|comparison| comparison.told(reader));
        Ok(Report::new(former, told.map_err(|error| error.to_string())?))
    }

    /// The version of a model that gave its newest verdict, where a version may be refused: what a restart must not
    /// replace unexamined.
    pub(super) fn last_in_service(&self, name: &str) -> Option<u64> {
        self.max_worse?;
        let filter = Filter { model: Some(name.to_owned()), ..Filter::default() };
        let page = self.history.reader().page(&filter, None, 1);
        let page =
            page.inspect_err(|error| tracing::error!(model = name, %error, "the history cannot be read"));
        super::version(&page.ok()?.rows.first()?.model.version)
    }
}

fn judge(served: &Served) -> Judge<'_> {
    Judge { model: &served.model, network: &served.key.network }
}
