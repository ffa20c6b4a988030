//! `anoseg train`.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anoseg::train::default_run_dir;
use anoseg::{Budget, Config, Device, Error, Model, TrainingEvent, TrainingRun};
use anoseg_image::Category;
use anyhow::{Context as _, Result, bail};

use super::{encoder, level};
use crate::args::{PresetName, Settings, Train};
use crate::console::{self, TrainingBar, minutes};
use crate::exit::Outcome;

pub(crate) fn run(options: &Train) -> Result<Outcome> {
    let run_dir = options.run_dir.clone().unwrap_or_else(|| default_run_dir(&options.output));
    let config =
        if options.resume { stored_config(&run_dir)? } else { config(options.preset, &options.settings)? };
    let device = device(&options.device)?;
    let encoder = encoder::of(&config, options.settings.encoder.as_deref())?;
    let category = Category::open(&options.data)?;
    check_writable(&options.output)?;
    let stop = stop_on_ctrl_c()?;
    let training = TrainingRun {
        category: &category,
        config: &config,
        run_dir: &run_dir,
        resume: options.resume,
        device: &device,
        encoder: encoder.as_ref(),
        stop: &stop,
    };
    let model = with_progress(&training).inspect_err(|error| {
        if let Error::Interrupted { .. } = error {
            console::note(&how_to_resume(options));
        }
    })?;
    model.save(&options.output)?;
    summarise(&model, &options.output)?;
    Ok(Outcome::Fine)
}

/// The command that goes on where this one stopped.
fn how_to_resume(options: &Train) -> String {
    let run_dir =
        options.run_dir.as_ref().map_or_else(String::new, |dir| format!(" --run-dir {}", dir.display()));
    format!(
        "to go on: anoseg train {} -o {}{run_dir} --resume",
        options.data.display(),
        options.output.display()
    )
}

/// The settings of the run to resume.
fn stored_config(run_dir: &Path) -> Result<Config, Error> {
    let path = run_dir.join("config.toml");
    if !path.is_file() {
        let message =
            format!("there is no training to resume in {}: start one without --resume", run_dir.display());
        return Err(Error::Arguments(message));
    }
    Config::read(&path, None)
}

/// The settings: the preset's, then the file's, then the options'.
pub(super) fn config(preset: Option<PresetName>, options: &Settings) -> Result<Config, Error> {
    let mut config = super::settings(preset, options.config.as_deref())?;
    if let Some(time) = options.time {
        config.budget = time.into();
    }
    if let Some(steps) = options.steps {
        config.budget = Budget::Steps(steps);
    }
    if let Some(seed) = options.seed {
        config.seed = seed;
    }
    config.validate()?;
    Ok(config)
}

fn device(name: &str) -> Result<Device, Error> {
    match name {
        "cpu" => Ok(Device::flex()),
        _ => Err(Error::Arguments(format!("--device {name}: this build computes on the cpu only"))),
    }
}

/// Fails before the training, not after it, when the model cannot be written.
fn check_writable(output: &Path) -> Result<()> {
    let folder = output.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|error| Error::io(folder, &error))?;
    if output.is_dir() {
        bail!(Error::Arguments(format!(
            "{} is a folder: give -o a file such as model.anoseg",
            output.display()
        )));
    }
    tempfile::tempfile_in(folder).map_err(|error| Error::io(folder, &error))?;
    Ok(())
}

/// The first Ctrl-C asks the training to stop after its step, the second ends the program at once.
pub(super) fn stop_on_ctrl_c() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        console::note("stopping after this step; press Ctrl-C again to stop at once");
    })
    .context("cannot catch Ctrl-C")?;
    Ok(stop)
}

/// Trains and shows how far it is.
pub(super) fn with_progress(training: &TrainingRun<'_>) -> Result<Model, Error> {
    let mut bar = TrainingBar::new();
    let outcome = training.execute(&mut |event| match event {
        TrainingEvent::Warning(message) => bar.warning(message),
        TrainingEvent::Loaded { train, held_out, mirrored, foregrounds, resumed_at } => {
            let resumed =
                if resumed_at > 0 { format!(", going on at step {resumed_at}") } else { String::new() };
            let mirrored = match mirrored {
                [false, false] => "",
                [true, false] => ", mirrored left to right too",
                [false, true] => ", mirrored top to bottom too",
                [true, true] => ", mirrored both ways too",
            };
            console::note(&format!(
                "learning from {train} good pictures{mirrored}; {held_out} held out{resumed}"
            ));
            if foregrounds == 0 {
                console::note("anomalies are made up anywhere: no part stands out from a plain background");
            }
        }
        TrainingEvent::Step(progress) => bar.show(&progress),
        TrainingEvent::SeenEnough { views } => {
            bar.clear();
            console::note(&format!(
                "done before the time is up, at {views} views of each picture (optimiser.most_views): more would be learned \
                 by heart; --steps trains for longer"
            ));
        }
        TrainingEvent::Calibrating => {
            bar.clear();
            console::note("deriving the thresholds");
        }
    });
    bar.clear();
    outcome
}

fn summarise(model: &Model, path: &Path) -> Result<()> {
    let provenance = &model.description().provenance;
    let calibration = model.calibration()?;
    console::result(&format!("model     {}", path.display()));
    console::result(&format!("training  {} steps in {}", provenance.steps, minutes(provenance.seconds)));
    console::result(&format!(
        "reject    score > {} (wanted false-reject rate {})",
        level(calibration.image_threshold),
        calibration.false_reject
    ));
    let [review, ..] = super::further_limits(calibration);
    console::result(&review);
    if let Some(detects) = super::detects(calibration) {
        console::result(&detects);
    }
    for caution in calibration.cautions() {
        console::warning(&caution);
    }
    Ok(())
}
