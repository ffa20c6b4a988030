//! A running training: its steps, its checkpoints, and how it ends.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Instant;

use anoseg_infer::network::Backbone;
use anoseg_infer::{Description, Model};
use anoseg_kernels::Level;
use anoseg_synth::Synthesizer;

use super::batch::Batch;
use super::checkpoint;
use super::event::{Event, Progress, StopToken};
use super::health::{Condition, Health};
use super::learner::Learner;
use super::log::{StepLog, StepRecord};
use super::schedule::Schedule;
use super::step_losses::StepLosses;
use crate::config::{Budget, Config};
use crate::run_dir::RunDir;
use crate::{Error, Result, encoder};

/// Receives the events.
pub(super) type OnEvent<'a> = dyn FnMut(Event) + Send + 'a;

/// Share of a time budget kept for the calibration at the end.
const CALIBRATION_SHARE: f64 = 0.03;

/// Batches made ahead of the step that uses them.
const BATCHES_AHEAD: usize = 2;

/// Why a training is lost whose weights are not numbers any more.
const NOT_FINITE: &str = "the weights are no longer finite numbers";

/// The instructions that this process computes with.
fn instructions() -> String {
    Level::current().name().to_owned()
}

/// Digest of the encoder of a backbone; empty if there is none.
fn encoder_digest(config: &Config, backbone: Option<&Backbone>) -> Result<String> {
    let digest = |backbone: &Backbone| {
        encoder::digest(&config.architecture.encoder, &backbone.encoder_parameters.export())
    };
    backbone.map_or_else(|| Ok(String::new()), digest)
}

/// A running training.
pub(super) struct Session {
    learner: Learner,
    pub(super) state: checkpoint::State,
    config: Config,
    run_dir: RunDir,
    log: StepLog,
    /// Whether the run directory holds a checkpoint of this training.
    saved: bool,
    /// The step of the last checkpoint that is whole.
    saved_at: Option<u64>,
}

impl Session {
    /// A new session for so many `images` with this `manifest`, of each of which the network takes so many
    /// `parts`. Of a time budget `setup_seconds` are used already; the scores for the thresholds come from so many
    /// further trainings (`folds`), each without one part in as many.
    pub(super) fn begin(
        config: &Config,
        run_dir: &RunDir,
        (manifest, images, parts): (&str, usize, usize),
        backbone: Option<Arc<Backbone>>,
        (setup_seconds, folds): (f64, usize),
    ) -> Result<Self> {
        let text = config.to_toml()?;
        // Before the settings change: a checkpoint always belongs to the settings beside it.
        run_dir.remove_checkpoint()?;
        run_dir.write_config(&text)?;
        let budget = match config.budget {
            Budget::Seconds(seconds) => {
                let left = (seconds - setup_seconds).max(0.5) * (1.0 - CALIBRATION_SHARE);
                // All but one part in each: together one training less than there are.
                Budget::Seconds(left / folds.max(1) as f64)
            }
            steps => steps,
        };
        let optimiser = &config.optimiser;
        let views = optimiser.most_views.saturating_mul((images * parts) as u64);
        let limit = (views > 0).then(|| views.div_ceil(optimiser.batch as u64));
        let schedule = Schedule::new(optimiser.learning_rate, optimiser.warmup_steps, budget, limit);
        let (manifest, health) = (manifest.to_owned(), Health::default());
        let instructions = instructions();
        let state = checkpoint::State {
            step: 0,
            elapsed: 0.0,
            schedule,
            health,
            instructions,
            folds,
            encoder: encoder_digest(config, backbone.as_deref())?,
            config: text,
            manifest,
        };
        let log = StepLog::create(&run_dir.log_path())?;
        let learner = Learner::new(config, backbone, images);
        let (config, run_dir) = (config.clone(), run_dir.clone());
        Ok(Self { learner, state, config, run_dir, log, saved: false, saved_at: None })
    }

    /// The further trainings of the one that the checkpoint holds; 0 if there is none that can be read.
    pub(super) fn stored_folds(run_dir: &RunDir) -> usize {
        checkpoint::load(run_dir).map_or(0, |loaded| loaded.state.folds)
    }

    /// The session that the checkpoint holds.
    ///
    /// # Errors
    /// There is none, it is damaged, or it belongs to another encoder, other settings or images.
    pub(super) fn resume(
        config: &Config,
        run_dir: &RunDir,
        (manifest, images): (&str, usize),
        backbone: Option<Arc<Backbone>>,
        on_event: &mut OnEvent<'_>,
    ) -> Result<Self> {
        let checkpoint::Loaded { mut state, tensors, path, damaged } = checkpoint::load(run_dir)?;
        let saved_at = damaged.is_none().then_some(state.step);
        if let Some(damaged) = damaged {
            let step = state.step;
            let what = format!("{damaged}; going on from the checkpoint before it, of step {step}");
            on_event(Event::Warning(what));
        }
        let encoder = encoder_digest(config, backbone.as_deref())?;
        if !state.encoder.is_empty() && state.encoder != encoder {
            return Err(Error::OtherEncoder { path, before: None });
        }
        state.encoder = encoder;
        // Compared as settings: an earlier version wrote the same ones in another order, and without those it lacked.
        if Config::from_run(&state.config).ok().as_ref() != Some(config) {
            return Err(Error::OtherSettings { path });
        }
        if state.manifest != manifest {
            return Err(Error::OtherImages { path, before: None });
        }
        let mut learner = Learner::new(config, backbone, images);
        let unfit =
            |error| Error::Infer(anoseg_infer::Error::model(&path, anoseg_infer::ModelFault::from(error)));
        learner.import(&tensors, state.step).map_err(unfit)?;
        let here = instructions();
        if state.instructions != here {
            if !state.instructions.is_empty() {
                on_event(Event::Warning(format!(
                    "the training was begun with {} instructions and goes on with {here}: the last digits of \
                     the model will differ from those of a training that was not interrupted",
                    state.instructions
                )));
            }
            state.instructions = here;
        }
        let (log, broken) = StepLog::reopen(&run_dir.log_path(), state.step)?;
        if broken > 0 {
            let path = run_dir.log_path();
            let remark = format!("{}: {broken} broken lines of the log were dropped", path.display());
            on_event(Event::Warning(remark));
        }
        let (config, run_dir) = (config.clone(), run_dir.clone());
        Ok(Self { learner, state, config, run_dir, log, saved: true, saved_at })
    }

    /// The model of this description, with the networks as they are.
    pub(super) fn model(&self, description: Description) -> Result<Model> {
        let network = self.learner.network(description.is_trained());
        let network = network.map_err(|error| Error::Bug(format!("the network does not fit: {error}")))?;
        Ok(Model::new(description, network)?)
    }

    /// Whether no step is left.
    pub(super) fn is_over(&self) -> bool {
        let mut schedule = self.state.schedule.clone();
        schedule.observe(self.state.step, self.state.elapsed);
        schedule.is_over(self.state.step)
    }

    /// Steps until the schedule is over, with batches made beside them.
    pub(super) fn run(
        &mut self,
        synthesizer: &Synthesizer,
        stop: &StopToken,
        on_event: &mut OnEvent<'_>,
    ) -> Result<()> {
        let (first, size) = (self.state.step, self.config.optimiser.batch);
        let detector = self.config.architecture.detector.then_some(self.config.detector.every);
        let in_parts = synthesizer.is_in_parts();
        std::thread::scope(|scope| {
            let (sender, batches) = sync_channel(BATCHES_AHEAD);
            let synthesis = std::thread::Builder::new().name("synthesis".into());
            let started = synthesis.spawn_scoped(scope, move || {
                // Ends when the receiver is gone: the training is over or has failed.
                for step in first.. {
                    let good = detector.is_some_and(|every| step.is_multiple_of(every));
                    let good = good.then(|| synthesizer.base_batch(step, size));
                    let pairs = synthesizer.batch(step, size);
                    let batch = Batch::new(step, &pairs, good.as_deref(), in_parts);
                    if sender.send(batch).is_err() {
                        return;
                    }
                }
            });
            started.map_err(|source| anoseg_infer::Error::Threads { source: Box::new(source) })?;
            self.steps(&batches, stop, on_event)
        })
    }

    fn steps(
        &mut self,
        batches: &Receiver<Batch>,
        stop: &StopToken,
        on_event: &mut OnEvent<'_>,
    ) -> Result<()> {
        let (begun, elapsed_before, first) = (Instant::now(), self.state.elapsed, self.state.step);
        let mut saved = Instant::now();
        loop {
            self.state.schedule.observe(self.state.step, self.state.elapsed);
            if self.state.schedule.is_over(self.state.step) {
                return if self.save()? { Ok(()) } else { self.fall_back(NOT_FINITE.to_owned(), on_event) };
            }
            if stop.is_stopped() {
                if !self.save()? && !self.saved {
                    let why = NOT_FINITE.to_owned();
                    return Err(Error::Diverged { step: self.state.step, why });
                }
                let run_dir = self.run_dir.path().to_owned();
                return Err(Error::Interrupted { step: self.state.step, run_dir });
            }
            let batch = batches.recv().map_err(|_| Error::Bug("the synthesis thread ended early".into()))?;
            let learning_rate = self.state.schedule.learning_rate(self.state.step);
            let losses = self.learner.step(batch, learning_rate);
            self.state.step += 1;
            let condition = self.state.health.observe(&losses, self.config.loss.adversarial);
            if let Condition::Lost(why) = condition {
                return self.fall_back(why, on_event);
            }
            self.state.elapsed = elapsed_before + begun.elapsed().as_secs_f64();
            let (step, elapsed) = (self.state.step, self.state.elapsed);
            self.log.append(&StepRecord { step, learning_rate, losses, elapsed })?;
            let speed = (self.state.step - first) as f64 / begun.elapsed().as_secs_f64().max(1e-9);
            on_event(Event::Step(self.progress(losses, speed)));
            let due = saved.elapsed().as_secs_f64() >= self.config.checkpoint_seconds;
            if due && condition == Condition::Good {
                if !self.save()? {
                    return self.fall_back(NOT_FINITE.to_owned(), on_event);
                }
                saved = Instant::now();
            }
        }
    }

    /// Ends a failed training with the networks of the last good checkpoint.
    fn fall_back(&mut self, why: String, on_event: &mut OnEvent<'_>) -> Result<()> {
        let lost_at = self.state.step;
        if !self.saved {
            return Err(Error::Diverged { step: lost_at, why });
        }
        let checkpoint::Loaded { state, tensors, path, .. } = checkpoint::load(&self.run_dir)?;
        let unfit =
            |error| Error::Infer(anoseg_infer::Error::model(&path, anoseg_infer::ModelFault::from(error)));
        self.learner.import(&tensors, state.step).map_err(unfit)?;
        self.log.flush()?;
        (self.log, _) = StepLog::reopen(&self.run_dir.log_path(), state.step)?;
        self.state = state;
        on_event(Event::FellBack { lost_at, why, step: self.state.step });
        Ok(())
    }

    fn progress(&self, losses: StepLosses, steps_per_second: f64) -> Progress {
        let checkpoint::State { step, elapsed, ref schedule, .. } = self.state;
        let total = schedule.expected_steps(step, elapsed);
        Progress {
            step,
            total,
            losses,
            images_per_second: steps_per_second * self.config.optimiser.batch as f64,
            remaining: total.map(|total| total.saturating_sub(step) as f64 / steps_per_second),
        }
    }

    /// Writes a checkpoint, unless a weight is not a finite number: the last good one then stays.
    /// Returns whether it was written.
    fn save(&mut self) -> Result<bool> {
        self.log.flush()?;
        if self.saved_at == Some(self.state.step) {
            return Ok(true);
        }
        let tensors = self.learner.export();
        if !checkpoint::is_finite(&tensors) {
            return Ok(false);
        }
        checkpoint::save(&self.run_dir, &self.state, &tensors)?;
        (self.saved, self.saved_at) = (true, Some(self.state.step));
        Ok(true)
    }
}
