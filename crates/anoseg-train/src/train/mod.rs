//! Training: from a folder of good pictures to a calibrated model.

mod adversary;
mod batch;
mod checkpoint;
mod detector;
mod gradients;
mod health;
mod learner;
mod log;
mod loss;
mod optimiser;
mod schedule;
mod session;
mod step_losses;
#[cfg(test)]
mod tests;
mod trained;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use anoseg_image::{Category, Image};
use anoseg_synth::{Flip, Synthesizer};
use burn::tensor::Device;

pub use log::{StepRecord, read_log};
pub use step_losses::StepLosses;

use crate::config::Config;
use crate::data::load_good_pictures;
use crate::encoder::PretrainedEncoder;
use crate::model::{Model, Provenance};
use crate::network::{Backbone, Kind};
use crate::{Error, Result, calibrate};
use session::Session;

/// What to train, with which settings, and where to keep the run.
pub struct TrainingRun<'a> {
    /// The good pictures.
    pub category: &'a Category,
    /// The settings.
    pub config: &'a Config,
    /// Folder of the run: settings, log, checkpoint.
    pub run_dir: &'a Path,
    /// Go on from the checkpoint in `run_dir` instead of starting anew.
    pub resume: bool,
    /// Where to compute.
    pub device: &'a Device,
    /// What `architecture.network = "pretrained"` needs.
    pub encoder: Option<&'a PretrainedEncoder>,
    /// Set from outside to stop after the current step, with a checkpoint.
    pub stop: &'a AtomicBool,
}

/// What happens during a training, for whoever shows it.
pub enum TrainingEvent<'a> {
    /// Something the user should know; the training goes on.
    Warning(&'a str),
    /// The pictures are read.
    Loaded {
        /// Pictures to learn from.
        train: usize,
        /// Pictures to calibrate on.
        held_out: usize,
        /// Whether pictures are also learned from mirrored left to right, and top to bottom.
        mirrored: [bool; 2],
        /// Of how many pictures it can be told what is the part and what its background, so that anomalies are mostly drawn
        /// on the part; on the others they are drawn anywhere.
        foregrounds: usize,
        /// Steps done before, when resumed.
        resumed_at: u64,
    },
    /// A step is done.
    Step(Progress),
    /// The training is over before its time: each picture has been learned from as often as is good.
    SeenEnough {
        /// How often, on average.
        views: u64,
    },
    /// All steps are done; thresholds are being derived.
    Calibrating,
}

/// How far a training is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Steps done.
    pub step: u64,
    /// All steps, as far as can be told.
    pub total: Option<u64>,
    /// Losses of the last step.
    pub losses: StepLosses,
    /// Pictures per second since the start.
    pub images_per_second: f64,
    /// Seconds left, as far as can be told.
    pub remaining: Option<f64>,
}

impl TrainingRun<'_> {
    /// Trains, calibrates and returns the model; the run directory then holds `config.toml`, `metrics.jsonl` and
    /// the last checkpoint.
    ///
    /// # Errors
    /// Bad settings or data, a run directory that cannot be written, a checkpoint of other settings or data,
    /// a diverged loss, or [`Error::Interrupted`] after `stop` was set.
    pub fn execute(&self, observe: &mut dyn FnMut(TrainingEvent<'_>)) -> Result<Model> {
        let begun = Instant::now();
        self.config.validate()?;
        let Config { calibration, seed, .. } = self.config;
        let mut data = load_good_pictures(self.category, self.config)?;
        let held_out = data.hold_out(calibration.holdout, *seed);
        for warning in self.category.warnings.iter().chain(&data.warnings) {
            observe(TrainingEvent::Warning(warning));
        }
        let (train, spared) = (data.images.len(), held_out.len());
        let images = Arc::new(data.images);
        let synthesizer = Synthesizer::new(Arc::clone(&images), self.config.synthesis.clone(), *seed)?;
        let base = &synthesizer.recipe().base;
        let mirrored = [base.flip_horizontal, base.flip_vertical].map(|flip| flip == Flip::Always);
        let backbone = self.backbone(&images)?;
        let setup = begun.elapsed().as_secs_f64();
        let pictures = (data.manifest.as_str(), train);
        let mut session = if self.resume {
            Session::resume(self, pictures, backbone.clone())?
        } else {
            Session::begin(self, pictures, backbone.clone(), setup)?
        };
        let resumed_at = session.state.step;
        let foregrounds = (0..train).filter(|&i| synthesizer.foreground(i).is_some()).count();
        observe(TrainingEvent::Loaded { train, held_out: spared, mirrored, foregrounds, resumed_at });
        session.run(self, &synthesizer, observe)?;
        if session.state.schedule.ended_early() {
            observe(TrainingEvent::SeenEnough { views: self.config.optimiser.most_views });
        }
        observe(TrainingEvent::Calibrating);
        let provenance = Provenance {
            program_version: env!("CARGO_PKG_VERSION").to_owned(),
            category: self.category.name.clone(),
            data_blake3: data.manifest,
            training_images: train,
            held_out_images: spared,
            seed: *seed,
            steps: session.state.step,
            seconds: session.state.elapsed,
        };
        // What the settings leave to the pictures is decided by those that were learned from.
        let config = Config { synthesis: synthesizer.recipe().clone(), ..self.config.clone() };
        let networks = session.learner.networks();
        let mut model = Model::new(&config, provenance, networks, backbone, self.device);
        let normals = if spared == 0 { images } else { Arc::new(held_out) };
        let calibration = calibrate::from_normals(&model, &normals, calibration, spared > 0)?;
        model.set_calibration(calibration);
        Ok(model)
    }

    /// What a pretrained network sees the pictures through.
    fn backbone(&self, pictures: &[Image]) -> Result<Option<Arc<Backbone>>> {
        let Config { architecture, seed, .. } = self.config;
        if architecture.network != Kind::Pretrained {
            return Ok(None);
        }
        let encoder = self.encoder.ok_or_else(|| {
            Error::Arguments("architecture.network = \"pretrained\" needs an encoder".into())
        })?;
        let memory = (architecture.memory, *seed);
        let backbone = Backbone::learn(&encoder.parameters, pictures, memory, self.device)
            .map_err(|error| Error::Bug(format!("the encoder does not fit: {error}")))?;
        Ok(Some(Arc::new(backbone)))
    }
}

/// Makes a folder and those above it.
pub(crate) fn make_folder(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).map_err(|error| Error::io(path, &error))
}

/// Whether a run directory holds a checkpoint to resume from.
pub fn has_checkpoint(run_dir: &Path) -> bool {
    checkpoint::path(run_dir).is_file()
}

/// The run directory used when none is given: beside the model, `<stem>-run`.
pub fn default_run_dir(model: &Path) -> PathBuf {
    let stem = model.file_stem().unwrap_or(model.as_os_str());
    let mut name = stem.to_os_string();
    name.push("-run");
    model.with_file_name(name)
}
