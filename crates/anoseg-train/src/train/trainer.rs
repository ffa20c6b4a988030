//! The training from end to end.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anoseg_image::dataset::Layout;
use anoseg_image::{Dataset, Image, Limits, Mask};
use anoseg_infer::network::{Backbone, Kind};
use anoseg_infer::{
    Calibration, Description, Extent, Geometry, Model, Preprocess, Provenance, TrainingImages, ValueScale,
};
use anoseg_kernels::Level;
use anoseg_synth::{BaseAugmentation, Flip, Synthesizer};

use super::event::{Event, StopToken};
use super::folds::Folds;
use super::session::Session;
use crate::backbone::Views;
use crate::calibrate::{self, Calibrated, Judges, Steps};
use crate::config::{Align, Budget, Config, Preset};
use crate::data::{HeldOut, load_until};
use crate::encoder::{PretrainedEncoder, no_temporary};
use crate::run_dir::{Origin, RunDir};
use crate::{Error, Result, align, backbone, in_parts, suspects};

/// Trains a model on the good images of a dataset.
///
/// ```
/// use anoseg_image::{Dataset, write::write_png};
/// use anoseg_synth::demo::{Part, good};
/// use anoseg_train::{Budget, Config, Event, Trainer};
///
/// let folder = tempfile::tempdir()?;
/// for number in 0..12 {
///     let image = good(Part::Fabric, 0, number, 32, 32);
///     write_png(&folder.path().join(format!("{number:02}.png")), &image)?;
/// }
/// // A tiny network, so that this example takes a moment only.
/// let mut config = Config { budget: Budget::Steps(2), ..Config::default() };
/// config.architecture.widths = vec![4, 4];
/// config.input.size = 32;
/// let model = Trainer::new(Dataset::open(folder.path())?)
///     .config(config)
///     .on_event(|event| {
///         if let Event::Step(progress) = event {
///             println!("step {}", progress.step);
///         }
///     })
///     .run()?;
/// assert!(model.inspect(&good(Part::Fabric, 0, 99, 48, 40)).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Trainer {
    dataset: Dataset,
    config: Config,
    run_dir: Option<RunDir>,
    resume: bool,
    encoder: Option<PretrainedEncoder>,
    chosen: (Option<Layout>, Option<PathBuf>),
    stop: StopToken,
    limits: Option<Limits>,
    on_event: Box<dyn FnMut(Event) + Send>,
}

impl Trainer {
    /// A training on this dataset with the default preset.
    pub fn new(dataset: Dataset) -> Self {
        Self {
            dataset,
            config: Config::default(),
            run_dir: None,
            resume: false,
            encoder: None,
            chosen: (None, None),
            stop: StopToken::new(),
            limits: None,
            on_event: Box::new(|_| ()),
        }
    }

    /// With the settings of a preset; the seed and the budget stay.
    pub fn preset(mut self, preset: Preset) -> Self {
        self.config = Config { seed: self.config.seed, budget: self.config.budget, ..Config::of(preset) };
        self
    }

    /// With these settings.
    pub fn config(self, config: Config) -> Self {
        Self { config, ..self }
    }

    /// For this time, or this many steps.
    pub fn budget(mut self, budget: impl Into<Budget>) -> Self {
        self.config.budget = budget.into();
        self
    }

    /// With this seed of weights, synthesis and split.
    pub fn seed(mut self, seed: u64) -> Self {
        self.config.seed = seed;
        self
    }

    /// Keeps settings, log and checkpoint in this folder. Without, the training cannot be resumed.
    pub fn run_dir(self, run_dir: RunDir) -> Self {
        Self { run_dir: Some(run_dir), ..self }
    }

    /// Goes on from the checkpoint in the run directory, with the settings stored there.
    ///
    /// # Errors
    /// There is no training to resume.
    pub fn resume(self, run_dir: RunDir) -> Result<Self> {
        let config = run_dir.config()?;
        Ok(Self { config, run_dir: Some(run_dir), resume: true, ..self })
    }

    /// With these pretrained weights, which preset `accurate` needs.
    pub fn encoder(self, encoder: Option<PretrainedEncoder>) -> Self {
        Self { encoder, ..self }
    }

    /// Notes in the run directory that this layout of the dataset and this file of the encoder were
    /// chosen, where they were, so that the training can be called again ([`RunDir::origin`]).
    pub fn chosen(self, layout: Option<Layout>, encoder: Option<PathBuf>) -> Self {
        Self { chosen: (layout, encoder), ..self }
    }

    /// Stops, with a checkpoint, when this token is stopped.
    pub fn stop(self, stop: StopToken) -> Self {
        Self { stop, ..self }
    }

    /// Reads images within these limits, whatever the settings say.
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits: Some(limits), ..self }
    }

    fn limits_in_force(&self) -> Limits {
        self.limits.unwrap_or_else(|| self.config.input.limits())
    }

    /// Calls `observe` with each event.
    pub fn on_event(self, observe: impl FnMut(Event) + Send + 'static) -> Self {
        Self { on_event: Box::new(observe), ..self }
    }

    /// Trains, calibrates and returns the model.
    ///
    /// # Errors
    /// Bad settings or data, a run directory that cannot be written, is in use or holds files that no
    /// training wrote in the place of its own, a checkpoint of
    /// other settings or images, a diverged loss, or after the token was stopped [`Error::Interrupted`],
    /// and [`Error::Stopped`] before the first checkpoint.
    pub fn run(mut self) -> Result<Model> {
        let begun = Instant::now();
        self.config.validate()?;
        Level::requested().map_err(anoseg_infer::Error::from)?;
        let temporary = match self.run_dir {
            Some(_) => None,
            None => Some(tempfile::tempdir().map_err(|error| no_temporary(&error))?),
        };
        let run_dir = match (&self.run_dir, &temporary) {
            (Some(run_dir), _) => run_dir.clone(),
            (None, Some(folder)) => RunDir::open(folder.path()),
            (None, None) => unreachable!("a folder was made where none was given"),
        };
        if !self.resume {
            run_dir.require_own_files()?;
        }
        let _lock = run_dir.lock()?;
        let trained = self.train(&run_dir, begun);
        // A temporary run directory cannot be resumed from.
        match trained {
            Err(Error::Interrupted { step, .. }) if temporary.is_some() => {
                Err(Error::Interrupted { step, run_dir: PathBuf::new() })
            }
            trained => trained,
        }
    }

    fn train(&mut self, run_dir: &RunDir, begun: Instant) -> Result<Model> {
        let (mut config, seed) = (self.settled(run_dir)?, self.config.seed);
        let mut data = load_until(&self.dataset, &config, &self.limits_in_force(), &self.stop)?;
        if data.preprocess.geometry.is_tiled() {
            // A tile is not the image, and a score must not depend on where tiles begin.
            config.architecture.context = false;
        }
        let (remarks, training_images) = (data.remarks(), data.traits());
        data.require_distinct(&self.dataset.root)?;
        let folds = Folds::of(&config, data.images.len());
        // One that an earlier version began has images held out.
        let folds = folds.filter(|_| !self.resume || Session::stored_folds(run_dir) > 0);
        let further = folds.as_ref().map_or(0, Folds::count);
        let held_out = match folds {
            Some(_) => HeldOut::default(),
            None => data.hold_out(config.calibration.holdout, seed),
        };
        let names = data.names();
        for warning in self.dataset.warnings.iter().chain(&data.warnings) {
            (self.on_event)(Event::Warning(warning.clone()));
        }
        remarks.iter().for_each(|remark| (self.on_event)(Event::Warning(remark.to_string())));
        if let Some(movement) = data.movement.clone() {
            (self.on_event)(Event::Movement(movement));
        }
        if !self.resume && config.input.align == Align::Off && config.region.is_none() {
            let moves = align::advised(self.dataset.training_images()?, &self.limits_in_force());
            moves.into_iter().for_each(|movement| (self.on_event)(Event::Moves(movement)));
        }
        if data.preprocess.scale != ValueScale::default() {
            (self.on_event)(Event::ValueScale(data.preprocess.scale));
        }
        let ([smallest, largest], view) = (data.taken(), config.input.view);
        (self.on_event)(Event::Geometry { geometry: data.preprocess.geometry, view, smallest, largest });
        let inside = data.inside();
        if let Some(inside) = &inside {
            let (pixels, plane) = (inside.count(), Extent { width: inside.width(), height: inside.height() });
            let share = pixels as f64 / inside.as_slice().len() as f64;
            (self.on_event)(Event::Region { share, pixels, plane });
        }
        let (train, spared) = (data.images.len(), held_out.images.len());
        let images = Arc::new(data.images);
        let own = &data.preprocess.geometry;
        let synthesizer = in_parts::synthesizer(Arc::clone(&images), config.recipe(), seed, own)?;
        let synthesizer = synthesizer.within(inside.clone());
        let light = &synthesizer.recipe().base;
        let backbone = self.backbone(&images, light, &data.preprocess.geometry, inside.as_ref())?;
        let setup = begun.elapsed().as_secs_f64();
        let parts = Views::of(&images, own).len().div_ceil(train);
        let identity = (data.manifest.as_str(), train);
        let mut session = if self.resume {
            Session::resume(&config, run_dir, identity, backbone.clone(), &mut self.on_event)
                .map_err(|error| self.with_folders(error, run_dir))?
        } else {
            let images = (identity.0, train, parts);
            Session::begin(&config, run_dir, images, backbone.clone(), (setup, further))?
        };
        run_dir.write_origin(&self.origin())?;
        (self.on_event)(loaded(&synthesizer, [train, spared, further], &session));
        session.run(&synthesizer, &self.stop, &mut self.on_event)?;
        if session.state.schedule.ended_early() {
            (self.on_event)(Event::ViewLimitReached { views: config.optimiser.most_views });
        }
        let provenance = Provenance {
            program_version: env!("CARGO_PKG_VERSION").to_owned(),
            category: self.dataset.name.clone(),
            data_blake3: data.manifest,
            training_images: train,
            held_out_images: spared,
            seed,
            steps: session.state.step,
            seconds: session.state.elapsed,
            trained_on: {
                data.files.sort_unstable();
                data.files
            },
        };
        let prepared = (data.preprocess, training_images);
        let mut model = model(&config, provenance, prepared, &synthesizer, &session)?;
        let stopped = || Error::Interrupted { step: session.state.step, run_dir: run_dir.path().to_owned() };
        let judges = match folds {
            Some(folds) => {
                let (trained, Self { stop, on_event, .. }) = ((&model, backbone.as_ref()), &mut *self);
                folds.train((&config, parts, run_dir), trained, &synthesizer, stop, on_event)?
            }
            None if spared == 0 => Judges::Trained(&model),
            None => Judges::HeldOut(&model),
        };
        (self.on_event)(Event::Calibrating);
        let calibration = self.calibration((&model, &judges), (&images, &names), held_out, &stopped)?;
        model.set_calibration(calibration);
        Ok(model)
    }

    /// The thresholds of a model that was trained on these images, of these names, from what `judges` say. Good images
    /// that may show defects are told. `stopped` is the error after the token was stopped.
    fn calibration(
        &mut self,
        (model, judges): (&Model, &Judges<'_>),
        (images, names): (&Arc<Vec<Image>>, &[PathBuf]),
        held_out: HeldOut,
        stopped: &dyn Fn() -> Error,
    ) -> Result<Calibration> {
        let spared = held_out.images.len();
        let normals = if spared == 0 { Arc::clone(images) } else { Arc::new(held_out.images) };
        let Self { on_event, stop, config, .. } = self;
        let mut on_image = |done: usize, of: usize| {
            if stop.is_stopped() {
                return Err(stopped());
            }
            on_event(Event::Judged { done, of });
            Ok(())
        };
        let judged = calibrate::judged_images(&normals) + suspects::judged_images(images.len(), spared);
        let mut steps = Steps::new(judged, &mut on_image);
        let Calibrated { mut calibration, synthetic_scores } =
            calibrate::from_normals(model, judges, &normals, &config.calibration, &mut steps)?;
        calibration.calibrated_on = held_out.files;
        calibration.calibrated_on.sort_unstable();
        let spared_images: &[Image] = if spared == 0 { &[] } else { &normals };
        let held_out = (spared_images, &held_out.names[..]);
        let suspects = suspects::find(model, (images, names), held_out, &synthetic_scores, &mut steps)?;
        steps.next()?;
        if !suspects.is_empty() {
            on_event(Event::Suspects { images: suspects, of: images.len() + spared });
        }
        Ok(calibration)
    }

    /// What the training is called with.
    fn origin(&self) -> Origin {
        let (folder, limits) = (self.dataset.root.clone(), self.limits_in_force());
        Origin { folder, layout: self.chosen.0, encoder: self.chosen.1.clone(), limits }
    }

    /// The error with the folder of images or the file of the encoder, and what the training was begun with.
    fn with_folders(&self, error: Error, run_dir: &RunDir) -> Error {
        if let Error::OtherEncoder { path, .. } = error {
            return Error::OtherEncoder { path, before: run_dir.origin().and_then(|origin| origin.encoder) };
        }
        let Error::OtherImages { .. } = error else { return error };
        let real = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let path = self.dataset.root.clone();
        let before = run_dir.origin().map(|origin| origin.folder);
        let before = before.filter(|before| real(before) != real(&path));
        Error::OtherImages { path, before }
    }

    /// The settings with the architecture of the encoder. A training that is resumed has its own, which must
    /// be the same.
    fn settled(&self, run_dir: &RunDir) -> Result<Config> {
        let (config, encoder) = (self.config.clone(), self.encoder.as_ref());
        if config.architecture.network != Kind::Pretrained {
            return Ok(config);
        }
        let other = |encoder: &PretrainedEncoder| *encoder.architecture() != config.architecture.encoder;
        if self.resume && run_dir.has_checkpoint() && encoder.is_some_and(other) {
            let path = run_dir.checkpoint_path();
            return Err(self.with_folders(Error::OtherEncoder { path, before: None }, run_dir));
        }
        config.with_encoder(encoder)
    }

    /// The frozen backbone of a pretrained network, measured on these images.
    fn backbone(
        &self,
        images: &[Image],
        light: &BaseAugmentation,
        geometry: &Geometry,
        inside: Option<&Mask>,
    ) -> Result<Option<Arc<Backbone>>> {
        let Config { architecture, seed, .. } = &self.config;
        if architecture.network != Kind::Pretrained {
            return Ok(None);
        }
        let encoder = self.encoder.as_ref().ok_or(Error::NoEncoder)?;
        let views = Views::of(images, geometry).within(inside).lit(light, *seed);
        let backbone = backbone::measure(encoder, &views, architecture, *seed)
            .map_err(|error| Error::Bug(format!("the encoder does not fit: {error}")))?;
        Ok(Some(Arc::new(backbone)))
    }
}

fn loaded(synthesizer: &Synthesizer, [train, held_out, folds]: [usize; 3], session: &Session) -> Event {
    let base = &synthesizer.recipe().base;
    let mirrored = [base.flip_horizontal, base.flip_vertical].map(|flip| flip == Flip::Always);
    let lit_anew = base.varies_light();
    let foregrounds = (0..train).filter(|&i| synthesizer.foreground(i).is_some()).count();
    let (resumed_at, complete) = (session.state.step, session.is_over());
    Event::Loaded { train, held_out, folds, mirrored, lit_anew, foregrounds, resumed_at, complete }
}

/// The model of a session that is over, not calibrated yet.
fn model(
    config: &Config,
    provenance: Provenance,
    (preprocess, training_images): (Preprocess, Option<TrainingImages>),
    synthesizer: &Synthesizer,
    session: &Session,
) -> Result<Model> {
    // Settings that depend on the images are stored as the training resolved them.
    let synthesis =
        anoseg_infer::json_value(synthesizer.recipe()).map_err(|error| Error::Bug(error.to_string()))?;
    let description = Description {
        preset: config.preset.name().to_owned(),
        architecture: config.architecture.clone().in_use(),
        preprocess,
        postprocess: config.output.clone(),
        synthesis,
        calibration: None,
        former_calibrations: Vec::new(),
        provenance,
        training_images,
    };
    session.model(description)
}
