//! Trainings one after the other, each done once.

use std::path::PathBuf;
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

/// Largest list of images.
const MOST_LISTING_BYTES: u64 = 256 << 20;

/// The file of a run directory that lists the images.
const LISTING: &str = "pictures.txt";

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
        let listing_path = run_dir.path().join(LISTING);
        let listing = self.listing(dataset)?;
        let config = &config.clone().with_encoder(self.encoder.as_ref())?;
        config.validate()?;
        let same = holds(&run_dir, config, &listing);
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

    /// What a training is done again for where it changes: the images, and the encoder where it is not the usual one.
    fn listing(&self, dataset: &Dataset) -> Result<String> {
        let mut listing = listing(dataset, &self.limits)?;
        if let Some(encoder) = self.encoder.as_ref().filter(|encoder| !encoder.architecture().is_default()) {
            listing.push_str(&format!("encoder {}\n", encoder.digest()?));
        }
        Ok(listing)
    }

    /// Whether [`Series::model`] would replace a model that an earlier call trained with other settings
    /// or images.
    ///
    /// # Errors
    /// The images cannot be listed, or no training wrote the files in the run directory.
    pub fn would_replace(&self, name: &str, dataset: &Dataset, config: &Config) -> Result<bool> {
        let run_dir = self.run_dir(name);
        if !self.model_path(name).is_file() {
            return Ok(false);
        }
        run_dir.require_own_files()?;
        let config = config.clone().with_encoder(self.encoder.as_ref())?;
        Ok(!holds(&run_dir, &config, &self.listing(dataset)?))
    }

    /// Moves earlier results into a folder `previous` in the folder of the series, with a number where
    /// there is one already: of each training of `names` the model, the run directory and the page
    /// `<name>.html`, and the `files`. Of the trainings `kept` the page is copied, because the files may
    /// lead to it. What does not exist is passed over. Gives that folder.
    ///
    /// # Errors
    /// A training uses a run directory, or something cannot be moved.
    pub fn set_aside(&self, names: &[String], files: &[&str], kept: &[String]) -> Result<PathBuf> {
        for run_dir in names.iter().map(|name| self.run_dir(name)).filter(|run_dir| run_dir.path().is_dir()) {
            drop(run_dir.lock()?);
        }
        let numbered = |number: u32| match number {
            1 => self.folder.join("previous"),
            _ => self.folder.join(format!("previous-{number}")),
        };
        let target = write::first_free(numbered);
        std::fs::create_dir_all(&target).map_err(|error| Error::io(&target, error))?;
        let page = |name: &String| format!("{name}.html");
        for name in kept {
            let (from, to) = (self.folder.join(page(name)), target.join(page(name)));
            present(std::fs::copy(&from, to)).map_err(|error| Error::io(&from, error))?;
        }
        // The model first: without it, an interrupted call leaves no training that counts as done.
        let of_training = |name: &String| [format!("{name}.anoseg"), format!("{name}-run"), page(name)];
        let files = files.iter().map(|&file| file.to_owned());
        for name in names.iter().flat_map(of_training).chain(files) {
            let from = self.folder.join(&name);
            let moved = std::fs::rename(&from, target.join(&name));
            present(moved).map_err(|error| Error::io(&from, error))?;
        }
        Ok(target)
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

/// Whether a run directory has these settings and this list of images.
fn holds(run_dir: &RunDir, config: &Config, listing: &str) -> bool {
    let images = anoseg_image::read::regular_text(&run_dir.path().join(LISTING), MOST_LISTING_BYTES);
    run_dir.config().is_ok_and(|stored| stored == *config) && images.is_ok_and(|images| images == listing)
}

/// Success also where there is no such file.
fn present<T>(result: std::io::Result<T>) -> std::io::Result<()> {
    match result {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
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
