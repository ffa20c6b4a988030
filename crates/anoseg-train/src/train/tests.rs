//! Trainings of tiny networks from end to end.

use std::path::Path;
use std::sync::{Arc, Mutex};

use anoseg_image::{Dataset, Limits, write::write_png};
use anoseg_infer::network::Architecture;
use anoseg_synth::demo::{Part, good};

use super::health::Health;
use super::*;
use crate::config::{Budget, Config};
use crate::series::Series;
use crate::{Error, Result, RunDir};

fn tiny(steps: u64) -> Config {
    let mut config = Config { budget: Budget::Steps(steps), checkpoint_seconds: 0.0, ..Config::default() };
    config.architecture = Architecture { widths: vec![4, 4], ..Architecture::default() };
    config.input.size = 32;
    config.optimiser.batch = 2;
    config
}

/// Runs a training in `folder/run`; returns the model's number of steps, and the events except the
/// steps.
fn run(folder: &Path, dataset: &Dataset, config: &Config, resume: bool) -> (Result<u64>, Vec<Event>) {
    let run_dir = RunDir::open(folder.join("run"));
    let events = Arc::new(Mutex::new(Vec::new()));
    let sink = events.clone();
    let trainer = Trainer::new(dataset.clone()).config(config.clone()).on_event(move |event| {
        if !matches!(event, Event::Step(_)) {
            sink.lock().unwrap().push(event);
        }
    });
    let trainer = if resume { trainer.resume(run_dir).unwrap() } else { trainer.run_dir(run_dir) };
    let steps = trainer.run().map(|model| model.description().provenance.steps);
    let events = events.lock().unwrap().clone();
    (steps, events)
}

fn images(folder: &Path) -> Dataset {
    let data = folder.join("data");
    std::fs::create_dir(&data).unwrap();
    for number in 0..12 {
        write_png(&data.join(format!("{number:02}.png")), &good(Part::Fabric, 0, number, 32, 32)).unwrap();
    }
    Dataset::open(&data).unwrap()
}

#[test]
fn a_training_that_is_lost_ends_at_its_last_good_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let (dataset, config) = (images(folder.path()), tiny(9));
    let (steps, _) = run(folder.path(), &dataset, &config, false);
    assert_eq!(steps.unwrap(), 9);
    // As if the training had reached a loss far below all that follow, and stood at step 5.
    let run_dir = RunDir::open(folder.path().join("run"));
    let checkpoint::Loaded { mut state, tensors, .. } = checkpoint::load(&run_dir).unwrap();
    state.step = 5;
    state.health = Health::after_loss(1e-9);
    checkpoint::save(&run_dir, &state, &tensors).unwrap();
    let (steps, events) = run(folder.path(), &dataset, &config, true);
    assert_eq!(steps.unwrap(), 5);
    let told = events.iter().any(|event| {
        matches!(event, Event::FellBack { lost_at: 6, why, step: 5 } if why.starts_with("the loss rose"))
    });
    assert!(told, "{events:?}");
    assert_eq!(run_dir.log().unwrap().records.len(), 5);
}

/// The text of the settings once had to be the same, which another order of them is not.
#[test]
fn a_training_that_an_earlier_version_began_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = images(folder.path());
    let (stop, run_dir) = (StopToken::new(), RunDir::open(folder.path().join("run")));
    let token = stop.clone();
    let begun = Trainer::new(dataset.clone()).config(tiny(6)).run_dir(run_dir.clone()).stop(stop);
    let begun = begun.on_event(move |event| {
        if matches!(event, Event::Step(progress) if progress.step == 3) {
            token.stop();
        }
    });
    assert!(matches!(begun.run(), Err(Error::Interrupted { step: 3, .. })));
    // In the order of the fields, without what is off.
    let earlier = toml::to_string_pretty(&tiny(6)).unwrap();
    assert!(!earlier.contains("light") && earlier != tiny(6).to_toml().unwrap());
    std::fs::write(run_dir.config_path(), &earlier).unwrap();
    let checkpoint::Loaded { mut state, tensors, .. } = checkpoint::load(&run_dir).unwrap();
    state.config = earlier;
    checkpoint::save(&run_dir, &state, &tensors).unwrap();
    let (steps, _) = run(folder.path(), &dataset, &tiny(6), true);
    assert_eq!(steps.unwrap(), 6);
}

/// It would train all categories anew after an update.
#[test]
fn a_series_knows_a_training_whose_settings_are_in_another_order() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = images(folder.path());
    let (stop, limits) = (StopToken::new(), Limits::default());
    let series = Series { folder: folder.path().join("series"), stop, encoder: None, limits };
    let is_known = |steps: u64| series.model("part", &dataset, &tiny(steps), |_| ()).unwrap().known;
    assert!(!is_known(3) && is_known(3));
    let earlier = toml::to_string_pretty(&tiny(3)).unwrap();
    std::fs::write(series.run_dir("part").config_path(), earlier).unwrap();
    assert!(is_known(3) && !is_known(4));
}

/// A damaged checkpoint was once the end of a training, and weights that were no numbers replaced
/// the last good one.
#[test]
fn the_checkpoint_before_a_damaged_one_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let (dataset, config) = (images(folder.path()), tiny(4));
    run(folder.path(), &dataset, &config, false).0.unwrap();
    let run_dir = RunDir::open(folder.path().join("run"));
    let good = std::fs::read(run_dir.checkpoint_path()).unwrap();
    std::fs::write(run_dir.checkpoint_path(), &good[..good.len() / 2]).unwrap();
    let (steps, events) = run(folder.path(), &dataset, &config, true);
    assert_eq!(steps.unwrap(), 4);
    let told = |events: &[Event], words: &str| {
        events.iter().any(|event| matches!(event, Event::Warning(what) if what.contains(words)))
    };
    assert!(told(&events, "going on from the checkpoint before it, of step 3"), "{events:?}");
    let checkpoint::Loaded { state, damaged, .. } = checkpoint::load(&run_dir).unwrap();
    assert!(state.step == 4 && damaged.is_none());
    // With neither, the error is that of the last one.
    for path in [run_dir.checkpoint_path(), run_dir.previous_checkpoint_path()] {
        std::fs::write(path, "no checkpoint").unwrap();
    }
    let error = run(folder.path(), &dataset, &config, true).0.unwrap_err();
    assert!(error.to_string().contains("state.safetensors"), "{error}");
}

#[test]
fn other_instructions_than_those_of_the_checkpoint_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let (dataset, config) = (images(folder.path()), tiny(2));
    run(folder.path(), &dataset, &config, false).0.unwrap();
    let run_dir = RunDir::open(folder.path().join("run"));
    let checkpoint::Loaded { mut state, tensors, .. } = checkpoint::load(&run_dir).unwrap();
    state.instructions = "abacus".into();
    checkpoint::save(&run_dir, &state, &tensors).unwrap();
    let (_, events) = run(folder.path(), &dataset, &config, true);
    assert!(events.iter().any(|event| matches!(event, Event::Warning(what) if what.contains("abacus"))));
}

#[test]
fn weights_that_are_no_numbers_are_no_checkpoint() {
    let data =
        |value: f32| anoseg_infer::parameters::ParameterData { shape: vec![2], values: vec![0.5, value] };
    for (value, finite) in [(1.0, true), (f32::MAX, true), (f32::NAN, false), (f32::INFINITY, false)] {
        assert_eq!(checkpoint::is_finite(&[("w".to_owned(), data(value))].into()), finite);
    }
}

#[test]
fn a_training_that_is_lost_before_any_checkpoint_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let (dataset, mut config) = (images(folder.path()), tiny(9));
    config.checkpoint_seconds = 1e6;
    config.loss.focal = f32::MAX;
    config.loss.dice = f32::MAX;
    let (steps, _) = run(folder.path(), &dataset, &config, false);
    let error = steps.unwrap_err();
    assert!(matches!(error, Error::Diverged { step: 1, .. }), "{error}");
}

#[test]
fn a_stopped_training_resumes_to_the_same_model() {
    let folder = tempfile::tempdir().unwrap();
    let (dataset, config) = (images(folder.path()), tiny(6));
    let whole = Trainer::new(dataset.clone()).config(config.clone()).run().unwrap().to_file().tensors;
    let (stop, run_dir) = (StopToken::new(), RunDir::open(folder.path().join("stopped")));
    let token = stop.clone();
    let stopped = Trainer::new(dataset.clone())
        .config(config)
        .run_dir(run_dir.clone())
        .stop(stop)
        .on_event(move |event| {
            if matches!(event, Event::Step(progress) if progress.step == 3) {
                token.stop();
            }
        })
        .run();
    assert!(matches!(stopped, Err(Error::Interrupted { step: 3, .. })));
    let resumed = Trainer::new(dataset).resume(run_dir).unwrap().run().unwrap().to_file().tensors;
    assert_eq!(resumed, whole);
}

/// Ctrl-C once had no effect before all images were judged, and nothing told how far that was.
#[test]
fn a_training_that_is_stopped_while_thresholds_are_derived_resumes_to_the_same_model() {
    let folder = tempfile::tempdir().unwrap();
    let (dataset, config) = (images(folder.path()), tiny(3));
    let whole = Trainer::new(dataset.clone()).config(config.clone()).run().unwrap();
    let run_dir = RunDir::open(folder.path().join("stopped"));
    let stop_at = |trainer: Trainer, image: usize| {
        let (stop, judged) = (StopToken::new(), Arc::new(Mutex::new((0, 0))));
        let (token, sink) = (stop.clone(), judged.clone());
        let trained = trainer.stop(stop).on_event(move |event| {
            if let Event::Judged { done, of } = event {
                *sink.lock().unwrap() = (done, of);
                if done == image {
                    token.stop();
                }
            }
        });
        let trained = trained.run();
        (trained, *judged.lock().unwrap())
    };
    // Among the good images, the synthetic pairs, and the images that are looked through for defects.
    let (stopped, (done, _)) =
        stop_at(Trainer::new(dataset.clone()).config(config).run_dir(run_dir.clone()), 1);
    assert!(matches!(stopped, Err(Error::Interrupted { step: 3, .. })) && done == 1);
    for image in [20, 55] {
        let resumed = Trainer::new(dataset.clone()).resume(run_dir.clone()).unwrap();
        let (stopped, (done, of)) = stop_at(resumed, image);
        assert!(
            matches!(stopped, Err(Error::Interrupted { step: 3, .. })) && done == image,
            "{done} of {of}"
        );
    }
    let (model, (done, of)) = stop_at(Trainer::new(dataset).resume(run_dir).unwrap(), usize::MAX);
    assert_eq!((done, of), (4 + 48 + 12, 4 + 48 + 12));
    let (model, whole) = (model.unwrap().to_file(), whole.to_file());
    assert_eq!(model.tensors, whole.tensors);
    assert_eq!(model.description.calibration, whole.description.calibration);
}

/// The images were once read to the end first.
#[test]
fn a_training_that_is_stopped_before_its_first_step_reads_no_further_image() {
    let folder = tempfile::tempdir().unwrap();
    let (dataset, stop) = (images(folder.path()), StopToken::new());
    stop.stop();
    let stopped = Trainer::new(dataset).config(tiny(3)).stop(stop).run();
    assert!(matches!(stopped, Err(Error::Stopped)));
}

/// Twelve images, each of which one of three networks has not seen.
fn in_folds() -> Config {
    let mut config = tiny(3);
    config.calibration.folds = Some(3);
    config
}

#[test]
fn each_image_is_scored_by_a_network_that_has_not_seen_it() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = images(folder.path());
    // So many steps that each image is drawn.
    let config = Config { budget: Budget::Steps(30), ..in_folds() };
    let calibration = |dataset: &Dataset| {
        let model = Trainer::new(dataset.clone()).config(config.clone()).run().unwrap();
        let description = model.description();
        assert_eq!((description.provenance.training_images, description.provenance.held_out_images), (12, 0));
        description.calibration.clone().unwrap()
    };
    let before = calibration(&dataset);
    assert_eq!((before.normal_scores.len(), before.held_out, before.folds), (12, true, Some(3)));
    // Another image in the place of one: the network that leaves it out, and three others, gives these the scores
    // of before. All other networks have changed.
    let changed = good(Part::Fabric, 0, 50, 32, 32);
    write_png(&folder.path().join("data/05.png"), &changed).unwrap();
    let after = calibration(&dataset);
    let same = before.normal_scores.iter().filter(|score| after.normal_scores.contains(score)).count();
    assert_eq!(same, 3, "{before:?} {after:?}");
}

#[test]
fn a_training_that_is_stopped_in_a_fold_resumes_to_the_same_model() {
    let folder = tempfile::tempdir().unwrap();
    let (dataset, config) = (images(folder.path()), in_folds());
    let whole = Trainer::new(dataset.clone()).config(config.clone()).run().unwrap();
    let (stop, run_dir) = (StopToken::new(), RunDir::open(folder.path().join("stopped")));
    let token = stop.clone();
    let stopped = Trainer::new(dataset.clone()).config(config).run_dir(run_dir.clone()).stop(stop);
    let stopped = stopped.on_event(move |event| {
        if matches!(event, Event::Fold { number: 2, of: 3, train: 8, held_out: 4 }) {
            token.stop();
        }
    });
    match stopped.run() {
        Err(Error::Interrupted { step: 3, run_dir: told }) => assert_eq!(told, run_dir.path()),
        other => panic!("{other:?}"),
    }
    let resumed = Trainer::new(dataset).resume(run_dir).unwrap().run().unwrap();
    let (resumed, whole) = (resumed.to_file(), whole.to_file());
    assert_eq!(resumed.tensors, whole.tensors);
    assert_eq!(resumed.description.calibration, whole.description.calibration);
}

/// Trainings of no steps, which do not look, once ran all of their folds.
#[test]
fn a_training_that_is_stopped_at_its_end_begins_no_fold() {
    let folder = tempfile::tempdir().unwrap();
    let (stop, folds) = (StopToken::new(), Arc::new(Mutex::new(0)));
    let (token, sink) = (stop.clone(), folds.clone());
    let stopped = Trainer::new(images(folder.path())).config(in_folds()).stop(stop);
    let stopped = stopped.on_event(move |event| match event {
        Event::Step(progress) if progress.step == 3 => _ = token.stop(),
        Event::Fold { .. } => *sink.lock().unwrap() += 1,
        _ => {}
    });
    assert!(matches!(stopped.run(), Err(Error::Interrupted { step: 3, .. })));
    assert_eq!(*folds.lock().unwrap(), 0);
}

/// A third of the time for the main training, and two thirds of that for each other one.
#[test]
fn trainings_for_the_thresholds_share_the_time() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = images(folder.path());
    let begun = std::time::Instant::now();
    let config = Config { budget: Budget::Seconds(4.0), ..in_folds() };
    let steps = Arc::new(Mutex::new(Vec::new()));
    let sink = steps.clone();
    let trainer = Trainer::new(dataset).config(config).on_event(move |event| match event {
        Event::Step(progress) => *sink.lock().unwrap().last_mut().unwrap() = progress.step,
        Event::Loaded { folds: 3, .. } | Event::Fold { .. } => sink.lock().unwrap().push(0),
        _ => {}
    });
    let model = trainer.run().unwrap();
    let steps = steps.lock().unwrap().clone();
    let all = model.description().provenance.steps;
    // Each image is used as often.
    let expected = (all as f64 * 8.0 / 12.0).round() as u64;
    assert_eq!(steps, [all, expected, expected, expected]);
    assert!(model.description().provenance.seconds < 1.5 && begun.elapsed().as_secs_f64() < 12.0);
}
