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
mod step_losses;
#[cfg(test)]
mod tests;
mod trained;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Instant;

use anoseg_image::{Category, Image};
use anoseg_synth::{Flip, Synthesizer};
use burn::tensor::Device;

pub use log::{StepRecord, read_log};
pub use step_losses::StepLosses;

use crate::config::{Budget, Config};
use crate::data::load_good_pictures;
use crate::encoder::PretrainedEncoder;
use crate::model::{Model, Provenance};
use crate::network::{Backbone, Kind};
use crate::{Error, Result, calibrate};
use batch::Batch;
use health::{Condition, Health};
use learner::Learner;
use log::StepLog;
use schedule::Schedule;

/// Share of a time budget kept for the calibration at the end.
const CALIBRATION_SHARE: f64 = 0.03;

/// Batches made ahead of the step that uses them.
const BATCHES_AHEAD: usize = 2;

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
        let mut session = self.open((&data.manifest, train), backbone.clone(), setup)?;
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

    /// A new session, or the one that the checkpoint holds.
    fn open(
        &self,
        (manifest, pictures): (&str, usize),
        backbone: Option<Arc<Backbone>>,
        setup_seconds: f64,
    ) -> Result<Session> {
        let learner = Learner::new(self.config, backbone, pictures, self.device);
        let config = self.config.to_toml()?;
        if !self.resume {
            make_folder(&self.run_dir.join("checkpoint"))?;
            write_text(&self.run_dir.join("config.toml"), &config)?;
            let budget = match self.config.budget {
                Budget::Seconds(seconds) => {
                    Budget::Seconds((seconds - setup_seconds).max(0.5) * (1.0 - CALIBRATION_SHARE))
                }
                steps => steps,
            };
            let optimiser = &self.config.optimiser;
            let views = optimiser.most_views.saturating_mul(pictures as u64);
            let limit = (views > 0).then(|| views.div_ceil(optimiser.batch as u64));
            let schedule = Schedule::new(optimiser.learning_rate, optimiser.warmup_steps, budget, limit);
            let manifest = manifest.to_owned();
            let state = checkpoint::State {
                step: 0,
                elapsed: 0.0,
                schedule,
                health: Health::default(),
                config,
                manifest,
            };
            let log = StepLog::create(self.run_dir)?;
            return Ok(Session { learner, pictures, state, log, saved: false });
        }
        let (state, tensors) = checkpoint::load(self.run_dir)?;
        let path = checkpoint::path(self.run_dir);
        if state.config != config {
            let what = "the checkpoint belongs to other settings: resume with the same, or start anew without --resume";
            return Err(Error::Arguments(format!("{}: {what}", path.display())));
        }
        if state.manifest != manifest {
            return Err(Error::data(
                &self.category.root,
                "the pictures are not those of the checkpoint: start anew without --resume",
            ));
        }
        let learner =
            learner.import(&tensors, state.step).map_err(|error| Error::model(&path, error.to_string()))?;
        let log = StepLog::reopen(self.run_dir, state.step)?;
        Ok(Session { learner, pictures, state, log, saved: true })
    }
}

/// A training under way.
struct Session {
    learner: Learner,
    /// How many are learned from.
    pictures: usize,
    state: checkpoint::State,
    log: StepLog,
    /// Whether the run directory holds a checkpoint of this training.
    saved: bool,
}

impl Session {
    /// Steps until the schedule is over, with batches made beside them.
    fn run(
        &mut self,
        run: &TrainingRun<'_>,
        synthesizer: &Synthesizer,
        observe: &mut dyn FnMut(TrainingEvent<'_>),
    ) -> Result<()> {
        let (first, size) = (self.state.step, run.config.optimiser.batch);
        let detector = run.config.architecture.detector.then_some(run.config.detector.every);
        std::thread::scope(|scope| {
            let (sender, batches) = sync_channel(BATCHES_AHEAD);
            scope.spawn(move || {
                // Ends when the receiver is gone: the training is over or has failed.
                for step in first.. {
                    let good = detector.is_some_and(|every| step.is_multiple_of(every));
                    let good = good.then(|| synthesizer.base_batch(step, size));
                    if sender.send(Batch::new(step, &synthesizer.batch(step, size), good.as_deref())).is_err()
                    {
                        return;
                    }
                }
            });
            self.steps(run, &batches, observe)
        })
    }

    fn steps(
        &mut self,
        run: &TrainingRun<'_>,
        batches: &Receiver<Batch>,
        observe: &mut dyn FnMut(TrainingEvent<'_>),
    ) -> Result<()> {
        let (begun, elapsed_before, first) = (Instant::now(), self.state.elapsed, self.state.step);
        let mut saved = Instant::now();
        loop {
            self.state.schedule.observe(self.state.step, self.state.elapsed);
            if self.state.schedule.is_over(self.state.step) {
                return self.save(run.run_dir);
            }
            if run.stop.load(Ordering::Relaxed) {
                self.save(run.run_dir)?;
                return Err(Error::Interrupted { step: self.state.step, run_dir: run.run_dir.to_owned() });
            }
            let batch = batches.recv().map_err(|_| Error::Bug("the synthesis thread ended early".into()))?;
            let learning_rate = self.state.schedule.learning_rate(self.state.step);
            let losses = self.learner.step(batch, learning_rate);
            self.state.step += 1;
            let condition = self.state.health.observe(&losses, run.config.loss.adversarial);
            if let Condition::Lost(why) = condition {
                return self.fall_back(run, &why, observe);
            }
            self.state.elapsed = elapsed_before + begun.elapsed().as_secs_f64();
            self.log.append(&StepRecord {
                step: self.state.step,
                learning_rate,
                losses,
                elapsed: self.state.elapsed,
            })?;
            let speed = (self.state.step - first) as f64 / begun.elapsed().as_secs_f64().max(1e-9);
            observe(TrainingEvent::Step(self.progress(losses, speed, run.config.optimiser.batch)));
            let due = saved.elapsed().as_secs_f64() >= run.config.checkpoint_seconds;
            if due && condition == Condition::Good {
                self.save(run.run_dir)?;
                saved = Instant::now();
            }
        }
    }

    /// Ends a training that is lost with the networks of the last good checkpoint.
    fn fall_back(
        &mut self,
        run: &TrainingRun<'_>,
        why: &str,
        observe: &mut dyn FnMut(TrainingEvent<'_>),
    ) -> Result<()> {
        let lost_at = self.state.step;
        if !self.saved {
            return Err(Error::Diverged { step: lost_at, why: why.to_owned() });
        }
        let (state, tensors) = checkpoint::load(run.run_dir)?;
        let path = checkpoint::path(run.run_dir);
        self.learner = Learner::new(run.config, self.learner.backbone(), self.pictures, run.device)
            .import(&tensors, state.step)
            .map_err(|error| Error::model(&path, error.to_string()))?;
        self.log.flush()?;
        self.log = StepLog::reopen(run.run_dir, state.step)?;
        self.state = state;
        let step = self.state.step;
        observe(TrainingEvent::Warning(&format!(
            "stopped at step {lost_at}: {why}. The model is that of step {step}, the last checkpoint that was well. \
             Lower loss.adversarial or optimiser.learning_rate in the configuration and train again"
        )));
        Ok(())
    }

    fn progress(&self, losses: StepLosses, steps_per_second: f64, batch: usize) -> Progress {
        let checkpoint::State { step, elapsed, ref schedule, .. } = self.state;
        let total = schedule.expected_steps(step, elapsed);
        Progress {
            step,
            total,
            losses,
            images_per_second: steps_per_second * batch as f64,
            remaining: total.map(|total| total.saturating_sub(step) as f64 / steps_per_second),
        }
    }

    fn save(&mut self, run_dir: &Path) -> Result<()> {
        self.log.flush()?;
        checkpoint::save(run_dir, &self.state, &self.learner.export())?;
        self.saved = true;
        Ok(())
    }
}

/// Makes a folder and those above it.
pub(crate) fn make_folder(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).map_err(|error| Error::io(path, &error))
}

fn write_text(path: &Path, text: &str) -> Result<()> {
    Ok(anoseg_image::write::atomic(path, |file| file.write_all(text.as_bytes()))?)
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
