//! Trainings one after the other, each done once.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anoseg_image::{Dataset, Limits, write};
use anoseg_infer::{ErrorKind, Model};

use crate::run_dir::remove_file;
use crate::{Config, Error, Event, PretrainedEncoder, Result, RunDir, StopToken, Trainer};

/// The folder in which a series of trainings keeps its models and run directories, each training
/// under its name.
#[derive(Clone, Debug)]
pub struct Series {
    /// The folder.
    pub folder: PathBuf,
    /// Stops the running training.
    pub stop: StopToken,
    /// The pretrained encoder, where the settings need one.
    pub encoder: Option<PretrainedEncoder>,
    /// Limits on each image.
    pub limits: Limits,
}

/// Largest list of images, or file of settings.
const MOST_LISTING_BYTES: u64 = 256 << 20;

/// A model of a series.
#[derive(Debug)]
pub struct SeriesModel {
    /// The model.
    pub model: Model,
    /// Whether it was trained by an earlier call.
    pub known: bool,
}

impl Series {
    /// The model of this name. It is loaded if an earlier call trained it with the same settings
    /// and images. Otherwise it is trained now, and resumes where an earlier call was stopped.
    ///
    /// # Errors
    /// As [`Trainer::run`], and if the folder cannot be read or written.
    pub fn model(
        &self,
        name: &str,
        dataset: &Dataset,
        config: &Config,
        mut on_event: impl FnMut(Event) + Send + 'static,
    ) -> Result<SeriesModel> {
        let (path, run_dir) = (self.model_path(name), self.run_dir(name));
        run_dir.require_own_files()?;
        let listing_path = run_dir.path().join("pictures.txt");
        let listing = listing(dataset, &self.limits)?;
        config.validate()?;
        let is = |path: &Path, wanted: &str| {
            anoseg_image::read::regular_text(path, MOST_LISTING_BYTES).is_ok_and(|text| text == wanted)
        };
        let same = is(&run_dir.config_path(), &config.to_toml()?) && is(&listing_path, &listing);
        if same && path.is_file() {
            match Model::load(&path) {
                Err(error) if error.kind() == ErrorKind::Model => {
                    on_event(Event::Warning(format!("{error}; it is trained again")));
                }
                loaded => return Ok(SeriesModel { model: loaded?, known: true }),
            }
        }
        if !same {
            if run_dir.is_unfinished()? {
                let aside = run_dir.move_aside()?;
                on_event(Event::Warning(format!(
                    "an unfinished training with other settings or images was moved to {}",
                    aside.display()
                )));
            }
            // They belong to another training than the one that this run directory will soon hold.
            remove_file(&path)?;
            remove_file(&listing_path)?;
        }
        std::fs::create_dir_all(run_dir.path()).map_err(|error| Error::io(run_dir.path(), error))?;
        let list = || write::atomic(&listing_path, |file| file.write_all(listing.as_bytes()));
        let on_event = Arc::new(Mutex::new(on_event));
        let train = |resume: bool| {
            let (path, text, on_event) = (listing_path.clone(), listing.clone(), Arc::clone(&on_event));
            let trainer = Trainer::new(dataset.clone())
                .encoder(self.encoder.clone())
                .stop(self.stop.clone())
                .limits(self.limits)
                .on_event(move |event| {
                    // From here on the run directory holds this training, which can be resumed. If the
                    // list cannot be written, it begins anew instead.
                    if matches!(event, Event::Loaded { .. }) {
                        _ = write::atomic(&path, |file| file.write_all(text.as_bytes()));
                    }
                    tell(&on_event, event);
                });
            let run_dir = run_dir.clone();
            let trainer = if resume {
                trainer.resume(run_dir)?
            } else {
                trainer.config(config.clone()).run_dir(run_dir)
            };
            trainer.run()
        };
        let model = match train(same && run_dir.has_checkpoint()) {
            // Only a checkpoint can be at fault: it is the one model file that is read.
            Err(error) if same && error.kind() == ErrorKind::Model => {
                tell(&on_event, Event::Warning(format!("{error}; the training begins anew")));
                train(false)?
            }
            trained => trained?,
        };
        list()?;
        model.save(&path)?;
        run_dir.mark_finished()?;
        Ok(SeriesModel { model, known: false })
    }

    /// The run directory of a training.
    pub fn run_dir(&self, name: &str) -> RunDir {
        RunDir::open(self.folder.join(format!("{name}-run")))
    }

    /// The model file of a training.
    pub fn model_path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.anoseg"))
    }
}

fn tell(on_event: &Mutex<impl FnMut(Event)>, event: Event) {
    (on_event.lock().unwrap_or_else(PoisonError::into_inner))(event);
}

/// The folder and its good images with their sizes in bytes, to check whether a model was trained
/// on the present files. Limits other than the default decide which of them can be read.
fn listing(dataset: &Dataset, limits: &Limits) -> Result<String> {
    let folder = std::fs::canonicalize(&dataset.root).unwrap_or_else(|_| dataset.root.clone());
    let mut listing = format!("{}\n", folder.display());
    if *limits != Limits::default() {
        listing.push_str(&format!("{limits:?}\n"));
    }
    for path in &dataset.train {
        let bytes = std::fs::metadata(path).map_err(|error| Error::io(path, error))?.len();
        let name = path.strip_prefix(&dataset.root).unwrap_or(path);
        listing.push_str(&format!("{bytes} {}\n", name.display()));
    }
    Ok(listing)
}
