//! The trained model: ready to run, on any thread.

mod analyse;
mod forward;
mod replaced;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anoseg_image::{AnomalyMap, Image, Mask, Region};
use anoseg_kernels::Level;

use crate::model_file::{BACKBONE, DETECTOR};
use crate::network::{Backbone, Blueprint, Detector, ImageGenerator, head};
use crate::parameters::{ParameterData, ParameterStore, prefixed, take_prefix};
use crate::runtime::{Program, Recorder, Value};
use crate::strongest::strongest_place;
use crate::{
    Analysis, Calibration, Decision, DecisionRule, Description, Drawings, Error, Inspection,
    InspectionWarning, ModelFault, ModelFile, Narrowing, Pose, RegionOfInterest, Result, SettingError,
    Threads, warning,
};

pub use forward::NetworkOutputs;
use forward::forward;
pub use replaced::WindowOutputs;

/// Bytes of memory that a run may take.
const MOST_BYTES: u64 = 8 << 30;

/// Former sets of thresholds that a model keeps.
const FORMER_CALIBRATIONS: usize = 4;

/// The parameters of a model's networks.
#[derive(Clone, Debug)]
pub enum Network {
    /// A generator that starts from images, and the second GAN if there is one.
    Images {
        /// Parameters of the generator.
        generator: ParameterStore,
        /// Parameters of the second GAN.
        detector: Option<ParameterStore>,
    },
    /// A frozen backbone, and the head on it. Without a head the map is the distance to good
    /// images.
    Pretrained {
        /// Features and memory bank.
        backbone: Arc<Backbone>,
        /// Parameters of the head.
        head: Option<ParameterStore>,
    },
}

/// A trained model. `Send + Sync`; it has no global state, and several threads may call it at a
/// time. A clone shares the network and costs microseconds.
///
/// ```no_run
/// use anoseg_image::{Limits, decode};
/// use anoseg_infer::{Decision, Model};
///
/// let model = Model::load("part.anoseg".as_ref())?;
/// let image = decode::load("part.png".as_ref(), &Limits::default())?;
/// let inspection = model.inspect(&image)?;
/// if inspection.decision == Decision::Reject {
///     println!("{} anomalous regions", inspection.regions.len());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Model {
    description: Description,
    /// Shared with its clones, which may have another region or other thresholds.
    network: Arc<Network>,
    program: Arc<Program>,
    /// For images that are shorter than a tile.
    smaller: Smaller,
    threads: Option<Threads>,
    path: PathBuf,
}

impl Model {
    /// Reads a model file and makes the network ready to run.
    ///
    /// # Errors
    /// The file is missing, damaged, newer than this library, or not a model.
    pub fn load(path: &Path) -> Result<Self> {
        Self::from_file(ModelFile::read(path)?, path)
    }

    /// The same from the bytes of a model file.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let path = Path::new("");
        Self::from_file(ModelFile::parse(bytes).map_err(|fault| Error::model(path, fault))?, path)
    }

    fn from_file(file: ModelFile, path: &Path) -> Result<Self> {
        let ModelFile { description, tensors } = file;
        let network = network(&description, tensors).map_err(|fault| Error::model(path, fault))?;
        Self::assemble(description, network, path)
    }

    /// A model of these parameters.
    ///
    /// # Errors
    /// The parameters do not fit the description, or the environment asks for instructions that
    /// this machine does not have.
    pub fn new(description: Description, network: Network) -> Result<Self> {
        Self::assemble(description, network, Path::new(""))
    }

    fn assemble(description: Description, network: Network, path: &Path) -> Result<Self> {
        Level::requested()?;
        let size = description.preprocess.size();
        let program = record(&description, &network, size).map_err(|fault| Error::model(path, fault))?;
        let (network, program) = (Arc::new(network), Arc::new(program));
        let smaller = Smaller::default();
        Ok(Self { description, network, program, smaller, threads: None, path: path.to_owned() })
    }

    /// The same model, computing on these threads. Otherwise it computes on those of the caller's
    /// rayon pool.
    pub fn with_threads(self, threads: Threads) -> Self {
        Self { threads: Some(threads), ..self }
    }

    /// The contents of this model's file.
    pub fn to_file(&self) -> ModelFile {
        let mut tensors = BTreeMap::new();
        match &*self.network {
            Network::Images { generator, detector } => {
                tensors.extend(generator.export());
                let detector = detector.iter().flat_map(|detector| prefixed(DETECTOR, detector.export()));
                tensors.extend(detector);
            }
            Network::Pretrained { backbone, head } => {
                tensors.extend(head.iter().flat_map(ParameterStore::export));
                tensors.extend(prefixed(BACKBONE, backbone.export()));
            }
        }
        ModelFile { description: self.description.clone(), tensors }
    }

    /// Writes the model file, atomically.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        self.to_file().write(path)
    }

    /// BLAKE3 of everything in the model, as hexadecimal digits: models with the same digest give
    /// the same results.
    ///
    /// # Errors
    /// The description does not serialise, which is a fault of this library.
    pub fn digest(&self) -> Result<String> {
        self.to_file().digest()
    }

    /// The model's description.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// The file that the model was loaded from; empty if it was not.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The same model, as if it had been loaded from this file.
    pub fn with_path(self, path: &Path) -> Self {
        Self { path: path.to_owned(), ..self }
    }

    /// Replaces the thresholds; those before are kept as former ones.
    pub fn set_calibration(&mut self, calibration: Calibration) {
        let former = &mut self.description.former_calibrations;
        former.splice(0..0, self.description.calibration.replace(calibration));
        former.truncate(FORMER_CALIBRATIONS);
    }

    /// The thresholds.
    ///
    /// # Errors
    /// The model was never calibrated.
    pub fn calibration(&self) -> Result<&Calibration> {
        let calibration = self.description.calibration.as_ref();
        calibration.ok_or_else(|| Error::NotCalibrated { path: self.path.clone() })
    }

    /// Inspects an image of any size: score, map, regions and decision.
    ///
    /// # Errors
    /// The model was never calibrated, or its network gives values that are not finite.
    pub fn inspect(&self, image: &Image) -> Result<Inspection> {
        self.inspect_by(image, DecisionRule::Score)
    }

    /// As [`Model::inspect`], decided by a rule. By that of regions, an image is marked what lies above the pixel
    /// threshold and passes the region filter, and nothing else.
    ///
    /// # Errors
    /// As [`Model::inspect`].
    pub fn inspect_by(&self, image: &Image, rule: DecisionRule) -> Result<Inspection> {
        let calibration = self.calibration()?;
        let pose = self.pose(image);
        let Analysis { score, map } = self.analyse_at(image, pose.as_ref())?;
        let at = (image, pose.as_ref());
        let (decision, (mask, regions)) = match rule {
            DecisionRule::Score => (calibration.decide(score), self.marks_at(calibration, at, &map, score)),
            DecisionRule::Regions(rule) => {
                let marks = self.regions_at(calibration, at.1, &map, Decision::Good);
                (rule.decide(&marks.1), marks)
            }
        };
        let mut warnings = self.warnings_at(image, pose.as_ref());
        if decision == Decision::Good && !regions.is_empty() {
            warnings.push(InspectionWarning::GoodWithRegions { regions: regions.len() });
        }
        Ok(Inspection { decision, score, regions, mask, map, warnings })
    }

    /// What [`Model::inspect`] marks on an image of this map and score: the pixels, and the regions they
    /// form, the highest peak first.
    ///
    /// # Errors
    /// The model was never calibrated.
    ///
    /// # Panics
    /// If image and map differ in size.
    pub fn marks(&self, image: &Image, map: &AnomalyMap, score: f32) -> Result<(Mask, Vec<Region>)> {
        Ok(self.marks_at(self.calibration()?, (image, self.pose(image).as_ref()), map, score))
    }

    fn marks_at(
        &self,
        calibration: &Calibration,
        (image, pose): (&Image, Option<&Pose>),
        map: &AnomalyMap,
        score: f32,
    ) -> (Mask, Vec<Region>) {
        let decision = calibration.decide(score);
        let (mask, regions) = self.regions_at(calibration, pose, map, decision);
        if decision == Decision::Good || !regions.is_empty() {
            return (mask, regions);
        }
        // The score comes from a place, and whoever judges the part is shown which.
        let inside = self.inside(image);
        let (mask, strongest) = strongest_place(map, inside.as_ref(), calibration.pixel_threshold);
        (mask, vec![strongest])
    }

    /// The regions above the pixel threshold that the filter for images of this decision passes, the highest peak
    /// first.
    fn regions_at(
        &self,
        calibration: &Calibration,
        pose: Option<&Pose>,
        map: &AnomalyMap,
        decision: Decision,
    ) -> (Mask, Vec<Region>) {
        let inspected = self.description.preprocess.inspected(pose, map.as_slice().len());
        let (mask, mut regions) = calibration.marks_among(map, inspected, decision);
        regions.sort_by(|a, b| b.peak.total_cmp(&a.peak).then(b.area.cmp(&a.area)));
        (mask, regions)
    }

    /// The same model with defects that count in its own region of interest and in `region` only. The
    /// thresholds stay.
    ///
    /// # Errors
    /// The region is out of bounds, or the model aligns its images, so that no place is fixed.
    pub fn narrowed(mut self, region: RegionOfInterest) -> Result<Self> {
        let preprocess = &mut self.description.preprocess;
        if preprocess.alignment.is_some() {
            let allowed = "a region is fixed on the image, and this model follows the part";
            return Err(SettingError::new("region", region.drawn_on(), allowed).into());
        }
        let both = match preprocess.region.take() {
            Some(own) => own.intersection(region),
            None => region,
        };
        both.validate()?;
        preprocess.region = Some(both);
        Ok(self)
    }

    /// The same model with its region of interest narrowed by drawings, and remarks on them; the model as it is
    /// where nothing was drawn.
    ///
    /// # Errors
    /// A drawing does not fit the training images, nothing of the image is left, or the model aligns its images, so
    /// that no place is fixed.
    pub fn narrowed_by(mut self, drawings: &Drawings) -> Result<(Self, Vec<String>), SettingError> {
        let Description { preprocess, training_images, .. } = &self.description;
        match drawings.narrowing(preprocess, training_images.as_ref())? {
            Some(Narrowing { region, remarks }) => {
                self.description.preprocess.region = Some(region);
                Ok((self, remarks))
            }
            None => Ok((self, Vec::new())),
        }
    }

    /// Where on the image defects count, at its own size or the network's; everywhere if None.
    pub fn inside(&self, image: &Image) -> Option<Mask> {
        self.description.preprocess.inside(image.width(), image.height())
    }

    /// Where the part lies in the image; None where the model was trained without an alignment.
    pub fn pose(&self, image: &Image) -> Option<Pose> {
        self.description.preprocess.alignment.as_ref()?;
        self.on_threads(|| self.description.preprocess.pose(image))
    }

    /// What makes the result for this image doubtful; usually nothing.
    pub fn warnings(&self, image: &Image) -> Vec<InspectionWarning> {
        self.warnings_at(image, self.pose(image).as_ref())
    }

    fn warnings_at(&self, image: &Image, pose: Option<&Pose>) -> Vec<InspectionWarning> {
        let Description { preprocess, training_images, .. } = &self.description;
        let mut warnings = warning::of(image, &preprocess.scale, training_images.as_ref());
        let aligned = preprocess.alignment.as_ref().zip(pose);
        warnings.extend(aligned.and_then(|(alignment, pose)| warning::of_pose(image, alignment, pose)));
        warnings
    }

    /// The image at its own size with values in 0..=1, on the model's value scale: what overlays
    /// and reports show.
    pub fn scaled<'a>(&self, image: &'a Image) -> Cow<'a, Image> {
        self.description.preprocess.scaled(image)
    }

    /// As [`Model::scaled`], of an image that is not needed as it was.
    pub fn into_scaled(&self, image: Image) -> Image {
        self.description.preprocess.into_scaled(image)
    }

    /// The network's input of an image.
    pub fn prepare(&self, image: &Image) -> Image {
        self.description.preprocess.apply(image)
    }

    /// Runs on a thread of a pool. Called from outside, every operator would have to wake one up.
    fn on_threads<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        match &self.threads {
            Some(threads) => threads.run(work),
            None if rayon::current_thread_index().is_some() => work(),
            None => rayon::scope(|_| work()),
        }
    }
}

/// The parameters of the networks of `description`, moved out of `tensors`.
fn network(
    description: &Description,
    mut tensors: BTreeMap<String, ParameterData>,
) -> Result<Network, ModelFault> {
    let mut blueprint = Blueprint::default();
    let architecture = description.architecture.clone().in_use();
    let Some(_) = ImageGenerator::new(&mut blueprint, &architecture) else {
        let parts = take_prefix(BACKBONE, &mut tensors);
        let backbone = Arc::new(Backbone::import(&architecture, parts)?);
        let head = description.is_trained().then(|| {
            head(&mut blueprint, &architecture);
            ParameterStore::take(&mut tensors, blueprint.parameters())
        });
        return Ok(Network::Pretrained { backbone, head: head.transpose()? });
    };
    let detector = architecture.detector.then(|| {
        let mut blueprint = Blueprint::default();
        Detector::new(&mut blueprint, architecture.width);
        ParameterStore::take(&mut take_prefix(DETECTOR, &mut tensors), blueprint.parameters())
    });
    let generator = ParameterStore::take(&mut tensors, blueprint.parameters())?;
    Ok(Network::Images { generator, detector: detector.transpose()? })
}

/// The newest program for windows that are smaller than the network's input. Most images of a line have
/// one size, so that one is enough; its lock is held only to look.
#[derive(Clone, Debug, Default)]
struct Smaller(Arc<Mutex<Option<Arc<Program>>>>);

impl Smaller {
    fn get(&self, [height, width]: [usize; 2]) -> Option<Arc<Program>> {
        let newest = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        newest.filter(|program| program.input_shape()[2..] == [height, width])
    }

    fn put(&self, program: Arc<Program>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(program);
    }
}

/// The program that gives the logits of the map, and the second GAN's score where there is one.
/// For images of `height` x `width` pixels at the network.
fn record(
    description: &Description,
    network: &Network,
    [height, width]: [usize; 2],
) -> Result<Program, ModelFault> {
    let shape = [1, 3, height, width];
    let tiled = description.preprocess.geometry.is_tiled();
    let (mut x, image) = if tiled { Recorder::windowed(shape) } else { Recorder::new(shape) };
    let NetworkOutputs { logits, score } = forward(description, network, &mut x, &image)?;
    let outputs: Vec<Value> = std::iter::once(logits).chain(score).collect();
    let program = x.finish(&outputs);
    let bytes = program.workspace_bytes() as u64;
    if bytes > MOST_BYTES {
        return Err(ModelFault::TooLarge { bytes, limit: MOST_BYTES });
    }
    Ok(program)
}
