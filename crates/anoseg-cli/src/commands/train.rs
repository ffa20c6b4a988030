//! `anoseg train`.

use std::path::Path;

use anoseg::evaluation::Series;
use anoseg::{Budget, Config, Event, Model, RunDir, SettingError, StopToken, TrainError, Trainer};
use anoseg_image::Dataset;
use anoseg_kernels::memory::keep_freed_memory;
use anyhow::{Result, bail};

use super::{encoder, level, make_folder};
use crate::args::{PresetName, Settings, Train};
use crate::console::{self, TrainingBar, minutes};
use crate::exit::Outcome;
use crate::stop;

pub(crate) fn run(options: &Train) -> Result<Outcome> {
    check_device(&options.device)?;
    let run_dir = options.run_dir.as_ref().map_or_else(|| RunDir::beside(&options.output), RunDir::open);
    let config = if options.resume { run_dir.config()? } else { config(options.preset, &options.settings)? };
    let encoder = encoder::of(&config, options.settings.encoder.as_deref())?;
    let dataset = super::open(&options.data, &options.data_options)?;
    let complete = dataset.training_problems().next().is_none();
    check_writable(&options.output)?;
    let trainer = Trainer::new(dataset).encoder(encoder).stop(stop_on_signals());
    let trainer =
        if options.resume { trainer.resume(run_dir)? } else { trainer.config(config).run_dir(run_dir) };
    let model = with_progress(trainer).inspect_err(|error| {
        if let TrainError::Interrupted { .. } = error {
            console::note(&how_to_resume(options));
        }
    })?;
    model.save(&options.output)?;
    summarise(&model, &options.output)?;
    Ok(super::outcome(complete))
}

/// The command that resumes this training.
fn how_to_resume(options: &Train) -> String {
    let run_dir =
        options.run_dir.as_ref().map_or_else(String::new, |dir| format!(" --run-dir {}", dir.display()));
    let layout = options.data_options.layout.map_or_else(String::new, |layout| format!(" --layout {layout}"));
    format!(
        "to go on: anoseg train {}{layout} -o {}{run_dir} --resume",
        options.data.display(),
        options.output.display()
    )
}

/// The settings: the preset's, then the file's, then the options'.
pub(super) fn config(preset: Option<PresetName>, options: &Settings) -> Result<Config, TrainError> {
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

fn check_device(name: &str) -> Result<(), SettingError> {
    let known = name == "cpu";
    if known {
        Ok(())
    } else {
        Err(SettingError::new("--device", name, "this build computes on the cpu only"))
    }
}

/// Fails before the training, not after it, when the model cannot be written.
fn check_writable(output: &Path) -> Result<()> {
    let folder = output.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    make_folder(folder)?;
    if output.is_dir() {
        bail!(SettingError::new("--output", output, "a folder; give a file such as model.anoseg"));
    }
    tempfile::tempfile_in(folder).map_err(|error| anoseg::Error::io(folder, error))?;
    Ok(())
}

/// Stops after the step under way.
pub(super) fn stop_on_signals() -> StopToken {
    stop::on_signals("stopping after this step")
}

/// The model of this name of a series, with progress where it must be trained.
pub(super) fn series_model(
    series: &Series,
    name: &str,
    dataset: &Dataset,
    config: &Config,
) -> Result<Model, TrainError> {
    keep_freed_memory();
    let mut bar = TrainingBar::new();
    let trained = series.model(name, dataset, config, move |event| show(&mut bar, event));
    let trained = trained.inspect_err(|error| {
        if let TrainError::Interrupted { .. } = error {
            console::note("the same command goes on where this one stopped");
        }
    })?;
    if trained.known {
        console::note(&format!("{name}: trained already"));
    }
    Ok(trained.model)
}

/// Trains and shows the progress.
pub(super) fn with_progress(trainer: Trainer) -> Result<Model, TrainError> {
    keep_freed_memory();
    let mut bar = TrainingBar::new();
    trainer.on_event(move |event| show(&mut bar, event)).run()
}

fn show(bar: &mut TrainingBar, event: Event) {
    match event {
        Event::Warning(message) => bar.warning(&message),
        Event::ValueScale(scale) => console::note(&format!("values: {scale}")),
        Event::FellBack { lost_at, why, step } => bar.warning(&format!(
            "stopped at step {lost_at}: {why}. The model is that of step {step}, the last good checkpoint. \
             Lower loss.adversarial or optimiser.learning_rate in the configuration and train again"
        )),
        Event::Loaded { train, held_out, mirrored, foregrounds, resumed_at } => {
            let resumed =
                if resumed_at > 0 { format!(", going on at step {resumed_at}") } else { String::new() };
            let mirrored = match mirrored {
                [false, false] => "",
                [true, false] => ", mirrored left to right too",
                [false, true] => ", mirrored top to bottom too",
                [true, true] => ", mirrored both ways too",
            };
            console::note(&format!(
                "training on {train} good images{mirrored}; {held_out} held out{resumed}"
            ));
            if foregrounds == 0 {
                console::note("synthetic anomalies lie anywhere: no part stands out from a plain background");
            }
        }
        Event::Step(progress) => bar.show(&progress),
        Event::ViewLimitReached { views } => {
            bar.clear();
            console::note(&format!(
                "done before the time is up, at {views} views of each image \
                 (optimiser.most_views): more would overfit; --steps trains for longer"
            ));
        }
        Event::Suspects { images, of } => {
            let files: Vec<String> = images.iter().map(|path| path.display().to_string()).collect();
            bar.warning(&format!(
                "{} of {of} good images score far above the others: {}; look whether they show defects, \
                 and train without those that do",
                images.len(),
                files.join(", ")
            ));
        }
        Event::Calibrating => {
            bar.clear();
            console::note("deriving the thresholds");
        }
        _ => {}
    }
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
