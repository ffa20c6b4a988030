//! Drift of each version that is served, where a history is kept.

mod figures;
mod route;

use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use anoseg::Model;
use anoseg_history::drift::{Against, Alarm, Drift, Settings, Signal, Status};
use anoseg_history::{Error, History, ModelKey, ScoreRow};

pub(crate) use figures::Figures;
pub(crate) use route::drift;

use crate::app::App;
use crate::audit::{Asked, Entry};
use crate::repository::Served;

/// Watches the images of a version. Threads that inspect images share it and do not wait for each other: one of
/// them takes the images of all.
#[derive(Debug)]
pub(crate) struct Watch {
    /// Images that were inspected and not taken yet.
    waiting: Mutex<Vec<ScoreRow>>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    drift: Drift,
    /// Monitors whose alarm was told and is still raised.
    told: Vec<(Signal, Against)>,
}

/// What came of taking images.
#[derive(Debug, Default)]
struct Taken {
    /// Alarms that were not raised before.
    alarms: Vec<Alarm>,
    /// Why a baseline could not be stored.
    errors: Vec<Error>,
}

impl Watch {
    /// Goes on from where the history stands.
    ///
    /// # Errors
    /// The history cannot be read, or the model has no thresholds.
    pub(crate) fn resume(
        history: &History,
        key: &ModelKey,
        model: &Model,
        settings: Settings,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let training = model.description().training_images.as_ref();
        let drift = Drift::resume(history.reader(), key, (model.calibration()?, training), settings)?;
        // Of a history that another version of this program wrote.
        drift.store_baseline(history)?;
        let state = State { drift, told: Vec::new() };
        Ok(Self { waiting: Mutex::default(), state: Mutex::new(state) })
    }

    /// How the images stand.
    pub(crate) fn status(&self) -> Status {
        lock(&self.state).drift.status()
    }

    /// Takes an image, and those that other threads left. Where another thread is taking some, that one takes this
    /// image as well: a baseline that becomes whole takes a part of a second.
    fn observe(&self, history: &History, row: ScoreRow) -> Taken {
        lock(&self.waiting).push(row);
        let mut taken = Taken::default();
        // Asked after the state is free again, so that no image is left by both.
        while !lock(&self.waiting).is_empty() {
            let mut state = match self.state.try_lock() {
                Ok(state) => state,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => break,
            };
            let rows = std::mem::take(&mut *lock(&self.waiting));
            rows.iter().for_each(|row| state.take(history, row, &mut taken));
        }
        taken
    }
}

impl State {
    fn take(&mut self, history: &History, row: &ScoreRow, taken: &mut Taken) {
        let (alarms, error) = self.drift.observe(history, row);
        taken.errors.extend(error);
        for alarm in alarms {
            let monitor = (alarm.signal, alarm.against);
            if !self.told.contains(&monitor) {
                self.told.push(monitor);
                taken.alarms.push(alarm);
            }
        }
        let Self { drift, told } = self;
        told.retain(|monitor| drift.raised().any(|alarm| (alarm.signal, alarm.against) == *monitor));
    }
}

impl App {
    /// Takes a verdict that was written down. Alarms are told in the log and in the audit log.
    pub(crate) fn watch(&self, history: &History, served: &Served, row: ScoreRow) {
        let Some(watch) = &served.drift else { return };
        let Taken { alarms, errors } = watch.observe(history, row);
        let (model, version) = (&served.name, served.version);
        for error in errors {
            tracing::error!(%error, model, version, "the baseline of drift cannot be stored");
            self.metrics.failed("history");
        }
        for alarm in alarms {
            let Alarm { higher, statistic, window, verdict, .. } = alarm;
            let (signal, against) = (signal(alarm.signal), against(alarm.against));
            tracing::warn!(model, version, signal, against, higher, statistic, window, verdict, "drift");
            self.write_down(&Entry::drift(&Asked::default(), served, &alarm));
        }
    }
}

/// A signal's name in every output.
fn signal(signal: Signal) -> &'static str {
    match signal {
        Signal::Score => "score",
        Signal::Rejects => "rejects",
        Signal::Reviews => "reviews",
        Signal::Brightness => "brightness",
        Signal::Sharpness => "sharpness",
    }
}

/// A reference's name in every output.
fn against(against: Against) -> &'static str {
    match against {
        Against::Calibration => "calibration",
        Against::Baseline => "baseline",
    }
}

/// Images are taken one by one, so that a panic leaves nothing half done that matters.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use anoseg::Decision;
    use anoseg_history::Retention;

    use super::*;

    #[test]
    fn images_of_all_threads_are_taken() {
        let path =
            concat!(env!("CARGO_MANIFEST_DIR"), "/../anoseg-infer/tests/fixtures/format1/compact.anoseg");
        let model = Model::load(path.as_ref()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let history = History::open(folder.path(), Retention::default()).unwrap();
        let key = ModelKey::of("part", "1", model.to_file()).unwrap();
        let watch = || Watch::resume(&history, &key, &model, Settings::default()).unwrap();
        let (watched, threads, each) = (watch(), 4, 250);
        let row = |id: i64| ScoreRow {
            id,
            time: id,
            decision: Decision::Good,
            score: 0.0,
            brightness: 0.5,
            sharpness: 0.1,
            feedback: None,
            width: 64,
            height: 64,
        };
        std::thread::scope(|scope| {
            for thread in 0..threads {
                let (watched, history) = (&watched, &history);
                scope.spawn(move || {
                    for number in 0..each {
                        let taken = watched.observe(history, row(thread * each + number));
                        assert!(taken.errors.is_empty() && taken.alarms.is_empty());
                    }
                });
            }
        });
        assert!(lock(&watched.waiting).is_empty());
        let status = watched.status();
        assert_eq!((status.recent, status.baseline), (256, [256, 256]));
        // It was stored.
        assert_eq!(watch().status().baseline, [256, 256]);
    }
}
