//! One good image of a training set, from its file to the network's input.

use std::path::{Path, PathBuf};

use anoseg_image::{Decoded, Image, Limits, SampleType, decode};
use anoseg_infer::{Preprocess, TrainingImages, file_digest};

use crate::copies::Thumbnail;
use crate::sanity::{self, Seen};
use crate::scale::Values;
use crate::{Result, geometry};

/// One good image at the network's size, not yet on the set's value scale.
pub(super) struct GoodFile {
    path: PathBuf,
    /// Below the dataset's folder.
    name: PathBuf,
    /// Whether the file has further images.
    further: bool,
    /// Values as in the file.
    image: Image,
    /// Digest of those values.
    pixels: blake3::Hash,
    /// Where images are aligned, the whole image in small: in the part's frame all images are nearly the
    /// same.
    unaligned: Option<Image>,
    /// Of name and content.
    pub(super) digest: blake3::Hash,
    pub(super) content_digest: String,
    traits: TrainingImages,
    /// The values that the scale depends on; none of 8-bit images.
    pub(super) values: Option<Values>,
}

impl GoodFile {
    /// Pixels and digest come from one read of the file.
    pub(super) fn read(path: &Path, root: &Path, preprocess: &Preprocess, limits: &Limits) -> Result<Self> {
        let content = decode::read_file(path, limits)?;
        let Decoded { image, further_pages, .. } = Decoded::from_bytes(&content, path, limits)?;
        let name = path.strip_prefix(root).unwrap_or(path);
        let mut hasher = blake3::Hasher::new();
        hasher.update(name.to_string_lossy().replace('\\', "/").as_bytes()).update(&[0]).update(&content);
        let resampled = preprocess.resample(&image);
        Ok(Self {
            path: path.to_owned(),
            name: name.to_owned(),
            further: further_pages > 0,
            digest: hasher.finalize(),
            content_digest: file_digest(&content),
            traits: TrainingImages::of(&image),
            values: (image.sample_type() != SampleType::U8).then(|| Values::of(&image)),
            pixels: sanity::digest(&resampled),
            unaligned: preprocess.alignment.is_some().then(|| Thumbnail::reduced(&image)),
            image: geometry::framed(resampled, &preprocess.geometry),
        })
    }

    pub(super) fn samples(&self) -> SampleType {
        self.image.sample_type()
    }

    /// Whether no value lies beyond the scale.
    pub(super) fn is_within(&self, preprocess: &Preprocess) -> bool {
        let levels = preprocess.scale.levels(self.samples());
        let extremes = self.values.as_ref().and_then(Values::extremes);
        extremes.is_none_or(|extremes| extremes.iter().all(|&value| levels.holds(value)))
    }

    /// Reads the file again, because values beyond the scale are clipped before they are resampled.
    pub(super) fn clip(&mut self, preprocess: &Preprocess, limits: &Limits) -> Result<()> {
        let image = preprocess.apply(&decode::load(&self.path, limits)?);
        self.image = geometry::framed(image, &preprocess.geometry);
        Ok(())
    }

    /// The network's input, and what is known of the image.
    pub(super) fn scaled(self, preprocess: &Preprocess) -> (Image, Seen) {
        let image = preprocess.scale_resampled(self.image);
        let mut seen = Seen::new(self.name, self.traits, self.pixels, &image);
        seen.further = self.further;
        if let Some(unaligned) = self.unaligned {
            seen.thumbnail = Thumbnail::of(&preprocess.scale_resampled(unaligned));
        }
        (image, seen)
    }
}
