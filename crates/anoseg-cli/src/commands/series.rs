//! Trainings one after the other, each done once: what `ablate` and `bench` share.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use anoseg::train::has_checkpoint;
use anoseg::{Config, Error, Model, PretrainedEncoder, TrainingRun};
use anoseg_image::{Category, write};
use anyhow::Result;

use super::{cpu, train};
use crate::console;

/// Where a series keeps its models, and what stops it.
pub(super) struct Series<'a> {
    pub(super) out: &'a Path,
    pub(super) stop: &'a AtomicBool,
    pub(super) encoder: Option<PretrainedEncoder>,
}

impl Series<'_> {
    /// The model of this name: the one of an earlier call with the same settings and pictures, or trained now, going on where
    /// an earlier call was stopped.
    pub(super) fn model(&self, name: &str, category: &Category, config: &Config) -> Result<Model> {
        let (path, run_dir, device) = (self.path(name), self.run_dir(name), cpu());
        let listing_path = run_dir.join("pictures.txt");
        let listing = listing(category)?;
        let is = |path: &Path, wanted: &str| std::fs::read_to_string(path).is_ok_and(|text| text == wanted);
        let settings = config.to_toml()?;
        let same = is(&run_dir.join("config.toml"), &settings) && is(&listing_path, &listing);
        if same && path.is_file() {
            console::note(&format!("{name}: trained already"));
            return Ok(super::load_model(&path)?);
        }
        std::fs::create_dir_all(&run_dir).map_err(|error| Error::io(&run_dir, &error))?;
        write::atomic(&listing_path, |file| file.write_all(listing.as_bytes()))?;
        let resume = same && has_checkpoint(&run_dir);
        let (encoder, stop) = (self.encoder.as_ref(), self.stop);
        let training =
            TrainingRun { category, config, run_dir: &run_dir, resume, device: &device, encoder, stop };
        let model = train::with_progress(&training)?;
        model.save(&path)?;
        Ok(model)
    }

    pub(super) fn run_dir(&self, name: &str) -> PathBuf {
        self.out.join(format!("{name}-run"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.out.join(format!("{name}.anoseg"))
    }
}

/// The folder and its good pictures with their sizes in bytes: tells whether a model was trained on what lies there now.
fn listing(category: &Category) -> Result<String> {
    let folder = std::fs::canonicalize(&category.root).unwrap_or_else(|_| category.root.clone());
    let mut listing = format!("{}\n", folder.display());
    for path in &category.train {
        let bytes = std::fs::metadata(path).map_err(|error| Error::io(path, &error))?.len();
        let name = path.strip_prefix(&category.root).unwrap_or(path);
        listing.push_str(&format!("{bytes} {}\n", name.display()));
    }
    Ok(listing)
}
