//! A version that is loaded, and how it becomes so: load, run once, compare with recorded verdicts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anoseg::batch::{Verdict, inspect_file};
use anoseg::{Error, Image, Limits, Model};
use anoseg_history::ModelKey;
use anoseg_image::dataset;

use super::scan::Found;
use super::statistics::Statistics;
use crate::drift::Watch;
use crate::regression::Report;

/// The folder beside a model file with images that it must judge as recorded.
const CANARY: &str = "canary";

/// The file in it with the verdicts, as `predict` writes them.
const VERDICTS: &str = "verdicts.jsonl";

/// A score may differ so much from the recorded one: other instruction sets change the last digits, and
/// other decoders of JPEG change pixels.
const SCORE_TOLERANCE: f32 = 0.02;

/// Most bytes of a file of recorded verdicts.
const MOST_VERDICT_BYTES: u64 = 16 << 20;

/// A version of a model, ready to inspect images.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) name: String,
    pub(crate) version: u64,
    pub(crate) model: Model,
    /// [`Model::digest`].
    pub(crate) digest: String,
    pub(crate) statistics: Statistics,
    /// What its verdicts in the history name.
    pub(crate) key: ModelKey,
    /// None without a history, or where it could not be read.
    pub(crate) drift: Option<Arc<Watch>>,
    /// How it decides beside the version before it; None where there was none.
    pub(crate) regression: Option<Arc<Report>>,
}

/// Why a version is not served.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    /// The model file is bad, or the model has no thresholds.
    #[error(transparent)]
    Model(#[from] Error),
    /// The canary folder cannot be read.
    #[error("{}: {source}", path.display())]
    Canary { path: PathBuf, source: Box<dyn std::error::Error + Send + Sync> },
    /// An image is judged in another way than recorded.
    #[error("canary image {image}: {what}")]
    Differs { image: String, what: String },
}

impl Served {
    /// Loads a version and makes sure that it works.
    ///
    /// # Errors
    /// The file is bad, the model has no thresholds, or canary images are not judged as recorded.
    pub(super) fn load(name: &str, version: u64, found: &Found, limits: &Limits) -> Result<Self, LoadError> {
        let model = Model::load(&found.model())?;
        model.calibration()?;
        warm_up(&model)?;
        check_canary(&model, &found.folder.join(CANARY), limits)?;
        let key = ModelKey::of(name, &version.to_string(), model.to_file())?;
        let digest = key.digest.clone();
        let statistics = Statistics::default();
        let name = name.to_owned();
        let (drift, regression) = (None, None);
        Ok(Self { name, version, model, digest, statistics, key, drift, regression })
    }
}

/// Inspects a grey image of the network's size: memory is planned, and a network whose values are not
/// finite is found out.
fn warm_up(model: &Model) -> Result<(), Error> {
    let [height, width] = model.description().preprocess.size();
    model.inspect(&Image::filled(width, height, [0.5; 3])).map(drop)
}

/// Compares the verdicts on the images of a folder with the recorded ones. Images without a record must
/// only be readable; a folder that is not there has none.
fn check_canary(model: &Model, folder: &Path, limits: &Limits) -> Result<(), LoadError> {
    if !folder.is_dir() {
        return Ok(());
    }
    let recorded = recorded(&folder.join(VERDICTS))?;
    let mut found = dataset::find_images(&[folder.to_owned()]);
    if let Some(failure) = found.failures.pop() {
        return Err(LoadError::Canary { path: folder.to_owned(), source: Box::new(failure) });
    }
    if recorded.is_empty() && !found.images.is_empty() {
        let (folder, file) = (folder.display(), VERDICTS);
        tracing::warn!(%folder, file, "canary images without recorded verdicts: only their reading is checked");
    }
    for path in &found.images {
        let verdict = Verdict::of(&inspect_file(model, path, limits)?, false);
        let name = file_name(&verdict.image);
        if let Some(record) = recorded.iter().rev().find(|record| file_name(&record.image) == name) {
            compare(name, &verdict, record)?;
        }
    }
    let is_there =
        |name: &str| found.images.iter().any(|path| file_name(&dataset::display_name(path)) == name);
    match recorded.iter().map(|record| file_name(&record.image)).find(|name| !is_there(name)) {
        Some(name) => Err(differs(name, "it has a recorded verdict and is not there".into())),
        None => Ok(()),
    }
}

fn compare(name: &str, verdict: &Verdict, record: &Verdict) -> Result<(), LoadError> {
    if verdict.decision != record.decision {
        let (now, then) = (verdict.decision, record.decision);
        return Err(differs(name, format!("the decision is {now:?}, recorded is {then:?}")));
    }
    let (now, then) = (verdict.score.unwrap_or(f32::NAN), record.score.unwrap_or(f32::NAN));
    if (now - then).abs() > SCORE_TOLERANCE {
        return Err(differs(name, format!("the score is {now}, recorded is {then}")));
    }
    Ok(())
}

fn differs(image: &str, what: String) -> LoadError {
    LoadError::Differs { image: image.to_owned(), what }
}

/// The last part of an image's name as verdicts have it.
fn file_name(image: &str) -> &str {
    image.rsplit(['/', '\\']).next().unwrap_or(image)
}

/// The lines of a file of verdicts; none if it is not there.
fn recorded(path: &Path) -> Result<Vec<Verdict>, LoadError> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let broken = |source: Box<dyn std::error::Error + Send + Sync>| LoadError::Canary {
        path: path.to_owned(),
        source,
    };
    let bytes =
        anoseg_image::read::regular(path, MOST_VERDICT_BYTES).map_err(|error| broken(Box::new(error)))?;
    let lines = bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).map_err(|error| broken(Box::new(error)))).collect()
}
