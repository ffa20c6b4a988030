//! The parts of a job as the results of one run, and the model of a training.

use std::path::{Path, PathBuf};

use anoseg::Model;
use anoseg::batch::{CocoSegmentation, Counts, Format, ImageFiles};
use anoseg_image::dataset::display_name;

use crate::message::{Chunk, Content, Done, Images, Work};
use crate::names::Mark;
use crate::part::{self, Row};
use crate::storage::Results;
use crate::{Queue, WorkerError};

/// What was collected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Collected {
    /// The file of the verdicts.
    pub verdicts: PathBuf,
    /// The name that verdicts have now which were there before.
    pub kept: Option<PathBuf>,
    /// Numbers of its verdicts.
    pub counts: Counts,
}

impl Queue {
    /// Writes the verdicts of a job into a folder, which exists: byte for byte what `predict` writes of the same
    /// images. Every part must be there, whole, and of the images that were submitted.
    ///
    /// # Errors
    /// The job is not done, tasks were given up, parts are missing or are not what they should be, or the verdicts
    /// cannot be written.
    pub fn collect(
        &self,
        job: &str,
        folder: &Path,
        format: Format,
        segmentation: CocoSegmentation,
    ) -> Result<Collected, WorkerError> {
        let images = match self.runtime.block_on(self.job(job))?.work {
            Work::Images(images) => images,
            Work::Training(_) => {
                return Err(WorkerError::OtherKind {
                    job: job.to_owned(),
                    what: "is a training: it has no verdicts",
                });
            }
        };
        let results = Results::open(&images.results, &self.stores)?;
        self.runtime.block_on(self.require_parts(job, &images, &results))?;
        // Before anything is written: what was collected before stays where a part is bad.
        for chunk in &images.chunks {
            self.runtime.block_on(rows(&results, &images, chunk))?;
        }
        let model = self.runtime.block_on(self.model(&images.model))?.with_path(images.model_path.as_path());
        let mut verdicts = anoseg::batch::Results::create(folder, format, ImageFiles::default(), &model)?
            .with_segmentation(segmentation);
        let mut collected = Collected {
            verdicts: verdicts.path(),
            kept: verdicts.kept().map(Path::to_owned),
            ..Collected::default()
        };
        for (path, why) in &images.left_out {
            verdicts.add_failure(path.as_path(), why)?;
            collected.counts.add(None);
        }
        for chunk in &images.chunks {
            for row in self.runtime.block_on(rows(&results, &images, chunk))? {
                collected.counts.add(row.verdict.decision);
                verdicts.add_judged(row.verdict)?;
            }
        }
        verdicts.finish(true)?;
        Ok(collected)
    }

    /// Fails if a part is not there.
    async fn require_parts(&self, job: &str, images: &Images, results: &Results) -> Result<(), WorkerError> {
        let there = results.list(&images.model).await?;
        let name = |chunk: &Chunk| part::file_name(&chunk.key);
        let missing: Vec<String> =
            images.chunks.iter().map(name).filter(|name| !there.contains(name)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        self.require_done(job).await?;
        Err(WorkerError::MissingParts { location: results.name(&images.model), parts: missing })
    }

    async fn model(&self, digest: &str) -> Result<Model, WorkerError> {
        let what = || format!("read the model {digest}");
        let bytes = self.connection.object(&self.connection.models, digest).await?;
        let bytes =
            bytes.ok_or_else(|| WorkerError::nats(what(), "it is not there; submit the job again"))?;
        Ok(Model::from_bytes(&bytes)?)
    }

    /// The model of a training that is done, as the bytes of its file.
    ///
    /// # Errors
    /// The job is not done, was given up, or is no training.
    pub fn trained(&self, job: &str) -> Result<Vec<u8>, WorkerError> {
        let other = |what| WorkerError::OtherKind { job: job.to_owned(), what };
        self.runtime.block_on(async {
            if matches!(self.job(job).await?.work, Work::Images(_)) {
                return Err(other("has images: it has no model of its own"));
            }
            self.require_done(job).await?;
            let done = self.connection.marked::<Done>(Mark::Done, job, 0).await?;
            let model = done
                .and_then(|(_, done)| done.model)
                .ok_or_else(|| other("does not say which model it made"))?;
            let bytes = self.connection.object(&self.connection.models, &model).await?;
            bytes.ok_or_else(|| WorkerError::nats(format!("read the model {model}"), "it is not there"))
        })
    }

    /// Whether a job is a training.
    ///
    /// # Errors
    /// There is no such job.
    pub fn is_training(&self, job: &str) -> Result<bool, WorkerError> {
        Ok(matches!(self.runtime.block_on(self.job(job))?.work, Work::Training(_)))
    }
}

/// The rows of a chunk's part.
async fn rows(results: &Results, images: &Images, chunk: &Chunk) -> Result<Vec<Row>, WorkerError> {
    let name = part::name(&images.model, &chunk.key);
    let bad = |what: String| WorkerError::BadPart { part: results.name(&name), what };
    let bytes = results.read(&name).await?.ok_or_else(|| bad("it is gone".to_owned()))?;
    let rows = part::read(bytes.into(), chunk.images.len()).map_err(|error| bad(error.to_string()))?;
    check(&rows, &images.model, chunk).map_err(bad)?;
    Ok(rows)
}

/// Whether these are the verdicts on the images of a chunk.
fn check(rows: &[Row], model: &str, chunk: &Chunk) -> Result<(), String> {
    if rows.len() != chunk.images.len() {
        return Err(format!("it has {} verdicts on {} images", rows.len(), chunk.images.len()));
    }
    for (row, image) in rows.iter().zip(&chunk.images) {
        let name = display_name(image.name.as_path());
        if row.verdict.image != name {
            return Err(format!("it has a verdict on {} in place of {name}", row.verdict.image));
        }
        if row.verdict.model_digest != model {
            return Err(format!("its verdict on {name} is of another model"));
        }
        if let Some(Content::Blake3(digest)) = &image.content
            && row.image_digest.as_ref() != Some(digest)
        {
            return Err(format!("its verdict on {name} is of another content"));
        }
    }
    Ok(())
}
