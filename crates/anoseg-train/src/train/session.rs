//! A training under way: its steps, its checkpoints, and how it ends.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Instant;

use anoseg_image::write;
use anoseg_synth::Synthesizer;

use super::batch::Batch;
use super::checkpoint;
use super::health::{Condition, Health};
use super::learner::Learner;
use super::log::{StepLog, StepRecord};
use super::schedule::Schedule;
use super::step_losses::StepLosses;
use super::{Progress, TrainingEvent, TrainingRun, make_folder};
use crate::config::Budget;
use crate::network::Backbone;
use crate::{Error, Result};

/// Share of a time budget kept for the calibration at the end.
const CALIBRATION_SHARE: f64 = 0.03;

/// Batches made ahead of the step that uses them.
const BATCHES_AHEAD: usize = 2;

/// A training under way.
pub(super) struct Session {
    pub(super) learner: Learner,
    pub(super) state: checkpoint::State,
    log: StepLog,
    /// Whether the run directory holds a checkpoint of this training.
    saved: bool,
}

impl Session {
    /// A new session for so many `pictures` with this `manifest`. `setup_seconds` of a time budget are gone.
    pub(super) fn begin(
        run: &TrainingRun<'_>,
        (manifest, pictures): (&str, usize),
        backbone: Option<Arc<Backbone>>,
        setup_seconds: f64,
    ) -> Result<Self> {
        let config = run.config.to_toml()?;
        make_folder(&run.run_dir.join("checkpoint"))?;
        let path = run.run_dir.join("config.toml");
        write::atomic(&path, |file| file.write_all(config.as_bytes()))?;
        let budget = match run.config.budget {
            Budget::Seconds(seconds) => {
                Budget::Seconds((seconds - setup_seconds).max(0.5) * (1.0 - CALIBRATION_SHARE))
            }
            steps => steps,
        };
        let optimiser = &run.config.optimiser;
        let views = optimiser.most_views.saturating_mul(pictures as u64);
        let limit = (views > 0).then(|| views.div_ceil(optimiser.batch as u64));
        let schedule = Schedule::new(optimiser.learning_rate, optimiser.warmup_steps, budget, limit);
        let manifest = manifest.to_owned();
        let health = Health::default();
        let state = checkpoint::State { step: 0, elapsed: 0.0, schedule, health, config, manifest };
        let log = StepLog::create(run.run_dir)?;
        let learner = Learner::new(run.config, backbone, pictures, run.device);
        Ok(Self { learner, state, log, saved: false })
    }

    /// The session that the checkpoint holds.
    ///
    /// # Errors
    /// There is none, it is damaged, or it belongs to other settings or pictures.
    pub(super) fn resume(
        run: &TrainingRun<'_>,
        (manifest, pictures): (&str, usize),
        backbone: Option<Arc<Backbone>>,
    ) -> Result<Self> {
        let (state, tensors) = checkpoint::load(run.run_dir)?;
        let path = checkpoint::path(run.run_dir);
        if state.config != run.config.to_toml()? {
            let what = "the checkpoint belongs to other settings: resume with the same, or start anew without --resume";
            return Err(Error::Arguments(format!("{}: {what}", path.display())));
        }
        if state.manifest != manifest {
            return Err(Error::data(
                &run.category.root,
                "the pictures are not those of the checkpoint: start anew without --resume",
            ));
        }
        let mut learner = Learner::new(run.config, backbone, pictures, run.device);
        learner.import(&tensors, state.step).map_err(|error| Error::model(&path, error.to_string()))?;
        let log = StepLog::reopen(run.run_dir, state.step)?;
        Ok(Self { learner, state, log, saved: true })
    }

    /// Steps until the schedule is over, with batches made beside them.
    pub(super) fn run(
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
        self.learner.import(&tensors, state.step).map_err(|error| Error::model(&path, error.to_string()))?;
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
