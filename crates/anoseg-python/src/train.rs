//! Training.

use std::path::{Path, PathBuf};

use anoseg::{
    Budget, Config, Dataset, Event, Model, Preset, Progress, RunDir, StopToken, TrainError, Trainer,
};
use anoseg_cli::{Output, encoder_of, prepare_file, save_model};
use anoseg_image::write::FileLock;
use anyhow::{Context as _, Result};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::failure;
use crate::model::{PyModel, whole_number};
use crate::work::{detached, start_threads, stoppable};

/// Trains a model on a folder of good images and writes it to `output`; checkpoint and log are beside it, in the folder
/// NAME-run.
///
/// preset: "fast" (where nothing else says otherwise), "accurate" or "paper"; config: a file of settings (TOML); minutes
/// or steps: how long; seed: of weights, synthesis and split; encoder: name or file of the pretrained encoder for
/// "accurate", where it is not to be the one that is used by default; on_progress: is called with a dictionary for each event, see
/// Progress. Ctrl-C and an exception of on_progress end the training after the step under way, and are raised; `anoseg
/// train --resume` goes on.
#[pyfunction]
#[pyo3(signature = (
    data, output, *, preset=None, config=None, minutes=None, steps=None, seed=None, encoder=None, on_progress=None
))]
#[expect(clippy::too_many_arguments, reason = "Python gives them by name")]
pub(crate) fn train(
    py: Python<'_>,
    data: PathBuf,
    output: PathBuf,
    preset: Option<&str>,
    config: Option<PathBuf>,
    minutes: Option<f64>,
    steps: Option<&Bound<'_, PyAny>>,
    seed: Option<&Bound<'_, PyAny>>,
    encoder: Option<PathBuf>,
    on_progress: Option<Py<PyAny>>,
) -> PyResult<PyModel> {
    let steps = steps.map(|steps| whole_number("steps", steps)).transpose()?;
    let seed = seed.map(|seed| whole_number("seed", seed)).transpose()?;
    if minutes.is_some_and(|minutes| !(minutes > 0.0 && minutes.is_finite())) || steps == Some(0) {
        return Err(failure::argument("minutes and steps must be greater than 0"));
    }
    if on_progress.as_ref().is_some_and(|on_progress| !on_progress.bind(py).is_callable()) {
        return Err(failure::argument("on_progress must be a function"));
    }
    let preset = preset.map(preset_named).transpose()?;
    let mut config = match config {
        Some(path) => detached(py, || Ok(Config::read(&path, preset)?))?,
        None => Config::of(preset.unwrap_or_default()),
    };
    config.seed = seed.unwrap_or(config.seed);
    match (minutes, steps) {
        (Some(_), Some(_)) => return Err(failure::argument("give minutes or steps, not both")),
        (Some(minutes), None) => config.budget = Budget::Seconds(60.0 * minutes),
        (None, Some(steps)) => config.budget = Budget::Steps(steps),
        (None, None) => {}
    }
    detached(py, || {
        config.validate()?;
        Ok(start_threads()?)
    })?;
    let (stop, target) = (StopToken::new(), output.clone());
    let token = stop.clone();
    let work = move |sender: std::sync::mpsc::SyncSender<Event>| {
        // Python that listens no more has ended the training.
        let on_event = move |event| _ = sender.send(event);
        trained(&data, &target, config, encoder.as_deref(), |trainer| trainer.stop(token).on_event(on_event))
    };
    stoppable(py, &stop, work, |event| match (&on_progress, event_as_dict(py, event)?) {
        (Some(on_progress), Some(told)) => on_progress.call1(py, (told,)).map(drop),
        _ => Ok(()),
    })?;
    PyModel::load_file(py, output, 0)
}

/// Trains in the run directory beside the model, and writes the model. An unfinished training there is kept aside.
fn trained(
    data: &Path,
    output: &Path,
    config: Config,
    encoder: Option<&Path>,
    watched: impl FnOnce(Trainer) -> Trainer,
) -> Result<()> {
    let encoder = encoder_of(&config, encoder)?;
    let dataset = Dataset::open(data)?;
    prepare_file(output, "output", Output::Model)?;
    let run_dir = RunDir::beside(output);
    run_dir.require_own_files()?;
    if run_dir.user().is_some() {
        return Err(TrainError::RunDirInUse { path: run_dir.path().to_owned() }.into());
    }
    let _lock = FileLock::acquire(output, "train")?;
    if run_dir.is_unfinished()? {
        run_dir.move_aside()?;
    }
    let trainer = Trainer::new(dataset).config(config).encoder(encoder).run_dir(run_dir.clone());
    let model = watched(trainer).run()?;
    save(&model, output, &run_dir)
}

/// Writes the model. Where that fails after all, it is kept in the run directory.
fn save(model: &Model, output: &Path, run_dir: &RunDir) -> Result<()> {
    let Err(error) = save_model(&model.to_file(), output) else {
        // Without this note, the next training moves the run directory aside: no harm is done.
        _ = run_dir.mark_finished();
        return Ok(());
    };
    let kept = run_dir.path().join("model.anoseg");
    match model.save(&kept) {
        Ok(()) => Err(error).with_context(|| format!("the trained model is kept in {}", kept.display())),
        Err(_) => Err(error),
    }
}

fn preset_named(name: &str) -> PyResult<Preset> {
    let names = || Preset::ALL.map(|preset| format!("{:?}", preset.name())).join(", ");
    let found = Preset::ALL.into_iter().find(|preset| preset.name() == name);
    found.ok_or_else(|| failure::argument(format!("preset is {name:?}: give one of {}", names())))
}

/// What `on_progress` gets of an event; None of those that it does not get.
fn event_as_dict<'py>(py: Python<'py>, event: Event) -> PyResult<Option<Bound<'py, PyDict>>> {
    let told = PyDict::new(py);
    let message = |name: &str, message: String| {
        told.set_item("event", name)?;
        told.set_item("message", message)
    };
    match event {
        Event::Warning(text) => message("warning", text)?,
        Event::ValueScale(scale) => message("value_scale", scale.to_string())?,
        Event::Movement(movement) => message("movement", movement.to_string())?,
        Event::FellBack { lost_at, why, step } => {
            message(
                "fell_back",
                format!("stopped at step {lost_at}: {why}; the model is that of step {step}"),
            )?;
            told.set_item("step", step)?;
        }
        Event::Loaded { train, held_out, .. } => {
            told.set_item("event", "loaded")?;
            told.set_item("train", train)?;
            told.set_item("held_out", held_out)?;
        }
        Event::Fold { number, of, train, held_out } => {
            told.set_item("event", "fold")?;
            told.set_item("number", number)?;
            told.set_item("of", of)?;
            told.set_item("train", train)?;
            told.set_item("held_out", held_out)?;
        }
        Event::Step(Progress { step, total, losses, images_per_second, remaining }) => {
            told.set_item("event", "step")?;
            told.set_item("step", step)?;
            told.set_item("total", total)?;
            told.set_item("loss", losses.total)?;
            told.set_item("images_per_second", images_per_second)?;
            told.set_item("remaining", remaining)?;
        }
        Event::Calibrating => told.set_item("event", "calibrating")?,
        Event::Judged { done, of } => {
            told.set_item("event", "judged")?;
            told.set_item("done", done)?;
            told.set_item("of", of)?;
        }
        Event::Suspects { images, of } => {
            told.set_item("event", "suspects")?;
            told.set_item("images", images)?;
            told.set_item("of", of)?;
        }
        _ => return Ok(None),
    }
    Ok(Some(told))
}
