//! `anoseg predict`.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anoseg::predict::{Prediction, VerdictWriter, predict};
use anoseg::{Decision, Error, Model};
use anoseg_image::{dataset, write};
use anyhow::Result;

use crate::args::Predict;
use crate::console;
use crate::exit::Outcome;

pub(crate) fn run(options: &Predict) -> Result<Outcome> {
    let model = super::load_model(&options.model)?;
    let paths = dataset::image_paths(&options.inputs)?;
    std::fs::create_dir_all(&options.output).map_err(|error| Error::io(&options.output, &error))?;
    let mut batch = Batch { options, model, names: HashSet::new(), counts: [0; 3], failures: Vec::new() };
    let verdicts = options.output.join(options.format.file_name());
    write::atomic(&verdicts, |file| {
        let mut writer = VerdictWriter::new(options.format, file)?;
        for path in &paths {
            if let Some(prediction) = batch.judge(path) {
                writer.write(&prediction.verdict)?;
            }
        }
        writer.finish().map(drop)
    })?;
    batch.summarise(&verdicts)
}

/// A batch under way: one bad picture does not stop it.
struct Batch<'a> {
    options: &'a Predict,
    model: Model,
    /// Names of pictures already written, so that equal stems from several folders do not overwrite each other.
    names: HashSet<String>,
    /// Pictures judged good, to review, rejected.
    counts: [usize; 3],
    failures: Vec<Error>,
}

impl Batch<'_> {
    /// Judges a picture and writes what was asked for; a failure is noted.
    fn judge(&mut self, path: &Path) -> Option<Prediction> {
        let judged = predict(&self.model, path).and_then(|prediction| {
            self.write_pictures(path, &prediction)?;
            Ok(prediction)
        });
        match judged {
            Ok(prediction) => {
                self.counts[prediction.verdict.decision as usize] += 1;
                Some(prediction)
            }
            Err(error) => {
                console::warning(&error.to_string());
                self.failures.push(error);
                None
            }
        }
    }

    fn write_pictures(&mut self, path: &Path, prediction: &Prediction) -> Result<(), Error> {
        let options = self.options;
        if !(options.overlay || options.mask || options.map) {
            return Ok(());
        }
        let name = self.unique_name(path);
        let target = |suffix: &str| -> PathBuf { options.output.join(format!("{name}{suffix}")) };
        if options.overlay {
            let pixel_threshold = self.model.calibration()?.pixel_threshold;
            let Prediction { image, map, mask, .. } = prediction;
            let drawn = anoseg_report::overlay(image, map, mask, pixel_threshold);
            write::write_png(&target("_overlay.png"), &drawn)?;
        }
        if options.mask {
            write::write_mask_png(&target("_mask.png"), &prediction.mask)?;
        }
        if options.map {
            write::write_tiff_f32(&target("_map.tiff"), &prediction.map)?;
        }
        Ok(())
    }

    fn unique_name(&mut self, path: &Path) -> String {
        let stem = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let mut candidates = std::iter::once(stem.clone()).chain((2..).map(|n| format!("{stem}-{n}")));
        let name = candidates.find(|name| !self.names.contains(name)).unwrap_or(stem);
        self.names.insert(name.clone());
        name
    }

    fn summarise(&self, verdicts: &Path) -> Result<Outcome> {
        let [good, review, reject] = self.counts;
        console::result(&format!(
            "{good} good, {review} to review, {reject} rejected: {}",
            verdicts.display()
        ));
        if !self.failures.is_empty() {
            console::warning(&format!("{} pictures could not be judged", self.failures.len()));
            if good + review + reject == 0 {
                console::warning("not one picture was judged");
            }
            return Ok(Outcome::SomeBadData);
        }
        let found = self.counts[Decision::Reject as usize] > 0;
        Ok(if found && self.options.fail_on_anomaly { Outcome::Anomalies } else { Outcome::Fine })
    }
}
