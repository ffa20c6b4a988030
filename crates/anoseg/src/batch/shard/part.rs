//! The part of a batch that a run inspects.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anoseg_image::Limits;

use super::{Keys, Record, Shard};
use crate::batch::names::name_of;
use crate::batch::{CocoSegmentation, Format, ImageFiles, ResultsError};

/// The part of a batch that a run inspects, and where its verdicts stand among those of all parts.
#[derive(Clone, Debug)]
pub struct Part {
    shard: Shard,
    keys: Keys,
    record: Record,
}

impl Part {
    /// The part of a shard in a batch of these inputs. `lines` are the files of **all** shards that get a
    /// line, in the order in which one run without shards writes them; of one that is listed twice the last
    /// counts.
    pub fn new<'a>(shard: Shard, inputs: &[PathBuf], lines: impl IntoIterator<Item = &'a Path>) -> Self {
        let keys = Keys::of(inputs);
        let mut hasher = blake3::Hasher::new();
        let (mut listed, mut last) = (0, HashMap::new());
        for path in lines {
            let key = keys.key(path);
            // No name has a line break of its own: it is escaped.
            hasher.update(key.as_bytes()).update(b"\n");
            if shard.takes(&key) {
                last.insert(name_of(path), listed);
            }
            listed += 1;
        }
        let mut images: Vec<_> = last.into_iter().map(|(name, position)| (position, name)).collect();
        images.sort_unstable();
        let record = Record::new(shard, listed, hasher.finalize().to_hex().to_string(), images);
        Self { shard, keys, record }
    }

    /// Says that the image files mirror the folders of the images, see
    /// [`Results::mirroring`](crate::batch::Results::mirroring).
    #[must_use]
    pub fn mirroring(mut self) -> Self {
        self.record.tree = true;
        self
    }

    /// Says how a COCO document has the pixels of regions.
    #[must_use]
    pub fn with_segmentation(mut self, form: CocoSegmentation) -> Self {
        self.record.coco_segmentation = form;
        self
    }

    /// Says within which limits images are read.
    #[must_use]
    pub fn within(mut self, limits: Limits) -> Self {
        self.record.limits = limits;
        self
    }

    /// Whether a file falls to this part.
    pub fn takes(&self, path: &Path) -> bool {
        self.shard.takes(&self.keys.key(path))
    }

    pub(in crate::batch) fn shard(&self) -> Shard {
        self.shard
    }

    /// Writes down what a run that begins is a part of.
    pub(in crate::batch) fn begin(
        self,
        folder: &Path,
        format: Format,
        files: ImageFiles,
    ) -> Result<(Self, Record), ResultsError> {
        let mut record = self.record.clone();
        record.files = files.kinds();
        record.write(folder, format)?;
        Ok((self, record))
    }
}
