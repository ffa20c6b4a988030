//! The images of a chunk, from folders and stores.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anoseg::batch::ImageSource;
use anoseg::{ImageError, Limits, decode};
use anoseg_image::dataset::display_name;
use object_store::Error as StoreError;
use tokio::runtime::Handle;

use super::allowed::Allowed;
use super::failure::Failure;
use crate::message::{ChunkTask, Content, ImageRef};
use crate::storage::{Stores, is_s3};

/// Pixels of an image for each byte of its object, of which no header is read beforehand.
const PIXELS_PER_BYTE: u64 = 4;

/// The images of a chunk.
pub(super) struct ChunkImages<'a> {
    task: &'a ChunkTask,
    stores: &'a Stores,
    allowed: &'a Allowed,
    runtime: Handle,
    /// BLAKE3 of each image's file, once it was read.
    digests: Vec<OnceLock<String>>,
}

impl<'a> ChunkImages<'a> {
    pub(super) fn new(
        task: &'a ChunkTask,
        stores: &'a Stores,
        allowed: &'a Allowed,
        runtime: Handle,
    ) -> Self {
        let digests = task.chunk.images.iter().map(|_| OnceLock::new()).collect();
        Self { task, stores, allowed, runtime, digests }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.task.limits
    }

    /// BLAKE3 of each image's file; None for one that could not be read.
    pub(super) fn into_digests(self) -> impl Iterator<Item = Option<String>> {
        self.digests.into_iter().map(OnceLock::into_inner)
    }

    fn image(&self, image: usize) -> &ImageRef {
        &self.task.chunk.images[image]
    }

    /// The image's file, where it lies in a folder.
    fn file(&self, image: usize) -> PathBuf {
        self.task.base.as_path().join(self.image(image).name.as_path())
    }

    fn object_name(&self, image: usize) -> Option<&str> {
        self.image(image).name.as_path().to_str().filter(|name| is_s3(name))
    }

    fn read_file(&self, image: usize) -> Result<Result<Vec<u8>, ImageError>, Failure> {
        let path = self.file(image);
        self.allowed.check(&path)?;
        let name = self.name(image);
        match (decode::read_file(&path, &self.task.limits), &self.image(image).content) {
            (Ok(bytes), content) => {
                let digest = blake3::hash(&bytes).to_hex().to_string();
                if content.as_ref().is_some_and(|content| *content != Content::Blake3(digest.clone())) {
                    return Err(changed(name));
                }
                _ = self.digests[image].set(digest);
                Ok(Ok(bytes))
            }
            // It could not be read when it was submitted either, and that is its verdict.
            (Err(error), None) => Ok(Err(called(error, name))),
            (Err(ImageError::Io { source, .. }), Some(_)) => Err(Failure::passing(format!(
                "{} cannot be read here: {source}; mount the images at the same place on all machines",
                display_name(&path)
            ))),
            (Err(_), Some(_)) => Err(changed(name)),
        }
    }

    fn read_object(&self, object: &str, image: usize) -> Result<Result<Vec<u8>, ImageError>, Failure> {
        let name = self.name(image);
        self.allowed.check(name)?;
        let Some(Content::Tag(tag, bytes)) = &self.image(image).content else {
            return Err(Failure::lasting(format!("{object} was submitted without its tag")));
        };
        if *bytes > self.task.limits.max_file_bytes {
            let what =
                format!("the file has more than {} bytes (max_file_bytes)", self.task.limits.max_file_bytes);
            return Ok(Err(ImageError::Limit { path: name.to_owned(), what }));
        }
        let tag = (!tag.is_empty()).then_some(tag.as_str());
        match self.runtime.block_on(self.stores.object(object)?.read(tag)) {
            Ok(bytes) => {
                _ = self.digests[image].set(blake3::hash(&bytes).to_hex().to_string());
                Ok(Ok(bytes))
            }
            Err(StoreError::NotFound { .. } | StoreError::Precondition { .. }) => Err(changed(name)),
            Err(error) => Err(Failure::passing(error.to_string())),
        }
    }
}

impl ImageSource for ChunkImages<'_> {
    type Error = Failure;

    fn count(&self) -> usize {
        self.task.chunk.images.len()
    }

    fn name(&self, image: usize) -> &Path {
        self.image(image).name.as_path()
    }

    fn pixels(&self, image: usize) -> u64 {
        match &self.image(image).content {
            Some(Content::Tag(_, bytes)) => bytes.saturating_mul(PIXELS_PER_BYTE),
            _ => {
                let size = decode::probe(&self.file(image), &self.task.limits);
                size.map_or(0, |(width, height)| width as u64 * height as u64)
            }
        }
    }

    fn read(&self, image: usize) -> Result<Result<Vec<u8>, ImageError>, Failure> {
        match self.object_name(image) {
            Some(object) => self.read_object(object, image),
            None => self.read_file(image),
        }
    }
}

fn changed(name: &Path) -> Failure {
    Failure::lasting(format!(
        "{} has changed since it was submitted; submit the images again",
        display_name(name)
    ))
}

/// An error that names the file as it was submitted, not where it lies here.
fn called(error: ImageError, name: &Path) -> ImageError {
    let path = name.to_owned();
    match error {
        ImageError::Io { source, .. } => ImageError::Io { path, source },
        ImageError::NotAFile { .. } => ImageError::NotAFile { path },
        ImageError::Limit { what, .. } => ImageError::Limit { path, what },
        other => other,
    }
}
