//! `anoseg train`.

use std::ffi::OsString;
use std::path::Path;

use anoseg::evaluation::Series;
use anoseg::{
    Budget, Calibration, Config, Description, Event, Model, ModelFile, RunDir, SettingError, StopToken,
    TrainError, Trainer,
};
use anoseg_image::Dataset;
use anoseg_kernels::memory::keep_freed_memory;
use anoseg_report::format::exact_score;
use anyhow::{Context as _, Result};

use super::{encoder, verdict};
use crate::args::{PresetName, Settings, Train};
use crate::console::{self, TrainingBar, minutes};
use crate::exit::Outcome;
use crate::{advice, outputs, shell, stop};

pub(crate) fn run(options: &Train) -> Result<Outcome> {
    check_device(&options.device)?;
    let run_dir = options.run_dir.as_ref().map_or_else(|| RunDir::beside(&options.output), RunDir::open);
    let config = if options.resume { run_dir.config()? } else { config(options.preset, &options.settings)? };
    if !options.resume {
        run_dir.require_own_files()?;
    }
    let encoder = encoder::of(&config, options.settings.encoder.as_deref())?;
    let dataset = super::open(&options.data, &options.data_options)?;
    let (complete, has_tests) = (dataset.training_problems().next().is_none(), !dataset.test.is_empty());
    outputs::prepare_file(&options.output, "--output", outputs::Output::Model)?;
    if !options.resume {
        move_aside(&run_dir, options)?;
    }
    let trainer =
        Trainer::new(dataset).encoder(encoder).limits(options.limits.limits()).stop(stop_on_signals());
    let trainer = if options.resume {
        trainer.resume(run_dir.clone())?
    } else {
        trainer.config(config).run_dir(run_dir.clone())
    };
    let model = with_progress(trainer).inspect_err(|error| {
        if let TrainError::Interrupted { .. } = error {
            console::note(&format!("to go on: {}", how_to_resume(options, &options.output)));
        }
    })?;
    if let Some(kept) = options.resume.then(|| calibrated_since(&model, &options.output)).flatten() {
        console::note(&format!(
            "{} has thresholds of a later calibration and stays as it is; to write the model with those of the \
             training: {}",
            options.output.display(),
            how_to_resume(options, Path::new("OTHER.anoseg"))
        ));
        _ = run_dir.mark_finished();
        summarise(&kept.description, options, true, has_tests)?;
        return Ok(super::outcome(complete));
    }
    let saved = save(&model, options, &run_dir);
    summarise(model.description(), options, saved.is_ok(), has_tests)?;
    saved?;
    Ok(super::outcome(complete))
}

/// The file at `path`, if it has the weights of this training and other thresholds: it was calibrated
/// since, and resuming a finished training must not undo that.
fn calibrated_since(trained: &Model, path: &Path) -> Option<ModelFile> {
    let file = ModelFile::read(path).ok()?;
    let trained = trained.to_file();
    // As they are when read again: the last bit of a number may differ.
    let thresholds = anoseg_infer::json_value(&trained.description.calibration).ok()?;
    let thresholds: Option<Calibration> = serde_json::from_value(thresholds).ok()?;
    let calibrated = file.description.calibration.is_some() && file.description.calibration != thresholds;
    (calibrated && file.tensors == trained.tensors).then_some(file)
}

/// Keeps an unfinished training that this one would replace.
fn move_aside(run_dir: &RunDir, options: &Train) -> Result<()> {
    if run_dir.is_unfinished()? {
        let aside = run_dir.move_aside()?;
        let old = Train { run_dir: Some(aside.clone()), ..options.clone() };
        console::warning(&format!(
            "an unfinished training in the run directory was moved to {}; to go on with that one instead: {}",
            aside.display(),
            how_to_resume(&old, &options.output)
        ));
    }
    Ok(())
}

/// Writes the model. Where that fails after all, it is kept in the run directory.
fn save(model: &Model, options: &Train, run_dir: &RunDir) -> Result<()> {
    let Err(error) = model.save(&options.output) else {
        // Without this note, the next training moves the run directory aside: no harm is done.
        _ = run_dir.mark_finished();
        return Ok(());
    };
    let kept = run_dir.path().join("model.anoseg");
    if model.save(&kept).is_ok() {
        console::warning(&format!("the trained model is kept in {}", kept.display()));
    } else {
        let elsewhere = how_to_resume(options, Path::new("OTHER.anoseg"));
        console::warning(&format!("the training is complete; to write the model elsewhere: {elsewhere}"));
    }
    Err(error.into())
}

/// The command that resumes this training and writes its model to `output`.
fn how_to_resume(options: &Train, output: &Path) -> String {
    let mut command: Vec<OsString> = vec!["train".into(), shell::not_an_option(&options.data)];
    if let Some(layout) = options.data_options.layout {
        command.extend(["--layout".into(), layout.to_string().into()]);
    }
    command.extend(["-o".into(), shell::not_an_option(output)]);
    // That of the model is not that of a model of another name.
    let beside = (output != options.output).then(|| RunDir::beside(&options.output).path().to_owned());
    let paths =
        [("--run-dir", options.run_dir.clone().or(beside)), ("--encoder", options.settings.encoder.clone())];
    for (option, path) in paths {
        command.extend(path.into_iter().flat_map(|path| [option.into(), shell::not_an_option(&path)]));
    }
    command.extend(options.limits.arguments().into_iter().map(OsString::from));
    command.push("--resume".into());
    shell::command_of_program(&command)
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

/// Stops after the step under way.
pub(super) fn stop_on_signals() -> StopToken {
    stop::on_signals("stopping after this step")
}

/// The model of this name of a series, with progress where it must be trained. The warnings of the
/// dataset itself are not shown.
pub(super) fn series_model(
    series: &Series,
    name: &str,
    dataset: &Dataset,
    config: &Config,
) -> Result<Model, TrainError> {
    keep_freed_memory();
    let mut bar = TrainingBar::new();
    let shown = dataset.warnings.clone();
    let is_shown = move |event: &Event| matches!(event, Event::Warning(text) if shown.contains(text));
    let trained = series.model(name, dataset, config, move |event| {
        if !is_shown(&event) {
            show(&mut bar, event);
        }
    });
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
        Event::Warning(message) => match advice::limit_option(&message) {
            Some(option) => bar.warning(&format!("{message}: {option}")),
            None => bar.warning(&message),
        },
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
            if let Some(advice) = anoseg::few_good_images(train + held_out) {
                console::note(&format!("note: {advice}"));
            }
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

/// Prints the results, and whether the model was `written`. The folder of the training may have test
/// images (`has_tests`).
fn summarise(model: &Description, options: &Train, written: bool, has_tests: bool) -> Result<()> {
    let provenance = &model.provenance;
    let calibration = model.calibration.as_ref().context("a trained model has thresholds")?;
    if written {
        console::result(&console::one_line(&format!("model     {}", options.output.display())));
    }
    console::result(&format!("training  {} steps in {}", provenance.steps, minutes(provenance.seconds)));
    console::result(&format!(
        "reject    score > {} (wanted false-reject rate {})",
        exact_score(calibration.image_threshold),
        calibration.false_reject
    ));
    let [review, ..] = super::further_limits(calibration);
    console::result(&review);
    verdict::lines(model, calibration).iter().for_each(|line| console::result(line));
    if written {
        console::result(&verdict::next_step(calibration, options, has_tests));
    }
    Ok(())
}
