//! `anoseg train`.

use std::path::Path;

use anoseg::evaluation::Series;
use anoseg::{
    Align, Budget, Calibration, Config, Description, Event, Model, ModelFile, Movement, RunDir, SettingError,
    StopToken, TrainError, Trainer, View, small_region,
};
use anoseg_image::dataset::display_name;
use anoseg_image::text::count;
use anoseg_image::write::FileLock;
use anoseg_image::{Dataset, Limits, decode};
use anoseg_kernels::memory::keep_freed_memory;
use anoseg_report::format::{exact_score, with_digits};
use anyhow::{Context as _, Result};
use clap::ValueEnum as _;

use super::resume::{called_as, how_to_resume};
use super::{encoder, network_input, verdict};
use crate::args::{PresetName, Settings, Train};
use crate::console::{self, TrainingBar, minutes};
use crate::exit::Outcome;
use crate::{advice, outputs, stop};

pub(crate) fn run(options: &Train) -> Result<Outcome> {
    if options.end_with_input {
        stop::end_with_input()?;
    }
    check_device(&options.device)?;
    outputs::require_apart(&[
        ("--output", Some(&options.output)),
        ("--run-dir", options.run_dir.as_deref()),
    ])?;
    let run_dir = options.run_dir.as_ref().map_or_else(|| RunDir::beside(&options.output), RunDir::open);
    let mut config = if options.resume {
        stored_config(options, &run_dir)?
    } else {
        config(options.preset, &options.settings)?
    };
    if !options.resume {
        run_dir.require_own_files()?;
    }
    if config.input.align != Align::Off {
        options.region.require_none(|option| match options.settings.align {
            Some(_) => format!("--align follows the part: leave out {option} or --align"),
            None => format!(
                "input.align of the configuration follows the part: leave out {option}, or give --align off"
            ),
        })?;
    }
    let encoder = encoder::of(&config, options.settings.encoder.as_deref())?;
    let dataset = super::open(&options.data, &options.data_options)?;
    config.input.max_pixels = options.limits.max_pixels.or(config.input.max_pixels);
    let limits = options.limits.over(config.input.limits());
    let given = options.region.region(&limits, || size_of_all(&dataset, &limits))?;
    config.region = given.or(config.region);
    let (complete, has_tests) = (dataset.training_problems().next().is_none(), !dataset.test.is_empty());
    outputs::prepare_file(&options.output, "--output", outputs::Output::Model)?;
    if run_dir.user().is_some() {
        return Err(TrainError::RunDirInUse { path: run_dir.path().to_owned() }.into());
    }
    let _lock = FileLock::acquire(&options.output, "train")?;
    if !options.resume {
        move_aside(&run_dir, options)?;
    }
    let trainer = Trainer::new(dataset)
        .encoder(encoder)
        .chosen(options.data_options.layout, options.settings.encoder.as_deref().map(encoder::file_of))
        .limits(limits)
        .stop(stop_on_signals());
    let trainer = if options.resume {
        trainer.resume(run_dir.clone())?
    } else {
        trainer.config(config).run_dir(run_dir.clone())
    };
    let model = with_progress(trainer).inspect_err(|error| {
        // Before the first checkpoint only a training that is resumed can go on.
        if matches!(error, TrainError::Interrupted { .. })
            || options.resume && matches!(error, TrainError::Stopped)
        {
            console::note(&format!("to go on: {}", how_to_resume(options, &options.output)));
        }
    });
    let model = model.map_err(|error| with_region_options(error, options))?;
    if let Some((kept, calibrated)) =
        options.resume.then(|| calibrated_since(&model, &options.output)).flatten()
    {
        console::note(&format!(
            "{} was calibrated since and stays as it is; to write the model with those of the \
             training: {}",
            options.output.display(),
            how_to_resume(options, Path::new("OTHER.anoseg"))
        ));
        _ = run_dir.mark_finished();
        summarise(&kept.description, options, true, has_tests, calibrated)?;
        return Ok(super::outcome(complete));
    }
    let saved = save(&model, options, &run_dir);
    summarise(model.description(), options, saved.is_ok(), has_tests, false)?;
    saved?;
    Ok(super::outcome(complete))
}

/// The file at `path`, if it has the weights of this training and was calibrated since: resuming a
/// finished training must not undo that. Also whether its thresholds are others now.
fn calibrated_since(trained: &Model, path: &Path) -> Option<(ModelFile, bool)> {
    let file = ModelFile::read(path).ok()?;
    let trained = trained.to_file();
    // As they are when read again: the last bit of a number may differ.
    let thresholds = anoseg_infer::json_value(&trained.description.calibration).ok()?;
    let thresholds: Option<Calibration> = serde_json::from_value(thresholds).ok()?;
    let other = file.description.calibration.is_some() && file.description.calibration != thresholds;
    // Former thresholds are kept, too, where those of the training are in force again.
    let calibrated = other || !file.description.former_calibrations.is_empty();
    (calibrated && file.tensors == trained.tensors).then_some((file, other))
}

/// Keeps an unfinished training that this one would replace.
fn move_aside(run_dir: &RunDir, options: &Train) -> Result<()> {
    if run_dir.is_unfinished()? {
        let aside = run_dir.move_aside()?;
        let old = Train { run_dir: Some(aside.clone()), ..called_as(&RunDir::open(&aside), options) };
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
    let Err(error) = super::save_trained(&model.to_file(), &options.output) else {
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
    Err(error)
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
    let smallest = options.smallest_defect.map(View::Smallest);
    config.input.view = smallest.or(options.scale).unwrap_or(config.input.view);
    config.input.tile = options.tile.or(config.input.tile);
    config.input.align = match options.align_patch {
        Some(_) => options.align.unwrap_or(Align::Auto),
        None => options.align.unwrap_or(config.input.align),
    };
    let off = options.align == Some(Align::Off);
    config.input.align_patch = options.align_patch.or(config.input.align_patch.filter(|_| !off));
    config.validate()?;
    Ok(config)
}

/// The settings of a training that is to be resumed. Others beside them are refused.
fn stored_config(options: &Train, run_dir: &RunDir) -> Result<Config, TrainError> {
    let stored = run_dir.config()?;
    let Settings { config, time, steps, seed, smallest_defect, scale, tile, align, align_patch, .. } =
        &options.settings;
    let preset = options.preset.and_then(|preset| preset.to_possible_value());
    let given = [
        ("--preset", preset.map(|preset| preset.get_name().to_owned())),
        ("--config", config.as_ref().map(|path| path.display().to_string())),
        ("--time", time.map(|time| humantime::format_duration(time).to_string())),
        ("--steps", steps.map(|steps| steps.to_string())),
        ("--seed", seed.map(|seed| seed.to_string())),
        ("--smallest-defect", smallest_defect.map(|pixels| pixels.to_string())),
        ("--scale", scale.map(|scale| format!("{scale:?}").to_lowercase())),
        ("--tile", tile.map(|side| side.to_string())),
        ("--align", align.map(|align| format!("{align:?}").to_lowercase())),
        ("--align-patch", align_patch.map(|patch| patch.map(|number| number.to_string()).join(","))),
    ];
    let region = options.region.given().map(|(name, path)| (name, path.display().to_string()));
    let given: Vec<_> =
        given.into_iter().filter_map(|(name, value)| Some((name, value?))).chain(region).collect();
    let Some((name, value)) = given.first() else { return Ok(stored) };
    let names: Vec<&str> = given.iter().map(|(name, _)| *name).collect();
    let allowed = format!(
        "with --resume the settings are those stored in {}; leave out {} to go on, or --resume to begin anew",
        run_dir.config_path().display(),
        names.join(", ")
    );
    Err(SettingError { name: (*name).to_owned(), value: value.clone(), allowed }.into())
}

fn check_device(name: &str) -> Result<(), SettingError> {
    let known = name == "cpu";
    if known {
        Ok(())
    } else {
        Err(SettingError::new("--device", name, "this build computes on the cpu only"))
    }
}

/// Width and height of the training images. Those that cannot be read are left out of the training.
fn size_of_all(dataset: &Dataset, limits: &Limits) -> Result<(usize, usize), String> {
    let paths = dataset.training_images().map_err(|error| error.to_string())?;
    let mut sizes = paths.iter().filter_map(|path| decode::probe(path, limits).ok());
    let first = sizes.next().ok_or("no training image can be read")?;
    let other = sizes.find(|size| *size != first);
    other.map_or(Ok(first), |_| Err("the training images have several sizes".to_owned()))
}

/// The error, with the options that the region was given by where it is about the region.
fn with_region_options(error: TrainError, options: &Train) -> anyhow::Error {
    let about_region = matches!(error, TrainError::Region { .. }) && options.region.given().next().is_some();
    let error = anyhow::Error::new(error);
    if about_region { error.context(options.region.as_given()) } else { error }
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
        if let TrainError::Interrupted { .. } | TrainError::Stopped = error {
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
        Event::Warning(message) => bar.warning(&advice::with_limit_option(&message)),
        Event::ValueScale(scale) => console::note(&format!("values: {scale}")),
        Event::Movement(movement) => match movement {
            Movement::Aligned { ref missed, cut: 0, .. } if missed.is_empty() => {
                console::note(&movement.to_string());
            }
            Movement::Aligned { .. } => bar.warning(&movement.to_string()),
            Movement::Still { .. } => console::note(&format!("{movement}: --align has no effect, left off")),
            _ => bar.warning(&format!("{movement}: --align is left off")),
        },
        Event::Moves(movement) => {
            if let Some(extent) = movement.extent() {
                let frame = if movement.is_of_scene() {
                    "each image is inspected in a frame that follows a reference patch"
                } else {
                    "each part is inspected in its own frame"
                };
                console::note(&format!("{extent} from image to image: with --align {frame}"));
            }
        }
        Event::FellBack { lost_at, why, step } => bar.warning(&format!(
            "stopped at step {lost_at}: {why}. The model is that of step {step}, the last good checkpoint. \
             Lower loss.adversarial or optimiser.learning_rate in the configuration and train again"
        )),
        Event::Geometry { geometry, view, smallest, largest } => {
            console::note(&network_input::told(&geometry, [smallest, largest]));
            let remarks = network_input::remarks(view, &geometry, [smallest, largest]);
            remarks.iter().for_each(|remark| bar.warning(remark));
        }
        Event::Region { share, pixels, plane } => {
            let percent = with_digits(100.0 * share, 1);
            console::note(&format!(
                "defects count in {percent} % of the image, and synthetic ones lie there"
            ));
            if let Some(remark) = small_region(pixels, plane) {
                bar.warning(&remark);
            }
        }
        Event::Loaded { train, held_out, folds, mirrored, lit_anew, foregrounds, resumed_at, complete } => {
            let resumed = match resumed_at {
                0 => String::new(),
                _ if complete => {
                    format!("; all {resumed_at} steps are done: only the thresholds are derived anew")
                }
                _ => format!(", going on at step {resumed_at}"),
            };
            let mirrored = match mirrored {
                [false, false] => "",
                [true, false] => ", mirrored left to right too",
                [false, true] => ", mirrored top to bottom too",
                [true, true] => ", mirrored both ways too",
            };
            let scored = match folds {
                0 => format!("{held_out} held out"),
                _ => format!("none held out: {folds} further trainings give the scores for the thresholds"),
            };
            let lit = if lit_anew { ", under other lights too" } else { "" };
            console::note(&format!("training on {train} good images{mirrored}{lit}; {scored}{resumed}"));
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
            let files: Vec<String> = images.iter().map(|path| display_name(path)).collect();
            let score = count(
                images.len(),
                &format!("of {of} good images scores"),
                &format!("of {of} good images score"),
            );
            bar.warning(&format!(
                "{score} far above the others, each compared with the others alone: {}; look for defects, \
                 and train without those that show any",
                files.join(", ")
            ));
        }
        Event::Fold { number, of, train, held_out } => {
            bar.again();
            console::note(&format!(
                "training {number} of {of} for the thresholds, on {train} images; it judges the other {held_out}"
            ));
        }
        Event::Calibrating => {
            bar.clear();
            console::note("deriving the thresholds");
        }
        Event::Judged { done, of } => bar.judged(done, of),
        _ => {}
    }
}

/// Prints the results, and whether the model was `written`. The folder of the training may have test
/// images (`has_tests`); the thresholds may be those of a later calibration (`calibrated`).
fn summarise(
    model: &Description,
    options: &Train,
    written: bool,
    has_tests: bool,
    calibrated: bool,
) -> Result<()> {
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
    console::result(&super::review_limit(calibration));
    verdict::lines(model, calibration, calibrated).iter().for_each(|line| console::result(line));
    if written {
        console::result(&verdict::next_step(calibration, options, has_tests));
    }
    Ok(())
}
