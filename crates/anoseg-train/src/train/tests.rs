use std::sync::atomic::AtomicBool;

use anoseg_image::{Category, write::write_png};
use anoseg_synth::demo::{Part, good};
use burn::tensor::Device;

use super::health::Health;
use super::*;
use crate::config::Budget;
use crate::network::Architecture;

fn tiny(steps: u64) -> Config {
    let mut config = Config { budget: Budget::Steps(steps), checkpoint_seconds: 0.0, ..Config::default() };
    config.architecture = Architecture { widths: vec![4, 4], ..Architecture::default() };
    config.input.size = 32;
    config.optimiser.batch = 2;
    config
}

/// Runs a training in `folder/run`; gives the model's steps and the warnings.
fn run(folder: &Path, category: &Category, config: &Config, resume: bool) -> (Result<u64>, Vec<String>) {
    let (device, stop, run_dir) = (Device::flex(), AtomicBool::new(false), folder.join("run"));
    let training = TrainingRun {
        category,
        config,
        run_dir: &run_dir,
        resume,
        device: &device,
        encoder: None,
        stop: &stop,
    };
    let mut warnings = Vec::new();
    let model = training.execute(&mut |event| {
        if let TrainingEvent::Warning(warning) = event {
            warnings.push(warning.to_owned());
        }
    });
    (model.map(|model| model.description().provenance.steps), warnings)
}

fn pictures(folder: &Path) -> Category {
    let data = folder.join("data");
    std::fs::create_dir(&data).unwrap();
    for number in 0..12 {
        write_png(&data.join(format!("{number:02}.png")), &good(Part::Fabric, 0, number, 32, 32)).unwrap();
    }
    Category::open(&data).unwrap()
}

#[test]
fn a_training_that_is_lost_ends_at_its_last_good_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let (category, config) = (pictures(folder.path()), tiny(9));
    let (steps, _) = run(folder.path(), &category, &config, false);
    assert_eq!(steps.unwrap(), 9);
    // As if the training had reached a loss far below all that follow, and stood at step 5.
    let run_dir = folder.path().join("run");
    let (mut state, tensors) = checkpoint::load(&run_dir).unwrap();
    state.step = 5;
    state.health = Health::after_loss(1e-9);
    checkpoint::save(&run_dir, &state, &tensors).unwrap();
    let (steps, warnings) = run(folder.path(), &category, &config, true);
    assert_eq!(steps.unwrap(), 5);
    let told = warnings.iter().any(|warning| warning.starts_with("stopped at step 6: the loss rose"));
    assert!(told, "{warnings:?}");
    assert_eq!(read_log(&run_dir).unwrap().len(), 5);
}

#[test]
fn a_training_that_is_lost_before_any_checkpoint_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let (category, mut config) = (pictures(folder.path()), tiny(9));
    config.checkpoint_seconds = 1e6;
    config.loss.focal = f32::MAX;
    config.loss.dice = f32::MAX;
    let (steps, _) = run(folder.path(), &category, &config, false);
    let error = steps.unwrap_err();
    assert!(matches!(error, Error::Diverged { step: 1, .. }), "{error}");
    assert!(error.to_string().contains("optimiser.learning_rate"), "{error}");
}
